"""Branch and bound on a convex relaxation, compiled; `selection.branch_and_bound` explains it.

Outside of the rooms, since what tests instrument cannot be compiled.

A node fixes some maps (in or out); for the free ones, y in [0, 1]^free with n_p^2 = n_p,

    phi(y) = e + c y + y (Q + delta I) y / 2,    c = field - delta / 2,

is convex where Q + delta I is, so that for any x, with its gradient g,

    phi(y) >= phi(x) + g (y - x) >= phi(x) - g x + sum_p min(0, g_p)

(the m smallest g_p where just m are to be taken): a bound whether or not x is the minimum.
"""

from __future__ import annotations

import numba
import numpy as np

FREE, IN, OUT = 0, 1, 2
MOST_TIES = 100  # selections as good as the best that are looked for; there may be 2^d


@numba.njit(cache=True)
def limit_of(lowest, tie, ties):  # type: ignore[no-untyped-def]
    """What a node's bound must not be above: ties are looked for until there are enough."""
    return lowest + (tie if ties < MOST_TIES else -tie)


@numba.njit(cache=True)
def run(linear, quadratic, delta, k, drops, tie, stack, best, counts, budget):  # type: ignore[no-untyped-def]
    """Visit up to `budget` nodes, depth first; return whether the tree is done.

    `stack` (status, x, g, field, energy, bound, chosen, turn) and `counts` (depth, nodes, ties)
    hold all that a later call needs to go on. `best` is (n, its energy). `drops`: couplings are
    not negative and any number may be taken, so that a map that costs never returns.
    """
    status, x, g, field, energy, bound, chosen, turn = stack
    _, lowest = best
    depth = counts[0]
    for _ in range(budget):
        if depth < 0:
            break
        if turn[depth] == 0:  # a new node
            counts[1] += 1
            _visit(linear, quadratic, delta, k, drops, tie, stack, best, counts, depth)
            if turn[depth] < 0:
                depth -= 1
                continue
        if turn[depth] == 3 or bound[depth] > limit_of(lowest[0], tie, counts[2]):
            depth -= 1
            continue
        p = chosen[depth]
        into = (turn[depth] == 1) == (x[depth, p] >= 0.5)
        turn[depth] += 1
        status[depth + 1] = status[depth]
        x[depth + 1] = x[depth]
        g[depth + 1] = g[depth]
        field[depth + 1] = field[depth]
        energy[depth + 1], bound[depth + 1], turn[depth + 1] = energy[depth], bound[depth], 0
        _fix(quadratic, delta, stack, depth + 1, p, into)
        depth += 1
    counts[0] = depth
    return depth < 0


@numba.njit(cache=True)
def _fix(quadratic, delta, stack, t, p, into):  # type: ignore[no-untyped-def]
    """Take a free map in, or out, and keep gradient, field and energy in step."""
    status, x, g, field, energy, _, _, _ = stack
    moved = (1.0 if into else 0.0) - x[t, p]
    if moved != 0.0:
        g[t] += moved * quadratic[p]
        g[t, p] += moved * delta
    x[t, p] = 0.0
    status[t, p] = IN if into else OUT
    if into:
        energy[t] += field[t, p]
        field[t] += quadratic[p]


@numba.njit(cache=True)
def _visit(linear, quadratic, delta, k, drops, tie, stack, best, counts, t):  # type: ignore[no-untyped-def]
    """Bound a node and fix what the bound decides; turn -1: done with, 1: `chosen` is to branch."""
    status, x, g, field, energy, bound, chosen, turn = stack
    _, lowest = best
    d = len(linear)
    limit = limit_of(lowest[0], tie, counts[2])
    while True:
        if drops:
            for p in range(d):
                if status[t, p] == FREE and field[t, p] > tie:
                    _fix(quadratic, delta, stack, t, p, False)
        free, taken = 0, 0
        for p in range(d):
            free += status[t, p] == FREE
            taken += status[t, p] == IN
        m = k - taken if k >= 0 else -1
        if k >= 0 and (m < 0 or m > free):
            turn[t] = -1
            return
        if free == 0 or m == 0 or m == free:
            _leaf(quadratic, stack, best, counts, t, m > 0, tie)
            turn[t] = -1
            return
        if m > 0:
            _balance(quadratic, delta, status[t], x[t], g[t], m)
        low = _minimise(delta, quadratic, status[t], x[t], g[t], field[t], energy[t], m, limit)
        bound[t] = max(bound[t], low)
        if bound[t] > limit:
            turn[t] = -1
            return
        if not _decide(quadratic, delta, stack, t, m, low, limit):
            break
    score, p_best = -1.0, -1
    for p in range(d):
        if status[t, p] == FREE:
            s = x[t, p] * (1.0 - x[t, p]) + 0.3 * x[t, p]
            if s > score:
                score, p_best = s, p
    chosen[t] = p_best
    turn[t] = 1


