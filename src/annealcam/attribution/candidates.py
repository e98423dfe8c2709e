"""The candidates of a selection, and the problem over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from annealcam._internal.text import short_repr
from annealcam.attribution.evidence_candidates import EvidenceCandidates, evidence_candidates
from annealcam.errors import ArgumentError
from annealcam.qubo.objectives import BETA, FIDELITY, TYPICAL, relative_beta
from annealcam.qubo.problem import SelectionProblem


@dataclass(frozen=True, eq=False, repr=False)
class Candidates:
    """The candidate maps of one image.

    Attributes:
        channels: of the candidates, ascending.
        dead: number of maps that are zero everywhere. They have no cosine, so that selecting them
            would cost nothing.
        left_out: number of candidates beyond the limit.
        left_out_share: the part of all relevance that these carry.
        evidence: the evidence problem over the candidates, with the best selection over all maps;
            None for the other objectives.
    """

    channels: Int[Tensor, " d"]
    dead: int
    left_out: int
    left_out_share: float
    evidence: EvidenceCandidates | None = None

    def __repr__(self) -> str:
        return short_repr(
            "Candidates", d=len(self.channels), dead=self.dead, left_out=self.left_out,
            left_out_share=self.left_out_share,
        )  # fmt: skip


def find_candidates(
    maps: Float[Tensor, " maps *grid"],
    importance: Float[Tensor, " maps"],
    *,
    limit: int,
    beta: float | None = None,
    size: int = 1,
) -> Candidates:
    """Return at most `limit` candidates: the most important, or with a beta the `diverse` ones.

    >>> maps = torch.ones(4, 2, 2); maps[3] = 0
    >>> found = find_candidates(maps, torch.tensor([1., -1., 3., 9.]), limit=1)
    >>> found.channels.tolist(), found.dead, found.left_out, found.left_out_share
    ([2], 1, 1, 0.25)
    """
    order = ranked(maps, importance)
    places = torch.arange(min(limit, len(order)), device=order.device)
    if beta is not None and len(order) > limit:
        places = diverse(maps[order], importance[order], beta=beta, size=size, limit=limit)
    others = torch.ones(len(order), dtype=torch.bool, device=order.device)
    others[places] = False
    left_out = len(order) - len(places)
    share = _sum(importance[order[others]]) / _sum(importance[order]) if left_out else 0.0
    return Candidates(order[places].sort().values, int((~alive(maps)).sum()), left_out, share)


def ranked(
    maps: Float[Tensor, " maps *grid"], importance: Float[Tensor, " maps"]
) -> Int[Tensor, " m"]:
    """Return the live maps of positive importance, the most important first.

    Among equal importances the lower channel number comes first.

    >>> maps = torch.ones(4, 2, 2); maps[3] = 0
    >>> ranked(maps, torch.tensor([1., -1., 3., 9.])).tolist()
    [2, 0]
    """
    channels = ((importance > 0) & alive(maps)).nonzero().flatten()
    return channels[importance[channels].argsort(descending=True, stable=True)]


def diverse(
    maps: Float[Tensor, " m *grid"],
    importance: Float[Tensor, " m"],
    *,
    beta: float,
    size: int,
    limit: int,
) -> Int[Tensor, " d"]:
    """Return at most `limit` of ranked maps that are relevant and unlike each other, in order.

    One by one from the most relevant: the next one maximises
    beta r_p / r_max - (1 - beta) (size - 1) mean_{q taken} |cos(f_p, f_q)|,
    its gain in the energy if `size` - 1 maps as like it as those taken were selected. The most
    relevant maps alone are so much alike that no selection among them can be varied.

    Source: docs/relative.md, "What decides".

    >>> maps = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]]])
    >>> diverse(maps, torch.tensor([3.0, 2.0, 1.0]), beta=0.5, size=2, limit=2).tolist()
    [0, 2]
    """
    flat = maps.flatten(1).float()
    flat = flat / flat.abs().amax(dim=1, keepdim=True)  # squares neither overflow nor vanish
    unit = flat / flat.norm(dim=1, keepdim=True)
    gain = beta * importance.float() / importance[0].float()
    shared, free = torch.zeros_like(gain), torch.zeros_like(gain)
    taken = [torch.zeros((), dtype=torch.long, device=maps.device)]
    while len(taken) < min(limit, len(maps)):  # indices stay on the device: nothing waits for them
        free[taken[-1]] = -torch.inf
        shared += (unit @ unit[taken[-1]]).abs()
        score = gain - (1 - beta) * (size - 1) * shared / len(taken)
        taken.append((score + free).argmax())
    return torch.stack(taken)


def alive(maps: Float[Tensor, " maps *grid"]) -> Tensor:
    """Return whether each map is nonzero anywhere, (maps,).

    >>> alive(torch.tensor([[[0.0, 1.0]], [[0.0, 0.0]]]))
    tensor([ True, False])
    """
    return maps.flatten(1).ne(0).any(dim=1)


def build_problem(
    maps: Float[Tensor, " maps *grid"],
    gradients: Float[Tensor, " maps *grid"],
    importance: Float[Tensor, " maps"],
    *,
    beta: float | None,
    limit: int | None,
    objective: str = "sum",
    cardinality: int | None = None,
    fidelity: float = FIDELITY,
    fewer: bool = False,
    image: int = 0,
) -> tuple[Candidates, SelectionProblem]:
    """Return an image's candidates and the selection problem over them.

    Args:
        maps: of the layer.
        gradients: of the score at every map, or their mean over a path; `evidence` draws with
            their products with the maps.
        importance: of every map; for `evidence` the alignment.
        beta: trade-off of relevance against redundancy; for `evidence`, of the largest
            contributions against drawing the evidence, where None follows the head
            (`annealcam.attribution.evidence.Head`).
        limit: the largest number of candidates; None: all.
        objective: `sum` takes the most relevant maps, and beta as it is; `relative` takes diverse
            ones, and the beta that weighs shares (`relative_beta`) for the cardinality, or for
            `TYPICAL` maps; `evidence` draws the evidence (`EvidenceProblem`).
        cardinality: of the problem.
        fidelity: of `evidence` without a cardinality: the cosine with the evidence to reach.
        fewer: whether fewer candidates than the cardinality are no error; all are selected then.
        image: its number, for messages.

    Raises:
        ArgumentError: there are fewer candidates than the cardinality.

    >>> maps = torch.eye(4).reshape(4, 2, 2)
    >>> weight = torch.tensor([2.0, -1.0, 1.0, 0.5])
    >>> found, problem = build_problem(maps, torch.ones(4, 2, 2), weight, beta=0.9, limit=2)
    >>> found.channels.tolist(), problem.h.tolist()
    ([0, 2], [1.0, 0.5])
    """
    limit = len(maps) if limit is None else limit
    if objective == "evidence":
        found = evidence_candidates(
            gradients, gradients * maps, importance, limit=limit, cardinality=cardinality,
            fidelity=fidelity, beta=beta,
        )  # fmt: skip
        candidates = _of_evidence(found, maps, importance)
        _cardinality(cardinality, candidates, fewer, image)
        if found is None:
            return candidates, SelectionProblem(np.zeros(0), np.zeros((0, 0)))
        return candidates, found.problem.problem
    beta = (BETA[objective] or 0.0) if beta is None else beta
    order = ranked(maps, importance)
    if objective == "relative" and len(order):
        size = min(cardinality or TYPICAL, len(order))
        beta = _relative_beta(maps, importance, order, beta, size)
        candidates = find_candidates(maps, importance, limit=limit, beta=beta, size=size)
    else:
        candidates = find_candidates(maps, importance, limit=limit)
    k = _cardinality(cardinality, candidates, fewer, image)
    return candidates, _problem(maps, importance, candidates.channels, beta, k)


def _of_evidence(found: EvidenceCandidates | None, maps: Tensor, importance: Tensor) -> Candidates:
    """Return the candidates of an evidence problem, with the alignment of those left out."""
    dead = int((~alive(maps)).sum())
    if found is None:
        none = torch.zeros(0, dtype=torch.long, device=maps.device)
        return Candidates(none, dead, 0, 0.0)
    channels = torch.from_numpy(found.channels).to(maps.device)
    kept, positive = _sum(importance[channels]), _sum(importance[importance > 0])
    left_out = found.in_all - len(channels)
    return Candidates(channels, dead, left_out, 1.0 - kept / positive if left_out else 0.0, found)


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


def _cardinality(k: int | None, candidates: Candidates, fewer: bool, image: int) -> int | None:
    """Return the cardinality that the candidates allow; None without candidates."""
    d = len(candidates.channels)
    if k is None or d == 0:
        return None
    if k > d and not fewer:
        more = ", or raise max_qubits" if candidates.left_out else ""
        raise ArgumentError(
            f"cardinality={k}: there are only {d} candidate maps for image {image}; lower it{more}"
        )
    return min(k, d)


def _sum(values: Float[Tensor, " n"]) -> float:
    return float(values.cpu().double().sum())
