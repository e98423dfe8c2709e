"""Sanity checks: does a map depend on the trained weights, and on the class?

An explainer is any function from a model, images and a class for each image to their raw maps;
`cam_explainer` returns that of a CAM method. Weights are randomised in place, stage by stage, and
restored to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.progress import ProgressOption, shows_progress
from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of, whole
from annealcam.attribution.activations import capture
from annealcam.attribution.cam import CAM_METHODS
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.attribution.contrast import targets_of
from annealcam.attribution.network.hooks import borrowed, find_layer, run
from annealcam.attribution.network.inputs import is_single
from annealcam.errors import ArgumentError, NumericalError
from annealcam.metrics.randomised import (
    classifier_layer,
    random_weights,
    redrawn,
    restored,
    stages_of,
)
from annealcam.metrics.sensitivity import (
    ALIKE,
    between_images,
    mean_of_defined,
    rank_correlation,
    top_overlap,
)

Maps: TypeAlias = Float[Array, " n *grid"]
Explainer: TypeAlias = Callable[[nn.Module, Tensor, Sequence[int]], Tensor | Array]


def cam_explainer(layer: str, method: str = "gradcam") -> Explainer:
    """Return the explainer of a method of `CAM_METHODS` at a layer.

    >>> from torch import nn
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> cam_explainer("1")(net, torch.randn(2, 3, 8, 8), [0, 1]).shape
    torch.Size([2, 6, 6])
    """

    one_of("method", method, CAM_METHODS)

    def explainer(model: nn.Module, images: Tensor, targets: Sequence[int]) -> Tensor:
        captured = capture(model, images, layer=layer, targets=targets)
        return CAM_METHODS[method].maps(CamInputs.of(captured, model, images))

    return explainer


@dataclass(frozen=True, eq=False)
class ParameterRandomisation:
    """Similarity of an explainer's maps to the original maps as weights are randomised.

    `stages` are the randomised modules, from the head downwards. `rank_correlation` is Spearman's,
    in [-1, 1], and `top_overlap` the IoU of the top 5 % of pixels, in [0, 1]; each row compares the
    maps of a stage with the original ones. Lower is better: the map should change. Both are NaN
    where a map is constant or not finite; `undefined` counts these. `between_images` is the mean
    rank correlation of different images' original maps (None for one image): maps have this in
    common even if they show different images.
    """

    stages: tuple[str, ...]
    rank_correlation: Float[Array, "stages n"]
    top_overlap: Float[Array, "stages n"]
    undefined: Int[Array, " stages"]
    between_images: float | None
    cascading: bool

    __repr__ = repr_with("means", "undefined", "between_images", "cascading")

    @property
    def means(self) -> Float[Array, " stages"]:
        """Mean rank correlation at each stage over the images that have one, else NaN."""
        return mean_of_defined(self.rank_correlation)

    def verdict(self) -> str:
        """State whether the map depends on the weights: on all, or on those of the first stage."""
        stage = -1 if self.cascading else 0
        mean, undefined = self.means[stage], self.undefined[stage]
        weights = "all weights" if self.cascading else f"only {self.stages[0]!r}"
        if np.isnan(mean):
            return f"with {weights} randomised every map is constant: nothing can be compared"
        value = f"rank correlation {mean:.2f}"
        value += f", {undefined} not comparable" if undefined else ""
        if mean > ALIKE:
            return (
                f"with {weights} randomised the map ranks the pixels almost as before ({value}): "
                "it hardly depends on the trained weights"
            )
        return f"with {weights} randomised the map changes ({value}): it depends on these weights"


@shows_progress
def parameter_randomisation(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    explainer: Explainer,
    *,
    targets: int | Sequence[int] | None = None,
    layers: Sequence[str] | None = None,
    cascading: bool = True,
    draw: str = "initial",
    seed: int = 0,
    progress: ProgressOption = None,
) -> ParameterRandomisation:
    """Randomise a network from the head downwards and compare its maps with the original ones.

    rho_s = Spearman(map of the network with stages 1..s random, original map)

    The explained class stays that of the trained network. Parameters are overwritten in place, so
    that explainers which hold a reference to the model use them too, and restored to the bit, even
    after an error. No other thread should use the model meanwhile.

    Args:
        model: an image classifier.
        images: already normalised; at least one.
        explainer: a function (model, images, a class for each image) -> maps (n, *grid).
        targets: a class for all images, or one for each; None takes the predicted classes.
        layers: names of the stages; None takes every module that has parameters of its own.
        cascading: whether earlier stages stay randomised (Adebayo et al.), or each stage is
            randomised alone.
        draw: `initial` (the modules' own initialisation, or permuted entries if a module has none)
            or `shuffled` (permuted entries, which keep the scale of the weights).
        seed: equal seeds give equal results (docs/reproducibility.md).
        progress: True for a bar, or a function that is called with (stages done, stages).

    Raises:
        ArgumentError: there are no images, `draw` is unknown, there are no parameters, or the maps
            have another shape.
        LayerError, TargetError, ModelError: as for `capture`.
        NumericalError: an original map is not finite.

    Source: Adebayo et al. 2018, "Sanity checks for saliency maps", section 3.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> test = parameter_randomisation(net, torch.randn(2, 3, 8, 8), cam_explainer("1"))
    >>> test.stages, test.rank_correlation.shape
    (('3', '0'), (2, 2))
    """
    one_of("draw", draw, ("initial", "shuffled"))
    seed = whole("seed", seed)
    chosen = _targets(model, images, targets)
    stages = stages_of(model, images[:1], layers)
    original = _maps(explainer, model, images, chosen)
    randomised = []
    with restored(model):
        done: set[int] = set()
        for number, modules in enumerate(stages.values()):
            with nullcontext() if cascading else restored(model):
                redrawn(modules, draw=draw, seed=[seed, number], done=done if cascading else set())
                randomised.append(_maps_or_nan(explainer, model, images, chosen, original))
            if callable(progress):
                progress(number + 1, len(stages))
    rho, top = _similarities(original, randomised)
    undefined = np.isnan(rho).sum(axis=1)
    return ParameterRandomisation(
        tuple(stages), rho, top, undefined, between_images(original), cascading
    )


@dataclass(frozen=True, eq=False)
class RandomLogit:
    """Similarity of the maps of randomly drawn classes to the map of the explained class.

    `classes[t, i]` is the class of draw t for image i. The similarities are as in
    `ParameterRandomisation`; lower is better. `undefined` counts comparisons with a constant map,
    which are NaN.
    """

    classes: Int[Array, "draws n"]
    rank_correlation: Float[Array, "draws n"]
    top_overlap: Float[Array, "draws n"]
    undefined: int

    __repr__ = repr_with("rank_correlation", "top_overlap", "undefined")

    def verdict(self) -> str:
        """State in a sentence whether the map distinguishes classes."""
        return _verdict(
            self.rank_correlation, "hardly distinguishes the classes", "distinguishes the classes"
        )


def random_logit(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    explainer: Explainer,
    *,
    targets: int | Sequence[int] | None = None,
    draws: int = 1,
    seed: int = 0,
) -> RandomLogit:
    """Compare the maps of the explained classes with those of classes drawn at random.

    rho = Spearman(map of class c, map of a class c' != c, uniform among the others)

    Raises:
        ArgumentError: there are no images, or fewer other classes than draws (each is drawn once).
        TargetError, LayerError, ModelError: as for `capture`.
        NumericalError: a map is not finite.

    Source: Sixt et al. 2020, "When explanations lie", section 4.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> random_logit(net, torch.randn(1, 3, 8, 8), cam_explainer("1"), targets=1).classes
    array([[0]])
    """
    draws, seed = whole("draws", draws, least=1), whole("seed", seed)
    classes = _logits(model, images).shape[1]
    chosen = _targets(model, images, targets)
    if draws > classes - 1:
        raise ArgumentError(f"draws={draws}: the model has only {classes - 1} other classes.")
    others = np.empty((draws, len(chosen)), dtype=np.int64)
    for i, target in enumerate(chosen):
        available = np.delete(np.arange(classes), target)
        others[:, i] = np.random.default_rng([seed, i]).choice(available, draws, replace=False)
    original = _maps(explainer, model, images, chosen)
    drawn = [_maps(explainer, model, images, row.tolist()) for row in others]
    rho, top = _similarities(original, drawn)
    return RandomLogit(others, rho, top, int(np.isnan(rho).sum()))


@dataclass(frozen=True, eq=False)
class RandomClassifier:
    """Similarity of the maps under random classifiers to those under the trained one.

    `classifier` is the layer whose weights were replaced. The similarities are as in
    `ParameterRandomisation`, with a row for each draw of weights; lower is better: a map that stays
    the same does not depend on what the classifier has learnt about the class. `undefined` counts
    comparisons with a constant map, which are NaN.
    """

    classifier: str
    rank_correlation: Float[Array, "draws n"]
    top_overlap: Float[Array, "draws n"]
    undefined: int

    __repr__ = repr_with("classifier", "rank_correlation", "top_overlap", "undefined")

    def verdict(self) -> str:
        """State in a sentence whether the map depends on the classifier."""
        return _verdict(
            self.rank_correlation, "hardly depends on the classifier", "depends on the classifier"
        )


def random_classifier(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    explainer: Explainer,
    *,
    targets: int | Sequence[int] | None = None,
    draws: int = 1,
    seed: int = 0,
) -> RandomClassifier:
    """Compare the maps with those under a classifier of random weights.

    rho = Spearman(map, map with the classifier's weights w replaced by N(0, std(w)^2))

    The classifier is the last linear layer (or convolution) that runs; its bias stays, and so does
    the explained class. All other layers keep their weights, so that feature maps are the same:
    only the learnt weights with which they raise or lower the logit are lost. The network is
    restored to the bit, also after an error.

    Args:
        model: an image classifier.
        images: already normalised; at least one.
        explainer: a function (model, images, a class for each image) -> maps (n, *grid).
        targets: a class for all images, or one for each; None takes the predicted classes.
        draws: how many random classifiers are compared.
        seed: equal seeds give equal results (docs/reproducibility.md).

    Raises:
        ArgumentError: there are no images, the model has no linear layer or convolution, or the
            maps have another shape.
        TargetError, LayerError, ModelError: as for `capture`.
        NumericalError: a map is not finite.

    Source: the first stage of Adebayo et al. 2018, with weights of equal scale.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> random_classifier(net, torch.randn(2, 3, 8, 8), cam_explainer("1")).classifier
    '3'
    """
    draws, seed = whole("draws", draws, least=1), whole("seed", seed)
    chosen = _targets(model, images, targets)
    name = classifier_layer(model, images)
    original = _maps(explainer, model, images, chosen)
    drawn = []
    for draw in range(draws):
        with random_weights(find_layer(model, name), seed=[seed, draw]):
            drawn.append(_maps(explainer, model, images, chosen))
    rho, top = _similarities(original, drawn)
    return RandomClassifier(name, rho, top, int(np.isnan(rho).sum()))


def _similarities(original: Maps, others: Sequence[Maps]) -> tuple[Array, Array]:
    """Return rank correlations and top overlaps with the original maps, (others, n) each."""
    rho = np.stack([rank_correlation(original, maps) for maps in others])
    return rho, np.stack([top_overlap(original, maps) for maps in others])


def _verdict(rho: Float[Array, "draws n"], alike: str, different: str) -> str:
    """Return a sentence on the mean rank correlation; NaN marks comparisons of constant maps."""
    if np.isnan(rho).all():
        return "every comparison involves a constant map: nothing can be compared"
    mean = float(np.nanmean(rho))
    return f"this map {alike if mean > ALIKE else different} (rank correlation {mean:.2f})"


def _logits(model: nn.Module, images: Tensor) -> Tensor:
    if images.ndim not in (3, 4, 5) or len(images) == 0 or is_single(images, model):
        raise ArgumentError(
            f"images has shape {tuple(images.shape)}: give a batch (n, channels, ...), n >= 1, "
            "such as (n, 3, height, width)."
        )
    with borrowed(model), torch.no_grad():
        return run(model, images)


def _targets(model: nn.Module, images: Tensor, targets: int | Sequence[int] | None) -> list[int]:
    return [int(t) for t in targets_of(_logits(model, images), targets)]


def _maps(explainer: Explainer, model: nn.Module, images: Tensor, targets: Sequence[int]) -> Maps:
    """Return an explainer's maps in float64, as a copy, since explainers may reuse their memory."""
    raw = explainer(model, images, targets)
    if isinstance(raw, Tensor):
        raw = raw.detach().cpu().double().numpy()
    maps = np.array(raw, dtype=np.float64)
    least = min(images.ndim - 1, 3)  # axes; one number each is a map of signals only
    if not least <= maps.ndim <= 4 or len(maps) != len(images):
        raise ArgumentError(
            f"The explainer returns maps of shape {maps.shape}: it must return a map, such as "
            f"(h, w), for each of {len(images)} images."
        )
    if not np.isfinite(maps).all():
        raise NumericalError("The explainer's maps hold NaN or infinity.")
    return maps


def _maps_or_nan(
    explainer: Explainer, model: nn.Module, images: Tensor, targets: Sequence[int], like: Maps
) -> Maps:
    """Return the maps of a randomised network, or NaN if they overflow."""
    try:
        return _maps(explainer, model, images, targets)
    except NumericalError:
        return np.full_like(like, np.nan)
