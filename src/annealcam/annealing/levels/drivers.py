"""Two-term Hamiltonians H = a H_D + b H_P on real vectors, for the eigensolver."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam.annealing.hamiltonian import CONSTRAINTS, Normalisation, coefficients, diagonal
from annealcam.annealing.kernels import spectral as kernels
from annealcam.annealing.simulation.memory import aligned, require_memory
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.errors import ProblemTooLargeError
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem

Preconditioner = Callable[[Float[Array, "rows states"], Float[Array, " rows"]], None]

VECTORS = 60  # number of long vectors in a search for the gap
_LEAST = 0.15  # smallest divisor of the preconditioner, in mean splittings of one qubit
_LEAST_XY = 0.3  # the same for the XY driver, in typical distances of levels


@runtime_checkable
class Driver(Protocol):
    """A driver H_D together with the diagonal H_P = diag(energies); vectors are rows.

    Attributes:
        energies: the diagonal of H_P, (states,).
        states: number of each state (bit p is n_p), (states,); None if all 2^d are present.
        spread: difference of the largest and the smallest eigenvalue of H_D.
        gap: difference of the two lowest eigenvalues of H_D.
    """

    energies: Float[Array, " states"]
    states: Int[Array, " states"] | None
    spread: float
    gap: float

    def apply(
        self, X: Float[Array, "rows n"], Y: Float[Array, "rows n"], a: float, b: float
    ) -> None:
        """Y = (a H_D + b H_P) X."""

    def seeds(self, count: int) -> Float[Array, "rows n"]:
        """Return the ground state of H_D and the next `count` states, split by H_P."""

    def preconditioner(self, a: float, b: float, ground: Float[Array, " n"]) -> Preconditioner:
        """Return a function that divides residuals in place by about |H - level of the row|."""


class TransverseField:
    """H_D = -scale sum_p sigma_x^p on all 2^d states, with the energies and penalty of a problem.

    >>> field = TransverseField(SelectionProblem([1.0], [[0.0]]), 2.0)
    >>> X, Y = np.eye(2), np.empty((2, 2))
    >>> field.apply(X, Y, 1.0, 1.0)
    >>> Y
    array([[ 0. , -2. ],
           [-2. , -0.7]])
    """

    states: Int[Array, " states"] | None = None

    def __init__(self, problem: SelectionProblem, scale: float) -> None:
        if problem.d > MAX_ENUMERATED:
            raise ProblemTooLargeError(
                f"d={problem.d}: the spectrum of 2^d states is limited to {MAX_ENUMERATED} qubits; "
                "keep fewer candidates (max_qubits)"
            )
        require_memory(8.0 * VECTORS * 2.0**problem.d, f"the spectrum of d={problem.d} qubits")
        self.d, self.scale = problem.d, scale
        self.energies = aligned((1, 1 << self.d))[0]
        self.energies[:] = diagonal(problem)
        self.spread, self.gap = 2.0 * scale * self.d, 2.0 * scale
        self._linear, self._quadratic, self._constant = coefficients(problem, penalty=True)

    def apply(
        self, X: Float[Array, "rows n"], Y: Float[Array, "rows n"], a: float, b: float
    ) -> None:
        """Y = (a H_D + b H_P) X."""
        kernels.apply_transverse(X, Y, self.energies, -a * self.scale, b)

    def seeds(self, count: int) -> Float[Array, "rows n"]:
        """Return |+...+>, and the combinations of one flipped qubit that diagonalise the problem.

        To first order, the matrix of the problem between the d states with one flip is Q / 4 up to
        a multiple of the identity.
        """
        count = min(count, self.d)
        rows = aligned((1 + count, self.energies.size))
        rows[0] = 2.0 ** (-self.d / 2)
        if count:
            _, weights = np.linalg.eigh(self._quadratic)
            for row in range(count):
                signed = rows[0, 0] * weights[:, row]
                rows[1 + row] = kernels.additive(signed, -signed, 0.0)
        return rows

    def preconditioner(self, a: float, b: float, ground: Float[Array, " n"]) -> Preconditioner:
        """Return the inverse of the mean-field Hamiltonian of the state `ground`.

        The Hamiltonian of each qubit is -g sigma_x + f n, with f from the mean occupations <n_q> of
        the other qubits. A rotation by at most pi / 4 diagonalises it, so its tangent t is at most
        1 in magnitude.
        """
        g = a * self.scale
        occupied = kernels.occupations(ground, self.d)
        field = b * (self._linear + self._quadratic @ occupied)
        constant = b * (self._constant - 0.5 * occupied @ self._quadratic @ occupied)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = -field / (2.0 * g)
            tangent = np.copysign(1.0, ratio) / (np.abs(ratio) + np.sqrt(1.0 + ratio * ratio))
        tangent = np.nan_to_num(tangent)  # 0 / 0 where both field and driver vanish
        levels = kernels.additive(g * tangent, field - g * tangent, constant)
        least = _LEAST * float(np.sqrt(field * field + 4.0 * g * g).mean())
        least = max(least, 1e-300)

        def divide(R: Float[Array, "rows n"], values: Float[Array, " rows"]) -> None:
            kernels.precondition(R, tangent, levels, values, least)

        return divide


class XYDriver:
    """H_D = -(2 scale / d) A on the binom(d, k) states with k maps; `subspace` defines A.

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
        self.energies = aligned((1, size))[0]
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
        """Return the uniform superposition, and the states of the next level that split E.

        The next level of A consists of sum_p w_p n_p with sum_p w_p = 0; `_first_order` is the
        matrix of E there.
        """
        d, size = self.sector.d, self.sector.size
        count = max(min(count, d - 1, size - 1), 0)
        rows = aligned((1 + count, size))
        rows[0] = self.sector.ground_state()
        if count:
            _, weights = np.linalg.eigh(self._first_order())
            for row in range(1, 1 + count):
                rows[row] = self.sector.energies(weights[:, row - 1], np.zeros((d, d)))
                rows[row] /= np.linalg.norm(rows[row])
        return rows

    def _first_order(self) -> Float[Array, "d d"]:
        """Return the matrix of E between states sum_p w_p n_p, up to scale and shift.

        The weights w_p sum to zero. Let c_m be the share of states in which m given qubits are set.
        The mean of n_p E n_q, up to terms that vanish for weights of zero sum, is
        (c_2 - 2 c_3 + c_4) Q_pq, plus for p = q
        (c_1 - 3 c_2 + 2 c_3) l_p + (c_2 - 3 c_3 + 2 c_4) sum_r Q_pr.
        Uniform weights, which do not belong to the level, get the largest eigenvalue.
        """
        d, k, Q = self.sector.d, self.sector.k, self._quadratic
        c = np.cumprod([1.0] + [max(k - m, 0) / max(d - m, 1) for m in range(4)])
        fields = (c[1] - 3 * c[2] + 2 * c[3]) * self._linear
        fields += (c[2] - 3 * c[3] + 2 * c[4]) * Q.sum(axis=1)
        centred = np.eye(d) - 1.0 / d
        matrix = centred @ ((c[2] - 2 * c[3] + c[4]) * Q + np.diag(fields)) @ centred
        return matrix + (1.0 + 2.0 * np.abs(matrix).sum()) / d

    def preconditioner(self, a: float, b: float, ground: Float[Array, " n"]) -> Preconditioner:
        """Return an approximate inverse, always positive, of the term that dominates `ground`.

        The driver dominates if its excitation energy in the state is the smaller one. Then it is
        inverted with the mean energy of the problem, and states of high energy are damped before
        and after; otherwise the problem alone is inverted.
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
            return partial(self._divide_by_driver, shifted, damping, _LEAST_XY * distance)

        def divide(R: Float[Array, "rows n"], values: Float[Array, " rows"]) -> None:
            for x, value in zip(R, values, strict=True):
                x /= np.maximum(np.abs(b * energies - value), _LEAST_XY * distance)

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


def driver_of(
    problem: SelectionProblem, normalisation: Normalisation, constraint: str = "subspace"
) -> Driver:
    """Return the driver of a problem: the XY driver on the states with k maps for a cardinality k.

    Without a cardinality, or with constraint="penalty", it is the transverse field on all states.

    Raises:
        ArgumentError: no constraint has that name.
        ProblemTooLargeError: the states do not fit into memory.
    """
    one_of("constraint", constraint, CONSTRAINTS)
    scale = normalisation.driver_scale(problem.d)
    if problem.cardinality is None or constraint == "penalty":
        return TransverseField(problem, scale)
    return XYDriver(problem, scale)
