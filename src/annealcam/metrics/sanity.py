"""Does a map depend on what the network has learnt, and on the class? Randomise, and see.

An explainer is any function from a model, images and one class an image to their raw maps:
`cam_explainer` makes one of Grad-CAM and its kin.
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

from annealcam._internal.types import Array
from annealcam._internal.validation import one_of, whole
from annealcam.attribution.cam import baseline
from annealcam.attribution.capture import capture, targets_of
from annealcam.attribution.hooks import borrowed, run
from annealcam.errors import ArgumentError, NumericalError
from annealcam.metrics._likeness import (
    ALIKE,
    between,
    mean_of_defined,
    rank_correlation,
    top_overlap,
)
from annealcam.metrics.randomised import redrawn, restored, stages_of

Maps: TypeAlias = Float[Array, "n h w"]
Explainer: TypeAlias = Callable[[nn.Module, Tensor, Sequence[int]], Tensor | Array]


def cam_explainer(layer: str, method: str = "gradcam") -> Explainer:
    """Return the explainer of a baseline at a layer: `gradcam`, `gradcam++` or `hirescam`.

    >>> from torch import nn
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> cam_explainer("1")(net, torch.randn(2, 3, 8, 8), [0, 1]).shape
    torch.Size([2, 6, 6])
    """

    def explainer(model: nn.Module, images: Tensor, targets: Sequence[int]) -> Tensor:
        seen = capture(model, images, layer=layer, targets=targets)
        return baseline(seen.activations, seen.gradients, method)

    return explainer


@dataclass(frozen=True, eq=False)
class ParameterRandomisation:
    """How like the original map an explainer's map stays while a network loses what it learnt.

    `stages` names what was randomised, from the head downwards. `rank_correlation` is Spearman's,
    in [-1, 1], and `top_overlap` the IoU of the top 5 % of pixels, in [0, 1]; each row compares a
    stage's maps with the original ones. Lower is better: a map should change. Both are NaN where
    one of the two maps is constant or not finite; `undefined` counts those. `between_images` is
    the mean rank correlation of different images' original maps (None for one image): what
    maps have in common without being about the same image.
    """

    stages: tuple[str, ...]
    rank_correlation: Float[Array, "stages n"]
    top_overlap: Float[Array, "stages n"]
    undefined: Int[Array, " stages"]
    between_images: float | None
    cascading: bool

    @property
    def means(self) -> Float[Array, " stages"]:
        """The mean rank correlation at each stage, of the images that have one; else NaN."""
        return mean_of_defined(self.rank_correlation)

    def verdict(self) -> str:
        """Say whether the map depends on what the network has learnt, by all stages or the head."""
        stage = -1 if self.cascading else 0
        last, lost = self.means[stage], self.undefined[stage]
        what = "all weights" if self.cascading else f"{self.stages[0]!r} alone"
        if np.isnan(last):
            return f"with {what} random every map is constant: nothing can be compared"
        found = f"rank correlation {last:.2f}" + (f", {lost} not comparable" if lost else "")
        if last > ALIKE:
            return (
                f"with {what} random the map still ranks the pixels alike ({found}): it hardly "
                "depends on what the network has learnt"
            )
        return f"with {what} random the map is another one ({found}): it depends on them"


def parameter_randomisation(
    model: nn.Module,
    images: Float[Tensor, "n channels height width"],
    explainer: Explainer,
    *,
    targets: int | Sequence[int] | None = None,
    layers: Sequence[str] | None = None,
    cascading: bool = True,
    draw: str = "initial",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ParameterRandomisation:
    """Randomise a network from the head downwards, and compare its maps with the original ones.

    rho_s = Spearman(map of the network with stages 1..s random, original map)

    The class stays the one that the intact network was explained for. Parameters are overwritten
    where they lie, so that explainers which hold on to the model see it too, and are given back
    to the bit, also after an error; meanwhile no other thread should use the model.

    Args:
        model: an image classifier.
        images: already normalised; at least one.
        explainer: (model, images, one class each) -> maps (n, h, w).
        targets: a class for all images, or one for each; None takes the predicted classes.
        layers: names of the stages; None takes every module that has parameters of its own.
        cascading: keep what was randomised before (Adebayo), or randomise each stage by itself.
        draw: `initial` (the layers' own initialisation; entries shuffled where a layer has none)
            or `shuffled` (entries permuted: the weights keep their scale).
        seed: equal seeds give equal bits.
        progress: is told (stages done, stages).

    Raises:
        ArgumentError: no images, an unknown draw, no parameters, maps of another shape.
        LayerError, TargetError, ModelError: as for `capture`.
        NumericalError: an original map is not finite.

    Source: Adebayo et al. 2018, "Sanity checks for saliency maps", section 3.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> test = parameter_randomisation(net, torch.randn(2, 3, 8, 8), cam_explainer("1"))
    >>> test.stages, test.rank_correlation.shape
    (('3', '0'), (2, 2))
    """
    one_of("draw", draw, ("initial", "shuffled"))
    chosen = _targets(model, images, targets)
    stages = stages_of(model, images[:1], layers)
    original = _maps(explainer, model, images, chosen)
    found = []
    with restored(model):
        done: set[int] = set()
        for number, modules in enumerate(stages.values()):
            with nullcontext() if cascading else restored(model):
                redrawn(modules, draw=draw, seed=[seed, number], done=done if cascading else set())
                found.append(_maps_or_nan(explainer, model, images, chosen, original))
            if progress is not None:
                progress(number + 1, len(stages))
    rho = np.stack([rank_correlation(original, maps) for maps in found])
    top = np.stack([top_overlap(original, maps) for maps in found])
    lost = np.isnan(rho).sum(axis=1)
    return ParameterRandomisation(tuple(stages), rho, top, lost, between(original), cascading)


@dataclass(frozen=True, eq=False)
class RandomLogit:
    """How like the map of the explained class the maps of randomly drawn classes are.

    `classes[t, i]` was drawn for image i. Both similarities are as in `ParameterRandomisation`,
    lower is better; `undefined` counts the comparisons with a constant map, which are NaN.
    """

    classes: Int[Array, "draws n"]
    rank_correlation: Float[Array, "draws n"]
    top_overlap: Float[Array, "draws n"]
    undefined: int

    def verdict(self) -> str:
        """Say in a sentence whether the map tells classes apart."""
        if self.undefined == self.rank_correlation.size:
            return "every comparison has a constant map: nothing can be compared"
        mean = float(np.nanmean(self.rank_correlation))
        if mean > ALIKE:
            return f"this map hardly tells the classes apart (rank correlation {mean:.2f})"
        return f"this map tells the classes apart (rank correlation {mean:.2f})"


def random_logit(
    model: nn.Module,
    images: Float[Tensor, "n channels height width"],
    explainer: Explainer,
    *,
    targets: int | Sequence[int] | None = None,
    draws: int = 1,
    seed: int = 0,
) -> RandomLogit:
    """Compare the maps of the explained classes with those of classes drawn at random.

    rho = Spearman(map of class c, map of a class c' != c, uniform among the others)

    Raises:
        ArgumentError: no images, or more draws than other classes (each is drawn once).
        TargetError, LayerError, ModelError: as for `capture`.
        NumericalError: a map is not finite.

    Source: Sixt et al. 2020, "When explanations lie", section 4.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> random_logit(net, torch.randn(1, 3, 8, 8), cam_explainer("1"), targets=1).classes
    array([[0]])
    """
    whole("draws", draws, least=1)
    classes = _logits(model, images).shape[1]
    chosen = _targets(model, images, targets)
    if draws > classes - 1:
        raise ArgumentError(f"draws={draws}: the model has {classes - 1} other classes; lower it")
    others = np.empty((draws, len(chosen)), dtype=np.int64)
    for i, target in enumerate(chosen):
        left = np.delete(np.arange(classes), target)
        others[:, i] = np.random.default_rng([seed, i]).choice(left, draws, replace=False)
    original = _maps(explainer, model, images, chosen)
    found = [_maps(explainer, model, images, row.tolist()) for row in others]
    rho = np.stack([rank_correlation(original, maps) for maps in found])
    top = np.stack([top_overlap(original, maps) for maps in found])
    return RandomLogit(others, rho, top, int(np.isnan(rho).sum()))


def _logits(model: nn.Module, images: Tensor) -> Tensor:
    if images.ndim != 4 or len(images) == 0:
        raise ArgumentError(f"images: {tuple(images.shape)}; a batch (n, 3, height, width), n >= 1")
    with borrowed(model), torch.no_grad():
        return run(model, images)


def _targets(model: nn.Module, images: Tensor, targets: int | Sequence[int] | None) -> list[int]:
    return [int(t) for t in targets_of(_logits(model, images), targets)]


def _maps(explainer: Explainer, model: nn.Module, images: Tensor, targets: Sequence[int]) -> Maps:
    """An explainer's maps, in float64; a copy, as some keep what they return."""
    given = explainer(model, images, targets)
    if isinstance(given, Tensor):
        given = given.detach().cpu().double().numpy()
    maps = np.array(given, dtype=np.float64)
    if maps.ndim != 3 or len(maps) != len(images):
        raise ArgumentError(f"explainer: gives {maps.shape}; a map (h, w) for each image")
    if not np.isfinite(maps).all():
        raise NumericalError("explainer: its maps hold NaN or infinity")
    return maps


def _maps_or_nan(
    explainer: Explainer, model: nn.Module, images: Tensor, targets: Sequence[int], like: Maps
) -> Maps:
    """The maps of a randomised network, which may overflow: they then count as undefined."""
    try:
        return _maps(explainer, model, images, targets)
    except NumericalError:
        return np.full_like(like, np.nan)
