"""The certified optimum of hundreds of maps: branch and bound, from a good selection."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.samplers.local import KICKS, local_search

SLICE = 500  # nodes between two checks of the clock and of Ctrl-C
FIRST = 0.5  # of the time limit: what the exact search takes before the bound is raised
LEAST_SLACK = 2e-3  # of the best energy: where raising the bound ends and the proof continues
IN = 1  # status of a selected map in the kernels; 0 is undecided


def branch_and_bound(
    problem: ProblemLike,
    *,
    start: Int[Array, " d"] | None = None,
    time_limit: float | None = None,
    kicks: int = KICKS,
    seed: int = 0,
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
    negative, a map that raises the energy is excluded for good.

    Ctrl-C ends the search like a time limit: `proved` is then False.

    Args:
        problem: the selection problem, of any number of maps.
        start: a selection to begin with, of the problem's cardinality; a better one makes a
            smaller tree.
        time_limit: seconds; None: unlimited.
        kicks: of the local search; 0 if `start` is the result of one.
        seed: of the local search.

    Source: docs/large.md.

    >>> branch_and_bound(SelectionProblem([1.0, 0.9], [[0.0, 1.0], [1.0, 0.0]], beta=0.5)).n
    array([1, 0], dtype=int8)
    """
    problem = as_problem(problem)
    began = monotonic()
    limit = np.inf if time_limit is None else time_limit
    n = local_search(problem, start=start, kicks=kicks, seed=seed)
    tree = Tree(Subproblem.of(problem), n, float(problem.energy(n)))
    done = problem.d == 0
    bound = -np.inf
    try:
        if not done and not (done := tree.visit(1)):
            tree = tree.smaller()  # the root decides most maps
        if not done and not (done := tree.search(began + FIRST * limit)):
            bound = raised_bound(tree, began + limit)
            done = tree.search(began + limit)
    except KeyboardInterrupt:
        done = False
    n = min(n, tree.problem.whole(tree.best[0]), key=problem.energy)
    energy = float(problem.energy(n))
    return ExactSolution(
        n=n,
        energy=energy,
        lower_bound=energy if done else min(energy, max(bound, tree.lower_bound)),
        proved=done,
        multiplicity=max(int(tree.counts[2]), 1),
        method="combinatorial" if tree.problem.shift is None else "convex",
        nodes=int(tree.counts[1]),
    )


def raised_bound(tree: Tree, deadline: float) -> float:
    """Return a lower bound on all energies, from searches that stop short of a proof.

    A depth-first search that is stopped mostly leaves the bound of its root. One that closes each
    node whose bound is above the best energy less a slack, however, ends soon if the slack is
    large, and then proves that no selection is lower by more than the slack. It begins with half
    of the gap, and is halved until time is up or it is small. Better selections found on the way
    are those of the tree as well.
    """
    n, lowest = tree.best
    first, bound = lowest[0], tree.lower_bound
    least = max(LEAST_SLACK * abs(first), 100 * tree.problem.tie)
    while (slack := (lowest[0] - bound) / 2) > least:
        coarse = Tree(tree.problem, n, first, slack=slack)
        coarse.best = tree.best
        done = coarse.search(deadline)
        tree.counts[1] += coarse.counts[1]
        if not done:
            break
        bound = lowest[0] - slack
    if lowest[0] < first:
        tree.counts[2] = 0  # ties of the former best
    return float(bound)


