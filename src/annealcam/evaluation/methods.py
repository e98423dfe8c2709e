"""The methods that are compared, on one layer and logit: each a map, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.attribution.cam import CAM_METHODS, cam_maps, explanation_map
from annealcam.attribution.layer_maps import LayerMaps, layer_maps
from annealcam.metrics.reference_maps import centred_gaussian, random_map
from annealcam.samplers.selection import select
from annealcam.settings import Settings

if TYPE_CHECKING:
    from annealcam.attribution.capture import Capture

METHODS = (
    "annealcam", "topk", "topk-alpha", "random", *CAM_METHODS, "random-map", "gaussian",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says of one image: its raw map, and the channels it is made of.

    For the methods that weigh all maps, `channels` are those of positive weight; None for the two
    floors, which know nothing of the network.
    """

    map: Float[Array, "h w"]
    channels: Int[Array, " k"] | None


def answers(
    captured: Capture, settings: Settings, methods: Sequence[str], *, seeds: Sequence[int]
) -> list[dict[str, Answer]]:
    """Return, for each image of a captured batch, the answer of each method by its name.

    `topk`, `topk-alpha` and `random` take as many maps as `annealcam` does: those of largest
    contribution, of largest alpha, and any live ones of positive importance. An image with fewer
    candidates than the cardinality keeps them all.
    """
    seen = layer_maps(
        captured, importance=settings.importance, beta=settings.beta, limit=settings.max_qubits,
        objective=settings.objective, cardinality=settings.cardinality, fewer=True,
    )  # fmt: skip
    whole = {
        name: cam_maps(captured.activations, captured.gradients, name).cpu().numpy()
        for name in CAM_METHODS
        if name in methods
    }
    found = []
    for i, one in enumerate(seen):
        chosen = _chosen(one, settings, seeds[i])
        own = {name: Answer(whole[name][i], one.weighted(one.weights[name])) for name in whole}
        own |= {name: Answer(_drawn(captured, i, c, settings), c) for name, c in chosen.items()}
        size = (one.maps.shape[1], one.maps.shape[2])
        own["random-map"] = Answer(random_map(size, seed=seeds[i]), None)
        own["gaussian"] = Answer(centred_gaussian(size), None)
        found.append({name: own[name] for name in methods})
    return found


def _chosen(seen: LayerMaps, settings: Settings, seed: int) -> dict[str, Int[Array, " k"]]:
    """The channels of every method that selects."""
    n = select(seen.problem, **settings.sampling(seed=seed)).n
    own = seen.candidates[n.astype(bool)]
    rng = np.random.default_rng(seed)
    return {
        "annealcam": own,
        "topk": seen.top(seen.contribution, len(own)),
        "topk-alpha": seen.top(seen.alpha, len(own)),
        "random": np.sort(rng.choice(seen.positive, size=len(own), replace=False)),
    }


def _drawn(
    captured: Capture, i: int, channels: Int[Array, " k"], settings: Settings
) -> Float[Array, "h w"]:
    """The explanation map of a selection."""
    where = torch.from_numpy(channels).to(captured.activations.device)
    maps, gradients = captured.activations[i, where], captured.gradients[i, where]
    weights = gradients.mean(dim=(-2, -1))
    return explanation_map(maps, weights, form=settings.map_form).cpu().numpy()
