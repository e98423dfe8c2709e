"""Decodability: does a selection determine the class better than its candidates do?

If a linear head follows the layer, nearly all images of a class have the same candidates, so that
any selection from them determines the class, even a random one. The selection is therefore compared
with its candidates alone, and with random selections of its size from the same candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.extras import require_extra
from annealcam._internal.statistics import mean_interval
from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of, whole
from annealcam.errors import ArgumentError

_TIE = 1e-5  # difference of probabilities; the fits have an error of 1e-6


@dataclass(frozen=True, eq=False)
class Decodability:
    """Cross-validated accuracy of predicting an image's class from its maps.

    Each array holds for every image whether a model that was fitted without it predicts its class
    (1, or 1/m if m classes are equally likely): from the selection, from its candidates, from both.
    The rows of `blind` are predictions from random selections of the same sizes from the same
    candidates. `chance` is the share of the most frequent class. Accuracies are means, in [0, 1];
    higher means that the maps determine the class better.
    """

    selection: Float[Array, " images"]
    candidates: Float[Array, " images"]
    both: Float[Array, " images"]
    blind: Float[Array, "draws images"]
    chance: float

    __repr__ = repr_with("selection", "candidates", "both", "blind", "chance")

    @property
    def gain(self) -> float:
        """Accuracy of both minus that of the candidates alone."""
        return float(self.both.mean() - self.candidates.mean())

    @property
    def blind_gain(self) -> float:
        """Accuracy of the selection minus that of blind ones from the same candidates."""
        return float(self.selection.mean() - self.blind.mean())

    @property
    def p_value(self) -> float:
        """Probability that a blind selection is as accurate: (1 + as good) / (1 + draws)."""
        as_good = self.blind.mean(axis=1) >= self.selection.mean()
        return float((1 + as_good.sum()) / (1 + len(self.blind)))

    def interval(
        self, of: str = "gain", *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
    ) -> tuple[float, float]:
        """Return the bootstrap interval of `gain`, `blind_gain` or an accuracy, over images.

        Images are drawn with replacement and the fitted models kept: the interval holds for these
        models, not for models that are fitted to other photos.

        Raises:
            ArgumentError: `of` is unknown, or `confidence` is not between 0 and 1.
        """
        if not 0 < confidence < 1:
            raise ArgumentError(f"confidence={confidence}: must lie between 0 and 1, such as 0.95.")
        tail = (1 - confidence) / 2
        return mean_interval(
            self._each_image(of), seed=seed, resamples=whole("resamples", resamples, least=1),
            quantiles=(tail, 1 - tail),
        )  # fmt: skip

    def _each_image(self, of: str) -> Float[Array, " images"]:
        if of == "gain":
            return self.both - self.candidates
        if of == "blind_gain":
            return self.selection - self.blind.mean(axis=0)
        one_of("of", of, ("gain", "blind_gain", "selection", "candidates", "both"))
        return np.asarray(getattr(self, of))


def decodability(
    selected: Bool[Array, "images maps"],
    candidates: Bool[Array, "images maps"],
    labels: Int[Array, " images"],
    *,
    folds: int = 5,
    draws: int = 20,
    seed: int = 0,
) -> Decodability:
    """Measure how well a logistic regression predicts the class from the maps of an image.

    p(class | n) = softmax(W n + b),   n in {0, 1}^maps;   accuracy on the held-out fold

    Args:
        selected: the selected maps of each image.
        candidates: the maps that each selection was made from.
        labels: the class of each image.
        folds: folds of the cross-validation, stratified by class and equal for all comparisons.
        draws: blind selections for each image; 20 draws allow p-values down to 1/21.
        seed: seed of the folds and of the blind selections.

    Raises:
        ArgumentError: the shapes do not match, a selected map is not a candidate, there are fewer
            than two classes, or a class has fewer images than folds.
        MissingExtraError: scikit-learn is not installed (extra `study`).

    Source: decoding as in Alain and Bengio 2016 (linear probes); regularisation C = 1.

    >>> maps, labels = np.eye(2, dtype=bool)[[0, 1] * 10], np.array([0, 1] * 10)
    >>> accuracy = decodability(maps, np.ones((20, 2), dtype=bool), labels, draws=3)
    >>> float(accuracy.selection.mean()), float(accuracy.candidates.mean()), accuracy.gain
    (1.0, 0.5, 0.5)
    """
    whole("draws", draws, least=1)
    _check(selected, candidates, labels, whole("folds", folds, least=2))
    fold_of = _folds(labels, folds, seed)
    rng = np.random.default_rng(seed)
    blind = [_accuracy(_blind(selected, candidates, rng), labels, fold_of) for _ in range(draws)]
    return Decodability(
        selection=_accuracy(selected, labels, fold_of),
        candidates=_accuracy(candidates, labels, fold_of),
        both=_accuracy(np.hstack([candidates, selected]), labels, fold_of),
        blind=np.stack(blind),
        chance=float(np.unique(labels, return_counts=True)[1].max() / len(labels)),
    )


def _folds(labels: Int[Array, " images"], folds: int, seed: int) -> Int[Array, " images"]:
    """Return the fold of each image: every class is shuffled and dealt to the folds in turn."""
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    fold_of = np.empty(len(labels), dtype=np.int64)
    first = 0
    for label in np.unique(labels):
        images = rng.permutation(np.flatnonzero(labels == label))
        fold_of[images] = (first + np.arange(len(images))) % folds
        first += len(images)
    return fold_of


def _accuracy(
    maps: Bool[Array, "images features"],
    labels: Int[Array, " images"],
    fold_of: Int[Array, " images"],
) -> Float[Array, " images"]:
    """Return whether the model of the other folds predicts each image's class."""
    require_extra("sklearn", extra="study", needed_by="decodability")
    from sklearn.linear_model import LogisticRegression

    features = _rotated(maps)
    correct = np.zeros(len(labels))
    for fold in np.unique(fold_of):
        held_out = fold_of == fold
        model = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8)
        model.fit(features[~held_out], labels[~held_out])
        p = model.predict_proba(features[held_out])
        # Probabilities that differ by the solver's error only count as equal.
        likeliest = p >= p.max(axis=1, keepdims=True) - _TIE
        true = model.classes_ == labels[held_out, None]
        correct[held_out] = (likeliest & true).sum(axis=1) / likeliest.sum(axis=1)
    return correct


def _rotated(maps: Bool[Array, "images features"]) -> Float[Array, "images rank"]:
    """Rotate the points into as few coordinates as there are images, which keeps L2 penalties."""
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
    """Draw as many candidates of each image as it selects, all such sets equally likely."""
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
            f"selected, candidates and labels have shapes {selected.shape}, {candidates.shape} and "
            f"{labels.shape}: give (images, maps) twice and a label for each image."
        )
    stray = (selected & ~candidates).any(axis=1)
    if stray.any():
        raise ArgumentError(
            f"Image {int(stray.argmax())} selects a map that is not among its candidates."
        )
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        raise ArgumentError(
            f"labels has {len(classes)} class: give images of at least two classes."
        )
    if counts.min() < folds:
        raise ArgumentError(
            f"folds={folds}: class {classes[counts.argmin()]} has {counts.min()} images; "
            "choose fewer folds or give more images."
        )
