"""The evidence problem of an image: how many maps, which of them an annealer gets, at what cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from annealcam._internal.map_axes import grid_axes
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.attribution.evidence import Head, drawn_evidence
from annealcam.qubo.evidence import EvidenceProblem
from annealcam.qubo.objectives import TYPICAL
from annealcam.samplers.exact.search_tree import branch_and_bound
from annealcam.samplers.local import local_search
from annealcam.samplers.relaxation import relax

DUST = 1e-3  # alignment below which a map is no candidate: it draws under 0.1 % of the evidence
KICKS = 100  # of the local search over all maps, from which the proof begins
SECONDS = 0.5  # for the proof; last layers take milliseconds, see docs/large.md


@dataclass(frozen=True, eq=False, repr=False)
class EvidenceCandidates:
    """The evidence problem over the candidates, and the best selection over all maps.

    Attributes:
        channels: of the candidates, ascending, (d,).
        kind: the evidence that is drawn, `positive` or `signed` (see `drawn_evidence`).
        head: what the contributions show of the network behind the layer.
        problem: over the candidates.
        best: channels of the best selection found over all maps, (k,).
        best_fidelity: its cosine with the evidence.
        best_residual: its squared distance from the evidence, over the evidence's square.
        best_value: what it minimises, R(n) of `EvidenceProblem`.
        least_value: no selection of k of all maps has a lower R.
        proved: whether the best selection is proved to be so, that is, `best_value` is the least.
        dust: number of maps that are no candidates, since they draw under 0.1 % of the evidence
            (and carry under 0.1 % of the positive contributions, if beta is above 0).
        in_all: number of maps that could be candidates.
    """

    channels: Int[Array, " d"]
    kind: str
    head: Head
    problem: EvidenceProblem
    best: Int[Array, " k"]
    best_fidelity: float
    best_residual: float
    best_value: float
    least_value: float
    proved: bool
    dust: int
    in_all: int

    def __repr__(self) -> str:
        return short_repr(
            "EvidenceCandidates", d=len(self.channels), k=len(self.best), kind=self.kind,
            best_fidelity=self.best_fidelity, in_all=self.in_all, dust=self.dust,
        )  # fmt: skip


def evidence_candidates(
    gradients: Float[Tensor, " maps *grid"],
    contribution_maps: Float[Tensor, " maps *grid"],
    alignment: Float[Tensor, " maps"],
    *,
    limit: int,
    cardinality: int | None,
    fidelity: float,
    beta: float | None,
) -> EvidenceCandidates | None:
    """Return the evidence problem of an image; None where no map is aligned with the evidence.

    Without a cardinality, k is the smallest number of maps whose selection, by a local search over
    all maps, reaches the fidelity, or 7 if none does. The fidelity need not grow with k, so that
    k = 1, 2, ... are tried in turn.

    Args:
        gradients: of the score at all maps, or their mean over a path.
        contribution_maps: g of all maps of the layer.
        alignment: rho of all maps.
        limit: the largest number of candidates.
        cardinality: number of maps to select; None leaves it to the fidelity.
        fidelity: cosine with the evidence to reach, if there is no cardinality.
        beta: 0 draws the evidence, 1 takes the largest contributions; None follows the head.

    >>> import torch
    >>> g = torch.tensor([[[4.0, 0.0]], [[0.0, 3.0]], [[-1.0, 0.0]]])
    >>> found = evidence_candidates(
    ...     torch.ones(3, 1, 2), g, torch.tensor([0.67, 0.5, -0.17]), limit=9, cardinality=None,
    ...     fidelity=0.9, beta=None)
    >>> found.channels.tolist(), len(found.best)
    ([0, 1], 2)
    """
    evidence, kind = drawn_evidence(contribution_maps)
    G = evidence.cpu().numpy().astype(np.float64).ravel()
    head = Head.of(gradients, contribution_maps)
    beta = head.beta if beta is None else beta
    worth = alignment.cpu().numpy().astype(np.float64)
    if beta > 0:
        worth = np.maximum(
            worth, _shares(contribution_maps if kind == "positive" else -contribution_maps)
        )
    pool, dust = _pool(worth, cardinality or 1)
    if kind == "none" or not len(pool):
        return None
    g = contribution_maps[pool].flatten(1).cpu().numpy().astype(np.float64)
    whole, n = _fewest(g, G, beta, cardinality, fidelity)
    best = branch_and_bound(whole.problem, start=n, kicks=0, time_limit=SECONDS)
    best.refuse_interruption()
    n = best.n
    problem, places = whole, np.arange(len(pool))
    if len(pool) > limit:
        places = relax(whole.problem).most_promising(limit)
        problem = EvidenceProblem.from_maps(
            g[places], G, cardinality=min(int(n.sum()), len(places)), beta=beta, scale=whole.scale,
            largest=whole.largest,
        )  # fmt: skip
    return EvidenceCandidates(
        channels=pool[places],
        kind=kind,
        head=head,
        problem=problem,
        best=pool[np.flatnonzero(n)],
        best_fidelity=whole.fidelity(n),
        best_residual=whole.residual(n),
        best_value=best.energy / whole.energy_unit,
        least_value=best.lower_bound / whole.energy_unit,
        proved=best.proved,
        dust=dust,
        in_all=len(pool),
    )


def _shares(contribution_maps: Float[Tensor, " maps *grid"]) -> Float[Array, " maps"]:
    """Return the contribution of each map as a share of all positive contributions."""
    axes = grid_axes(contribution_maps, first=1)
    contribution = contribution_maps.double().sum(dim=axes).cpu().numpy()
    positive = contribution[contribution > 0].sum()
    return contribution / positive if positive > 0 else np.zeros_like(contribution)


def _pool(worth: Float[Array, " maps"], least: int) -> tuple[Int[Array, " m"], int]:
    """Return the maps that may be selected, ascending, and how many of positive worth may not.

    They draw 0.1 % of the evidence or more, or carry as much of the positive contributions if these
    count. If they are fewer than `least`, the best of the others complete them.
    """
    positive = np.flatnonzero(worth > 0)
    order = positive[np.argsort(-worth[positive], kind="stable")]
    enough = max(int((worth >= DUST).sum()), min(least, len(order)))
    return np.sort(order[:enough]), len(order) - enough


def _fewest(
    g: Float[Array, "m positions"],
    G: Float[Array, " positions"],
    beta: float,
    cardinality: int | None,
    fidelity: float,
) -> tuple[EvidenceProblem, Int[Array, " m"]]:
    """Return the problem over all maps and its best selection found, of the smallest such size."""
    most = min(cardinality or TYPICAL, len(g))
    for k in range(1 if cardinality is None else most, most + 1):
        problem = EvidenceProblem.from_maps(g, G, cardinality=k, beta=beta)
        n = local_search(problem.problem, kicks=KICKS)
        if problem.fidelity(n) >= fidelity:
            break
    return problem, n
