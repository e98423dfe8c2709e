"""Branch and bound for couplings of any kind, for `annealcam.samplers.branch_and_bound`.

A node of the tree has fixed some maps to be in or out. Let e be the energy of the maps that are in
and field_p the energy that the free map p would add to it. If m more maps S are selected, then

    E = e + sum_{p in S} (field_p + 1/2 sum_{q in S, q != p} Q_pq).

Each p in S has m - 1 partners, whose couplings sum to no less than the m - 1 lowest Q_pq over the
free maps q. With

    a_p(m) = field_p + 1/2 (sum of the m - 1 lowest Q_pq over free q),

E >= e + (sum of the m lowest a_p(m)), minimised over m if any number of maps may be selected: the
bound of Gilmore and Lawler. Replacing the m-th lowest a_p(m) by that of another map p bounds the
selections that include p; if that exceeds the best energy, p is fixed to be out.
"""

from __future__ import annotations

import numpy as np

from annealcam._internal.compilation import compiler
from annealcam.samplers.kernels import POOL
from annealcam.samplers.kernels.convex import FREE, IN, OUT, keep, limit_of

compiled = compiler()
SORTING = 60  # operations to rank one map for one number of maps


@compiled
def run(quadratic, order, k, drops, tie, slack, stack, best, counts, budget):  # type: ignore[no-untyped-def]
    """Visit up to `budget` nodes, depth first; return whether the tree is done.

    `order[p]` lists the other maps by their coupling to p, lowest first. The other arguments are
    those of `convex.run`; the stack lacks the arrays of the relaxation.
    """
    status, field, energy, bound, chosen, turn = stack
    _, lowest, _, _, kept = best
    depth = counts[0]
    for _ in range(budget):
        if depth < 0 or counts[3] <= 0 or 2 * kept[0] > POOL:
            break
        counts[3] -= 5 * field.shape[1]
        if turn[depth] == 0:
            counts[1] += 1
            _visit(quadratic, order, k, drops, tie, slack, stack, best, counts, depth)
            if turn[depth] == 0:  # it is not finished
                break
            if turn[depth] < 0:
                depth -= 1
                continue
        if turn[depth] == 3 or bound[depth] > limit_of(lowest, tie, slack, counts[2]):
            depth -= 1
            continue
        into = turn[depth] == 1
        turn[depth] += 1
        status[depth + 1] = status[depth]
        field[depth + 1] = field[depth]
        energy[depth + 1], bound[depth + 1], turn[depth + 1] = energy[depth], bound[depth], 0
        _fix(quadratic, stack, depth + 1, chosen[depth], into)
        depth += 1
    counts[0] = depth
    return depth < 0


@compiled
def _fix(quadratic, stack, t, p, into):  # type: ignore[no-untyped-def]
    status, field, energy, _, _, _ = stack
    status[t, p] = IN if into else OUT
    if into:
        energy[t] += field[t, p]
        field[t] += quadratic[p]


@compiled
def _visit(quadratic, order, k, drops, tie, slack, stack, best, counts, t):  # type: ignore[no-untyped-def]
    """Bound a node and fix the maps that the bound decides.

    turn -1: closed, 1: branch `chosen`, 0: to be continued, since the work is done.
    """
    status, field, energy, bound, chosen, turn = stack
    _, lowest, _, _, _ = best
    d = len(field[t])
    while True:
        if drops:
            for p in range(d):
                if status[t, p] == FREE and field[t, p] > tie:
                    status[t, p] = OUT
        free = np.flatnonzero(status[t] == FREE)
        m = k - (status[t] == IN).sum() if k >= 0 else -1
        if k >= 0 and (m < 0 or m > len(free)):
            turn[t] = -1
            return
        last = len(free) == 0 or m == 0 or m == len(free)
        if k < 0 or last:
            _offer(quadratic, stack, best, counts, t, free if m > 0 else free[:0], tie, last)
        if last:
            turn[t] = -1
            return
        limit = limit_of(lowest, tie, slack, counts[2])
        low, with_p, first, sizes = _bounds(
            quadratic, order, status[t], field[t], energy[t], free, m, drops
        )
        counts[3] -= len(free) * (len(free) + SORTING * sizes)
        bound[t] = max(bound[t], low)
        if bound[t] > limit:
            turn[t] = -1
            return
        any_decided = False
        for i in range(len(free)):
            if with_p[i] > limit:
                status[t, free[i]] = OUT
                any_decided = True
        if not any_decided:
            chosen[t], turn[t] = first, 1
            return
        if counts[3] <= 0:
            counts[1] -= 1
            return


@compiled
def _offer(quadratic, stack, best, counts, t, rest, tie, last):  # type: ignore[no-untyped-def]
    """Compare the selection of the maps that are in, and of `rest`, with the best one.

    It is kept only if it is the `last` of its node, so that it is kept once.
    """
    status, field, energy, _, _, _ = stack
    n, lowest, pool, _, _ = best
    value = energy[t]
    for i in range(len(rest)):
        value += field[t, rest[i]]
        for j in range(i):
            value += quadratic[rest[i], rest[j]]
    if value > lowest[0] + tie:
        return
    if last:
        at = keep(best, counts, value, tie)
        if at >= 0:
            pool[at] = status[t] == IN
            pool[at, rest] = 1
    elif value < lowest[0] - tie:
        counts[2] = 0
    if value < lowest[0]:
        lowest[0] = value
        n[:] = status[t] == IN
        n[rest] = 1


@compiled
def _bounds(quadratic, order, status, field, energy, free, m, drops):  # type: ignore[no-untyped-def]
    """Return the bound, that with each free map selected, the map of lowest a_p(m), and sizes."""
    count = len(free)
    a = field[free]  # a_p(m) for growing m
    at = np.zeros(count, dtype=np.int64)  # position in each row of `order`
    with_p = np.full(count, np.inf)
    low, first = (energy if m < 0 else np.inf), free[np.argmin(a)]
    for size in range(1, count + 1):
        if size > 1:
            for i in range(count):
                row = order[free[i]]
                while status[row[at[i]]] != FREE:
                    at[i] += 1
                a[i] += 0.5 * quadratic[free[i], row[at[i]]]
                at[i] += 1
        if m > 0 and size != m:
            continue
        ranked = np.sort(a)
        total = energy + ranked[:size].sum()
        if total < low:
            low, first = total, free[np.argmin(a)]
        for i in range(count):
            with_p[i] = min(with_p[i], total + max(0.0, a[i] - ranked[size - 1]))
        if size == m or (drops and ranked[size - 1] >= 0.0):  # more maps only raise the energy
            break
    return low, with_p, first, size
