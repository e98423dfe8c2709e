"""All that selections of maps of one image are made from and scored by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.attribution.cam import BESIDE
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.attribution.importance import contributions, gradcam_weights
from annealcam.explanation import carried_share
from annealcam.qubo.evidence import EvidenceProblem, cosine
from annealcam.qubo.objectives import FIDELITY
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.samplers.exact import solve_exact

if TYPE_CHECKING:
    from annealcam.attribution.activations import Capture


@dataclass(frozen=True, eq=False, repr=False)
class LayerMaps:
    """What a selector may use of one image: of all the layer's maps, and of the candidates.

    `weights` holds what each map counts for in each of the methods `BESIDE`.
    """

    maps: Float[Array, " maps *grid"]
    contribution_maps: Float[Array, " maps *grid"]
    alpha: Float[Array, " maps"]
    importance: Float[Array, " maps"]
    contribution: Float[Array, " maps"]
    alignment: Float[Array, " maps"]
    weights: Mapping[str, Float[Array, " maps"]]
    candidates: Int[Array, " d"]
    dead: int
    candidates_in_all: int
    problem: SelectionProblem
    evidence: EvidenceProblem | None = None

    def __repr__(self) -> str:
        return short_repr(
            "LayerMaps", maps=self.maps.shape, candidates=len(self.candidates), dead=self.dead
        )

    @cached_property
    def alive(self) -> Any:
        """Whether each map is anything but zero all over, (maps,)."""
        return self.maps.reshape(len(self.maps), -1).any(axis=1)

    @cached_property
    def optimum(self) -> ExactSolution:
        """The proved optimum of the problem."""
        return solve_exact(self.problem)

    def problem_of_size(self, k: int) -> SelectionProblem:
        """Return the problem of selecting k of the candidates for the same objective.

        The scale of an evidence problem depends on k; for the other objectives the energies are
        those of `problem`.
        """
        found = self.evidence
        if found is None:
            return self.problem.with_cardinality(k)
        return EvidenceProblem.from_maps(
            found.maps, found.evidence, cardinality=k, beta=found.beta
        ).problem

    @cached_property
    def positive(self) -> Int[Array, " k"]:
        """The live maps of positive importance, which could all be candidates."""
        return self.of_positive(self.importance)

    def of_positive(self, weight: Float[Array, " maps"]) -> Int[Array, " k"]:
        """Return the live maps of positive weight."""
        return np.flatnonzero(self.alive & (weight > 0))

    def top(self, weight: Float[Array, " maps"], k: int) -> Int[Array, " k"]:
        """Return the k live maps of largest positive weight; of equal ones the first."""
        pool = self.of_positive(weight)
        return np.sort(pool[np.argsort(-weight[pool], kind="stable")[:k]])

    def as_selection(self, channels: Int[Array, " k"]) -> Int[Array, " d"] | None:
        """Return channels as n over the candidates; None where one is not a candidate."""
        n = np.isin(self.candidates, channels).astype(np.int8)
        return n if n.sum() == len(channels) else None

    def scores(self, channels: Int[Array, " k"]) -> dict[str, Any]:
        """Return size, energy, relevance, redundancy and share of the positive contributions."""
        n = self.as_selection(channels)
        return {
            "k": len(channels),
            "selected": np.sort(channels).tolist(),
            "energy": None if n is None else self.problem.energy(n),
            "relevance": float(self.importance[channels].sum() / self._largest),
            "redundancy": self._redundancy(channels),
            "carried": carried_share(self.contribution, channels),
        }

    def drawn(self, channels: Int[Array, " k"]) -> Float[Array, "*grid"]:
        """Return what these maps draw: the positive part of the sum of their contribution maps."""
        return np.maximum(self.contribution_maps[channels].sum(axis=0), 0.0)

    def fidelity(self, channels: Int[Array, " k"]) -> float:
        """Return the cosine of the sum of these contribution maps with the evidence for the class.

        The evidence is the positive part of the sum of all of them, or all of it where no part is
        positive; without any, the fidelity is 0.
        """
        return cosine(self.contribution_maps[channels].sum(axis=0), self._evidence)

    @cached_property
    def _evidence(self) -> Float[Array, "*grid"]:
        whole = self.contribution_maps.sum(axis=0)
        positive = np.maximum(whole, 0.0)
        return positive if positive.any() else whole

    @property
    def _largest(self) -> float:
        """The largest importance of a candidate, or 1 where there is none."""
        return float(self.importance[self.candidates].max(initial=0.0)) or 1.0

    def _redundancy(self, channels: Int[Array, " k"]) -> float | None:
        """Return the mean |cosine| of the pairs."""
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


def collect_layer_maps(
    captured: Capture,
    *,
    importance: str,
    beta: float | None,
    limit: int | None,
    objective: str = "sum",
    cardinality: int | None = None,
    fidelity: float = FIDELITY,
    fewer: bool = False,
) -> Iterator[LayerMaps]:
    """Yield the maps, weights and problem of each image of a captured batch.

    The arguments are those of `build_problem`.
    """
    from annealcam.attribution.candidates import build_problem  # needs torch itself

    f, g = captured.activations, captured.gradients
    weight, drawn = captured.importance(importance), captured.contribution_maps
    maps, contribution_maps, alpha, each, contribution, alignment = (
        values.cpu().numpy()
        for values in (
            f, drawn, gradcam_weights(g), weight, contributions(f, captured.path_gradients),
            captured.importance("alignment"),
        )
    )  # fmt: skip
    weights = {cam.name: cam.weights(CamInputs(f, g)).cpu().numpy() for cam in BESIDE}
    for i in range(len(f)):
        candidates, problem = build_problem(
            f[i], captured.path_gradients[i], weight[i], beta=beta, limit=limit,
            objective=objective, cardinality=cardinality, fidelity=fidelity, fewer=fewer, image=i,
        )  # fmt: skip
        yield LayerMaps(
            maps=maps[i],
            contribution_maps=contribution_maps[i],
            alpha=alpha[i],
            importance=each[i],
            contribution=contribution[i],
            alignment=alignment[i],
            weights={name: values[i] for name, values in weights.items()},
            candidates=candidates.channels.cpu().numpy(),
            dead=candidates.dead,
            candidates_in_all=len(candidates.channels) + candidates.left_out,
            problem=problem,
            evidence=None if candidates.evidence is None else candidates.evidence.problem,
        )
