"""The XY driver on the states with k maps alone, as the eigensolver wants to know it."""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.levels.drivers import VECTORS, Preconditioner, aligned
from annealcam.annealing.simulation.memory import require_memory
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.qubo.problem import SelectionProblem

_LEAST = 0.3  # least divisor of a preconditioner, in typical distances of levels


class XYDriver:
    """H_D = -(2 scale / d) A on the binom(d, k) states of weight k, A as in `subspace`.

    >>> p = SelectionProblem([1.0, 0.5], np.zeros((2, 2)), beta=1.0, cardinality=1)
    >>> X, Y = np.eye(2), np.empty((2, 2))
    >>> XYDriver(p, 1.0).apply(X, Y, 1.0, 1.0)
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
        self._linear, self._quadratic = problem.linear, problem.quadratic

    def apply(
        self, X: Float[Array, "rows n"], Y: Float[Array, "rows n"], a: float, b: float
    ) -> None:
        """Y = (a H_D + b H_P) X."""
        self.sector.apply(X, Y)
        Y *= a * self._swap
        if b:
            for x, y in zip(X, Y, strict=True):
                y += b * self.energies * x

    def seeds(self, count: int) -> Float[Array, "rows n"]:
        """Return the even superposition, and states of A's next level that the problem prefers.

        That level holds sum_p w_p n_p with weights that sum to zero; E parts it as `_first_order`.
        """
        d, size = self.sector.d, self.sector.size
        count = max(min(count, d - 1, size - 1), 0)
        rows = aligned(1 + count, size)
        rows[0] = self.sector.ground_state()
        if count:
            _, weights = np.linalg.eigh(self._first_order())
            for row in range(1, 1 + count):
                rows[row] = self.sector.energies(weights[:, row - 1], np.zeros((d, d)))
                rows[row] /= np.linalg.norm(rows[row])
        return rows

    def _first_order(self) -> Float[Array, "d d"]:
        """The matrix of E among the states sum_p w_p n_p, sum_p w_p = 0, up to scale and shift.

        Let c_m be the share of states that have m given qubits set. The mean of n_p E n_q is,
        up to terms that weights of zero sum do not see, (c_2 - 2 c_3 + c_4) Q_pq, and for p = q
        (c_1 - 3 c_2 + 2 c_3) l_p + (c_2 - 3 c_3 + 2 c_4) sum_r Q_pr.
        Even weights are put above all others.
        """
        d, k, Q = self.sector.d, self.sector.k, self._quadratic
        c = np.cumprod([1.0] + [max(k - m, 0) / max(d - m, 1) for m in range(4)])
        fields = (c[1] - 3 * c[2] + 2 * c[3]) * self._linear
        fields += (c[2] - 3 * c[3] + 2 * c[4]) * Q.sum(axis=1)
        centred = np.eye(d) - 1.0 / d
        seen = centred @ ((c[2] - 2 * c[3] + c[4]) * Q + np.diag(fields)) @ centred
        return seen + (1.0 + 2.0 * np.abs(seen).sum()) / d

    def preconditioner(self, a: float, b: float, ground: Float[Array, " n"]) -> Preconditioner:
        """Return an approximate inverse, always positive, for the term that rules `ground`.

        The driver rules where it is less excited by the state than the problem is. Then it is
        inverted with the problem at its mean, and states of high energy are damped before and
        after; else the problem is inverted alone.
        """
        energies, weight = self.energies, ground * ground
        mean = float(weight @ energies)
        driver = self._swap * float(ground @ self.sector.apply(ground))
        distance = abs(a) * self.gap + abs(b) * float(np.abs(energies - mean).mean())
        distance = max(distance, 1e-300)
        excited = a * (driver - self._levels.min()), b * (mean - energies.min())
        if b == 0 or (a != 0 and excited[0] <= excited[1]):
            shifted = a * self._levels + b * mean
            damping = 1.0 / np.sqrt(1.0 + np.maximum(2.0 * b / distance * (energies - mean), 0.0))
            return partial(self._divide_by_driver, shifted, damping, _LEAST * distance)

        def divide(R: Float[Array, "rows n"], values: Float[Array, " rows"]) -> None:
            for x, value in zip(R, values, strict=True):
                x /= np.maximum(np.abs(b * energies - value), _LEAST * distance)

        return divide

    def _divide_by_driver(
        self,
        levels: Float[Array, " levels"],
        damping: Float[Array, " n"],
        least: float,
        R: Float[Array, "rows n"],
        values: Float[Array, " rows"],
    ) -> None:
        for x, value in zip(R, values, strict=True):
            x *= damping
            self.sector.function(1.0 / np.maximum(np.abs(levels - value), least), x, x)
            x *= damping
