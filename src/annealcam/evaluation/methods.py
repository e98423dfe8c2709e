"""The methods that are compared on one layer and logit: the map of each, and its channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.attribution.cam import CAM_METHODS, COMPARED, selection_map
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.attribution.importance import gradcam_weights
from annealcam.attribution.layer_maps import LayerMaps, collect_layer_maps
from annealcam.metrics.reference_maps import centred_gaussian, random_map
from annealcam.samplers.baselines import greedy
from annealcam.samplers.selection import select
from annealcam.settings import Settings

if TYPE_CHECKING:
    from annealcam.attribution.activations import Capture


@dataclass(frozen=True)
class Selector:
    """A baseline that selects as many maps of an image as annealcam does.

    Attributes:
        name: of the method.
        label: how figures call it.
        select: (image, k, random generator) to at most k channels.
    """

    name: str
    label: str
    select: Callable[[LayerMaps, int, np.random.Generator], Int[Array, " k"]]


def greedy_channels(image: LayerMaps, k: int, _: np.random.Generator) -> Int[Array, " k"]:
    """Return the k candidates that greedy selection takes for annealcam's problem."""
    n = greedy(image.problem.with_cardinality(k)) if k else np.zeros(image.problem.d)
    return image.candidates[n.astype(bool)]


def random_channels(image: LayerMaps, k: int, rng: np.random.Generator) -> Int[Array, " k"]:
    """Return k random live maps of positive contribution; all of them if they are fewer."""
    pool = image.of_positive(image.contribution)
    return np.sort(rng.choice(pool, size=min(k, len(pool)), replace=False))


SELECTORS: Mapping[str, Selector] = MappingProxyType(
    {
        selector.name: selector
        for selector in (
            Selector("topk_alignment", "top k by alignment",
                     lambda image, k, _: image.top(image.alignment, k)),
            Selector("topk_contribution", "top k by contribution",
                     lambda image, k, _: image.top(image.contribution, k)),
            Selector("topk_alpha", "top k by alpha", lambda image, k, _: image.top(image.alpha, k)),
            Selector("greedy", "greedy", greedy_channels),
            Selector("random", "random k", random_channels),
        )
    }
)  # fmt: skip
LABELS: Mapping[str, str] = MappingProxyType({
    "annealcam": "annealcam",
    **{name: selector.label for name, selector in SELECTORS.items()},
    **{name: cam.label for name, cam in CAM_METHODS.items()},
    "random_map": "random map", "gaussian": "centred Gaussian",
})  # fmt: skip
# The names of all methods that `evaluate` compares.
METHODS = tuple(LABELS)
REFERENCES = METHODS[-2:]
# The methods that `evaluate` compares by default.
DEFAULT_METHODS = ("annealcam", *SELECTORS, *(cam.name for cam in COMPARED), *REFERENCES)
RENAMED = {"topk": "topk_contribution", "topk-alpha": "topk_alpha", "random-map": "random_map"}


@dataclass(frozen=True, eq=False, repr=False)
class MethodMap:
    """The raw map of a method for one image, and the channels it is made of.

    For the methods that weight all maps, `channels` are those of positive weight; for the two
    reference maps, which do not depend on the network, it is None.
    """

    map: Float[Array, "*grid"]
    channels: Int[Array, " k"] | None

    def __repr__(self) -> str:
        k = None if self.channels is None else len(self.channels)
        return short_repr("MethodMap", shape=self.map.shape, channels=k)


def method_maps(
    captured: Capture,
    settings: Settings,
    methods: Sequence[str],
    *,
    seeds: Sequence[int],
    model: nn.Module | None = None,
    images: Float[Tensor, "n channels *size"] | None = None,
) -> list[dict[str, MethodMap]]:
    """Return the map of each method, by its name, for each image of a captured batch.

    `SELECTORS` take as many maps as `annealcam` selects: those of largest alignment, contribution
    or alpha, those that greedy selection takes for the same problem, and random live maps of
    positive contribution. Their maps are drawn as that of `annealcam` is, by `settings.map_form`.
    An image with fewer candidates than the cardinality keeps all of them. Methods that run the
    network again need it, and the images that were captured.

    Raises:
        ArgumentError: a method runs the network, and none is given.
    """
    layer_maps = collect_layer_maps(
        captured, importance=settings.importance, fewer=True, **settings.weighing
    )
    weighted = _weighted(captured, methods, model, images)
    results = []
    for i, image in enumerate(layer_maps):
        maps = {
            name: MethodMap(maps[i], image.of_positive(weights[i]))
            for name, (maps, weights) in weighted.items()
        }
        for name, channels in _selections(image, settings, seeds[i]).items():
            maps[name] = MethodMap(map_of(captured, i, channels, settings), channels)
        size = image.maps.shape[1:]
        maps["random_map"] = MethodMap(random_map(size, seed=seeds[i]), None)
        maps["gaussian"] = MethodMap(centred_gaussian(size), None)
        results.append({name: maps[name] for name in methods})
    return results


def _weighted(
    captured: Capture, methods: Sequence[str], model: nn.Module | None, images: Tensor | None
) -> dict[str, tuple[Array, Array]]:
    """Return the maps of every method that weights all feature maps, and these weights."""
    inputs = CamInputs(captured.activations, captured.gradients)
    if model is not None and images is not None:
        inputs = CamInputs.of(captured, model, images)
    found = {}
    for name in (name for name in CAM_METHODS if name in methods):
        weights = CAM_METHODS[name].weights(inputs)
        maps = CAM_METHODS[name].draw(inputs, weights)
        found[name] = maps.cpu().numpy(), weights.cpu().numpy()
    return found


def _selections(image: LayerMaps, settings: Settings, seed: int) -> dict[str, Int[Array, " k"]]:
    """Return the channels of every method that selects."""
    n = select(image.problem, **settings.sampling(seed=seed)).n
    selected = image.candidates[n.astype(bool)]
    baselines = {
        name: selector.select(image, len(selected), np.random.default_rng(seed))
        for name, selector in SELECTORS.items()
    }
    return {"annealcam": selected, **baselines}


def map_of(
    captured: Capture, i: int, channels: Int[Array, " k"], settings: Settings
) -> Float[Array, "*grid"]:
    """Return the explanation map of a selection."""
    index = torch.from_numpy(channels).to(captured.activations.device)
    maps, drawn = captured.activations[i, index], captured.contribution_maps[i, index]
    alpha = gradcam_weights(captured.gradients[i : i + 1, index])[0]
    return selection_map(maps, alpha, drawn, form=settings.map_form).cpu().numpy()
