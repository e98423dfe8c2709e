"""The certified optimum of hundreds of maps: branch and bound, from a good selection."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.deadline import NEVER, Deadline, TimeIsUpError, run_in_slices
from annealcam._internal.progress import ProgressOption, shows_progress
from annealcam._internal.types import Array
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import SelectionProblem, negatives
from annealcam.qubo.solution import ExactSolution
from annealcam.qubo.ties import energy_below, lowest_selections
from annealcam.samplers.exact.subproblem import Subproblem
from annealcam.samplers.kernels import POOL
from annealcam.samplers.local import KICKS, LocalSearch

START = 0.5  # of the time limit: what the local search may take,
FIRST = 0.5  # and of the rest: what the exact search takes before the bound is raised
LEAST_SLACK = 2e-3  # of the best energy: where raising the bound ends and the proof continues
ROWS = 256  # of a matrix: what is sorted at a time
FEW = 6000  # nodes by the combinatorial bound before the semidefinite one is tried
ALL = 1 << 60  # nodes, operations or ties: no limit
MOST_TIES = 100  # optima of whole numbers that are counted; there may be 2^d
MOST_NEAR = 20_000  # selections within rounding of the best one that are compared exactly
IN = 1  # status of a selected map in the kernels; 0 is undecided


@shows_progress
def branch_and_bound(
    problem: ProblemLike,
    *,
    start: Int[Array, " d"] | None = None,
    time_limit: float | None = None,
    kicks: int = KICKS,
    seed: int = 0,
    progress: ProgressOption = None,
) -> ExactSolution:
    """Return the optimum of a problem with its proof, or the best selection found and a bound.

    The search is depth first and starts from a selection of `local_search`. Let Q be `quadratic`,
    and D the problem's `diagonal`, or 1 - beta for each map, with which Q is a Gram matrix for
    maps without negative values. If Q + diag(D) is positive semidefinite, then with n_p^2 = n_p,

        E(n) = n (Q + diag(D)) n / 2 + sum_p (linear_p - D_p / 2) n_p

    is convex: its minimum over [0, 1]^d bounds a node (method `convex`), and maps whose other
    value would lift the bound above the best energy are fixed. Otherwise (maps of both signs
    without a diagonal) each map of a selection of m maps is charged half of its m - 1 lowest
    couplings (method `combinatorial`, the bound of Gilmore and Lawler). Where no coupling is
    negative, a map that raises the energy is excluded for good. If this takes more than some
    thousand nodes, and a semidefinite bound is closer, the search starts again with that bound and
    triangle inequalities (method `semidefinite`).

    Nodes are closed only where their bound is above the best energy by more than the rounding of
    both, and the selections within rounding of the best are compared exactly (`qubo.ties`). If
    there are more than 20,000 of them, `proved` is False.

    Ctrl-C ends the search like a time limit: `proved` is then False.

    Args:
        problem: the selection problem, of any number of maps.
        start: a selection to begin with, of the problem's cardinality; a better one makes a
            smaller tree.
        time_limit: seconds; None: unlimited.
        kicks: of the local search; 0 if `start` is the result of one.
        seed: of the local search.
        progress: as for `solve_exact`.

    Source: docs/large.md.

    >>> branch_and_bound(SelectionProblem([1.0, 0.9], [[0.0, 1.0], [1.0, 0.0]], beta=0.5)).n
    array([1, 0], dtype=int8)
    """
    problem = as_problem(problem)
    import annealcam._internal.compilation  # noqa: F401  # its time is not that of the search

    deadline = Deadline.after(time_limit).reporting("searching", progress)
    search = LocalSearch(problem, start=start, kicks=kicks, seed=seed)
    tree, done, interrupted = None, problem.d == 0, False
    try:
        search.run(deadline.share(START))
        tree = Tree.of(problem, search.best, deadline)
        if not done and not (done := tree.root(deadline)):
            tree = tree.smaller(deadline)  # the root decides most maps
        if not done and tree.problem.shift is None:
            from annealcam.samplers.general.proof import semidefinite_proof

            if not (done := tree.begin(FEW, deadline.share(FIRST))):
                n = min(search.best, tree.problem.whole(tree.best[0]), key=problem.energy)
                proof = semidefinite_proof(problem, n, tree.lower_bound, deadline)
                if proof is not None:
                    return proof
        if not done and not (done := tree.search(deadline.share(FIRST))):
            raised_bound(tree, deadline)
            done = tree.search(deadline)
    except (KeyboardInterrupt, TimeIsUpError) as stop:
        interrupted = isinstance(stop, KeyboardInterrupt)
    if tree is None:
        return _unproved(problem, search.best, interrupted)
    return solution_of(problem, search.best, tree, done=done, interrupted=interrupted)


def solution_of(
    problem: SelectionProblem,
    n: Int[Array, " d"],
    tree: Tree,
    *,
    done: bool,
    interrupted: bool = False,
) -> ExactSolution:
    """Return the best of a selection n and of those that a tree kept, by exact comparison.

    Args:
        problem: the problem of the tree.
        n: a selection.
        tree: the tree.
        done: whether it is done.
        interrupted: whether Ctrl-C ended it.
    """
    rows = np.concatenate([tree.near(), n[None].astype(np.int8)])
    keys = np.packbits(rows[:, ::-1], axis=1)  # as bytes, in the order of states
    places = {key.tobytes(): place for place, key in enumerate(keys)}
    rows = rows[[places[key] for key in sorted(places)]]
    first, tied = lowest_selections(problem, rows)
    energy, proved = float(problem.energy(rows[first])), done and tree.is_complete
    bound = energy_below(problem, rows[first]) if proved else tree.lower_bound
    return ExactSolution(
        n=rows[first],
        energy=energy,
        lower_bound=min(energy, bound),
        proved=proved,
        multiplicity=int(tied.sum()),
        method="combinatorial" if tree.problem.shift is None else "convex",
        nodes=int(tree.counts[1]),
        interrupted=interrupted,
    )


def _unproved(problem: SelectionProblem, n: Int[Array, " d"], interrupted: bool) -> ExactSolution:
    """Return a selection with the bound that needs no tree."""
    energy, bound = float(problem.energy(n)), problem.trivial_bound
    return ExactSolution(
        n, energy, min(energy, bound), False, 1, "coefficients", interrupted=interrupted
    )


def raised_bound(tree: Tree, deadline: Deadline) -> float:
    """Return a lower bound on all energies, from searches that stop short of a proof.

    A depth-first search that is stopped mostly leaves the bound of its root. One that closes each
    node whose bound is above the best energy less a slack, however, ends soon if the slack is
    large, and then proves that no selection is lower by more than the slack. It begins with half
    of the gap, and is halved until time is up or it is small. Better selections found on the way
    are those of the tree as well.
    """
    n, lowest = tree.best[:2]
    first = lowest[0]
    least = max(LEAST_SLACK * abs(first), 100 * tree.problem.tie)
    nothing = np.zeros((0, len(n)), dtype=np.int8), np.zeros(0), np.zeros(1, dtype=np.int64)
    try:
        while (slack := (lowest[0] + tree.problem.offset - tree.lower_bound) / 2) > least:
            coarse = Tree(tree.problem, n, first, slack=slack, order=tree.order)
            coarse.best = (n, lowest, *nothing)
            done = coarse.search(deadline)
            tree.counts[1] += coarse.counts[1]
            if not done:
                break
            tree.raised = lowest[0] - slack - tree.problem.tie
    finally:
        if lowest[0] < first:
            tree.counts[2] = 0  # ties of the former best
    return tree.lower_bound


class Tree:
    """A depth-first search that can be continued: one level of the stack for each decision.

    `best` is the best selection of the undecided maps, the energy with the decided ones, and what
    the kernels' `keep` and `limit_of` need; `raised` is a bound that other searches have proved;
    `counts` holds the depth (-1 at the end), the nodes visited, and the number of selections near
    the best one, of which `most` are looked for. Branches whose bound is above the best energy less
    the `slack` are closed.
    """

    def __init__(
        self,
        problem: Subproblem,
        n: Int[Array, " d"],
        lowest: float,
        *,
        nodes: int = 0,
        bound: float = -np.inf,
        slack: float = 0.0,
        order: Int[Array, "d others"] | None = None,
        deadline: Deadline = NEVER,
        most: int | None = None,
    ) -> None:
        d = len(problem.linear)
        self.problem, self.slack, self._most = problem, slack, most
        self.best = self._first(n, lowest, POOL if slack == 0.0 else 0)
        self._near: list[tuple[Array, Array]] = []
        self.counts = np.array([0, nodes, 0, 0])
        self.drops = problem.cardinality < 0 and not bool((problem.quadratic < 0).any())
        self.status = np.zeros((d + 2, d), dtype=np.int8)
        self.field, self.energy = np.zeros((d + 2, d)), np.zeros(d + 2)
        self.field[0], self.energy[0] = problem.linear, problem.energy
        least = problem.energy + negatives(problem.linear, problem.quadratic)
        self.bound = np.full(d + 2, least)
        self.bound[0] = max(self.bound[0], bound)
        self.turn, self.branched, self.age = np.zeros((3, d + 2), dtype=np.int64)
        self.raised, self.order = -np.inf, order
        if problem.shift is None and order is None:
            self.order = _by_coupling(problem.quadratic, deadline)
        self.for_bound = (
            (self.order,) if problem.shift is None else _relaxation(problem, problem.shift, n)
        )

    @classmethod
    def of(
        cls,
        problem: SelectionProblem,
        n: Int[Array, " d"],
        deadline: Deadline,
        most: int | None = None,
    ) -> Tree:
        """Return the tree of a problem, from a selection.

        Raises:
            TimeIsUpError: the deadline has passed.
        """
        whole = Subproblem.of(problem, deadline, float(problem.energy(n)))
        n = n[whole.places]
        energy = float((whole.linear + 0.5 * whole.quadratic @ n) @ n)
        return cls(whole, n, energy, deadline=deadline, most=most)

    def _first(self, n: Int[Array, " d"], lowest: float, pool: int) -> tuple[Array, ...]:
        exact = 0 < self.problem.unit / 2 >= self.problem.tie
        step = self.problem.unit / 2 if exact else self.problem.tie
        most = self._most or (MOST_TIES if exact else MOST_NEAR)
        self._is_exact = exact
        return (
            n.astype(np.int8), np.array([lowest, step, most, np.inf]),
            np.empty((pool, len(n)), dtype=np.int8), np.empty(pool), np.zeros(1, dtype=np.int64),
        )  # fmt: skip

    @property
    def is_complete(self) -> bool:
        """Whether no selection near the best one was left out that may be lower."""
        lowest, _, _, least = self.best[1]
        return self._is_exact or bool(lowest + self.problem.tie < least)

    def near(self) -> Int[Array, "selections whole"]:
        """Return all selections within rounding of the best one that were visited, and this one."""
        self._empty_pool()
        rows = np.concatenate([self.best[0][None], *(rows for rows, _ in self._near)])
        whole = np.repeat(self.problem.selected[None], len(rows), axis=0)
        whole[:, self.problem.places] = rows
        return whole

    def _empty_pool(self) -> None:
        _, lowest, pool, values, kept = self.best
        self._near.append((pool[: kept[0]].copy(), values[: kept[0]].copy()))
        kept[0] = 0
        most = lowest[0] + self.problem.tie
        self._near = [
            (rows[near], values[near])
            for rows, values in self._near
            if (near := values <= most).any()
        ]

    def visit(self, budget: int = ALL, work: int = ALL) -> bool:
        """Visit up to `budget` nodes, or do some `work`; return whether the tree is done."""
        self.counts[3] = work
        while not (done := self._run(budget)) and 2 * self.best[4][0] > POOL:
            self._empty_pool()
        return done

    def _run(self, budget: int) -> bool:
        p = self.problem
        common: tuple[Any, ...] = (p.cardinality, self.drops, p.tie, self.slack)
        stack = (self.field, self.energy, self.bound, self.branched, self.turn)
        if p.shift is not None:
            from annealcam.samplers.kernels.convex import run as run_convex

            stack = (self.status, *self.for_bound, *stack, self.age)
            return bool(
                run_convex(p.linear, p.quadratic, p.shift, *common, stack, self.best, self.counts,
                           budget)
            )  # fmt: skip
        from annealcam.samplers.kernels.combinatorial import run as run_combinatorial

        return bool(
            run_combinatorial(p.quadratic, *self.for_bound, *common, (self.status, *stack),
                              self.best, self.counts, budget)
        )  # fmt: skip

    def root(self, deadline: Deadline) -> bool:
        """Visit the root; return whether the tree is done.

        Raises:
            TimeIsUpError: the deadline has passed before the root is decided.
        """

        def step(work: int) -> bool:
            return self.visit(1, work) or bool(self.turn[0])

        if not run_in_slices(step, deadline):
            raise TimeIsUpError
        return int(self.counts[0]) < 0

    def begin(self, most: int, deadline: Deadline) -> bool:
        """Visit nodes until there are `most`, or time is up; return whether the tree is done."""

        def step(work: int) -> bool:
            self.visit(most - int(self.counts[1]), work)
            return int(self.counts[0]) < 0 or int(self.counts[1]) >= most

        run_in_slices(step, deadline)
        return int(self.counts[0]) < 0

    def search(self, deadline: Deadline) -> bool:
        """Visit nodes until the tree is done or time is up; return which."""
        return run_in_slices(lambda work: self.visit(work=work), deadline)

    def smaller(self, deadline: Deadline = NEVER) -> Tree:
        """Return the tree over the maps that the root left undecided."""
        problem, free = self.problem, np.flatnonzero(self.status[0] == 0)
        selected = self.status[0] == IN
        k = problem.cardinality
        return Tree(
            Subproblem(
                self.field[0, free], np.ascontiguousarray(problem.quadratic[np.ix_(free, free)]),
                float(self.energy[0]), k if k < 0 else k - int(selected.sum()),
                problem.places[free], problem.whole(selected.astype(np.int8)), problem.tie,
                problem.unit, None if problem.shift is None else problem.shift[free],
                problem.offset,
            ),
            self.best[0][free], float(self.best[1][0]),
            nodes=int(self.counts[1]), bound=float(self.bound[0]), deadline=deadline,
            most=self._most,
        )  # fmt: skip

    @property
    def lower_bound(self) -> float:
        """The lowest bound of the branches that are still open, or the raised bound if higher.

        Less the rounding, and not above the branches that were closed since too many ties were met.
        """
        depth = int(self.counts[0])
        still_open = self.turn[: depth + 1] < 3
        lowest = float(self.bound[: depth + 1][still_open].min(initial=np.inf))
        if not self._is_exact:
            lowest = min(lowest, float(self.best[1][3]))
        bound = max(lowest - self.problem.tie, self.raised) + self.problem.offset
        return math.nextafter(bound, -math.inf) if self.problem.offset else bound


def _relaxation(
    problem: Subproblem, shift: Float[Array, " d"], n: Int[Array, " d"]
) -> tuple[Array, Array]:
    """Return where the relaxation of the root begins, and its gradient there."""
    x, g = np.zeros((2, len(n) + 2, len(n)))
    x[0] = n
    g[0] = problem.linear - 0.5 * shift + problem.quadratic @ x[0] + shift * x[0]
    return x, g


def _by_coupling(quadratic: Float[Array, "d d"], deadline: Deadline) -> Int[Array, "d others"]:
    """Return the other maps of each map in ascending order of their coupling."""
    d = len(quadratic)
    order = np.empty((d, max(d - 1, 0)), dtype=np.int64)
    for first in range(0, d, ROWS):
        deadline.check()
        rows = quadratic[first : first + ROWS].copy()
        rows[np.arange(len(rows)), np.arange(first, first + len(rows))] = np.inf
        order[first : first + ROWS] = np.argsort(rows, axis=1, kind="stable")[:, :-1]
    return order
