"""From the maps of a layer to the channels that a sampler selects, by the settings of `explain`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from annealcam._internal.types import Array
from annealcam.attribution.activations import Capture
from annealcam.attribution.candidates import Candidates, build_problem
from annealcam.attribution.record import certified_by
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import Selection
from annealcam.samplers.selection import select
from annealcam.settings import Settings


@dataclass(frozen=True, eq=False)
class MapSelection:
    """The candidates of one image, the problem over them, and the channels that a sampler selects.

    `channels` are ascending.
    """

    candidates: Candidates
    problem: SelectionProblem
    selection: Selection
    channels: Int[Tensor, " k"]


def select_maps(
    maps: Float[Tensor, " maps *grid"],
    gradients: Float[Tensor, " maps *grid"],
    importance: Float[Tensor, " maps"],
    settings: Settings,
    *,
    image: int = 0,
    fewer: bool = False,
    seed: int | None = None,
) -> MapSelection:
    """Select maps of one image: candidates, problem, sampler.

    Args:
        maps: of the layer.
        gradients: whose products with the maps are the contributions.
        importance: of every map.
        settings: how maps are selected.
        image: its number, for messages.
        fewer: select all candidates where there are fewer than the cardinality.
        seed: replaces that of the settings.

    Raises:
        ArgumentError: there are fewer candidates than the cardinality.

    >>> from annealcam.settings import resolve
    >>> maps = torch.eye(4).reshape(4, 2, 2)
    >>> weight = torch.tensor([2.0, -1.0, 1.0, 0.1])
    >>> settings = resolve(objective="relative", cardinality=2)
    >>> select_maps(maps, torch.ones(4, 2, 2), weight, settings).channels.tolist()
    [0, 2]
    """
    candidates, problem = build_problem(
        maps, gradients, importance, **settings.weighing, fewer=fewer, image=image
    )
    selection = certified_by(candidates, select(problem, **settings.sampling(seed=seed)))
    chosen = torch.from_numpy(np.flatnonzero(selection.n)).to(maps.device)
    return MapSelection(candidates, problem, selection, candidates.channels[chosen])


def selected_channels(captured: Capture, settings: Settings) -> Iterator[Int[Array, " k"]]:
    """Yield the channels that `explain` selects for each image of a captured batch, ascending.

    If an image has fewer candidates than the cardinality, all of them are selected.
    """
    weight = captured.importance(settings.importance)
    for i, (maps, gradients) in enumerate(
        zip(captured.activations, captured.path_gradients, strict=True)
    ):
        found = select_maps(maps, gradients, weight[i], settings, image=i, fewer=True)
        yield found.channels.cpu().numpy()
