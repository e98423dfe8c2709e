"""The algebra of the Johnson graph J(d, k), k <= d/2: functions of A as sums of U^j D^j.

`subspace` derives the operators and their eigenvalues.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import combinations

import numpy as np
from jaxtyping import Complex, Float, Inexact, Int, Int16
from numpy.typing import DTypeLike

from annealcam._internal.types import Array
from annealcam.annealing.kernels.subspace import LEAF
from annealcam.annealing.simulation.memory import require_memory
from annealcam.errors import ProblemTooLargeError

MAX_QUBITS = 62  # a state number is an int64
MAX_STATES = 1 << 26
# Largest rounding error of one rotation due to its coefficients.
ROUNDING = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 3e-5}
_FEW = 3.0  # roundings that every piece of a rotation may cost


def eigenvalues(d: int, k: int) -> Int[Array, " levels"]:
    """Return a_i = (k-i)(d-k-i) - i, i = 0..k, descending.

    >>> eigenvalues(4, 2)
    array([ 4,  0, -2])
    """
    i = np.arange(k + 1)
    return (k - i) * (d - k - i) - i


def moments(d: int, k: int) -> Float[Array, "levels levels"]:
    """Return the eigenvalues e_ji of U^j D^j in row j; they are exact up to 2^53.

    >>> moments(4, 2)
    array([[ 1.,  1.,  1.],
           [ 6.,  2.,  0.],
           [24.,  0.,  0.]])
    """
    e, i = np.ones((k + 1, k + 1)), np.arange(k + 1)
    for j in range(k):
        e[j + 1] = e[j] * np.maximum(k - j - i, 0) * (d - k + j - i + 1)
    return e


def coefficients(values: Inexact[Array, "*n levels"], d: int) -> Inexact[Array, "*n levels"]:
    """Return the c_j of f(A) = sum_j c_j U^j D^j, from the values of f at the eigenvalues.

    f(A) = c_0 + U f'(A') D, where A' is that of weight k - 1; so the c_j follow one by one.

    >>> coefficients(eigenvalues(5, 2).astype(float), 5)
    array([-2.,  1.,  0.])
    """
    k = values.shape[-1] - 1
    c, rest = np.empty_like(values), values
    for j in range(k + 1):
        c[..., j] = rest[..., k - j]
        i = np.arange(k - j)
        rest = (rest[..., : k - j] - c[..., j : j + 1]) / ((k - j - i) * (d - k + j - i + 1))
    return c


def rotations(
    angles: Float[Array, " n"], d: int, k: int, *, dtype: DTypeLike = np.float64
) -> tuple[Complex[Array, "n levels"], int]:
    """Return the coefficients of exp(i angle A / pieces), and the number of pieces.

    The eigenvalues of A are integers, so angles are taken modulo 2 pi. The terms c_j U^j D^j, and
    their rounding errors, can be larger than their sum by up to about 3^k. If the errors of all
    pieces together would exceed `ROUNDING`, all rotations are split into more equal pieces, until
    each piece costs only a few roundings.

    >>> c, pieces = rotations(np.array([0.0, 2 * np.pi]), 5, 2)
    >>> c.round(12), pieces
    (array([[1.+0.j, 0.+0.j, 0.+0.j],
           [1.+0.j, 0.+0.j, 0.+0.j]]), 1)
    """
    angles = angles - 2 * math.pi * np.rint(angles / (2 * math.pi))
    allowed = ROUNDING[np.dtype(dtype)] / float(np.finfo(dtype).eps)
    levels, terms, pieces = eigenvalues(d, k), moments(d, k), 1
    while True:
        c = coefficients(np.exp(1j / pieces * np.outer(angles, levels)), d)
        if (np.abs(c) @ terms).max(initial=0.0) <= max(allowed / pieces, _FEW):
            return c, pieces
        pieces += 1


@cache
def leaf_tables(k: int) -> Int16[Array, "weights subsets members"]:
    """Return the indices of the subsets that result when a member is deleted, in small blocks.

    Entry [w, a, j] is the index of w-subset a without its j-th member, for w = 3..k and as many
    qubits as a block of 256 subsets allows; smaller blocks are the beginning of the table.

    >>> leaf_tables(3)[3, :2]  # {0,1,2} and {0,1,3} among {0,1}, {0,2}, {1,2}, {0,3}, {1,3}
    array([[2, 1, 0],
           [4, 3, 0]], dtype=int16)
    """
    tables = np.zeros((k + 1, LEAF, max(k, 1)), dtype=np.int16)
    for w in range(3, k + 1):
        qubits = w
        while math.comb(qubits + 1, w) <= LEAF:
            qubits += 1
        subsets = sorted(combinations(range(qubits), w), key=lambda subset: subset[::-1])
        for a, subset in enumerate(subsets):
            for j in range(w):
                rest = subset[:j] + subset[j + 1 :]
                tables[w, a, j] = sum(math.comb(p, i + 1) for i, p in enumerate(rest))
    return tables


def memory_bytes(d: int, k: int, *, itemsize: int = 8) -> int:
    """Return the bytes needed for a run in a sector: five vectors, seven of a ladder of runs, and
    two of each lower weight.

    The five are two states of two vectors and the energies; the seven, in double precision, are
    the numbers of the states and tables of probabilities.

    >>> memory_bytes(40, 5) / 1e6  # MB, of which the state has 10.5
    64.802224
    """
    below = sum(math.comb(d, w) for w in range(min(k, d - k)))
    return (5 * itemsize + 7 * 8) * math.comb(d, k) + 2 * itemsize * below


def refuse_too_large(d: int, k: int) -> None:
    """Raise ProblemTooLargeError if a sector exceeds state numbers, kernels or memory."""
    if d > MAX_QUBITS:
        raise ProblemTooLargeError(f"d={d}: states are numbered for at most {MAX_QUBITS} qubits")
    states, need = math.comb(d, k), memory_bytes(d, k)
    if states > MAX_STATES:
        raise ProblemTooLargeError(
            f"k={k}: has {states} states of d={d} qubits, which would need {need / 2**30:.3g} GiB; "
            f"the limit is {MAX_STATES} states: keep fewer candidates (max_qubits), or choose k "
            "farther from d/2"
        )
    require_memory(need, f"the {states} states of d={d} qubits with k={k} set")
