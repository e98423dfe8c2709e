"""Energies as exact sums of their terms: in order, without rounding, however large a penalty is.

A float64 is a multiple of a power of two. Let S be the sum of the magnitudes of all coefficients
and g the smallest power of two with S <= 2^52 g. Every coefficient c is split into the nearest
multiple of g and a rest of at most g / 2; the rests are split in the same way until nothing is
left. All partial sums of one part are multiples of its g below 2^52 g, which float64 holds, so that
sums of products with 0 and 1 are exact in any order, even by BLAS. Most problems need two or three
parts, whole numbers a single one.

The parts of an energy become unique by carrying: a part below the first one lies in [-g/2, g/2) of
the part before. Energies then compare as the tuples of their parts.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int, Num

from annealcam._internal.types import Array
from annealcam.errors import NumericalError

_BITS = 52  # sums stay below 2^52 units, one bit below what float64 holds
_LEAST = math.ulp(0.0)
_ROWS = 1 << 13  # selections at a time, for few arrays of a few MB


class ExactSums:
    """The energies of selections as exact sums.

    Args:
        linear: coefficient of n_p, (d,).
        quadratic: coefficient of n_p n_q, symmetric with a zero diagonal, (d, d).

    Raises:
        NumericalError: the sum of the magnitudes of all coefficients is beyond float64.

    >>> sums = ExactSums(np.array([1e16, 1.0, -1e16]), np.zeros((3, 3)))
    >>> sums.energy(np.array([1, 1, 1]))
    1.0
    """

    def __init__(self, linear: Float[Array, " d"], quadratic: Float[Array, "d d"]) -> None:
        self._linear, self._quadratic = linear, quadratic
        self._parts: list[tuple[Float[Array, " d"], Float[Array, "d d"]]] = []
        grids = []
        while (total := _magnitude(linear, quadratic)) > 0:
            if not math.isfinite(total):
                raise NumericalError(
                    "problem: the sum of its coefficients is beyond the largest number of float64; "
                    "divide h and J by a power of ten"
                )
            grid = max(math.ldexp(1.0, math.frexp(total * (1 + 1e-6))[1] - _BITS), _LEAST)
            part = np.rint(linear / grid) * grid, np.rint(quadratic / grid) * grid
            linear, quadratic = linear - part[0], quadratic - part[1]
            self._parts.append(part)
            grids.append(grid)
        self._grids = grids

    def of(self, n: Num[Array, "selections d"]) -> Float[Array, "parts selections"]:
        """Return the energies of selections as parts, the coarsest first, which order them.

        >>> sums = ExactSums(np.array([1.0, 2.0**-60]), np.zeros((2, 2)))
        >>> sums.of(np.array([[1, 0], [1, 1]])).tolist()
        [[1.0, 1.0], [0.0, 8.673617379884035e-19]]
        """
        parts = np.zeros((max(len(self._parts), 1), len(n)))
        for first in range(0, len(n), _ROWS):
            rows = n[first : first + _ROWS].astype(np.float64)
            for i, (linear, quadratic) in enumerate(self._parts):
                pairs = ((rows @ quadratic) * rows).sum(axis=1)
                parts[i, first : first + _ROWS] = 0.5 * pairs + rows @ linear
        for i in range(len(self._parts) - 1, 0, -1):
            share = parts[i] / self._grids[i - 1]
            carried = np.rint(share)
            carried[share - carried == 0.5] += 1.0
            carried *= self._grids[i - 1]
            parts[i] -= carried
            parts[i - 1] += carried
        return parts

    def energy(self, n: Num[Array, " d"]) -> float:
        """Return the energy of one selection, correctly rounded."""
        return math.fsum(self.of(n[None])[:, 0])

    def magnitudes(
        self, n: Num[Array, "selections d"], other: Num[Array, " d"]
    ) -> Float[Array, " selections"]:
        """Return the sums of the magnitudes of the terms that are in one of two selections only.

        The sums have no negative terms, so that large terms of both selections do not disturb them.

        >>> sums = ExactSums(np.array([1e9, 0.5, -0.25]), np.zeros((3, 3)))
        >>> sums.magnitudes(np.array([[1, 1, 0]]), np.array([1, 0, 1]))
        array([0.75])
        """
        linear, quadratic = np.abs(self._linear), np.abs(self._quadratic)
        total = np.empty(len(n))
        for first in range(0, len(n), _ROWS):
            rows = n[first : first + _ROWS].astype(np.float64)
            both = rows * other
            gone, come = other - both, rows - both
            coupled, come_coupled = gone @ quadratic, come @ quadratic
            total[first : first + _ROWS] = (
                (gone + come) @ linear
                + ((coupled + come_coupled) * both).sum(axis=1)
                + 0.5 * (coupled * gone + come_coupled * come).sum(axis=1)
            )
        return total


def _magnitude(linear: Float[Array, " d"], quadratic: Float[Array, "d d"]) -> float:
    with np.errstate(over="ignore"):
        return float(np.abs(linear).sum() + np.abs(quadratic).sum())


def lowest_of(parts: Float[Array, "parts selections"]) -> Int[Array, " lowest"]:
    """Return the places of the lowest of exact energies, ascending.

    >>> lowest_of(np.array([[1.0, 1.0, 2.0], [0.5, 0.25, 0.0]]))
    array([1])
    """
    places = np.arange(parts.shape[1])
    for part in parts:
        values = part[places]
        places = places[values == values.min()]
    return places


def common_unit(coefficients: Float[Array, "..."]) -> float:
    """Return the largest power of two of which all coefficients are multiples; 0 if all are zero.

    >>> common_unit(np.array([1.5, 0.0]))
    0.5
    """
    mantissa, exponent = np.frexp(coefficients[coefficients != 0])
    if len(exponent) == 0:
        return 0.0
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    lowest_bit = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return math.ldexp(1.0, int((exponent + lowest_bit).min()) - 53)
