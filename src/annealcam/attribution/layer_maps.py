"""One image as one layer sees it: maps, weights, candidates, and the scores of any selection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array, Tensor
from annealcam.attribution.cam import CAM_METHODS
from annealcam.attribution.importance import contributions, gradcam_weights
from annealcam.attribution.importance import importance as importance_of
from annealcam.errors import ArgumentError
from annealcam.explanation import carried_share
from annealcam.qubo.objectives import TYPICAL, relative_beta
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.samplers.exact import solve_exact

if TYPE_CHECKING:
    from annealcam.attribution.candidates import Candidates
    from annealcam.attribution.capture import Capture


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """What a selector may know of one image: of all the layer's maps, and of the candidates.

    `weights` holds what each map counts for in each of `CAM_METHODS`.
    """

    maps: Float[Array, "maps h w"]
    alpha: Float[Array, " maps"]
    importance: Float[Array, " maps"]
    contribution: Float[Array, " maps"]
    weights: Mapping[str, Float[Array, " maps"]]
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

    @cached_property
    def positive(self) -> Int[Array, " k"]:
        """The live maps of positive importance: those that may be selected, had all a qubit."""
        return self.weighted(self.importance)

    def weighted(self, weight: Float[Array, " maps"]) -> Int[Array, " k"]:
        """Return the live maps of positive weight."""
        return np.flatnonzero(self.alive & (weight > 0))

    def top(self, weight: Float[Array, " maps"], k: int) -> Int[Array, " k"]:
        """Return the k of them of largest weight; among equals the first."""
        pool = self.weighted(weight)
        return np.sort(pool[np.argsort(-weight[pool], kind="stable")[:k]])

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
        """Mean |cosine| of the pairs."""
        return mean_cosine(self.maps.reshape(len(self.maps), -1)[channels].astype(np.float64))


def mean_cosine(flat: Float[Array, "k pixels"]) -> float | None:
    """Return the mean |cosine| of the pairs of maps; None below two.

    >>> mean_cosine(np.array([[1.0, 0.0], [1.0, 1.0]]))
    0.7071067811865475
    """
    k = len(flat)
    if k < 2:
        return None
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    return float((np.abs(unit @ unit.T).sum() - k) / (k * (k - 1)))


def build_problem(
    maps: Float[Tensor, "maps h w"],
    importance: Float[Tensor, " maps"],
    *,
    beta: float,
    limit: int,
    objective: str = "sum",
    cardinality: int | None = None,
    fewer: bool = False,
    image: int = 0,
) -> tuple[Candidates, SelectionProblem]:
    """Return an image's candidates and the selection problem over them.

    `sum` takes the `limit` most relevant maps and beta as it is; `relative` takes diverse ones,
    and a beta that weighs shares (`relative_beta`), for `TYPICAL` maps or the cardinality. Where
    there are fewer candidates than the cardinality, `fewer` selects them all.

    Raises:
        ArgumentError: there are fewer candidates than the cardinality asked for.

    >>> import torch
    >>> maps = torch.eye(4).reshape(4, 2, 2)
    >>> found, problem = build_problem(maps, torch.tensor([2.0, -1.0, 1.0, 0.5]), beta=0.9, limit=2)
    >>> found.channels.tolist(), problem.h.tolist()
    ([0, 2], [1.0, 0.5])
    """
    from annealcam.attribution.candidates import candidates, ranked

    order = ranked(maps, importance)
    if objective == "relative" and len(order):
        size = min(cardinality or TYPICAL, len(order))
        beta = _relative_beta(maps, importance, order, beta, size)
        found = candidates(maps, importance, limit=limit, beta=beta, size=size)
    else:
        found = candidates(maps, importance, limit=limit)
    k = _cardinality(cardinality, found, fewer, image)
    return found, _problem(maps, importance, found.channels, beta, k)


def _problem(
    maps: Tensor, importance: Tensor, channels: Tensor, beta: float, cardinality: int | None = None
) -> SelectionProblem:
    return SelectionProblem.from_maps(
        maps[channels].cpu().numpy(),
        importance[channels].cpu().numpy(),
        beta=beta,
        cardinality=cardinality,
    )


def _relative_beta(
    maps: Tensor, importance: Tensor, order: Tensor, beta: float, size: int
) -> float:
    pool = _problem(maps, importance, order[: 2 * size], beta)
    relevance = importance[order].cpu().numpy().astype(np.float64)
    return relative_beta(relevance, pool.J, beta=beta, size=size)


def _cardinality(k: int | None, found: Candidates, fewer: bool, image: int) -> int | None:
    """The cardinality, if there are so many candidates; none is asked of no candidates."""
    d = len(found.channels)
    if k is None or d == 0:
        return None
    if k > d and not fewer:
        more = ", or raise max_qubits" if found.left_out else ""
        raise ArgumentError(
            f"cardinality={k}: there are only {d} candidate maps for image {image}; lower it{more}"
        )
    return min(k, d)


def layer_maps(
    captured: Capture,
    *,
    importance: str,
    beta: float,
    limit: int,
    objective: str = "sum",
    cardinality: int | None = None,
    fewer: bool = False,
) -> Iterator[LayerMaps]:
    """Yield the maps, weights and problem of each image of a captured batch.

    The arguments are those of `build_problem`.
    """
    f, g = captured.activations, captured.gradients
    weight = importance_of(f, g, importance)
    maps, alpha, each, contribution = (
        values.cpu().numpy() for values in (f, gradcam_weights(g), weight, contributions(f, g))
    )
    weights = {name: cam.weights(f, g).cpu().numpy() for name, cam in CAM_METHODS.items()}
    for i in range(len(f)):
        found, problem = build_problem(
            f[i], weight[i], beta=beta, limit=limit, objective=objective,
            cardinality=cardinality, fewer=fewer, image=i,
        )  # fmt: skip
        yield LayerMaps(
            maps=maps[i],
            alpha=alpha[i],
            importance=each[i],
            contribution=contribution[i],
            weights={name: values[i] for name, values in weights.items()},
            candidates=found.channels.cpu().numpy(),
            dead=found.dead,
            candidates_in_all=len(found.channels) + found.left_out,
            problem=problem,
        )
