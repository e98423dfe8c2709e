"""One image as one layer sees it: maps, weights, candidates, and the scores of any selection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._types import Array
from annealcam.explanation import carried_share
from annealcam.selection.exact import ExactSolution, solve_exact
from annealcam.selection.problem import SelectionProblem

if TYPE_CHECKING:
    from annealcam.vision.capture import Capture


@dataclass(frozen=True, eq=False)
class Seen:
    """What a selector may know of one image: of all the layer's maps, and of the candidates."""

    maps: Float[Array, "maps h w"]
    alpha: Float[Array, " maps"]
    importance: Float[Array, " maps"]
    contribution: Float[Array, " maps"]
    plus_weights: Float[Array, " maps"]
    candidates: Int[Array, " d"]
    dead: int
    candidates_in_all: int
    problem: SelectionProblem

    @cached_property
    def alive(self) -> Any:
        """Whether each map is anything but zero all over, (maps,)."""
        return self.maps.reshape(len(self.maps), -1).any(axis=1)

    @cached_property
    def optimum(self) -> ExactSolution:
        """The proved optimum of the problem."""
        return solve_exact(self.problem)

    def n_of(self, channels: Int[Array, " k"]) -> Int[Array, " d"] | None:
        """Return the selection as n, or None where a channel is not among the candidates."""
        n = np.isin(self.candidates, channels).astype(np.int8)
        return n if n.sum() == len(channels) else None

    def scores(self, channels: Int[Array, " k"]) -> dict[str, Any]:
        """Return size, energy, relevance, redundancy and share of the positive contributions."""
        n = self.n_of(channels)
        return {
            "k": len(channels),
            "selected": np.sort(channels).tolist(),
            "energy": None if n is None else self.problem.energy(n),
            "relevance": float(self.importance[channels].sum() / self._largest),
            "redundancy": self._redundancy(channels),
            "carried": carried_share(self.contribution, channels),
        }

    @property
    def _largest(self) -> float:
        """The largest importance of a candidate; any number will do where there is none."""
        return float(self.importance[self.candidates].max(initial=0.0)) or 1.0

    def _redundancy(self, channels: Int[Array, " k"]) -> float | None:
        """Mean |cosine| of the pairs: J where it is known, for many maps by one product."""
        k = len(channels)
        if k < 2:
            return None
        flat = self.maps[channels].reshape(k, -1).astype(np.float64)
        unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        return float((np.abs(unit @ unit.T).sum() - k) / (k * (k - 1)))


def seen_in(captured: Capture, *, importance: str, beta: float, limit: int) -> Iterator[Seen]:
    """Yield each image of a captured batch as its layer sees it."""
    from annealcam.vision import importance as weigh
    from annealcam.vision.cam import gradcam_plus_plus_weights
    from annealcam.vision.candidates import candidates

    f, g = captured.activations, captured.gradients
    weight = weigh.importance(f, g, importance)
    maps, each, alpha, gain, plus = (
        values.cpu().numpy()
        for values in (
            f, weight, weigh.importance_gradcam(g), weigh.logit_contribution(f, g),
            gradcam_plus_plus_weights(f, g),
        )
    )  # fmt: skip
    for i in range(len(f)):
        found = candidates(f[i], weight[i], limit=limit)
        channels = found.channels.cpu().numpy()
        yield Seen(
            maps=maps[i],
            alpha=alpha[i],
            importance=each[i],
            contribution=gain[i],
            plus_weights=plus[i],
            candidates=channels,
            dead=found.dead,
            candidates_in_all=len(channels) + found.left_out,
            problem=SelectionProblem.from_maps(maps[i, channels], each[i, channels], beta=beta),
        )
