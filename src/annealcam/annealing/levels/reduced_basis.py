"""A few states that span the low spectrum of H = a H_D + b H_P for all a and b at once.

The eigenvectors at a few points ("snapshots") approximate those at all other points exponentially
well, and H has only two terms, so that its low levels at any point are those of a small matrix
pencil. Residuals are matrix elements of squares of the pencil, so that errors are estimated without
the long vectors.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from annealcam._internal.types import Array
from annealcam.annealing.kernels import block as blocks, model as _model_kernels
from annealcam.annealing.levels.drivers import Driver
from annealcam.annealing.levels.eigensolver import lowest_states
from annealcam.annealing.simulation.memory import aligned, require_memory
from annealcam.errors import NumericalError

WHOLE_SPACE = 16  # with so few states, the basis contains them all
_CAPACITY = 48
_DEPENDENT = 1e-18  # squared length of a remainder that changes levels by less than rounding


class ReducedBasis:
    """An orthonormal basis, and the matrix elements of H_D, H_P and their products."""

    def __init__(self, driver: Driver, count: int) -> None:
        """Start with the lowest states of the driver and of the problem, which are known.

        Args:
            driver: the two terms of the Hamiltonian.
            count: number of levels.
        """
        size = driver.energies.size
        self.driver, self.count = driver, min(count, size)
        self.block = min(self.count + 1, size)  # one more to guard the last
        self.whole = size <= max(WHOLE_SPACE, 8 * self.block)
        self.snapshots: list[tuple[float, float]] = []
        self.iterations = 0
        magnitudes = np.abs(driver.energies)
        norm = 1e-300 + max(driver.spread, float(magnitudes.max()))
        self.splitting = np.array([driver.gap, float(magnitudes.mean()), norm])
        self.lowest = _lowest(driver.energies, self.block + 1)
        rows = size if self.whole else _CAPACITY + 4 * self.block
        require_memory(8.0 * size * (rows + 8 * self.block), f"the spectrum of {size} states")
        self._rows, self._work = aligned((rows, size)), aligned((6 * self.block, size))
        self.model, self.m = np.empty((5, 0, 0)), 0
        self.add(np.eye(size) if self.whole else self._seeds())

    def _seeds(self) -> Float[Array, "rows n"]:
        top = self.driver.seeds(self.block)
        rows = aligned((len(top) + self.lowest.size, top.shape[1]))
        rows[: len(top)], rows[len(top) :] = top, 0.0
        rows[np.arange(len(top), len(rows)), self.lowest] = 1.0
        return rows

    @property
    def basis(self) -> Float[Array, "m n"]:
        """The states of the basis, as rows."""
        return self._rows[: self.m]

    def add(self, states: Float[Array, "rows n"]) -> None:
        """Add the components of states outside the basis, orthogonalised twice against rounding."""
        fresh = states
        for _ in range(2):
            if self.m:
                blocks.subtract(blocks.gram(self.basis, fresh).T.copy(), self.basis, fresh)
            mixing = blocks.independent(blocks.gram(fresh, fresh), _DEPENDENT)
            if not mixing.size:
                return
            orthonormal = aligned((mixing.shape[1], fresh.shape[1]))
            blocks.mix(np.ascontiguousarray(mixing.T), fresh, orthonormal)
            fresh = orthonormal
        for first in range(0, len(fresh), self.block):
            self._append(fresh[first : first + self.block])

    def _append(self, fresh: Float[Array, "rows n"]) -> None:
        b, m, apply = len(fresh), self.m, self.driver.apply
        if m + b > len(self._rows):
            self._grow(m + b)
        self._rows[m : m + b], self.m = fresh, m + b
        images, energies = self._work[: 5 * b], self.driver.energies
        d, p, dd, mixed, pp = (images[i * b : (i + 1) * b] for i in range(5))
        apply(fresh, d, 1.0, 0.0)
        apply(d, dd, 1.0, 0.0)
        np.multiply(fresh, energies, out=p)
        apply(p, mixed, 1.0, 0.0)
        np.multiply(d, energies, out=pp)
        mixed += pp
        np.multiply(p, energies, out=pp)
        columns = blocks.gram(self.basis, images).reshape(m + b, 5, b).transpose(1, 0, 2)
        model = np.empty((5, m + b, m + b))
        model[:, :m, :m] = self.model
        model[:, :, m:] = columns
        model[:, m:, :m] = columns[:, :m].transpose(0, 2, 1)
        model[:, m:, m:] = (model[:, m:, m:] + model[:, m:, m:].transpose(0, 2, 1)) / 2
        self.model = model

    def _grow(self, least: int) -> None:
        size = self._rows.shape[1]
        rows = max(least, 2 * len(self._rows))
        require_memory(8.0 * size * rows, f"{rows} states of the spectrum's basis")
        wider = aligned((rows, size))
        wider[: self.m] = self.basis
        self._rows = wider

    def levels(
        self, A: Float[Array, " points"], B: Float[Array, " points"]
    ) -> tuple[Float[Array, "points count"], Float[Array, "points count"]]:
        """Return the lowest levels at each (A, B), and estimates of their errors.

        The error of a level is r^2 / gap, with its residual r and the gap to the next cluster.

        Raises:
            NumericalError: a squared residual is negative beyond rounding.
        """
        values, errors = _model_kernels.scan(self.model, A, B, self.count, self.splitting)
        check_errors(errors)
        return values, errors

    def vectors(self, a: float, b: float, count: int) -> tuple[Float[Array, " n"], Array]:
        """Return the lowest levels at (a, b), and their states as rows over the whole space."""
        values, C = _model_kernels.solve(self.model, a, b)
        states = aligned((count, self._rows.shape[1]))
        blocks.mix(np.ascontiguousarray(C[:, :count].T), self.basis, states)
        return values[:count], states

    def error(self, a: float, b: float, residuals: Float[Array, " count"]) -> float:
        """Return the error of the gap between the first and last level, from their residuals."""
        one = _model_kernels.residual_for(self.model, a, b, self.count, self.splitting, 1.0)
        return float((residuals[[0, -1]] ** 2).sum() / one**2)

    def snapshot(self, a: float, b: float, tol: float) -> None:
        """Add the lowest states at (a, b), whose levels have the error tol."""
        _, start = self.vectors(a, b, self.block)
        residual = _model_kernels.residual_for(self.model, a, b, self.count, self.splitting, tol)
        lowest = lowest_states(
            self.driver, a, b, start, wanted=self.count, tol=0.5 * residual, work=self._work
        )
        self.snapshots.append((a, b))
        self.iterations += lowest.iterations
        self.add(lowest.states)


def check_errors(errors: ArrayLike) -> None:
    """Raise NumericalError if an error could not be estimated."""
    if np.isnan(errors).any():
        raise NumericalError("spectrum: a squared residual is negative beyond rounding")


def _lowest(energies: Float[Array, " n"], count: int) -> Int[Array, " count"]:
    """Return the states of lowest energy, in ascending order of energy."""
    count = min(count, energies.size)
    states = np.argpartition(energies, count - 1)[:count]
    return states[np.argsort(energies[states], kind="stable")]
