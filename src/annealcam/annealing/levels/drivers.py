"""Two-term Hamiltonians H = a H_D + b H_P on real vectors, as the eigensolver knows them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam.annealing.hamiltonian import Normalisation, coefficients, diagonal
from annealcam.annealing.kernels import spectral as kernels
from annealcam.annealing.simulation.memory import require_memory
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.errors import ProblemTooLargeError
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem

CONSTRAINTS = ("subspace", "penalty")

Preconditioner = Callable[[Float[Array, "rows states"], Float[Array, " rows"]], None]

VECTORS = 60  # long vectors that a search for the gap takes
_LEAST = 0.15  # smallest divisor of the preconditioner, in mean splittings of one qubit
_LEAST_XY = 0.3  # the same for the XY driver, in typical distances of levels


@runtime_checkable
class Driver(Protocol):
    """A driver H_D together with the diagonal H_P = diag(energies), on vectors that are rows.

    `spread` is the largest less the smallest eigenvalue of H_D, `gap` the lowest difference of two,
    `states` the number of each state's selection (bit p is n_p), or None where all 2^d are there.
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
        """Return the ground state of H_D and `count` next states, as H_P first parts them."""

    def preconditioner(self, a: float, b: float, ground: Float[Array, " n"]) -> Preconditioner:
        """Return a function that divides residuals in place by about |H - their level|."""


class TransverseField:
    """H_D = -scale sum_p sigma_x^p on all 2^d states, with a problem (and the penalty of its k).

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
                f"d={problem.d}: the spectrum of 2^d states ends at {MAX_ENUMERATED} qubits; keep "
                "fewer candidates (max_qubits)"
            )
        require_memory(8.0 * VECTORS * 2.0**problem.d, f"the spectrum of d={problem.d} qubits")
        self.d, self.scale = problem.d, scale
        self.energies = aligned(1, 1 << self.d)[0]
        self.energies[:] = diagonal(problem)
        self.spread, self.gap = 2.0 * scale * self.d, 2.0 * scale
        self._linear, self._quadratic, self._constant = coefficients(problem, penalty=True)

    def apply(
        self, X: Float[Array, "rows n"], Y: Float[Array, "rows n"], a: float, b: float
    ) -> None:
        """Y = (a H_D + b H_P) X."""
        kernels.apply_transverse(X, Y, self.energies, -a * self.scale, b)

    def seeds(self, count: int) -> Float[Array, "rows n"]:
        """Return |+...+>, and the combinations of one flipped qubit that the problem prefers.

        Its first order within the d states of one flip is their matrix of couplings Q / 4, less
        nothing on the diagonal.
        """
        count = min(count, self.d)
        rows = aligned(1 + count, self.energies.size)
        rows[0] = 2.0 ** (-self.d / 2)
        if count:
            _, weights = np.linalg.eigh(self._quadratic)
            for row in range(count):
                signed = rows[0, 0] * weights[:, row]
                rows[1 + row] = kernels.additive(signed, -signed, 0.0)
        return rows

    def preconditioner(self, a: float, b: float, ground: Float[Array, " n"]) -> Preconditioner:
        """Return the inverse of the mean-field Hamiltonian of the state `ground`.

        Each qubit sees -g sigma_x + f n, with f from the mean occupations <n_q> of the others; a
        rotation by at most pi / 4 makes it diagonal, so its tangent t is at most 1.
        """
        g = a * self.scale
        occupied = kernels.occupations(ground, self.d)
        field = b * (self._linear + self._quadratic @ occupied)
        constant = b * (self._constant - 0.5 * occupied @ self._quadratic @ occupied)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = -field / (2.0 * g)
            tangent = np.copysign(1.0, ratio) / (np.abs(ratio) + np.sqrt(1.0 + ratio * ratio))
        tangent = np.nan_to_num(tangent)  # 0 / 0: neither field nor driver
        levels = kernels.additive(g * tangent, field - g * tangent, constant)
        least = _LEAST * float(np.sqrt(field * field + 4.0 * g * g).mean())
        least = max(least, 1e-300)

        def divide(R: Float[Array, "rows n"], values: Float[Array, " rows"]) -> None:
            kernels.precondition(R, tangent, levels, values, least)

        return divide


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
    """Return the driver of a problem: on the states with k maps alone if it has a cardinality k.

    With constraint="penalty" it is the transverse field, on the energies with their penalty.

    Raises:
        ArgumentError: no constraint has that name.
        ProblemTooLargeError: the states do not fit; the message says what would be needed.
    """
    one_of("constraint", constraint, CONSTRAINTS)
    scale = normalisation.driver_scale(problem.d)
    if problem.cardinality is None or constraint == "penalty":
        return TransverseField(problem, scale)
    return XYDriver(problem, scale)


def aligned(rows: int, size: int) -> Float[Array, "rows size"]:
    """Return an empty array whose rows begin on a line of the cache (64 bytes), if they can."""
    room = np.empty(rows * size + 7)
    start = -(room.ctypes.data // 8) % 8
    return room[start : start + rows * size].reshape(rows, size)
