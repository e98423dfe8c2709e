"""The convex relaxation of a problem: a bound on its energies, and the maps that it favours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.samplers.exact.subproblem import convex_diagonal

TOLERANCE = 1e-6  # of the largest linear coefficient


@dataclass(frozen=True, eq=False, repr=False)
class Relaxation:
    """The minimum of the convex energy over {0 <= x <= 1, sum x = k}.

    Attributes:
        x: where it is, (d,).
        gradient: of the energy there, (d,).
        lower_bound: no selection of k maps has a lower energy.
    """

    x: Float[Array, " d"]
    gradient: Float[Array, " d"]
    lower_bound: float

    def __repr__(self) -> str:
        return short_repr("Relaxation", d=len(self.x), lower_bound=self.lower_bound)

    def most_promising(self, count: int) -> Int[Array, " count"]:
        """Return the places of `count` maps, ascending: those of largest x, then of least gradient.

        By convexity, selecting a map of x = 0 and gradient g_p instead of one of 0 < x < 1 and
        gradient g raises the bound by g_p - g, so that these are the maps that the best selection
        most likely consists of.
        """
        return np.sort(np.lexsort((self.gradient, -self.x.round(9)))[:count])


def relax(problem: ProblemLike) -> Relaxation:
    """Return the convex relaxation of a problem with a cardinality and a known diagonal.

    With n_p^2 = n_p, E(n) = 1/2 n (Q + diag(D)) n + (l - D/2) n. The minimum over
    {0 <= x <= 1, sum x = k} bounds the energies of all selections. The bound holds whether or not
    the minimum has been reached: E(n) >= E(x) + min over selections of gradient (n - x).

    Args:
        problem: with a cardinality; Q + diag(D) is positive semidefinite for its diagonal D, or
            for D = 1 - beta.

    Raises:
        ArgumentError: there is no cardinality, or no such diagonal is known.

    >>> from annealcam.qubo import SelectionProblem
    >>> h, J = [1.0, 0.9, 0.1], np.zeros((3, 3))
    >>> p = SelectionProblem(h, J, beta=0.5, cardinality=1, diagonal=np.zeros(3))
    >>> found = relax(p)
    >>> found.x.round(2), round(found.lower_bound, 6)
    (array([1., 0., 0.]), -0.5)
    """
    problem = as_problem(problem)
    from annealcam.samplers.kernels.convex import minimise

    k, D = problem.cardinality, convex_diagonal(problem)
    if k is None or D is None:
        lacking = (
            "has no cardinality; relax(problem.with_cardinality(k)) bounds the selections of k maps"
            if k is None
            else "has no diagonal that is known to make its energy convex; give one to "
            "SelectionProblem(..., diagonal=D), or bound it by solve_exact(problem, time_limit=10)"
        )
        raise ArgumentError(f"problem: {lacking}")
    x = np.zeros(problem.d)
    x[np.argsort(problem.linear, kind="stable")[:k]] = 1.0
    linear = problem.linear - 0.5 * D
    gradient = linear + problem.quadratic @ x + D * x
    size = float(np.abs(problem.linear).max(initial=0.0))
    bound = minimise(problem.linear, problem.quadratic, D, x, gradient, TOLERANCE * size)
    return Relaxation(x, gradient, float(bound))
