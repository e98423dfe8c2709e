"""Iterated descent by flips and swaps, compiled; `selection.local_search` explains it.

Outside of the rooms, since what tests instrument cannot be compiled.
"""

from __future__ import annotations

import numba
import numpy as np

TRIED = 25


@numba.njit(cache=True, nogil=True)
def search(linear, quadratic, k, n, kicks, rng, tie):  # type: ignore[no-untyped-def]
    """Improve n in place by descent and `kicks` kicks of the best; return its energy.

    `k` < 0 leaves the number of maps free; otherwise n must have k of them, and keeps them.
    """
    largest = quadratic.max() if len(n) else 0.0
    field = linear + quadratic[n == 1].sum(axis=0)
    energy = 0.5 * ((linear + field) * n).sum()
    energy += _descend(quadratic, k, n, field, tie, largest)
    now, felt = n.copy(), field.copy()
    for _ in range(kicks):
        change = _kick(quadratic, k, now, felt, rng)
        change += _descend(quadratic, k, now, felt, tie, largest)
        if change < -tie:
            n[:], field[:] = now, felt
            energy += change
        elif change > tie:
            now[:], felt[:] = n, field
        else:  # as good, and elsewhere perhaps: go on from there
            n[:], field[:] = now, felt
            energy += change
    return energy


@numba.njit(cache=True)
def _flip(quadratic, n, field, p):  # type: ignore[no-untyped-def]
    """Take a map in or out; return the change of energy."""
    sign = 1.0 - 2.0 * n[p]
    change = sign * field[p]
    field += sign * quadratic[p]
    n[p] = 1 - n[p]
    return change


@numba.njit(cache=True)
def _descend(quadratic, k, n, field, tie, largest):  # type: ignore[no-untyped-def]
    """Take the best flip while one lowers the energy, else the best swap; return the change."""
    total = 0.0
    while True:
        if k < 0:
            p, change = _best_flip(n, field)
            if change < -tie:
                total += _flip(quadratic, n, field, p)
                continue
        leaves, enters, change = _best_swap(quadratic, n, field, largest)
        if change >= -tie:
            return total
        total += _flip(quadratic, n, field, leaves)
        total += _flip(quadratic, n, field, enters)


@numba.njit(cache=True)
def _best_flip(n, field):  # type: ignore[no-untyped-def]
    at, lowest = -1, 0.0
    for p in range(len(n)):
        change = -field[p] if n[p] else field[p]
        if change < lowest:
            at, lowest = p, change
    return at, lowest


@numba.njit(cache=True)
def _best_swap(quadratic, n, field, largest):  # type: ignore[no-untyped-def]
    """Which map leaves, which enters, and what that changes.

    A swap changes the energy by field_q - field_p - Q_pq. As no Q is above `largest`, only maps of
    a field below the highest of the selected ones plus that can enter: mostly a few.
    """
    d = len(n)
    highest = -np.inf
    for p in range(d):
        if n[p]:
            highest = max(highest, field[p])
    able, count = np.empty(d, dtype=np.int64), 0
    for q in range(d):
        if not n[q] and field[q] < highest + largest:
            able[count] = q
            count += 1
    leaves, enters, lowest = -1, -1, 0.0
    for p in range(d):
        if n[p] and count:
            row, limit = quadratic[p], lowest + field[p]
            for i in range(count):
                q = able[i]
                if field[q] - row[q] < limit:
                    limit = field[q] - row[q]
                    leaves, enters = p, q
            lowest = limit - field[p]
    return leaves, enters, lowest


@numba.njit(cache=True)
def _kick(quadratic, k, n, field, rng):  # type: ignore[no-untyped-def]
    """Some selected maps leave, and some of the others enter; return the change of energy."""
    inside, outside = np.flatnonzero(n == 1), np.flatnonzero(n == 0)
    leave = min(1 + int(rng.random() * 3), len(inside))
    enter = min(leave if k >= 0 else 1 + int(rng.random() * 3), len(outside))
    if k >= 0:
        leave = enter
    change = 0.0
    for i in range(leave):
        j = i + int(rng.random() * (len(inside) - i))
        inside[i], inside[j] = inside[j], inside[i]
        change += _flip(quadratic, n, field, inside[i])
    while enter > 0:  # the best of some at random: most maps would never stay
        best = -1
        for _ in range(TRIED):
            q = outside[int(rng.random() * len(outside))]
            if n[q] == 0 and (best < 0 or field[q] < field[best]):
                best = q
        if best >= 0:
            change += _flip(quadratic, n, field, best)
            enter -= 1
    return change
