"""What a search tree searches: the undecided maps of a problem, and what its bounds rest on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.deadline import NEVER, Deadline
from annealcam._internal.types import Array
from annealcam.qubo.problem import SelectionProblem, negatives
from annealcam.qubo.ties import exact_unit, window
from annealcam.samplers.exact.definite import is_definite, lacking_shift
from annealcam.samplers.kernels import RENEWED


@dataclass(frozen=True, eq=False)
class Subproblem:
    """The undecided maps of a problem, at `places` of all maps, once the others are decided.

    `selected` marks the maps that are decided to be in; `energy` is theirs, and `linear` includes
    their couplings. The maps that penalties decide have the energy `offset` instead, which the
    energies of a tree leave out, so that it does not round them. `cardinality` counts the maps
    still to be selected; -1: any number. `tie` is that of `window_of_rounding`, and all energies
    are multiples of `unit` where sums are exact in float64, else it is 0. `shift` is that of
    `convex_diagonal`.
    """

    linear: Float[Array, " d"]
    quadratic: Float[Array, "d d"]
    energy: float
    cardinality: int
    places: Int[Array, " d"]
    selected: Int[Array, " whole"]
    tie: float
    unit: float
    shift: Float[Array, " d"] | None
    offset: float = 0.0

    @classmethod
    def of(
        cls, problem: SelectionProblem, deadline: Deadline = NEVER, most: float = np.inf
    ) -> Subproblem:
        """Return a problem with its maps undecided, but for those that penalties decide.

        Args:
            problem: the problem.
            deadline: of the search.
            most: an energy that some selection has; others may be lost.

        Raises:
            TimeIsUpError: the deadline has passed.

        >>> p = SelectionProblem([1.0, -1e9], np.zeros((2, 2)), beta=0.5)
        >>> Subproblem.of(p).places, Subproblem.of(p, most=0.0).places
        (array([0, 1]), array([0]))
        """
        k, known = problem.cardinality, problem.diagonal
        D = np.full(problem.d, 1.0 - problem.beta) if known is None else known
        unit = exact_unit(problem)
        most += window(problem, most) if np.isfinite(most) else 0.0
        parts = without_penalties(problem, -1 if k is None else k, most)
        linear, quadratic, offset, k, places, selected, size = parts
        shift = _definite_diagonal(linear, quadratic, D[places], known is not None, deadline)
        size += 0.0 if shift is None else float(shift.sum())
        return cls(
            linear, quadratic, 0.0, k, places, selected, window_of_rounding(len(linear), size),
            unit, shift, offset,
        )  # fmt: skip

    def whole(self, n: Int[Array, " d"]) -> Int[Array, " whole"]:
        """Return a selection of the undecided maps together with the decided ones."""
        complete = self.selected.copy()
        complete[self.places] = n
        return complete


def window_of_rounding(d: int, size: float) -> float:
    """Return how far above the best energy a bound must be, so that rounding is no excuse.

    Let S be `size`, the sum of the magnitudes of all coefficients, and u = 2^-53. A step of the
    descent rounds gradients that sum to 2 S at most in magnitude over all maps, their changes and
    x, which sum to S each; a bound takes 3/2 of that, 6 u S. There are K = 2 `RENEWED` + d steps at
    most before a gradient is computed again. Fields, energies and bounds are sums of d terms along
    a path and of d terms at its end. Together that is less than (6 K + 16 d) u S. The best energy
    and that of a leaf err too; three times that is safe.
    """
    return 3 * (12 * RENEWED + 22 * d) * 2.0**-53 * size


def without_penalties(
    problem: SelectionProblem, k: int, most: float
) -> tuple[Array, Array, float, int, Array, Array, float]:
    """Return the parts of a `Subproblem` without penalties, and the magnitude of its coefficients.

    The parts are linear, quadratic, energy, k, places and selected.

    Let N be the sum of the negative coefficients. A selection with a coefficient above `most` - N
    has an energy above `most`: a map of such a linear one is out, and a coupling may have any such
    value, so that it becomes as small as the other coefficients are. In the same way, a map of a
    linear coefficient below N - `most` is in. Otherwise such coefficients would set the size of all
    rounding errors.
    """
    linear, quadratic, energy, bound = problem.linear, problem.quadratic, 0.0, problem.trivial_bound
    places, selected = np.arange(len(linear)), np.zeros(len(linear), np.int8)
    changed, gap = False, np.inf
    while len(linear):
        gap = (most - energy - bound) * (1 + 1e-9)
        out, into = linear > gap, linear < -gap
        free = ~(out | into)
        if free.all():
            break
        energy += float(linear[into].sum() + 0.5 * quadratic[np.ix_(into, into)].sum())
        k -= int(into.sum()) if k >= 0 else 0
        selected[places[into]] = 1
        linear = linear[free] + quadratic[np.ix_(free, into)].sum(axis=1)
        quadratic, places = np.ascontiguousarray(quadratic[np.ix_(free, free)]), places[free]
        bound, changed = negatives(linear, quadratic), True
    if quadratic.max(initial=0.0) > 4 * gap:
        quadratic = np.minimum(quadratic, 2 * gap or float(quadratic[quadratic > 0].min()))
        changed = True
    size = problem.scale
    if changed:
        size = float(np.abs(linear).sum() + 0.5 * np.abs(quadratic).sum())
    return linear, quadratic, energy, k, places, selected, size


def convex_diagonal(
    problem: SelectionProblem, deadline: Deadline = NEVER
) -> Float[Array, " d"] | None:
    """Return a diagonal D for which Q + diag(D) is positive semidefinite, or None.

    It is the problem's own `diagonal`, or else 1 - beta for each map, if J + I is a Gram matrix,
    as for maps without negative values. The matrix is checked, and D is increased as far as the
    rounding of its entries requires, so that bounds hold for any input.

    Raises:
        TimeIsUpError: the deadline has passed.

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
    return _definite_diagonal(problem.linear, problem.quadratic, D, known is not None, deadline)


def _definite_diagonal(
    linear: Float[Array, " d"],
    quadratic: Float[Array, "d d"],
    D: Float[Array, " d"],
    known: bool,
    deadline: Deadline,
) -> Float[Array, " d"] | None:
    size = float(np.abs(linear).max(initial=0.0))
    D = D + max(1e-9 * float(D.max(initial=0.0)), 1e-9 * size, 1e-12)
    matrix = quadratic + np.diag(D)
    if is_definite(matrix, deadline):
        return D
    if not known:
        return None
    scale = float(np.abs(linear).sum() + 0.5 * np.abs(quadratic).sum())
    return D + lacking_shift(matrix, 1e-12 * scale, deadline)
