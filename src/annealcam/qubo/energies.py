"""Numbered states and their energies: state number b selects map p if bit p of b is set."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array


def energies_of(
    linear: Float[Array, " d"], quadratic: Float[Array, "d d"]
) -> Float[Array, " states"]:
    """Return sum_p l_p n_p + sum_{p<q} Q_pq n_p n_q of all 2^d states, where n_p is bit p of b.

    >>> energies_of(np.array([1.0, 10.0]), np.array([[0.0, 100.0], [100.0, 0.0]]))
    array([  0.,   1.,  10., 111.])
    """
    d = linear.size
    energies = np.zeros(1 << d)
    field = np.empty(1 << max(d - 1, 0))
    for q in range(d):  # states with bit q have the energy of those without it, plus the field of q
        half = 1 << q
        field[0] = linear[q]
        for p in range(q):
            np.add(field[: 1 << p], quadratic[p, q], out=field[1 << p : 2 << p])
        np.add(energies[:half], field[:half], out=energies[half : 2 * half])
    return energies


def bits(states: int | Int[Array, " selections"], d: int) -> Int[Array, "*selections d"]:
    """Return the selection n of state numbers; n_p is bit p.

    >>> bits(6, 4)
    array([0, 1, 1, 0], dtype=int8)
    """
    return (np.asarray(states)[..., None] >> np.arange(d) & 1).astype(np.int8)


def weights(d: int) -> Int[Array, " states"]:
    """Return the number of selected maps (Hamming weight) of all 2^d states.

    >>> weights(2)
    array([0, 1, 1, 2], dtype=int8)
    """
    return np.bitwise_count(np.arange(1 << d, dtype=np.uint32)).astype(np.int8)
