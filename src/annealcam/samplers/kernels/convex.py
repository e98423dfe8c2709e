"""Branch and bound on a convex relaxation, for `annealcam.samplers.branch_and_bound`.

A node of the tree has fixed some maps to be in or out. Let e be the energy of the maps that are in
and field_p the energy that the free map p would add to it. Since n_p^2 = n_p for n_p in {0, 1},
adding sum_p D_p (n_p^2 - n_p) / 2 to the energy changes nothing at a selection, so that the energy
of the node equals

    phi(y) = e + c y + y (Q + diag(D)) y / 2,    c = field - D / 2,

at every selection y of the free maps. If Q + diag(D) is positive semidefinite (`delta` is D), phi
is convex on [0, 1]^free. A convex function lies above its tangents: for any x with gradient
g = c + (Q + diag(D)) x,

    phi(y) >= phi(x) + g (y - x) >= phi(x) - g x + sum_p min(0, g_p),

where the sum is over the m smallest g_p if exactly m maps are to be selected. This is a lower bound
for any x, not only for the minimum, so coordinate descent can stop as soon as it decides the node.
With L the bound, fixing map p to the other side of the minimum of the sum raises it to L + |g_p|
(or by the difference to the m-th or (m+1)-th smallest gradient): if that exceeds the best energy,
map p is fixed. The smaller D, the better the bound: phi - E = sum_p D_p (y_p^2 - y_p) / 2 <= 0. For
Q + diag(D) = 2 A'A with D_p = 2 |A_p|^2, small maps cost next to nothing, where one number for all
maps would have to be that of the largest one.

If m is 1 or 2, all selections of one or two free maps are compared, in O(free^2).
"""

from __future__ import annotations

import numpy as np

from annealcam._internal.compilation import compiler
from annealcam.samplers.kernels import POOL, RENEWED

compiled = compiler()
FREE, IN, OUT = 0, 1, 2


@compiled
def limit_of(lowest, tie, slack, ties):  # type: ignore[no-untyped-def]
    """Return the bound above which a node is closed.

    `lowest` is (lowest energy, step, most, least): selections within `tie` of the lowest energy are
    all visited, unless there are as many as `most`; from then on only those that are lower by a
    `step`. The `least` limit of that kind is kept.
    """
    if slack > 0.0:
        return lowest[0] - slack
    if ties < lowest[2]:
        return lowest[0] + tie
    lowest[3] = min(lowest[3], lowest[0] - lowest[1])
    return lowest[0] - lowest[1]


@compiled
def keep(best, counts, value, tie):  # type: ignore[no-untyped-def]
    """Keep a selection near the lowest energy; return its place in the pool, or -1.

    `best` is (n, lowest, pool, values, kept). One node may give more selections than the pool has
    places; then the `least` limit shows that not all were compared.
    """
    _, lowest, pool, values, kept = best
    if value < lowest[0] - tie:
        counts[2] = 0
    counts[2] += 1
    if len(pool) == 0:
        return -1
    if kept[0] == len(pool):
        lowest[3] = min(lowest[3], lowest[0] - tie)
        return -1
    values[kept[0]] = value
    kept[0] += 1
    return kept[0] - 1


@compiled
def run(linear, quadratic, delta, k, drops, tie, slack, stack, best, counts, budget):  # type: ignore[no-untyped-def]
    """Visit up to `budget` nodes, depth first; return whether the tree is done.

    `stack` (status, x, g, field, energy, bound, chosen, turn) and `counts` (depth, nodes, ties,
    work) hold the state from which a later call continues; it returns early, also within a node,
    when its work, in operations, is done, or when the pool is half full. `best` is that of `keep`.
    `drops` is True if no coupling is negative and any number of maps may be selected: a map that
    raises the energy is then excluded for good.
    """
    status, x, g, field, energy, bound, chosen, turn, age = stack
    _, lowest, _, _, kept = best
    depth = counts[0]
    for _ in range(budget):
        if depth < 0 or counts[3] <= 0 or 2 * kept[0] > POOL:
            break
        counts[3] -= 5 * len(linear)
        if turn[depth] == 0:  # a new node
            counts[1] += 1
            _visit(linear, quadratic, delta, k, drops, tie, slack, stack, best, counts, depth)
            if turn[depth] == 0:  # it is not finished
                break
            if turn[depth] < 0:
                depth -= 1
                continue
        if turn[depth] == 3 or bound[depth] > limit_of(lowest, tie, slack, counts[2]):
            depth -= 1
            continue
        p = chosen[depth]
        into = (turn[depth] == 1) == (x[depth, p] >= 0.5)
        turn[depth] += 1
        status[depth + 1] = status[depth]
        x[depth + 1] = x[depth]
        g[depth + 1] = g[depth]
        field[depth + 1] = field[depth]
        age[depth + 1] = age[depth]
        energy[depth + 1], bound[depth + 1], turn[depth + 1] = energy[depth], bound[depth], 0
        _fix(quadratic, delta, stack, depth + 1, p, into)
        depth += 1
    counts[0] = depth
    return depth < 0


