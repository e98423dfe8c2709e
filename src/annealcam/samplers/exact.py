"""The certified optimum: by enumeration of all selections, or by branch and bound."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.deadline import Deadline
from annealcam._internal.types import Array
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.energies import bits, energies_of, weights
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.samplers.search_tree import branch_and_bound, least_energy

_BLOCK = 18  # states are enumerated 2^18 at a time: two such arrays stay in the cache


def solve_exact(problem: ProblemLike, *, time_limit: float | None = None) -> ExactSolution:
    """Return the optimum of a problem with its proof: by enumeration up to 24 maps, else by a tree.

    With a cardinality k, the optimum is among the selections of k maps. Enumeration takes
    milliseconds up to d = 18 and a fraction of a second at d = 24. For more maps, see
    `branch_and_bound`: hundreds of maps of a layer after a ReLU mostly take a fraction of a
    second, while maps of both signs may take long.

    Args:
        problem: the selection problem.
        time_limit: seconds; None: unlimited.

    Raises:
        ArgumentError: the time limit is not positive.

    >>> x = solve_exact(SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5))
    >>> x.n, x.energy, x.proved, x.multiplicity
    (array([1, 0], dtype=int8), -0.5, True, 1)
    """
    problem = as_problem(problem)
    if problem.d > MAX_ENUMERATED:
        return branch_and_bound(problem, time_limit=time_limit)
    return _enumerated(problem, Deadline.after(time_limit))


def _enumerated(problem: SelectionProblem, deadline: Deadline) -> ExactSolution:
    low = min(problem.d, _BLOCK)
    best = _Best(problem.tie)
    blocks = 1 << (problem.d - low)
    done = 0
    while done < blocks and (done == 0 or not deadline.passed):
        best.offer(_block(problem, low, done), done << low)
        done += 1
    proved = done == blocks
    n = bits(best.state, problem.d) if best.count else _most_relevant(problem)
    energy = problem.energy(n)
    return ExactSolution(
        n=n,
        energy=energy,
        lower_bound=energy if proved else least_energy(problem.linear, problem.quadratic),
        proved=proved,
        multiplicity=max(best.count, 1),
    )


def _most_relevant(problem: SelectionProblem) -> Int[Array, " d"]:
    """Return the k most relevant maps, if time ran out before any feasible selection."""
    n = np.zeros(problem.d, dtype=np.int8)
    n[np.argsort(-problem.h, kind="stable")[: problem.cardinality]] = 1
    return n


class _Best:
    """The lowest energy of the blocks so far, its first state and its multiplicity."""

    def __init__(self, tie: float) -> None:
        self.energy, self.state, self.count, self._tie = np.inf, 0, 0, tie

    def offer(self, energies: Float[Array, " states"], first_state: int) -> None:
        lowest = float(energies.min())
        if lowest > self.energy + self._tie:
            return
        if lowest == np.inf:  # no selection of this block has the cardinality
            return
        here = np.flatnonzero(energies <= min(lowest, self.energy) + self._tie)
        if lowest < self.energy - self._tie or self.count == 0:
            self.count, self.state = 0, first_state + int(here[0])
        self.energy = min(lowest, self.energy)
        self.count += len(here)


def _block(problem: SelectionProblem, low: int, high: int) -> Float[Array, " states"]:
    """Return the energies of the 2^low states with the upper bits of `high`; infeasible: inf."""
    linear, quadratic = problem.linear, problem.quadratic
    upper = bits(high, problem.d - low).astype(np.float64)
    field = linear[:low] + quadratic[:low, low:] @ upper
    offset = upper @ linear[low:] + 0.5 * upper @ quadratic[low:, low:] @ upper
    energies = energies_of(field, quadratic[:low, :low])
    energies += offset
    if problem.cardinality is not None:
        energies[weights(low) + int(upper.sum()) != problem.cardinality] = np.inf
    return energies
