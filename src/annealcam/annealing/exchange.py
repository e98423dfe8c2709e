"""The XY driver on the states with k maps alone, as the eigensolver wants to know it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from annealcam._types import Array
from annealcam.annealing.drivers import VECTORS, Preconditioner, aligned
from annealcam.annealing.memory import require_memory
from annealcam.annealing.subspace import WeightSector
from annealcam.selection.problem import SelectionProblem

_LEAST = 0.3  # least divisor of a preconditioner, in typical distances of levels


class Exchange:
    """H_D = -(2 scale / d) A on the binom(d, k) states of weight k, A as in `subspace`.

    >>> p = SelectionProblem([1.0, 0.5], np.zeros((2, 2)), beta=1.0, cardinality=1)
    >>> X, Y = np.eye(2), np.empty((2, 2))
    >>> Exchange(p, 1.0).apply(X, Y, 1.0, 1.0)
    >>> Y
    array([[-1. , -1. ],
           [-1. , -0.5]])
    """

    def __init__(self, problem: SelectionProblem, scale: float) -> None:
        self.sector = WeightSector(problem.d, problem.cardinality or 0)
        size = self.sector.size
        require_memory(8.0 * VECTORS * size, f"the spectrum of {size} states")
        self.states: Int[Array, " states"] | None = self.sector.states
        self.energies = aligned(1, size)[0]
        self.energies[:] = self.sector.energies(problem.linear, problem.quadratic)
        self._swap = -2.0 * scale / max(problem.d, 1)
        self._levels = self._swap * self.sector.eigenvalues.astype(np.float64)
        self.spread, self.gap = float(np.ptp(self._levels)), 2.0 * scale
        self._quadratic = problem.quadratic

    def apply(
        self, X: Float[Array, "rows n"], Y: Float[Array, "rows n"], a: float, b: float
    ) -> None:
        """Y = (a H_D + b H_P) X."""
        self.sector.apply(X, Y)
        Y *= a * self._swap
        for x, y in zip(X, Y, strict=True):
            y += b * self.energies * x

    def seeds(self, count: int) -> Float[Array, "rows n"]:
        """Return the even superposition, and states of A's next level that the problem prefers.

        That level holds sum_p w_p n_p with weights that sum to zero.
        """
        d = self.sector.d
        count = min(count, d - 1, self.sector.size - 1)
        rows = aligned(1 + count, self.sector.size)
        rows[0] = self.sector.ground_state()
        centred = np.eye(d) - 1.0 / d
        _, weights = np.linalg.eigh(centred @ self._quadratic @ centred)
        across = np.abs(weights.sum(axis=0)) < 1e-6  # not the even weights themselves
        for row, w in enumerate(weights[:, across].T[:count]):
            rows[1 + row] = self.sector.energies(w, np.zeros((d, d)))
            rows[1 + row] /= np.linalg.norm(rows[1 + row])
        return rows[: 1 + min(count, int(across.sum()))]

    def preconditioner(self, a: float, b: float, ground: Float[Array, " n"]) -> Preconditioner:
        """Return the inverse of the term that rules the state `ground`, the other at its mean.

        The driver rules where the state has more of the problem's energy than of the driver's, each
        above its least.
        """
        energies, weight = self.energies, ground * ground
        mean = float(weight @ energies)
        driver = self._swap * float(ground @ self.sector.apply(ground))
        distance = abs(a) * self.gap + abs(b) * float(np.abs(energies - mean).mean())
        least = max(_LEAST * distance, 1e-300)
        driven = a * (driver - self._levels.min()) <= b * (mean - energies.min())

        def divide(R: Float[Array, "rows n"], values: Float[Array, " rows"]) -> None:
            for x, value in zip(R, values, strict=True):
                if driven:
                    levels = np.maximum(np.abs(a * self._levels + b * mean - value), least)
                    self.sector.function(1.0 / levels, x, x)
                else:
                    x /= np.maximum(np.abs(b * energies - value), least)

        return divide
