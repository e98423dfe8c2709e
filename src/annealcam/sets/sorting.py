"""The fewest rows of a matrix whose sum exceeds one of several margins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array


class Found(NamedTuple):
    """A set of rows and whether all better sets are ruled out; None if no set was found."""

    rows: Int[Array, " k"] | None
    proved: bool


def fewest_by_sorting(
    gains: Float[Array, "maps rivals"], margins: Float[Array, " rivals"], *, slack: float = 0.0
) -> Found:
    """Return the fewest rows whose gains sum to more than the margin, for some rival.

        min |S| over all S and j with sum_{a in S} gains_aj > margins_j

    For one j the shortest beginning of the gains in descending order is the answer: no other set of
    its size has a larger sum. Of several rivals with sets of the least size, the one with the
    largest excess is taken.

    Args:
        gains: what each map adds to the margin of the class over each rival.
        margins: of the class over each rival.
        slack: bound on the error of an excess. The set found exceeds the margin by more than that;
            the result is proved if no smaller set comes as close as that to its margin.

    >>> fewest_by_sorting(np.array([[2.0, 1.0], [1.0, 1.5], [0.5, 0.1]]), np.array([2.0, 2.0]))
    Found(rows=array([0, 1]), proved=True)
    """
    sums = np.zeros((len(gains) + 1, len(margins)))
    np.cumsum(-np.sort(-gains, axis=0), axis=0, out=sums[1:])
    excess = (sums - margins).max(axis=1)  # of the best set of each size
    flips = excess > slack
    if not flips.any():
        return Found(None, bool((excess <= -slack).all()))
    k = int(flips.argmax())
    rival = int((sums[k] - margins).argmax())
    rows = np.argsort(-gains[:, rival], kind="stable")[:k]
    return Found(rows, bool((excess[:k] <= -slack).all()))