@compiled
def _fix(quadratic, delta, stack, t, p, into):  # type: ignore[no-untyped-def]
    """Fix a free map to be in or out, and update gradient, field and energy."""
    status, x, g, field, energy, _, _, _, age = stack
    moved = (1.0 if into else 0.0) - x[t, p]
    if moved != 0.0:
        age[t] += 1
        g[t] += moved * quadratic[p]
        g[t, p] += moved * delta[p]
    x[t, p] = 0.0
    status[t, p] = IN if into else OUT
    if into:
        energy[t] += field[t, p]
        field[t] += quadratic[p]


@compiled
def _visit(linear, quadratic, delta, k, drops, tie, slack, stack, best, counts, t):  # type: ignore[no-untyped-def]
    """Bound a node and fix the maps that the bound decides.

    turn -1: closed, 1: branch `chosen`, 0: to be continued, since the work is done.
    """
    status, x, g, field, energy, bound, chosen, turn, age = stack
    _, lowest, _, _, _ = best
    d = len(linear)
    limit = limit_of(lowest, tie, slack, counts[2])
    while True:
        if age[t] > RENEWED:
            _renew(quadratic, delta, status[t], x[t], g[t], field[t])
            age[t] = 0
        if drops:
            for p in range(d):
                if status[t, p] == FREE and field[t, p] > tie:
                    _fix(quadratic, delta, stack, t, p, False)
        free, selected = 0, 0
        for p in range(d):
            free += status[t, p] == FREE
            selected += status[t, p] == IN
        m = k - selected if k >= 0 else -1
        if k >= 0 and (m < 0 or m > free):
            turn[t] = -1
            return
        if free == 0 or m == 0 or m == free:
            _leaf(quadratic, stack, best, counts, t, m > 0, tie)
            turn[t] = -1
            return
        if m == 1 or m == 2:
            _last(quadratic, stack, best, counts, t, m, tie)
            turn[t] = -1
            return
        if m > 0:
            age[t] += _balance(quadratic, delta, status[t], x[t], g[t], m)
        low, steps = _bound_node(
            delta, quadratic, status[t], x[t], g[t], field[t], energy[t], m, limit
        )
        counts[3] -= d * (5 * steps + max(m, 0))
        age[t] += steps
        bound[t] = max(bound[t], low)
        if bound[t] > limit:
            turn[t] = -1
            return
        decided = _decide(quadratic, delta, stack, t, m, low, limit)
        if decided == 0:
            break
        counts[3] -= 2 * d * decided
        if counts[3] <= 0:
            counts[1] -= 1
            return
    score, p_best = -1.0, -1
    for p in range(d):
        if status[t, p] == FREE:
            s = x[t, p] * (1.0 - x[t, p]) + 0.3 * x[t, p]
            if s > score:
                score, p_best = s, p
    chosen[t] = p_best
    turn[t] = 1


@compiled
def _leaf(quadratic, stack, best, counts, t, rest, tie):  # type: ignore[no-untyped-def]
    """Compare a selection with the best one; `rest`: all free maps are selected."""
    status, _, _, field, energy, _, _, _, _ = stack
    n, lowest, pool, _, _ = best
    value = energy[t]
    if rest:
        extra = field[t].copy()
        for p in range(len(n)):
            if status[t, p] == FREE:
                value += extra[p]
                extra += quadratic[p]
    if value > lowest[0] + tie:
        return
    at = keep(best, counts, value, tie)
    for p in range(len(n)):
        inside = status[t, p] == IN or (rest and status[t, p] == FREE)
        if at >= 0:
            pool[at, p] = inside
        if value < lowest[0]:
            n[p] = inside
    lowest[0] = min(lowest[0], value)


@compiled
def _last(quadratic, stack, best, counts, t, m, tie):  # type: ignore[no-untyped-def]
    """Compare all selections of one or two more maps with the best one."""
    status, _, _, field, energy, _, _, _, _ = stack
    n, lowest, pool, _, _ = best
    d = len(n)
    for p in range(d):
        if status[t, p] != FREE:
            continue
        for q in range(p, p + 1 if m == 1 else d):
            if status[t, q] != FREE or (m == 2 and q == p):
                continue
            value = energy[t] + field[t, p]
            if m == 2:
                value += field[t, q] + quadratic[p, q]
            if value > lowest[0] + tie:
                continue
            at = keep(best, counts, value, tie)
            for o in range(d):
                inside = status[t, o] == IN or o in (p, q)
                if at >= 0:
                    pool[at, o] = inside
                if value < lowest[0]:
                    n[o] = inside
            lowest[0] = min(lowest[0], value)


@compiled
def _balance(quadratic, delta, status, x, g, m):  # type: ignore[no-untyped-def]
    """Move x to the sum m, where the gradient is smallest or largest; return the steps."""
    d, steps = len(x), 0
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
        g[at] += step * delta[at]
        steps += 1
    return steps


@compiled
def _renew(quadratic, delta, status, x, g, field):  # type: ignore[no-untyped-def]
    """Compute the gradient at x again."""
    g[:] = field - 0.5 * delta + delta * x
    for p in range(len(x)):
        if status[p] == FREE and x[p] != 0.0:
            g += x[p] * quadratic[p]


