"""Search trees that go on where they were left; the work is in the compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.qubo.problem import SelectionProblem

IN = 1  # a map's status in the kernels; 0 is undecided


@dataclass(frozen=True, eq=False)
class Left:
    """What is left of a problem: the undecided maps, at `places` of all, and the `taken` ones.

    `cardinality` counts the maps that are still to be taken, -1 leaves their number free;
    `energy` is that of the taken maps, and `linear` contains what they cost the others.
    """

    linear: Float[Array, " d"]
    quadratic: Float[Array, "d d"]
    energy: float
    cardinality: int
    places: Int[Array, " d"]
    taken: Int[Array, " whole"]
    tie: float
    shift: float

    @classmethod
    def of(cls, problem: SelectionProblem) -> Left:
        """Return a problem of which nothing is decided.

        >>> Left.of(SelectionProblem([1.0, 0.5], np.zeros((2, 2)), cardinality=1)).cardinality
        1
        """
        k = problem.cardinality
        return cls(
            problem.linear, problem.quadratic, 0.0, -1 if k is None else k, np.arange(problem.d),
            np.zeros(problem.d, dtype=np.int8), problem.tie, shift_of(problem),
        )  # fmt: skip

    def whole(self, n: Int[Array, " d"]) -> Int[Array, " whole"]:
        """Return a selection of the undecided maps together with the taken ones."""
        found = self.taken.copy()
        found[self.places] = n
        return found


def shift_of(problem: SelectionProblem) -> float:
    """Return delta, for which Q + delta I is the Gram matrix of maps that are not negative.

    A little more than 1 - beta, so that rounding cannot make it indefinite.

    >>> bool(0.3 < shift_of(SelectionProblem([1.0], [[0.0]], beta=0.7)) < 0.3001)
    True
    """
    size = float(np.abs(problem.linear).max(initial=0.0))
    return max((1.0 - problem.beta) * (1.0 + 1e-9), 1e-9 * size, 1e-12)


class Tree:
    """Depth first below a root: a level of the stack for every decision that was made.

    `best` is the best selection of the undecided maps, and the energy with the taken ones;
    `counts` are the depth (-1 when done), the nodes visited, and the ties of the best.
    """

    def __init__(
        self, left: Left, n: Int[Array, " d"], lowest: float, *, convex: bool, nodes: int = 0
    ) -> None:
        d = len(left.linear)
        self.left, self.convex = left, convex
        self.best = (n.copy(), np.array([lowest]))
        self.counts = np.array([0, nodes, 0])
        negative = bool((left.quadratic < 0).any())
        self.drops = left.cardinality < 0 and not negative
        self.status = np.zeros((d + 2, d), dtype=np.int8)
        self.field, self.energy = np.zeros((d + 2, d)), np.zeros(d + 2)
        self.field[0], self.energy[0] = left.linear, left.energy
        self.bound = np.full(d + 2, below(left))
        self.turn, self._chosen = np.zeros((2, d + 2), dtype=np.int64)
        self._own = _relaxation(left, n) if convex else (_by_coupling(left.quadratic),)

    def visit(self, budget: int) -> bool:
        """Visit so many nodes; return whether none is left."""
        left = self.left
        common: tuple[Any, ...] = (left.cardinality, self.drops, left.tie)
        if self.convex:
            from annealcam.samplers.kernels.convex import run as relaxed

            stack = (self.status, *self._own, self.field, self.energy, self.bound, self._chosen,
                     self.turn)  # fmt: skip
            return bool(
                relaxed(left.linear, left.quadratic, left.shift, *common, stack, self.best,
                        self.counts, budget)
            )  # fmt: skip
        from annealcam.samplers.kernels.combinatorial import run as charged

        stack = (self.status, self.field, self.energy, self.bound, self._chosen, self.turn)
        return bool(
            charged(left.quadratic, *self._own, *common, stack, self.best, self.counts, budget)
        )

    def smaller(self) -> Tree:
        """Return the tree over the maps that the root left undecided."""
        left, free = self.left, np.flatnonzero(self.status[0] == 0)
        taken = left.whole((self.status[0] == IN).astype(np.int8))
        k = left.cardinality
        return Tree(
            Left(
                self.field[0, free], np.ascontiguousarray(left.quadratic[np.ix_(free, free)]),
                float(self.energy[0]), k if k < 0 else k - int((self.status[0] == IN).sum()),
                left.places[free], taken, left.tie, left.shift,
            ),
            self.best[0][free], float(self.best[1][0]), convex=self.convex,
            nodes=int(self.counts[1]),
        ).bounded(float(self.bound[0]))  # fmt: skip

    def bounded(self, low: float) -> Tree:
        """Take a bound that is known already; return the tree itself."""
        self.bound[0] = max(self.bound[0], low)
        return self

    @property
    def lower_bound(self) -> float:
        """The lowest bound of the branches that are still open."""
        depth = int(self.counts[0])
        still = self.turn[: depth + 1] < 3
        return float(self.bound[: depth + 1][still].min(initial=np.inf))


def below(left: Left) -> float:
    """Return what no energy is below: each coefficient as low as it can make itself.

    >>> below(Left.of(SelectionProblem([1.0, -1.0], np.zeros((2, 2)), beta=0.5)))
    -0.5
    """
    couplings = 0.5 * np.minimum(left.quadratic, 0).sum()
    return float(left.energy + np.minimum(left.linear, 0).sum() + couplings)


def _relaxation(left: Left, n: Int[Array, " d"]) -> tuple[Array, Array]:
    """Where the relaxation of the root begins, and its gradient there."""
    x, g = np.zeros((2, len(n) + 2, len(n)))
    x[0] = n
    g[0] = left.linear - 0.5 * left.shift + left.quadratic @ x[0] + left.shift * x[0]
    return x, g


def _by_coupling(quadratic: Float[Array, "d d"]) -> Int[Array, "d others"]:
    """The other maps of each map, those of lowest coupling first."""
    apart = quadratic + np.diag(np.full(len(quadratic), np.inf))
    return np.ascontiguousarray(np.argsort(apart, axis=1, kind="stable")[:, :-1])
