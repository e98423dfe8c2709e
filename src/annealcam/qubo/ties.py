"""Which energies are equal: one rule for proofs, multiplicities, F and the gap.

Two selections tie if the difference of their energies is within the rounding of the terms in which
they differ,

    |E(n) - E(m)| <= TIE * (sum of the magnitudes of the terms that are in n or in m, but not both),

where the difference is exact (`exact_sums`). So 0.1 + 0.2 ties with 0.3, and a term of 1e13 in both
does not hide a difference of 1e-13. Where all sums are exact in float64, as for whole numbers, ties
are equal energies. The ground states are the selections that tie with the lowest one.

Few states are compared in this way. With the sum N of the negative coefficients, the terms of a
selection sum to E - 2 N in magnitude at most, whatever the penalties of other selections are. Their
rounding leaves a narrow window above the lowest energy computed in float64, in which there is
mostly one state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from annealcam._internal.types import Array
from annealcam.qubo.energies import bits
from annealcam.qubo.exact_sums import ExactSums, common_unit, lowest_of
from annealcam.qubo.problem import SelectionProblem

_ROUNDING = 2.0**-53  # of one operation in float64

# A coefficient -beta h or (1 - beta) J of decimals has 3 to 5 roundings: of h, J and beta, and of
# the product. A cosine of maps of 7 x 7 values has 49 more.
TIE = 64 * _ROUNDING


@dataclass(frozen=True)
class GroundStates:
    """The places of the ground states among given energies, ascending, and the lowest of them.

    `lowest` is the first place of the lowest exact energy; the others tie with it.
    """

    lowest: int
    places: Int[Array, " ground"]


def ground_states(
    problem: SelectionProblem,
    energies: Float[Array, " states"],
    states: Int[Array, " states"] | None = None,
    *,
    bound: float | None = None,
) -> GroundStates:
    """Return which of the states of a problem are ground states.

    Args:
        problem: the selection problem. With a cardinality only selections of that size count.
        energies: computed in float64 as sums of the coefficients; infinite for states that do not
            count. They may include the penalty of the cardinality.
        states: numbers of the states; None: 0, 1, 2, ...
        bound: sum of the negative coefficients of which `energies` are sums; None:
            `problem.trivial_bound`.

    >>> p = SelectionProblem([-1e9, 0.5, 0.5], np.zeros((3, 3)), beta=0.5)
    >>> ground_states(p, p.energies())
    GroundStates(lowest=6, places=array([6]))
    """
    lowest = float(energies.min())
    near = np.flatnonzero(energies <= lowest + window(problem, lowest, bound))
    return among(problem, near, states)


def among(
    problem: SelectionProblem,
    near: Int[Array, " near"],
    states: Int[Array, " states"] | None = None,
) -> GroundStates:
    """Return which of the states within the `window` of the lowest energy are ground states.

    Args:
        problem: the selection problem. With a cardinality only selections of that size count.
        near: places of all states in the window.
        states: numbers of the states; None: a place is a number.
    """
    if len(near) == 1:
        return GroundStates(int(near[0]), near)
    n = bits(near if states is None else states[near], problem.d)
    if problem.cardinality is not None:
        allowed = problem.feasible(n)
        near, n = near[allowed], n[allowed]
    first, tied = lowest_selections(problem, n)
    return GroundStates(int(near[first]), near[tied])


def lowest_selections(
    problem: SelectionProblem, n: Num[Array, "selections d"]
) -> tuple[int, Bool[Array, " selections"]]:
    """Return the first of the selections of lowest energy, and which of all tie with it.

    >>> p = SelectionProblem([0.1, 0.2, 0.3], np.zeros((3, 3)), beta=1.0)
    >>> lowest_selections(p, np.array([[0, 0, 1], [1, 1, 0], [1, 0, 0]]))
    (1, array([ True,  True, False]))
    """
    used = np.flatnonzero(n.any(axis=0))
    n = n[:, used]
    sums = ExactSums(problem.linear[used], problem.quadratic[np.ix_(used, used)])
    parts = sums.of(n)
    first = int(lowest_of(parts)[0])
    return first, _ties(problem, sums, n, parts - parts[:, [first]], n[first])


def as_good(
    problem: SelectionProblem, n: Num[Array, "*selections d"], best: Num[Array, " d"]
) -> Bool[Array, "*selections"]:
    """Return whether the energy of each selection ties with that of `best`, or is lower.

    >>> p = SelectionProblem([0.1, 0.2, 0.3], np.zeros((3, 3)), beta=1.0)
    >>> as_good(p, np.array([[0, 0, 1], [1, 0, 0]]), np.array([1, 1, 0]))
    array([ True, False])
    """
    n = np.asarray(n)
    rows = n.reshape(math.prod(n.shape[:-1]), problem.d)
    least = float(problem.energy(best))
    energies = problem.energy(rows)
    widths = np.array([window(problem, max(energy, least)) for energy in energies])
    good = energies < least - widths
    open_ = (np.abs(energies - least) <= widths) & (rows != best).any(axis=1)
    good |= (rows == best).all(axis=1)
    if open_.any():
        sums = ExactSums(problem.linear, problem.quadratic)
        change = sums.of(rows[open_]) - sums.of(np.asarray(best)[None])
        ties = _ties(problem, sums, rows[open_], change, best)
        good[open_] = (change.sum(axis=0) <= 0) | ties
    return np.asarray(good.reshape(n.shape[:-1]))


def energy_below(problem: SelectionProblem, n: Num[Array, " d"]) -> float:
    """Return the largest float64 that is not above the exact energy of a selection.

    >>> p = SelectionProblem([-1.0, 2.0**-60], np.zeros((2, 2)), beta=1.0)
    >>> energy_below(p, np.array([1, 1])) == 1.0 - 2.0**-53
    True
    """
    inside = np.flatnonzero(n)
    halves = 0.5 * ((1.0 - problem.beta) * problem.J[inside][:, inside]).ravel()
    terms = (-problem.beta * problem.h[inside]).tolist() + halves.tolist()
    rounded = math.fsum(terms)
    above = math.fsum([rounded, *(-term for term in terms)]) > 0
    return math.nextafter(rounded, -math.inf) if above else rounded


def _ties(
    problem: SelectionProblem,
    sums: ExactSums,
    n: Num[Array, "selections d"],
    change: Float[Array, "parts selections"],
    best: Num[Array, " d"],
) -> Bool[Array, " selections"]:
    difference = np.abs(change.sum(axis=0))  # of exact parts, coarsest first
    if not difference.any() or has_exact_sums(problem):
        return np.asarray(difference == 0)
    return np.asarray(difference <= TIE * sums.magnitudes(n, best))


def has_exact_sums(problem: SelectionProblem) -> bool:
    """Return whether every sum of coefficients is exact in float64, as for whole numbers.

    >>> has_exact_sums(SelectionProblem([3.0], [[0.0]], beta=0.5))
    True
    """
    return exact_unit(problem) > 0


def exact_unit(problem: SelectionProblem) -> float:
    """Return the unit of all energies if every sum of coefficients is exact in float64, else 0.

    It is the largest power of two of which all coefficients are multiples; 1 if all are zero.

    >>> exact_unit(SelectionProblem([3.0], [[0.0]], beta=0.5))
    0.5
    >>> exact_unit(SelectionProblem([1e9, 0.1], np.zeros((2, 2)), beta=0.5))
    0.0
    """
    linear = problem.linear
    unit = common_unit(linear) or math.inf
    if unit < 2.0**-53 * float(np.abs(linear).sum()):  # mostly
        return 0.0
    unit = min(unit, common_unit(problem.quadratic) or math.inf)
    if unit == math.inf:
        return 1.0
    return unit if problem.scale <= 2.0**53 * unit else 0.0


def window(problem: SelectionProblem, energy: float, bound: float | None = None) -> float:
    """Return how far above a low computed energy those may lie that tie with it, or are lower.

    Terms of energies up to E sum to E - 2 `bound` in magnitude at most. Each is rounded at most
    2 d + 8 times, of which 8 allow for the penalty, an offset and a change of units, and the two
    energies of a tie differ by TIE of both sums at most.

    Args:
        problem: the selection problem.
        energy: a computed energy, E.
        bound: sum of the negative coefficients; None: of the problem's.
    """
    bound = problem.trivial_bound if bound is None else bound
    share = 2 * (2 * problem.d + 8) * _ROUNDING + 2 * TIE
    return 1.01 * share * max(energy - 2.0 * bound, 0.0)
