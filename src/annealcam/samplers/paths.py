"""Paths of the optimum: the best k maps for each k, and all breakpoints along beta."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam._internal.validation import one_line, real
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.qubo.ties import as_good
from annealcam.samplers.exact import solve_exact


def cardinality_path(
    problem: ProblemLike,
    sizes: Iterable[int] | None = None,
    *,
    time_limit: float | None = None,
) -> dict[int, ExactSolution]:
    """Return the best k maps for each k, with their proofs.

    Args:
        problem: the selection problem; its own cardinality is ignored.
        sizes: the values of k; None: 1 to 20, or to the number of maps.
        time_limit: seconds for each k; None: unlimited.

    Raises:
        ArgumentError: a size is not between 1 and the number of maps.

    >>> p = SelectionProblem([1.0, 0.9, 0.5], [[0, 1, 0], [1, 0, 0], [0, 0, 0]], beta=0.5)
    >>> {k: x.n.tolist() for k, x in cardinality_path(p).items()}
    {1: [1, 0, 0], 2: [1, 0, 1], 3: [1, 1, 1]}
    """
    problem = as_problem(problem)
    sizes = range(1, min(20, problem.d) + 1) if sizes is None else sizes
    if isinstance(sizes, str | Mapping) or not isinstance(sizes, Iterable):
        raise ArgumentError(
            f"sizes={one_line(sizes)}: give a list of whole numbers, such as [5, 10]"
        )
    return {k: _optimum(problem, problem.beta, k, time_limit) for k in sizes}


@dataclass(frozen=True, eq=False, repr=False)
class BetaPath:
    """The optimum for every beta: `selections[i]` between `betas[i]` and `betas[i + 1]`.

    `redundancy` is sum_{p<q} J_pq and `relevance` is sum_p h_p of each selection. The optimal
    energy (1 - beta) redundancy - beta relevance is a concave, piecewise linear function of beta.
    `proved` is False if time ran out for one of the optima.
    """

    betas: Float[Array, " breaks"]
    selections: Int[Array, "pieces d"]
    redundancy: Float[Array, " pieces"]
    relevance: Float[Array, " pieces"]
    proved: bool

    def __repr__(self) -> str:
        pieces, d = self.selections.shape
        return short_repr("BetaPath", d=d, pieces=pieces, proved=self.proved)

    def at(self, beta: float) -> Int[Array, " d"]:
        """Return the optimum at a beta; at a breakpoint, that of larger betas.

        Raises:
            ArgumentError: beta is not in [0, 1].
        """
        if not 0 <= real("beta", beta) <= 1:
            raise ArgumentError(f"beta={beta}: must lie between 0 and 1")
        piece = int(np.searchsorted(self.betas, beta, side="right")) - 1
        return self.selections[min(piece, len(self.selections) - 1)]


def beta_path(problem: ProblemLike, *, time_limit: float | None = None) -> BetaPath:
    """Return all breakpoints of the optimum along beta.

    The energy of a selection is a line in beta, and the optimal energy is the lower envelope of
    all these lines. Starting with the optima at beta = 0 and 1, the problem is solved where two
    neighbouring lines cross: if no selection is lower there, the crossing is a breakpoint;
    otherwise the search continues on both sides. One optimum is computed for each breakpoint and
    for each piece.

    Args:
        problem: the selection problem, with its cardinality; its own beta is ignored.
        time_limit: seconds for each of the optima; None: unlimited.

    Source: Eisner and Severance 1976, "Mathematical techniques for efficient record segmentation".

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.5], [0.5, 0.0]])
    >>> path = beta_path(p)
    >>> path.betas.tolist(), path.selections.tolist()
    ([0.0, 0.5, 1.0], [[1, 0], [1, 1]])
    """
    problem = as_problem(problem)
    ends = [_line(problem, beta, time_limit) for beta in (0.0, 1.0)]
    lines, proofs = [ends[0]], [end.proved for end in ends]
    pairs = [ends]
    while pairs:
        left, right = pairs.pop()
        beta = _crossing(left, right)
        if beta is None:
            continue
        between = _line(problem, beta, time_limit)
        proofs.append(between.proved)
        there = SelectionProblem(problem.h, problem.J, beta=beta)
        if not as_good(there, np.array([left.n, right.n]), between.n).any():
            pairs += [[between, right], [left, between]]
        else:
            lines.append(right)
    return _path(lines, all(proofs))


@dataclass(frozen=True, eq=False)
class _Line:
    """A selection's energy as a function of beta."""

    n: Int[Array, " d"]
    redundancy: float
    relevance: float
    proved: bool


def _optimum(
    problem: SelectionProblem, beta: float, k: int | None, time_limit: float | None
) -> ExactSolution:
    changed = SelectionProblem(problem.h, problem.J, beta=beta, cardinality=k)
    optimum = solve_exact(changed, time_limit=time_limit)
    optimum.refuse_interruption()
    return optimum


def _line(problem: SelectionProblem, beta: float, time_limit: float | None) -> _Line:
    optimum = _optimum(problem, beta, problem.cardinality, time_limit)
    n = optimum.n.astype(np.float64)
    return _Line(optimum.n, float(0.5 * n @ problem.J @ n), float(problem.h @ n), optimum.proved)


def _crossing(left: _Line, right: _Line) -> float | None:
    """Return the beta in [0, 1] above which the right line is below the left one, if any."""
    costs = right.redundancy - left.redundancy
    gains = right.relevance - left.relevance
    if costs + gains <= 0 or gains <= 0:
        return None
    return min(max(costs / (costs + gains), 0.0), 1.0)


def _path(lines: list[_Line], proved: bool) -> BetaPath:
    """Order the lines, and drop those that are lowest in a single point at most."""
    pieces: list[_Line] = []
    breaks: list[float] = []
    for line in sorted(lines, key=lambda x: x.relevance + x.redundancy):
        at = _crossing(pieces[-1], line) if pieces else 0.0
        if at is None:
            continue
        if pieces and at <= breaks[-1]:
            pieces[-1] = line
            continue
        pieces.append(line)
        breaks.append(at)
    return BetaPath(
        betas=np.array([*breaks, 1.0]),
        selections=np.stack([line.n for line in pieces]),
        redundancy=np.array([line.redundancy for line in pieces]),
        relevance=np.array([line.relevance for line in pieces]),
        proved=proved,
    )
