"""The certified optimum: by enumeration of all selections, or by branch and bound."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.deadline import Deadline, TimeIsUpError
from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.types import Array, Progress
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.energies import bits, energies_of, weights
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.qubo.ties import among, energy_below, has_exact_sums, window
from annealcam.samplers.exact.search_tree import ALL, Tree, branch_and_bound, solution_of
from annealcam.samplers.local import LocalSearch

_BLOCK = 18  # states are enumerated 2^18 at a time: two such arrays stay in the cache
_ENUMERATED = 18  # maps: with no more, a tree takes longer
_SMALL_TREE = 13  # the tree of d maps has 2^(d - 13) nodes at most before they are enumerated
_KICKS = 50  # of the local search before it


@shows_progress
def solve_exact(
    problem: ProblemLike, *, time_limit: float | None = None, progress: ProgressOption = None
) -> ExactSolution:
    """Return the optimum of a problem with its proof, by enumeration or by branch and bound.

    With a cardinality k, the optimum is among the selections of k maps. Up to 18 maps, all
    selections are enumerated, in milliseconds. Up to 24 maps, they are if a small tree is not
    enough, in up to 0.05 s; the result is the same. For more maps, see `branch_and_bound`: hundreds
    of maps of a layer after a ReLU mostly take a fraction of a second, while maps of both signs may
    take long.

    The energies of the best selections are compared exactly, and tie only within the rounding of
    the terms in which they differ, so that penalties of any size do no harm; see docs/large.md.

    Args:
        problem: the selection problem.
        time_limit: seconds; None: unlimited.
        progress: True for a bar, or a function that is called with a description, how much is done
            and how much there is: blocks of selections, or seconds of the time limit (0: unknown).

    Raises:
        ArgumentError: the time limit is not positive, or `progress` is no function.

    >>> x = solve_exact(SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5))
    >>> x.n, x.energy, x.proved, x.multiplicity
    (array([1, 0], dtype=int8), -0.5, True, 1)
    """
    problem = as_problem(problem)
    if problem.d > MAX_ENUMERATED:
        return branch_and_bound(problem, time_limit=time_limit, progress=progress)
    report = reporter(progress)
    deadline = Deadline.after(time_limit).reporting("searching", progress)
    found = _by_small_tree(problem, deadline) if problem.d > _ENUMERATED else None
    return found or _enumerated(problem, deadline, report)


def _by_small_tree(problem: SelectionProblem, deadline: Deadline) -> ExactSolution | None:
    """Return the optimum and all that tie with it by a tree of few nodes, or None."""
    search = LocalSearch(problem, kicks=_KICKS)
    try:
        search.run(deadline)
        tree = Tree.of(problem, search.best, deadline, most=ALL)
        if tree.problem.shift is None:  # its bound is too loose
            return None
        if not (done := tree.root(deadline)):
            tree = tree.smaller(deadline)
            done = tree.visit(1 << (problem.d - _SMALL_TREE))
    except TimeIsUpError:
        return None
    return solution_of(problem, search.best, tree, done=True) if done else None


def _enumerated(problem: SelectionProblem, deadline: Deadline, report: Progress) -> ExactSolution:
    low = min(problem.d, _BLOCK)
    blocks = 1 << (problem.d - low)
    best = _Exact() if blocks > 1 and has_exact_sums(problem) else _Near(problem)
    done = 0
    while done < blocks and (done == 0 or not deadline.passed):
        best.offer(_block(problem, low, done), done << low)
        done += 1
        report("enumerating", done, blocks)
    proved = done == blocks
    state, count = best.settled()
    n = bits(state, problem.d) if count else _most_relevant(problem)
    energy = problem.energy(n)
    return ExactSolution(
        n=n,
        energy=energy,
        lower_bound=min(energy, energy_below(problem, n) if proved else problem.trivial_bound),
        proved=proved,
        multiplicity=max(count, 1),
    )


def _most_relevant(problem: SelectionProblem) -> Int[Array, " d"]:
    """Return the k most relevant maps, if time ran out before any feasible selection."""
    n = np.zeros(problem.d, dtype=np.int8)
    n[np.argsort(-problem.h, kind="stable")[: problem.cardinality]] = 1
    return n


class _Exact:
    """The first state of lowest energy in the blocks so far, and its multiplicity; exact energies.

    It keeps no other states: of problems of whole numbers, millions may tie.
    """

    def __init__(self) -> None:
        self._lowest, self._state, self._count = np.inf, 0, 0

    def offer(self, energies: Float[Array, " states"], first_state: int) -> None:
        lowest = float(energies.min())
        if lowest > self._lowest or lowest == np.inf:
            return
        here = np.flatnonzero(energies == lowest)
        if lowest < self._lowest:
            self._lowest, self._state, self._count = lowest, first_state + int(here[0]), 0
        self._count += len(here)

    def settled(self) -> tuple[int, int]:
        """Return the first state of lowest energy, and the number of states that tie with it."""
        return self._state, self._count


class _Near:
    """The states of the blocks so far that may have the lowest energy or tie with it."""

    def __init__(self, problem: SelectionProblem) -> None:
        self._problem, self._lowest = problem, np.inf
        self._states: list[Int[Array, " near"]] = []
        self._energies: list[Float[Array, " near"]] = []

    def offer(self, energies: Float[Array, " states"], first_state: int) -> None:
        lowest = min(float(energies.min()), self._lowest)
        if lowest == np.inf:  # no selection of this block has the cardinality
            return
        here = np.flatnonzero(energies <= lowest + window(self._problem, lowest))
        self._lowest = lowest
        self._states.append(here + first_state)
        self._energies.append(energies[here])

    def settled(self) -> tuple[int, int]:
        """Return the first state of lowest energy, and the number of states that tie with it."""
        if not self._states:
            return 0, 0
        near = self._states[0]
        if len(self._states) > 1:
            energies = np.concatenate(self._energies)
            within = energies <= self._lowest + window(self._problem, self._lowest)
            near = np.concatenate(self._states)[within]
        found = among(self._problem, near)
        return found.lowest, len(found.places)


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