@numba.njit(cache=True)
def _leaf(quadratic, stack, best, counts, t, rest, tie):  # type: ignore[no-untyped-def]
    """All maps are decided (`rest`: the free ones are all taken): is it better, or as good?"""
    status, _, _, field, energy, _, _, _ = stack
    n, lowest = best
    value = energy[t]
    if rest:
        extra = field[t].copy()
        for p in range(len(n)):
            if status[t, p] == FREE:
                value += extra[p]
                extra += quadratic[p]
    if value > lowest[0] + tie:
        return
    if value < lowest[0] - tie:
        counts[2] = 0
    counts[2] += 1
    if value < lowest[0]:
        lowest[0] = value
        for p in range(len(n)):
            n[p] = status[t, p] == IN or (rest and status[t, p] == FREE)


@numba.njit(cache=True)
def _balance(quadratic, delta, status, x, g, m):  # type: ignore[no-untyped-def]
    """Move x so that its sum over the free maps is m: where the gradient gains, or loses, least."""
    d = len(x)
    total = 0.0
    for p in range(d):
        total += x[p]
    while abs(total - m) > 1e-12:
        up = total < m
        at, value = -1, np.inf
        for p in range(d):
            if status[p] == FREE and (x[p] < 1.0 if up else x[p] > 0.0):
                v = g[p] if up else -g[p]
                if v < value:
                    at, value = p, v
        step = min(m - total, 1.0 - x[at]) if up else max(m - total, -x[at])
        x[at] += step
        total += step
        g += step * quadratic[at]
        g[at] += step * delta


@numba.njit(cache=True)
def _minimise(delta, quadratic, status, x, g, field, energy, m, limit):  # type: ignore[no-untyped-def]
    """Descend by coordinates (by pairs where m are to be taken); return the best bound seen."""
    best = -np.inf
    for step in range(2000):
        if step % 12 == 0:
            value, low = _values(delta, status, x, g, field, energy, m)
            best = max(best, low)
            if best > limit or value - best < 0.05 * (limit - best) + 1e-13 * abs(best):
                return best
        moved = (
            _single(delta, quadratic, status, x, g)
            if m < 0
            else _pair(delta, quadratic, status, x, g)
        )
        if not moved:
            break
    _, low = _values(delta, status, x, g, field, energy, m)
    return max(best, low)


@numba.njit(cache=True)
def _values(delta, status, x, g, field, energy, m):  # type: ignore[no-untyped-def]
    """phi(x), and the bound that its gradient gives."""
    value, low = energy, 0.0
    for p in range(len(x)):
        if status[p] == FREE:
            value += 0.5 * x[p] * (field[p] - 0.5 * delta + g[p])
            low -= g[p] * x[p]
            if m < 0:
                low += min(0.0, g[p])
    if m > 0:
        low += np.sort(g[status == FREE])[:m].sum()
    return value, value + low


@numba.njit(cache=True)
def _single(delta, quadratic, status, x, g):  # type: ignore[no-untyped-def]
    at, gain, step = -1, 1e-15, 0.0
    for p in range(len(x)):
        if status[p] == FREE:
            s = min(max(-g[p] / delta, -x[p]), 1.0 - x[p])
            better = -s * (g[p] + 0.5 * delta * s)
            if better > gain:
                at, gain, step = p, better, s
    if at < 0:
        return False
    x[at] += step
    g += step * quadratic[at]
    g[at] += step * delta
    return True


@numba.njit(cache=True)
def _pair(delta, quadratic, status, x, g):  # type: ignore[no-untyped-def]
    down, up, high, low = -1, -1, -np.inf, np.inf
    for p in range(len(x)):
        if status[p] == FREE:
            if x[p] > 0.0 and g[p] > high:
                down, high = p, g[p]
            if x[p] < 1.0 and g[p] < low:
                up, low = p, g[p]
    if down < 0 or up < 0 or high - low < 1e-12:
        return False
    curvature = max(2.0 * (delta - quadratic[down, up]), 1e-12)
    step = min((high - low) / curvature, x[down], 1.0 - x[up])
    x[down] -= step
    x[up] += step
    g += step * (quadratic[up] - quadratic[down])
    g[up] += step * delta
    g[down] -= step * delta
    return True


@numba.njit(cache=True)
def _decide(quadratic, delta, stack, t, m, low, limit):  # type: ignore[no-untyped-def]
    """Fix the maps whose other value would lift the bound above the limit; whether any was."""
    status, _, g, _, _, _, _, _ = stack
    d = status.shape[1]
    last, after = 0.0, 0.0  # gradient of the last map that the bound takes, and of the next one
    if m > 0:
        ordered = np.sort(g[t][status[t] == FREE])
        last, after = ordered[m - 1], ordered[m]
    put = np.zeros(d, dtype=np.int8)
    found = False
    for p in range(d):
        if status[t, p] == FREE:
            if low + max(0.0, g[t, p] - last) > limit:
                put[p], found = OUT, True
            elif low + max(0.0, after - g[t, p]) > limit:
                put[p], found = IN, True
    for p in range(d):
        if put[p] != 0:
            _fix(quadratic, delta, stack, t, p, put[p] == IN)
    return found
