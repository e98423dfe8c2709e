"""Positive definite matrices, checked block by block so that a time limit can be kept."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._internal.deadline import NEVER, Deadline
from annealcam._internal.types import Array

SMALL = 512  # rows of a matrix that LAPACK factorises in about 10 ms
BLOCK = 128  # columns between two checks of the clock, for larger ones


def is_definite(matrix: Float[Array, "d d"], deadline: Deadline = NEVER) -> bool:
    """Return whether a symmetric matrix has a Cholesky factor, so that it is positive definite.

    Raises:
        TimeIsUpError: the deadline has passed.

    >>> is_definite(np.eye(2)), is_definite(np.diag([1.0, -1.0]))
    (True, False)
    """
    d, block = len(matrix), len(matrix) if len(matrix) <= SMALL else BLOCK
    rest = matrix.copy()
    for first in range(0, d, max(block, 1)):
        deadline.check()
        last = min(first + block, d)
        try:
            factor = np.linalg.cholesky(rest[first:last, first:last])
        except np.linalg.LinAlgError:
            return False
        below = np.linalg.solve(factor, rest[last:, first:last].T)
        rest[last:, last:] -= below.T @ below
    return True


def lacking_shift(matrix: Float[Array, "d d"], margin: float, deadline: Deadline = NEVER) -> float:
    """Return a number that makes a matrix positive semidefinite if added to its diagonal.

    Up to SMALL rows it is the smallest one plus the margin; beyond, up to four times as much.

    Raises:
        TimeIsUpError: the deadline has passed.

    >>> lacking_shift(np.diag([1.0, -1.0]), 0.125)
    1.125
    """
    d = len(matrix)
    if d <= SMALL:
        return float(margin - np.linalg.eigvalsh(matrix)[0])
    shift = max(margin, 1e-12 * float(np.abs(matrix).max()))
    while not is_definite(matrix + shift * np.eye(d), deadline):
        shift *= 4.0
    return shift