@dataclass(frozen=True, eq=False)
class Subproblem:
    """The undecided maps of a problem, at `places` of all maps, once the others are decided.

    `selected` marks the maps that are decided to be in; `energy` is theirs, and `linear` includes
    their couplings. `cardinality` counts the maps still to be selected; -1: any number. `shift`
    is that of `convex_diagonal`.
    """

    linear: Float[Array, " d"]
    quadratic: Float[Array, "d d"]
    energy: float
    cardinality: int
    places: Int[Array, " d"]
    selected: Int[Array, " whole"]
    tie: float
    shift: Float[Array, " d"] | None

    @classmethod
    def of(cls, problem: SelectionProblem) -> Subproblem:
        """Return a problem with all of its maps undecided.

        >>> Subproblem.of(SelectionProblem([1.0, 0.5], np.zeros((2, 2)), cardinality=1)).cardinality
        1
        """
        k = problem.cardinality
        return cls(
            problem.linear, problem.quadratic, 0.0, -1 if k is None else k, np.arange(problem.d),
            np.zeros(problem.d, dtype=np.int8), problem.tie, convex_diagonal(problem),
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


def convex_diagonal(problem: SelectionProblem) -> Float[Array, " d"] | None:
    """Return a diagonal D for which Q + diag(D) is positive semidefinite, or None.

    It is the problem's own `diagonal`, or else 1 - beta for each map, if J + I is a Gram matrix,
    as for maps without negative values. The matrix is checked, and D is increased as far as the
    rounding of its entries requires, so that bounds hold for any input.

    >>> convex_diagonal(SelectionProblem([1.0, 1.0], [[0.0, 0.5], [0.5, 0.0]], beta=0.5)).round(6)
    array([0.5, 0.5])
    >>> steep = [[0.0, -2.0], [-2.0, 0.0]]
    >>> convex_diagonal(SelectionProblem([1.0, 1.0], steep, beta=0.5)) is None
    True
    >>> convex_diagonal(SelectionProblem([1.0, 1.0], steep, beta=0.5, diagonal=[0.5, 2])).round(6)
    array([0.5, 2. ])
    """
    known = problem.diagonal
    D = np.full(problem.d, 1.0 - problem.beta) if known is None else known
    size = float(np.abs(problem.linear).max(initial=0.0))
    D = D + max(1e-9 * float(D.max(initial=0.0)), 1e-9 * size, 1e-12)
    try:
        np.linalg.cholesky(problem.quadratic + np.diag(D))
    except np.linalg.LinAlgError:
        if known is None:
            return None
        least = float(np.linalg.eigvalsh(problem.quadratic + np.diag(D))[0])
        return np.asarray(D + (1e-12 * problem.scale - least))
    return D


class Tree:
    """A depth-first search that can be continued: one level of the stack for each decision.

    `best` is the best selection of the undecided maps, and the energy with the decided ones;
    `counts` holds the depth (-1 at the end), the nodes visited, and the ties of the best. Branches
    whose bound is above the best energy less the `slack` are closed.
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
    ) -> None:
        d = len(problem.linear)
        self.problem, self.slack = problem, slack
        self.best = (n.copy(), np.array([lowest]))
        self.counts = np.array([0, nodes, 0])
        self.drops = problem.cardinality < 0 and not bool((problem.quadratic < 0).any())
        self.status = np.zeros((d + 2, d), dtype=np.int8)
        self.field, self.energy = np.zeros((d + 2, d)), np.zeros(d + 2)
        self.field[0], self.energy[0] = problem.linear, problem.energy
        self.bound = np.full(d + 2, problem.least_energy())
        self.bound[0] = max(self.bound[0], bound)
        self.turn, self.branched = np.zeros((2, d + 2), dtype=np.int64)
        self.for_bound = (
            (_by_coupling(problem.quadratic),)
            if problem.shift is None
            else _relaxation(problem, problem.shift, n)
        )

    def visit(self, budget: int) -> bool:
        """Visit up to `budget` nodes; return whether the tree is done."""
        p = self.problem
        common: tuple[Any, ...] = (p.cardinality, self.drops, p.tie, self.slack)
        stack = (self.field, self.energy, self.bound, self.branched, self.turn)
        if p.shift is not None:
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

    def search(self, deadline: float) -> bool:
        """Visit nodes until the tree is done or the clock is at `deadline`; return which."""
        done = False
        while not done and monotonic() <= deadline:
            done = self.visit(SLICE)
        return done

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
                None if problem.shift is None else problem.shift[free],
            ),
            self.best[0][free], float(self.best[1][0]),
            nodes=int(self.counts[1]), bound=float(self.bound[0]),
        )  # fmt: skip

    @property
    def lower_bound(self) -> float:
        """The lowest bound of the branches that are still open."""
        depth = int(self.counts[0])
        still_open = self.turn[: depth + 1] < 3
        return float(self.bound[: depth + 1][still_open].min(initial=np.inf))


def _relaxation(
    problem: Subproblem, shift: Float[Array, " d"], n: Int[Array, " d"]
) -> tuple[Array, Array]:
    """Return where the relaxation of the root begins, and its gradient there."""
    x, g = np.zeros((2, len(n) + 2, len(n)))
    x[0] = n
    g[0] = problem.linear - 0.5 * shift + problem.quadratic @ x[0] + shift * x[0]
    return x, g


def _by_coupling(quadratic: Float[Array, "d d"]) -> Int[Array, "d others"]:
    """Return the other maps of each map in ascending order of their coupling."""
    apart = quadratic + np.diag(np.full(len(quadratic), np.inf))
    return np.ascontiguousarray(np.argsort(apart, axis=1, kind="stable")[:, :-1])
