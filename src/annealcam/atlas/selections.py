"""The selection of maps for each image of a captured batch."""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Int

from annealcam._internal.types import Array
from annealcam.attribution.capture import Capture
from annealcam.attribution.importance import importance
from annealcam.attribution.layer_maps import build_problem
from annealcam.samplers.selection import select
from annealcam.settings import Settings


def selections(captured: Capture, settings: Settings) -> Iterator[Int[Array, " k"]]:
    """Yield the channels that `explain` selects with these settings, for each image of a batch.

    If an image has fewer candidates than the cardinality, all of them are selected.
    """
    maps = captured.activations
    weight = importance(maps, captured.gradients, settings.importance)
    for i in range(len(maps)):
        candidates, problem = build_problem(
            maps[i], weight[i], beta=settings.beta, limit=settings.max_qubits,
            objective=settings.objective, cardinality=settings.cardinality, fewer=True, image=i,
        )  # fmt: skip
        selection = select(problem, **settings.sampling())
        yield candidates.channels.cpu().numpy()[selection.n.astype(bool)]
