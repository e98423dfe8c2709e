"""Local search for hundreds of maps: descent by flips and swaps, random kicks, tabu search."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Int

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.qubo.convert import ProblemLike, ProblemsLike, as_problem, as_problems
from annealcam.qubo.problem import SelectionProblem

KICKS = 400  # find the optimum of 99 in 100 layers of 300 to 500 maps; docs/performance.md
ROUNDS, FLIPS = 20, 10  # of tabu search for KICKS kicks: rounds, and flips for each map in a round
SPARSE = 0.25  # share of selected maps up to which kicks find more than flips


def local_search(
    problem: ProblemLike,
    *,
    start: Int[Array, " d"] | None = None,
    kicks: int = KICKS,
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
        seed: of the kicks; equal seeds give equal bits.

    Raises:
        ArgumentError: the number of kicks is negative.

    >>> local_search(SelectionProblem([1.0, 0.9], [[0.0, 1.0], [1.0, 0.0]], beta=0.5), kicks=3)
    array([1, 0], dtype=int8)
    """
    problem = as_problem(problem)
    from annealcam.samplers.kernels.search import search

    kicks = whole("kicks", kicks, least=0)
    k = problem.cardinality
    n = np.zeros(problem.d, dtype=np.int8)
    if start is not None:
        n[:] = start
    elif k is not None:
        n[np.argsort(problem.linear, kind="stable")[:k]] = 1
    if problem.d == 0:
        return n
    rng = np.random.default_rng(seed)
    least = 1e-12 * float(np.abs(problem.linear).max() or 1.0)  # a change below it is rounding
    search(problem.linear, problem.quadratic, -1 if k is None else k, n, kicks, rng, least)
    if k is None and n.sum() > SPARSE * problem.d:
        _search_by_flips(problem, n, kicks, rng, least)
    return n


def _search_by_flips(
    problem: SelectionProblem, n: Int[Array, " d"], kicks: int, rng: np.random.Generator, tie: float
) -> None:
    """Improve n in place by rounds of tabu search, each from n after random flips."""
    from annealcam.samplers.kernels.search import search
    from annealcam.samplers.kernels.tabu import tabu

    linear, quadratic, d = problem.linear, problem.quadratic, problem.d
    for i in range(round(ROUNDS * kicks / KICKS)):
        moved = 0 if i == 0 else max(3, int(d * rng.uniform(0.05, 0.25)))
        tabu(linear, quadratic, n, FLIPS * d, moved, rng, tie)
    search(linear, quadratic, -1, n, 0, rng, tie)  # no swap improves the result either


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
    with ThreadPoolExecutor(whole("workers", workers, least=1)) as pool:
        selections = pool.map(
            lambda i: local_search(problems[i], kicks=kicks, seed=seed + i), range(len(problems))
        )
        return list(selections)
