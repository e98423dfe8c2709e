"""Local search for hundreds of maps: descent by flips and swaps, random kicks, tabu search."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Int

from annealcam._internal.deadline import Deadline, run_in_slices
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.qubo.convert import ProblemLike, ProblemsLike, as_problem, as_problems
from annealcam.qubo.problem import SelectionProblem, check_selection

KICKS = 400  # find the optimum of 99 in 100 layers of 300 to 500 maps; docs/performance.md
ROUNDS, FLIPS = 20, 10  # of tabu search for KICKS kicks: rounds, and flips for each map in a round
KICKING = 0.5  # of a time limit for the search: what kicks may take before tabu search
SPARSE = 0.25  # share of selected maps up to which kicks find more than flips


def local_search(
    problem: ProblemLike,
    *,
    start: Int[Array, " d"] | None = None,
    kicks: int = KICKS,
    time_limit: float | None = None,
    seed: int = 0,
) -> Int[Array, " d"]:
    """Return the best of many selections that no flip and no swap of two maps improves.

    Descent takes the best flip (adding or removing a map) while one lowers the energy, else the
    best swap. A kick then removes up to three maps and adds up to three; the result of the next
    descent is kept if it is at least as good. With a cardinality only swaps are used.

    In general QUBOs, where couplings of both signs let about half of the maps be selected, kicks of
    a few maps mostly miss the optimum. If more than a quarter of the maps are selected and no
    cardinality is set, rounds of tabu search by single flips follow, the number of which is
    proportional to `kicks`; each begins with the best selection after random flips.

    Args:
        problem: the selection problem.
        start: the first selection, of the problem's cardinality; None: no map, or the k maps of
            lowest linear term.
        kicks: number of kicks, to which that of the rounds of tabu search is proportional.
        time_limit: seconds; None: until all kicks and rounds are done.
        seed: of the kicks; equal seeds give equal bits, unless time runs out.

    Raises:
        ArgumentError: the number of kicks is negative, `start` is no selection of the problem, or
            the time limit is not positive.

    >>> local_search(SelectionProblem([1.0, 0.9], [[0.0, 1.0], [1.0, 0.0]], beta=0.5), kicks=3)
    array([1, 0], dtype=int8)
    """
    problem, deadline = as_problem(problem), Deadline.after(time_limit)
    search = LocalSearch(problem, start=start, kicks=kicks, seed=seed)
    search.run(deadline)
    return search.best


class LocalSearch:
    """A local search that a deadline or Ctrl-C may stop; `best` is then the best selection so far.

    The clock and Ctrl-C are checked between slices, which change no bit of the result.
    """

    def __init__(
        self, problem: SelectionProblem, *, start: Any = None, kicks: int = KICKS, seed: int = 0
    ) -> None:
        k = problem.cardinality
        n = np.zeros(problem.d, dtype=np.int8)
        if start is not None:
            n[:] = check_selection("start", start, problem)
        elif k is not None:
            n[np.argsort(problem.linear, kind="stable")[:k]] = 1
        self._linear, self._quadratic, self._k = problem.linear, problem.quadratic, k
        self._kicks = whole("kicks", kicks, least=0)
        self._rng = np.random.default_rng(whole("seed", seed))
        size = float(np.abs(self._linear).max(initial=0.0)) or 1.0
        size = min(size, -problem.trivial_bound or size)  # of low energies, whatever the penalties
        self._least = 1e-12 * size  # a change below it is rounding
        self._n, self._trial, self._change = n, n, np.zeros(2)

    @property
    def best(self) -> Int[Array, " d"]:
        """The best selection so far."""
        return (self._trial if self._change.sum() < 0 else self._n).copy()

    def run(self, deadline: Deadline) -> None:
        """Search until all kicks and rounds are done, or time is up."""
        if not len(self._n):
            return
        self._search_by_kicks(self._kicks, deadline.share(KICKING))
        if self._k is None and self._n.sum() > SPARSE * len(self._n):
            self._search_by_flips(deadline)

    def _search_by_kicks(self, kicks: int, deadline: Deadline) -> None:
        from annealcam.samplers.kernels.search import search

        k, largest = -1 if self._k is None else self._k, float(self._quadratic.max())
        self._trial, self._change = self.best, np.zeros(2)
        field = self._linear + self._quadratic[self._trial == 1].sum(axis=0)
        ends, trial = (self._n, field.copy()), (self._trial, field)
        counts = np.array([kicks, 0])
        self._n[:] = self._trial

        def step(work: int) -> bool:
            return bool(
                search(self._quadratic, largest, k, ends, trial, self._change, counts, self._rng,
                       self._least, work)
            )  # fmt: skip

        run_in_slices(step, deadline)

    def _search_by_flips(self, deadline: Deadline) -> None:
        """Add rounds of tabu search, each from the best selection after random flips."""
        from annealcam.samplers.kernels.tabu import tabu

        d, rng = len(self._n), self._rng
        self._n, self._change = self.best, np.zeros(2)
        for i in range(round(ROUNDS * self._kicks / KICKS)):
            if deadline.passed:
                return
            moved = 0 if i == 0 else max(3, int(d * rng.uniform(0.05, 0.25)))
            tabu(self._linear, self._quadratic, self._n, FLIPS * d, moved, rng, self._least)
        self._search_by_kicks(0, deadline)  # no swap improves the result either


def local_search_many(
    problems: ProblemsLike, *, kicks: int = KICKS, seed: int = 0, workers: int = 1
) -> list[Int[Array, " d"]]:
    """Run `local_search` on each problem, `workers` problems at a time.

    The result does not depend on `workers`: the i-th problem has the seed `seed` + i.

    Raises:
        ArgumentError: `workers` is below 1, or the number of kicks is negative.

    >>> p = SelectionProblem([1.0, 0.9], [[0.0, 1.0], [1.0, 0.0]], beta=0.5)
    >>> [n.tolist() for n in local_search_many([p, p], kicks=3)]
    [[1, 0], [1, 0]]
    """
    problems = as_problems(problems)
    seed = whole("seed", seed)
    with ThreadPoolExecutor(whole("workers", workers, least=1)) as pool:
        selections = pool.map(
            lambda i: local_search(problems[i], kicks=kicks, seed=seed + i), range(len(problems))
        )
        return list(selections)
