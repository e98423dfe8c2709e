"""The certified optimum of hundreds of maps: branch and bound, from a good selection."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.samplers.local import local_search

SLICE = 2000  # nodes between two checks of the clock and of Ctrl-C
IN = 1  # status of a selected map in the kernels; 0 is undecided


def branch_and_bound(
    problem: SelectionProblem,
    *,
    start: Int[Array, " d"] | None = None,
    time_limit: float | None = None,
    seed: int = 0,
) -> ExactSolution:
    """Return the optimum of a problem with its proof, or the best selection found and a bound.

    The search is depth first and starts from a selection of `local_search`. Where J + I is a Gram
    matrix (of maps without negative values), with n_p^2 = n_p,

        E(n) = (1 - beta)/2 n (J + I) n - sum_p (beta h_p + (1 - beta)/2) n_p

    is convex: its minimum over [0, 1]^d bounds a node (method `convex`), and maps whose other
    value would lift the bound above the best energy are fixed. Otherwise (maps of both signs) each
    map of a selection of m maps is charged half of its m - 1 lowest couplings (method
    `combinatorial`, the bound of Gilmore and Lawler). Where no coupling is negative, a map that
    raises the energy is excluded for good.

    Ctrl-C ends the search like a time limit: `proved` is then False.

    Args:
        problem: the selection problem, of any number of maps.
        start: a selection to begin with, of the problem's cardinality; a better one makes a
            smaller tree.
        time_limit: seconds; None: unlimited.
        seed: of the local search.

    Source: docs/large.md.

    >>> branch_and_bound(SelectionProblem([1.0, 0.9], [[0.0, 1.0], [1.0, 0.0]], beta=0.5)).n
    array([1, 0], dtype=int8)
    """
    deadline = np.inf if time_limit is None else monotonic() + time_limit
    n = local_search(problem, start=start, seed=seed)
    convex = is_gram(problem)
    tree = Tree(Subproblem.of(problem), n, float(problem.energy(n)), convex=convex)
    done = problem.d == 0
    try:
        if not done and not (done := tree.visit(1)):
            tree = tree.smaller()  # the root decides most maps
        while not done and monotonic() <= deadline:
            done = tree.visit(SLICE)
    except KeyboardInterrupt:
        done = False
    n = min(n, tree.problem.whole(tree.best[0]), key=problem.energy)
    energy = float(problem.energy(n))
    return ExactSolution(
        n=n,
        energy=energy,
        lower_bound=energy if done else min(energy, tree.lower_bound),
        proved=done,
        multiplicity=max(int(tree.counts[2]), 1),
        method="convex" if convex else "combinatorial",
        nodes=int(tree.counts[1]),
    )


def is_gram(problem: SelectionProblem) -> bool:
    """Return whether J + I is positive semidefinite up to rounding, as for non-negative maps.

    >>> is_gram(SelectionProblem([1.0, 1.0], [[0.0, 0.5], [0.5, 0.0]]))
    True
    >>> is_gram(SelectionProblem([1.0, 1.0], [[0.0, 2.0], [2.0, 0.0]]))
    False
    """
    try:
        np.linalg.cholesky(problem.quadratic + diagonal_shift(problem) * np.eye(problem.d))
    except np.linalg.LinAlgError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Subproblem:
    """The undecided maps of a problem, at `places` of all maps, once the others are decided.

    `selected` marks the maps that are decided to be in; `energy` is theirs, and `linear` includes
    their couplings. `cardinality` counts the maps still to be selected; -1: any number.
    """

    linear: Float[Array, " d"]
    quadratic: Float[Array, "d d"]
    energy: float
    cardinality: int
    places: Int[Array, " d"]
    selected: Int[Array, " whole"]
    tie: float
    shift: float

    @classmethod
    def of(cls, problem: SelectionProblem) -> Subproblem:
        """Return a problem with all of its maps undecided.

        >>> Subproblem.of(SelectionProblem([1.0, 0.5], np.zeros((2, 2)), cardinality=1)).cardinality
        1
        """
        k = problem.cardinality
        return cls(
            problem.linear, problem.quadratic, 0.0, -1 if k is None else k, np.arange(problem.d),
            np.zeros(problem.d, dtype=np.int8), problem.tie, diagonal_shift(problem),
        )  # fmt: skip

    def whole(self, n: Int[Array, " d"]) -> Int[Array, " whole"]:
        """Return a selection of the undecided maps together with the decided ones."""
        complete = self.selected.copy()
        complete[self.places] = n
        return complete

    def least_energy(self) -> float:
        """Return a bound on every energy: each negative coefficient counted in full.

        >>> Subproblem.of(SelectionProblem([1.0, -1.0], np.zeros((2, 2)), beta=0.5)).least_energy()
        -0.5
        """
        couplings = 0.5 * np.minimum(self.quadratic, 0).sum()
        return float(self.energy + np.minimum(self.linear, 0).sum() + couplings)


def diagonal_shift(problem: SelectionProblem) -> float:
    """Return delta for which Q + delta I is a Gram matrix if no map has negative values.

    It is slightly above 1 - beta, so that rounding cannot make the matrix indefinite.

    >>> bool(0.3 < diagonal_shift(SelectionProblem([1.0], [[0.0]], beta=0.7)) < 0.3001)
    True
    """
    size = float(np.abs(problem.linear).max(initial=0.0))
    return max((1.0 - problem.beta) * (1.0 + 1e-9), 1e-9 * size, 1e-12)


class Tree:
    """A depth-first search that can be continued: one level of the stack for each decision.

    `best` is the best selection of the undecided maps, and the energy with the decided ones;
    `counts` holds the depth (-1 at the end), the nodes visited, and the ties of the best.
    """

    def __init__(
        self,
        problem: Subproblem,
        n: Int[Array, " d"],
        lowest: float,
        *,
        convex: bool,
        nodes: int = 0,
        bound: float = -np.inf,
    ) -> None:
        d = len(problem.linear)
        self.problem, self.convex = problem, convex
        self.best = (n.copy(), np.array([lowest]))
        self.counts = np.array([0, nodes, 0])
        self.drops = problem.cardinality < 0 and not bool((problem.quadratic < 0).any())
        self.status = np.zeros((d + 2, d), dtype=np.int8)
        self.field, self.energy = np.zeros((d + 2, d)), np.zeros(d + 2)
        self.field[0], self.energy[0] = problem.linear, problem.energy
        self.bound = np.full(d + 2, problem.least_energy())
        self.bound[0] = max(self.bound[0], bound)
        self.turn, self.branched = np.zeros((2, d + 2), dtype=np.int64)
        self.for_bound = _relaxation(problem, n) if convex else (_by_coupling(problem.quadratic),)

    def visit(self, budget: int) -> bool:
        """Visit up to `budget` nodes; return whether the tree is done."""
        p = self.problem
        common: tuple[Any, ...] = (p.cardinality, self.drops, p.tie)
        stack = (self.field, self.energy, self.bound, self.branched, self.turn)
        if self.convex:
            from annealcam.samplers.kernels.convex import run as run_convex

            stack = (self.status, *self.for_bound, *stack)
            return bool(
                run_convex(p.linear, p.quadratic, p.shift, *common, stack, self.best, self.counts,
                           budget)
            )  # fmt: skip
        from annealcam.samplers.kernels.combinatorial import run as run_combinatorial

        return bool(
            run_combinatorial(p.quadratic, *self.for_bound, *common, (self.status, *stack),
                              self.best, self.counts, budget)
        )  # fmt: skip

    def smaller(self) -> Tree:
        """Return the tree over the maps that the root left undecided."""
        problem, free = self.problem, np.flatnonzero(self.status[0] == 0)
        selected = self.status[0] == IN
        k = problem.cardinality
        return Tree(
            Subproblem(
                self.field[0, free], np.ascontiguousarray(problem.quadratic[np.ix_(free, free)]),
                float(self.energy[0]), k if k < 0 else k - int(selected.sum()),
                problem.places[free], problem.whole(selected.astype(np.int8)), problem.tie,
                problem.shift,
            ),
            self.best[0][free], float(self.best[1][0]), convex=self.convex,
            nodes=int(self.counts[1]), bound=float(self.bound[0]),
        )  # fmt: skip

    @property
    def lower_bound(self) -> float:
        """The lowest bound of the branches that are still open."""
        depth = int(self.counts[0])
        still_open = self.turn[: depth + 1] < 3
        return float(self.bound[: depth + 1][still_open].min(initial=np.inf))


def _relaxation(problem: Subproblem, n: Int[Array, " d"]) -> tuple[Array, Array]:
    """Return where the relaxation of the root begins, and its gradient there."""
    x, g = np.zeros((2, len(n) + 2, len(n)))
    x[0] = n
    shift = problem.shift
    g[0] = problem.linear - 0.5 * shift + problem.quadratic @ x[0] + shift * x[0]
    return x, g


def _by_coupling(quadratic: Float[Array, "d d"]) -> Int[Array, "d others"]:
    """Return the other maps of each map in ascending order of their coupling."""
    apart = quadratic + np.diag(np.full(len(quadratic), np.inf))
    return np.ascontiguousarray(np.argsort(apart, axis=1, kind="stable")[:, :-1])
