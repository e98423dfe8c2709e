"""The semidefinite bound of a model of spins, by an interior-point method."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._internal.deadline import NEVER, Deadline
from annealcam._internal.types import Array

TOLERANCE = 1e-6  # of the bound
STEPS = 60


def best_multipliers(
    C: Float[Array, "size size"], deadline: Deadline = NEVER
) -> Float[Array, " size"]:
    """Return the y of largest sum for which C - diag(y) is positive semidefinite.

    Since s_i^2 = 1, s C s = sum(y) + s (C - diag(y)) s >= sum(y) for all spins s: y solves the dual
    of  min <C, X> over positive semidefinite X with X_ii = 1,  which relaxes X = s s'. Primal-dual
    steps for matrices of size d take some 20 factorisations. The result is strictly feasible.

    Raises:
        TimeIsUpError: the deadline has passed.

    Source: Helmberg, Rendl, Vanderbei and Wolkowicz 1996, doi 10.1137/0806020.

    >>> y = best_multipliers(np.array([[0.0, -1.0], [-1.0, 0.0]]))
    >>> float(y.sum().round(4))
    -2.0
    """
    size = float(np.abs(C).sum(axis=1).max(initial=0.0)) or 1.0
    L = C / -size
    X = np.eye(len(C))
    y = 1.1 * np.abs(L).sum(axis=1) + 1e-6
    Z = np.diag(y) - L
    for _ in range(STEPS):
        deadline.check()
        gap = float(np.vdot(Z, X))
        if gap <= TOLERANCE * max(1.0, abs(float(y.sum()))):
            break
        target = 0.2 * gap / len(C)
        inverse = np.linalg.inv(Z)
        inverse = (inverse + inverse.T) / 2.0
        dy = np.linalg.solve(inverse * X, target * np.diag(inverse) - 1.0)
        dX = target * inverse - X - inverse @ (dy[:, None] * X)
        X = X + _step(X, (dX + dX.T) / 2.0) * (dX + dX.T) / 2.0
        length = _step(Z, np.diag(dy))
        y, Z = y + length * dy, Z + length * np.diag(dy)
    return -size * y


def _step(matrix: Float[Array, "size size"], change: Float[Array, "size size"]) -> float:
    """Return a length up to 1 for which matrix + length * change is positive definite."""
    length = 1.0
    for _ in range(60):
        try:
            np.linalg.cholesky(matrix + length * change)
        except np.linalg.LinAlgError:
            length *= 0.8
        else:
            return length if length == 1.0 else 0.95 * length
    return 0.0
