"""Can the class be read off a selection, beyond what its candidates alone tell?

Where a linear head follows the layer, the candidates are the same for nearly all images of a class:
any selection from them tells the class, a blind one too. So the selection is judged against its
candidates alone, and against blind selections of its size from the same candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.errors import ArgumentError

_TIE = 1e-5  # of probabilities; the fits are good to 1e-6


@dataclass(frozen=True, eq=False)
class Decodability:
    """How often a class is read rightly off an image's maps, cross-validated.

    Each array says for every image whether its class was read rightly (1; 1/m where m classes are
    equally likely) by a model that had not seen it: off the selection, off its candidates, off
    both together; `blind` off selections of the same sizes that were drawn at random from the same
    candidates. `chance` is the share of the most frequent class. Accuracies are the means, in
    [0, 1]; higher tells more of the class.
    """

    selection: Float[Array, " images"]
    candidates: Float[Array, " images"]
    both: Float[Array, " images"]
    blind: Float[Array, "draws images"]
    chance: float

    @property
    def gain(self) -> float:
        """What the selection adds to the candidates: accuracy of both less that of these alone."""
        return float(self.both.mean() - self.candidates.mean())

    @property
    def blind_gain(self) -> float:
        """Accuracy of the selection less that of blind ones from the same candidates."""
        return float(self.selection.mean() - self.blind.mean())

    @property
    def p_value(self) -> float:
        """The chance that a blind selection tells as much: (1 + as good) / (1 + draws)."""
        as_good = self.blind.mean(axis=1) >= self.selection.mean()
        return float((1 + as_good.sum()) / (1 + len(self.blind)))

    def interval(
        self, of: str = "gain", *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
    ) -> tuple[float, float]:
        """Return the bootstrap interval of `gain`, `blind_gain` or an accuracy, over images.

        Images are drawn with replacement, the fitted models kept: it says how sure the figure is
        for these models, not how much others, of other photos, would differ.

        Raises:
            ArgumentError: no such figure, or confidence is not between 0 and 1.
        """
        if not 0 < confidence < 1:
            raise ArgumentError(f"confidence={confidence}: must lie between 0 and 1, as 0.95 does")
        each = self._each_image(of)
        rng = np.random.default_rng(seed)
        drawn = rng.integers(0, len(each), (whole("resamples", resamples, least=1), len(each)))
        tail = (1 - confidence) / 2
        low, high = np.quantile(each[drawn].mean(axis=1), [tail, 1 - tail])
        return float(low), float(high)

    def _each_image(self, of: str) -> Float[Array, " images"]:
        if of == "gain":
            return self.both - self.candidates
        if of == "blind_gain":
            return self.selection - self.blind.mean(axis=0)
        if of in ("selection", "candidates", "both"):
            return np.asarray(getattr(self, of))
        raise ArgumentError(f"of={of!r}: one of gain, blind_gain, selection, candidates, both")


def decodability(
    selected: Bool[Array, "images maps"],
    candidates: Bool[Array, "images maps"],
    labels: Int[Array, " images"],
    *,
    folds: int = 5,
    draws: int = 20,
    seed: int = 0,
) -> Decodability:
    """Return how well a logistic regression reads the class off the maps of an image.

    p(class | n) = softmax(W n + b),   n in {0, 1}^maps;   accuracy on the fold that is left out

    Args:
        selected: the maps that each image's selection holds.
        candidates: the maps that it was chosen from.
        labels: the class of each image.
        folds: of the cross-validation, stratified by class and the same for all comparisons.
        draws: blind selections for each image: with 20 draws no p-value is below 1/21.
        seed: deals the folds and draws the blind selections.

    Raises:
        ArgumentError: shapes that do not fit, a selected map that is no candidate, fewer than two
            classes, or a class with fewer images than folds.

    Source: decoding as in Alain and Bengio 2016 (linear probes); regularisation C = 1.

    >>> maps, labels = np.eye(2, dtype=bool)[[0, 1] * 10], np.array([0, 1] * 10)
    >>> told = decodability(maps, np.ones((20, 2), dtype=bool), labels, draws=3)
    >>> float(told.selection.mean()), float(told.candidates.mean()), told.gain
    (1.0, 0.5, 0.5)
    """
    whole("draws", draws, least=1)
    _check(selected, candidates, labels, whole("folds", folds, least=2))
    dealt = _dealt(labels, folds, seed)
    rng = np.random.default_rng(seed)
    blind = [_read(_blind(selected, candidates, rng), labels, dealt) for _ in range(draws)]
    return Decodability(
        selection=_read(selected, labels, dealt),
        candidates=_read(candidates, labels, dealt),
        both=_read(np.hstack([candidates, selected]), labels, dealt),
        blind=np.stack(blind),
        chance=float(np.unique(labels, return_counts=True)[1].max() / len(labels)),
    )


def _dealt(labels: Int[Array, " images"], folds: int, seed: int) -> Int[Array, " images"]:
    """The fold of each image: every class shuffled, then dealt out, where the last one ended."""
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    dealt = np.empty(len(labels), dtype=np.int64)
    first = 0
    for label in np.unique(labels):
        images = rng.permutation(np.flatnonzero(labels == label))
        dealt[images] = (first + np.arange(len(images))) % folds
        first += len(images)
    return dealt


def _read(
    maps: Bool[Array, "images features"],
    labels: Int[Array, " images"],
    dealt: Int[Array, " images"],
) -> Float[Array, " images"]:
    """Whether each image's class is read rightly by the model of the other folds."""
    from sklearn.linear_model import LogisticRegression

    features = _rotated(maps)
    right = np.zeros(len(labels))
    for fold in np.unique(dealt):
        held = dealt == fold
        model = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8)
        model.fit(features[~held], labels[~held])
        p = model.predict_proba(features[held])
        # What the solver's rounding would decide counts as undecided.
        likeliest = p >= p.max(axis=1, keepdims=True) - _TIE
        true = model.classes_ == labels[held, None]
        right[held] = (likeliest & true).sum(axis=1) / likeliest.sum(axis=1)
    return right