@compiled
def _bound_node(delta, quadratic, status, x, g, field, energy, m, limit):  # type: ignore[no-untyped-def]
    """Descend by coordinates, or by pairs to select m maps; return the best bound and the steps."""
    best = -np.inf
    for step in range(2000):
        if step % RENEWED == RENEWED - 1:
            _renew(quadratic, delta, status, x, g, field)
        if step % 12 == 0:
            value, low = _values(delta, status, x, g, field, energy, m)
            best = max(best, low)
            if best > limit or value - best < 0.05 * (limit - best) + 1e-13 * abs(best):
                return best, step
        moved = (
            _single(delta, quadratic, status, x, g)
            if m < 0
            else _pair(delta, quadratic, status, x, g)
        )
        if not moved:
            break
    _, low = _values(delta, status, x, g, field, energy, m)
    return max(best, low), step


@compiled
def _values(delta, status, x, g, field, energy, m):  # type: ignore[no-untyped-def]
    """Return phi(x) and the bound by its gradient."""
    value, low = energy, 0.0
    for p in range(len(x)):
        if status[p] == FREE:
            value += 0.5 * x[p] * (field[p] - 0.5 * delta[p] + g[p])
            low -= g[p] * x[p]
            if m < 0:
                low += min(0.0, g[p])
    if m > 0:
        low += _smallest(g, status, m).sum()
    return value, value + low


@compiled
def _smallest(g, status, m):  # type: ignore[no-untyped-def]
    """Return the m smallest gradients of free maps in ascending order."""
    smallest = np.full(m, np.inf)
    for p in range(len(g)):
        if status[p] == FREE and g[p] < smallest[m - 1]:
            i = m - 1
            while i > 0 and smallest[i - 1] > g[p]:
                smallest[i] = smallest[i - 1]
                i -= 1
            smallest[i] = g[p]
    return smallest


@compiled
def _single(delta, quadratic, status, x, g):  # type: ignore[no-untyped-def]
    """Minimise over the coordinate that gains most; return whether one gained."""
    at, gain, step = -1, 1e-15, 0.0
    for p in range(len(x)):
        if status[p] == FREE:
            s = min(max(-g[p] / delta[p], -x[p]), 1.0 - x[p])
            better = -s * (g[p] + 0.5 * delta[p] * s)
            if better > gain:
                at, gain, step = p, better, s
    if at < 0:
        return False
    x[at] += step
    g += step * quadratic[at]
    g[at] += step * delta[at]
    return True


@compiled
def _pair(delta, quadratic, status, x, g):  # type: ignore[no-untyped-def]
    """Move weight from the coordinate of largest gradient to that of smallest; return if any."""
    down, up, high, low = -1, -1, -np.inf, np.inf
    for p in range(len(x)):
        if status[p] == FREE:
            if x[p] > 0.0 and g[p] > high:
                down, high = p, g[p]
            if x[p] < 1.0 and g[p] < low:
                up, low = p, g[p]
    if down < 0 or up < 0 or high - low < 1e-12:
        return False
    curvature = max(delta[down] + delta[up] - 2.0 * quadratic[down, up], 1e-12)
    step = min((high - low) / curvature, x[down], 1.0 - x[up])
    x[down] -= step
    x[up] += step
    g += step * (quadratic[up] - quadratic[down])
    g[up] += step * delta[up]
    g[down] -= step * delta[down]
    return True


@compiled
def _decide(quadratic, delta, stack, t, m, low, limit):  # type: ignore[no-untyped-def]
    """Fix the maps whose other value would raise the bound above the limit; return how many."""
    status, _, g, _, _, _, _, _, _ = stack
    d = status.shape[1]
    last, after = 0.0, 0.0  # the m-th and the next smallest gradient
    if m > 0:
        last, after = _smallest(g[t], status[t], m + 1)[m - 1 :]
    decided = np.zeros(d, dtype=np.int8)
    for p in range(d):
        if status[t, p] == FREE:
            if low + max(0.0, g[t, p] - last) > limit:
                decided[p] = OUT
            elif low + max(0.0, after - g[t, p]) > limit:
                decided[p] = IN
    for p in range(d):
        if decided[p] != 0:
            _fix(quadratic, delta, stack, t, p, decided[p] == IN)
    return np.count_nonzero(decided)


@compiled
def minimise(linear, quadratic, delta, x, g, tolerance):  # type: ignore[no-untyped-def]
    """Minimise phi over 0 <= x <= 1 at constant sum, in place with its gradient; return the bound.

    It ends when phi(x) is within `tolerance` of the bound, or when no pair of coordinates gains.
    """
    status, m = np.zeros(len(x), dtype=np.int8), round(x.sum())
    best = -np.inf
    for step in range(100 * len(x)):
        if step % 12 == 0:
            value, low = _values(delta, status, x, g, linear, 0.0, m)
            best = max(best, low)
            if value - best < tolerance:
                return best
        if not _pair(delta, quadratic, status, x, g):
            break
    _, low = _values(delta, status, x, g, linear, 0.0, m)
    return max(best, low)
