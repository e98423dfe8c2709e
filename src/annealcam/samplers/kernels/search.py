"""Iterated descent by flips and swaps, for `annealcam.samplers.local_search`.

With E(n) = linear n + n Q n / 2 and Q_pp = 0, let field = linear + Q n. Then

    E(n) = (linear + field) n / 2;
    flipping map p changes the energy by (1 - 2 n_p) field_p, and field by (1 - 2 n_p) Q_p;
    swapping p (which leaves) for q (which enters) changes it by field_q - field_p - Q_pq,

so that with field up to date, a flip costs O(1) to evaluate and O(d) to make, and the best swap of
k selected maps costs at most O(k d). Since Q_pq is at most its largest entry Q_max, a map q can
improve the best swap only if field_q < max_{p in} field_p + Q_max, which leaves few maps to try.
"""

from __future__ import annotations

import numpy as np

from annealcam._internal.compilation import compiler

compiled = compiler()
TRIED = 25  # maps drawn for each one that a kick adds; the cheapest of them enters


@compiled
def search(quadratic, largest, k, best, trial, sums, counts, rng, tie, work):  # type: ignore[no-untyped-def]
    """Continue a search for about `work` operations; return whether it is done.

    `best` and `trial` are pairs (n, field), equal at the start. `trial` descends; `best` is the
    best end of a descent so far. `sums` holds the change of energy by the last kick, and by the
    descent since; `counts` holds the kicks to come, and 1 after the first descent. `largest` is the
    largest coupling. `k` < 0 leaves the number of maps free; otherwise n must have k of them, and
    keeps them.
    """
    n, field = best
    trial_n, trial_field = trial
    while True:
        work, done = _descend(quadratic, k, trial_n, trial_field, sums, tie, largest, work)
        if not done:
            return False
        change = sums[0] + sums[1]
        if counts[1] == 0 or change <= tie:  # equally good, and possibly elsewhere: continue there
            n[:], field[:] = trial_n, trial_field
        else:
            trial_n[:], trial_field[:] = n, field
        counts[1] = 1
        if counts[0] == 0:
            return True
        counts[0] -= 1
        sums[0], sums[1] = _kick(quadratic, k, trial_n, trial_field, rng), 0.0
        work -= 10 * len(n)


@compiled
def _flip(quadratic, n, field, p):  # type: ignore[no-untyped-def]
    """Flip map p; return the change of energy."""
    sign = 1.0 - 2.0 * n[p]
    change = sign * field[p]
    field += sign * quadratic[p]
    n[p] = 1 - n[p]
    return change


@compiled
def _descend(quadratic, k, n, field, sums, tie, largest, work):  # type: ignore[no-untyped-def]
    """Make the best flip while one lowers the energy, else the best swap, until neither does.

    Returns the work that is left, and whether the descent has ended.
    """
    while work > 0:
        work -= 2 * len(n)
        if k < 0:
            p, change = _best_flip(n, field)
            if change < -tie:
                sums[1] += _flip(quadratic, n, field, p)
                continue
        leaves, enters, change, tried = _best_swap(quadratic, n, field, largest)
        work -= tried
        if change >= -tie:
            return work, True
        sums[1] += _flip(quadratic, n, field, leaves)
        sums[1] += _flip(quadratic, n, field, enters)
    return work, False


@compiled
def _best_flip(n, field):  # type: ignore[no-untyped-def]
    at, lowest = -1, 0.0
    for p in range(len(n)):
        change = -field[p] if n[p] else field[p]
        if change < lowest:
            at, lowest = p, change
    return at, lowest


@compiled
def _best_swap(quadratic, n, field, largest):  # type: ignore[no-untyped-def]
    """Return the maps that leave and enter, the change of energy, and the number of swaps tried."""
    d = len(n)
    highest, tried = -np.inf, 0
    for p in range(d):
        if n[p]:
            highest = max(highest, field[p])
    candidates, count = np.empty(d, dtype=np.int64), 0
    for q in range(d):
        if not n[q] and field[q] < highest + largest:
            candidates[count] = q
            count += 1
    leaves, enters, lowest = -1, -1, 0.0
    for p in range(d):
        if n[p] and count:
            row, limit = quadratic[p], lowest + field[p]
            tried += count
            for i in range(count):
                q = candidates[i]
                if field[q] - row[q] < limit:
                    limit = field[q] - row[q]
                    leaves, enters = p, q
            lowest = limit - field[p]
    return leaves, enters, lowest, tried


@compiled
def _kick(quadratic, k, n, field, rng):  # type: ignore[no-untyped-def]
    """Remove up to three random maps and add up to three others; return the change of energy."""
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
    while enter > 0:  # the cheapest of a few random maps, since most maps would leave again
        best = -1
        for _ in range(TRIED):
            q = outside[int(rng.random() * len(outside))]
            if n[q] == 0 and (best < 0 or field[q] < field[best]):
                best = q
        if best >= 0:
            change += _flip(quadratic, n, field, best)
            enter -= 1
    return change