def _rotated(maps: Bool[Array, "images features"]) -> Float[Array, "images rank"]:
    """The same points in as few coordinates as there are images: a rotation, which L2 ignores."""
    values = maps[:, maps.any(axis=0) & ~maps.all(axis=0)].astype(np.float64)
    if values.shape[1] == 0:
        return np.zeros((len(maps), 1))
    if values.shape[1] <= len(values):
        return values
    u, s, _ = np.linalg.svd(values, full_matrices=False)
    return np.asarray(u * s)


def _blind(
    selected: Bool[Array, "images maps"],
    candidates: Bool[Array, "images maps"],
    rng: np.random.Generator,
) -> Bool[Array, "images maps"]:
    """As many candidates of each image as it has selected, every such set equally likely."""
    keys = np.where(candidates, rng.random(candidates.shape), math.inf)
    rank = keys.argsort(axis=1).argsort(axis=1)
    return np.asarray(rank < selected.sum(axis=1, keepdims=True))


def _check(
    selected: Bool[Array, "..."],
    candidates: Bool[Array, "..."],
    labels: Int[Array, "..."],
    folds: int,
) -> None:
    if labels.shape != selected.shape[:1] or candidates.shape != selected.shape:
        raise ArgumentError(
            f"selected: {selected.shape}, candidates: {candidates.shape}, labels: {labels.shape}; "
            "(images, maps) twice and a label for each image"
        )
    stray = (selected & ~candidates).any(axis=1)
    if stray.any():
        raise ArgumentError(f"selected: image {int(stray.argmax())} selects a map not a candidate")
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        raise ArgumentError(f"labels: {len(classes)} class; there is nothing to tell apart")
    if counts.min() < folds:
        raise ArgumentError(
            f"folds={folds}: class {classes[counts.argmin()]} has {counts.min()} images; "
            "take fewer folds, or more images"
        )
