"""The states of one Hamming weight k, and functions of their driver without a matrix.

With exactly k of d qubits set, the driver is the XY model on the complete graph,

    H_D = -(2c/d) sum_{p<q} (sigma+_p sigma-_q + h.c.) = -(2c/d) A,

where (A x)(S) is the sum of x over the k (d-k) subsets that differ from S by one swap: A is the
adjacency matrix of the Johnson graph J(d, k). Its first gap, 2c, is that of the transverse field.

Let D delete a member, (D x)(T) = sum_{p not in T} x(T + p), and U = D^T insert one. Then

- A = U D - k: deleting and inserting a member is a swap, or changes nothing in one of k ways;
- D U - U D = d - 2w on weight w. Let v have weight i and D v = 0. Summing from i to w - 1 gives
  U D = (w-i)(d-w-i+1) on U^(w-i) v. These spaces, for i = 0..min(k, d-k), span the sector, and A
  has the eigenvalue a_i = (k-i)(d-k-i) - i there, with multiplicity binom(d, i) - binom(d, i-1);
- U^j D^j has the eigenvalue e_ji = prod_{m<j} (k-m-i)(d-k+m-i+1) there, which is zero for
  i > k - j. So f(A) = sum_j c_j U^j D^j, where the c_j solve the triangular system
  f(a_i) = sum_j c_j e_ji: they are the divided differences of f at a_k, a_(k-1), ...

Hence f(A) x, and in particular exp(i theta A) psi, is exact and needs one pass down through the
weights k-1, ..., 0 and one pass up. For k << d that is about 2k binom(d, k) additions for any f,
while one product with the matrix A takes k (d-k) binom(d, k). A sector with k > d/2 is that of
d - k in reverse order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.annealing.kernels import subspace as kernels
from annealcam.annealing.simulation import johnson as _johnson
from annealcam.errors import ArgumentError


@dataclass(frozen=True)
class WeightSector:
    """The binom(d, k) states of d qubits in which exactly k are set, in ascending order.

    Vectors have one entry for each of `states`; hbar = 1.

    Args:
        d: number of qubits, at most 62.
        k: number of qubits that are set.

    Raises:
        ArgumentError: d or k is not a whole number in range.
        ProblemTooLargeError: there are over 2^26 states, or they do not fit into memory.

    Source: Ph. Delsarte, An algebraic approach to the association schemes of coding theory, Philips
    Research Reports Supplements 10 (1973), on the Johnson scheme.

    >>> sector = WeightSector(4, 2)
    >>> [f"{b:04b}" for b in sector.states]
    ['0011', '0101', '0110', '1001', '1010', '1100']
    >>> sector.eigenvalues, sector.multiplicities
    (array([ 4,  0, -2]), array([1, 3, 2]))
    """

    d: int
    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", whole("d", self.d))
        object.__setattr__(self, "k", whole("k", self.k))
        if self.k > self.d:
            raise ArgumentError(f"k={self.k}: must be at most d={self.d}")
        _johnson.refuse_too_large(self.d, self.k)

    @cached_property
    def size(self) -> int:
        """Number of states, binom(d, k)."""
        return math.comb(self.d, self.k)

    @cached_property
    def states(self) -> Int[Array, " states"]:
        """Numbers of the states, ascending, (states,): bit p is set if qubit p is."""
        powers = np.int64(1) << np.arange(self.d, dtype=np.int64)
        states = self._sums(powers, np.zeros((self.d, self.d), dtype=np.int64))
        states.setflags(write=False)
        return states

    @cached_property
    def eigenvalues(self) -> Int[Array, " levels"]:
        """The distinct eigenvalues (k-i)(d-k-i) - i of A for i = 0, 1, ..., descending."""
        return _johnson.eigenvalues(self.d, self._w)

    @cached_property
    def multiplicities(self) -> Int[Array, " levels"]:
        """Multiplicity of each eigenvalue of A; they sum to `size`."""
        numbers = [math.comb(self.d, i) for i in range(self._w + 1)]
        return np.diff(np.array(numbers), prepend=0)

    def ground_state(self) -> Float[Array, " states"]:
        """Return the ground state of the driver, in which all amplitudes are equal.

        >>> WeightSector(4, 1).ground_state()
        array([0.5, 0.5, 0.5, 0.5])
        """
        return np.full(self.size, 1 / math.sqrt(self.size))

    def energies(
        self, linear: Float[Array, " d"], quadratic: Float[Array, "d d"]
    ) -> Float[Array, " states"]:
        """Return sum_p l_p n_p + sum_{p<q} Q_pq n_p n_q of every state.

        Args:
            linear: l, (d,).
            quadratic: Q, (d, d), symmetric; its diagonal is ignored.

        >>> WeightSector(3, 2).energies(np.array([1.0, 2.0, 4.0]), np.full((3, 3), 10.0))
        array([13., 15., 16.])
        """
        if linear.shape != (self.d,) or quadratic.shape != (self.d, self.d):
            raise ArgumentError(
                f"linear, quadratic: must have the shapes ({self.d},) and ({self.d}, {self.d}), "
                f"not {linear.shape} and {quadratic.shape}"
            )
        return self._sums(linear.astype(np.float64), np.ascontiguousarray(quadratic, np.float64))

    def apply(
        self, x: Float[Array, "*rows states"], out: Float[Array, "*rows states"] | None = None
    ) -> Float[Array, "*rows states"]:
        """Return A x for a real vector, or for every row of a block; `out` may be x.

        >>> WeightSector(3, 1).apply(np.array([1.0, 10.0, 100.0]))
        array([110., 101.,  11.])
        """
        swap = np.array([-self._w, 1.0])[: self._w + 1]  # A = U D - k
        return self._transform(x, swap, out)

    def function(
        self,
        values: Float[Array, " levels"],
        x: Float[Array, "*rows states"],
        out: Float[Array, "*rows states"] | None = None,
    ) -> Float[Array, "*rows states"]:
        """Return f(A) x for a real vector or block; `out` may be x.

        If `values` vary strongly from level to level, differences of high order cancel: for k near
        d/2 the rounding error can be up to about 3^k times that of one operation.

        Args:
            values: f at `eigenvalues`.
            x: a vector (states,), or several as rows.
            out: array for the result.

        >>> sector = WeightSector(3, 1)
        >>> resolvent = sector.function(1 / (3.0 - sector.eigenvalues), np.array([1.0, 0.0, 0.0]))
        >>> 3.0 * resolvent - sector.apply(resolvent)
        array([1., 0., 0.])
        """
        if values.shape != self.eigenvalues.shape:
            raise ArgumentError(
                f"values: must be one for each of {self._w + 1} eigenvalues, not of shape "
                f"{values.shape}"
            )
        return self._transform(x, _johnson.coefficients(values, self.d), out)

    def rotate(self, state: Float[Array, "2 states"], angle: float) -> None:
        """Replace psi = state[0] + i state[1] by exp(i angle A) psi, in place.

        The error is at most 1e-11 in float64 (1e-13 if |angle| (a_0 - a_k) is below 6), and 3e-5 in
        float32. Large angles at large k are split to that end.

        >>> state = np.array([[1.0, 0.0], [0.0, 0.0]])
        >>> WeightSector(2, 1).rotate(state, np.pi / 2)  # a quarter turn is one swap
        >>> state.round(12) + 0.0
        array([[0., 0.],
               [0., 1.]])
        """
        no_turns = np.zeros(self.size, dtype=state.dtype)
        self.propagate(state, no_turns, np.array([float(angle)]), np.zeros(0))

    def propagate(
        self,
        state: Float[Array, "2 states"],
        turns: Float[Array, " states"],
        angles: Float[Array, " rotations"],
        phases: Float[Array, " phases"],
    ) -> None:
        """Rotate by angles[0], then for each step apply phases[step] and rotate by the next angle.

        The state is changed in place by one compiled call, which releases Python's lock.

        Args:
            state: real and imaginary part of psi, float64 or float32, contiguous, (2, states).
            turns: E / 2 pi; a phase multiplies psi by exp(-2 pi i phase turns), (states,).
            angles: a rotation is exp(i angle A), (steps + 1,).
            phases: one for each step, (steps,).

        >>> sector = WeightSector(5, 2)
        >>> state = np.stack([sector.ground_state(), np.zeros(10)])
        >>> sector.propagate(state, np.linspace(0, 1, 10), np.array([0.3, 0.2]), np.array([0.5]))
        >>> round(float((state**2).sum()), 12)
        1.0
        """
        self._check("state", state, rows=2, dtype=state.dtype)
        self._check("turns", turns, dtype=state.dtype)
        if angles.shape != (phases.size + 1,):
            raise ArgumentError(
                f"angles: must be one more than the {phases.size} phases, not {angles.size}"
            )
        c, pieces = _johnson.rotations(angles, self.d, self._w, dtype=state.dtype)
        real, imag = c.real.astype(state.dtype), c.imag.astype(state.dtype)
        below = np.empty((2, sum(self._levels[1:])), dtype=state.dtype)
        self._mirror(state)
        turns = np.ascontiguousarray(turns[::-1]) if self._mirrored else turns
        kernels.propagate(state, turns, real, imag, phases, pieces, below, *self._lattice)
        self._mirror(state)

    @property
    def _w(self) -> int:
        """The weight at which the kernels work, min(k, d - k)."""
        return min(self.k, self.d - self.k)

    @property
    def _mirrored(self) -> bool:
        """Whether the kernels work on the complements, whose order is reversed."""
        return self.k > self._w

    @cached_property
    def _levels(self) -> list[int]:
        return [math.comb(self.d, w) for w in range(self._w, -1, -1)]

    @cached_property
    def _choose(self) -> Int[Array, "qubits members"]:
        choose = [[math.comb(p, w) for w in range(self.k + 1)] for p in range(self.d + 1)]
        return np.array(choose, dtype=np.int64)

    @cached_property
    def _lattice(self) -> tuple[object, ...]:
        """The arguments of kernels that describe the sector."""
        choose = np.ascontiguousarray(self._choose[:, : self._w + 1])
        return self.d, self._w, choose, _johnson.leaf_tables(self._w)

    def _sums(self, linear: Array, quadratic: Array) -> Array:
        """Return the sum of the coefficients of every state, in the type of `linear`."""
        fields = np.zeros((self.k + 1, self.d), dtype=linear.dtype)
        fields[self.k] = linear
        sums = np.empty(self.size, dtype=linear.dtype)
        zero = linear.dtype.type(0)
        kernels.fill(sums, self.d, self.k, zero, fields, quadratic, self._choose)
        return sums

    def _transform(self, x: Array, c: Float[Array, " j"], out: Array | None) -> Array:
        result = np.empty(x.shape, x.dtype) if out is None else out
        rows = math.prod(x.shape[:-1])
        self._check("x", x, rows=rows, dtype=x.dtype)
        self._check("out", result, rows=rows, dtype=x.dtype)
        result[...] = x
        self._mirror(result)
        below = np.empty(sum(self._levels[1 : c.size]), dtype=x.dtype)
        for row in result.reshape(rows, self.size):
            kernels.transform(row, c.astype(x.dtype), below, *self._lattice)
        self._mirror(result)
        return result

    def _mirror(self, x: Array) -> None:
        if self._mirrored:
            x[...] = x[..., ::-1].copy()

    def _check(self, name: str, x: Array, *, rows: int = 1, dtype: Any) -> None:
        """Raise ArgumentError unless compiled code, which checks no bounds, can read x."""
        fits = x.shape[-1:] == (self.size,) and x.size == rows * self.size
        if not (fits and x.dtype == dtype and dtype in _johnson.ROUNDING and x.flags.c_contiguous):
            raise ArgumentError(
                f"{name}: must be contiguous with {self.size} entries in a row, and all arrays "
                f"float64 or all float32; not of shape {x.shape} and type {x.dtype}"
            )
