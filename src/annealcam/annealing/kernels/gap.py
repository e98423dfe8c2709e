"""Compiled search for the smallest gap of the reduced model along a schedule.

A table has one row for each point u of the run, and the columns named here. Two compiled tuples go
along: `path` is the schedule, `pencil` the reduced model.
"""

from typing import NamedTuple

import numpy as np

from annealcam._internal.types import Array
from annealcam.annealing.kernels.model import errors, solve
from annealcam.annealing.kernels.state import compiled

# u; A and B; how far A and B have gone up and down since the start; the gap and its error; its
# slopes to the left and right; E_0 + ... + E_g less its errors, and these; <H_D> and <H_P> of level
# 0, and summed over the levels below g; what dH/du couples level g to those, to the left and right.
U, A, B, RUN_A, RUN_B, GAP, DOUBT, LEFT, RIGHT, LEAST, MISSED, D0, P0, DS, PS, PULL = range(16)
COLUMNS = 16
_NARROW = 1e-8  # at the very ends, levels that share one energy have no slopes


class SchedulePath(NamedTuple):
    """A schedule: its pieces, and the points where A or B turns back, with their total course."""

    breaks: Array
    driver: Array
    problem: Array
    marks_a: Array
    run_a: Array
    marks_b: Array
    run_b: Array


class Pencil(NamedTuple):
    """The reduced model; the problem's lowest energies; splittings; spreads of H_D and H_P."""

    model: Array
    ends: Array
    splitting: Array
    spreads: Array


@compiled
def strength(breaks, cubics, u, left):
    """Return a curve's value, slope and second derivative at u, `left` or right of a break."""
    after = np.searchsorted(breaks, u, "left") if left else np.searchsorted(breaks, u, "right")
    piece = min(max(after - 1, 0), breaks.size - 2)
    x, c = u - breaks[piece], cubics[piece]
    value = c[0] + x * (c[1] + x * (c[2] + x * c[3]))
    return value, c[1] + x * (2 * c[2] + 3 * x * c[3]), 2 * c[2] + 6 * x * c[3]


@compiled
def _travelled(breaks, cubics, marks, run, u):
    k = min(max(np.searchsorted(marks, u, "right") - 1, 0), marks.size - 1)
    now, then = strength(breaks, cubics, u, False)[0], strength(breaks, cubics, marks[k], False)[0]
    return run[k] + abs(now - then)


@compiled
def probe(path, pencil, u, row):
    """Fill one row of a table."""
    g = pencil.ends.size - 1
    a, da_right, _ = strength(path.breaks, path.driver, u, False)
    b, db_right, _ = strength(path.breaks, path.problem, u, False)
    _, da_left, _ = strength(path.breaks, path.driver, u, True)
    _, db_left, _ = strength(path.breaks, path.problem, u, True)
    values, vectors = solve(pencil.model, a, b)
    doubts = errors(pencil.model, a, b, values, vectors, g + 1, pencil.splitting)
    if a == 0.0 and b >= 0.0:  # the problem alone: its energies, no eigenvalues
        values[: g + 1] = b * pencil.ends
        doubts[:] = 0.0
    row[U], row[A], row[B] = u, a, b
    row[RUN_A] = _travelled(path.breaks, path.driver, path.marks_a, path.run_a, u)
    row[RUN_B] = _travelled(path.breaks, path.problem, path.marks_b, path.run_b, u)
    row[GAP], row[DOUBT] = max(values[g] - values[0], 0.0), doubts[0] + doubts[g]
    low = np.ascontiguousarray(vectors[:, : g + 1])
    upper = np.ascontiguousarray(low[:, g])
    d_upper, p_upper = np.dot(pencil.model[0], upper), np.dot(pencil.model[1], upper)
    row[LEAST], row[MISSED], row[DS], row[PS] = 0.0, doubts.sum(), 0.0, 0.0
    left, right = 0.0, 0.0
    for j in range(g + 1):
        row[LEAST] += values[j] - doubts[j]
        if j < g:
            state = np.ascontiguousarray(low[:, j])
            d = np.dot(state, np.dot(pencil.model[0], state))
            p = np.dot(state, np.dot(pencil.model[1], state))
            row[DS] += d
            row[PS] += p
            if j == 0:
                row[D0], row[P0] = d, p
            d, p = np.dot(state, d_upper), np.dot(state, p_upper)
            left += (da_left * d + db_left * p) ** 2
            right += (da_right * d + db_right * p) ** 2
    d, p = np.dot(upper, d_upper) - row[D0], np.dot(upper, p_upper) - row[P0]
    row[LEFT], row[RIGHT] = da_left * d + db_left * p, da_right * d + db_right * p
    row[PULL] = np.sqrt(max(left, right))


@compiled
def survey(path, pencil, points):
    """Return the table of many points."""
    table = np.empty((points.size, COLUMNS))
    for i in range(points.size):
        probe(path, pencil, points[i], table[i])
    return table


@compiled
def lowest(path, pencil, table, accuracy):
    """Return the row of the smallest gap: on the table, or in a valley between two of its points.

    A valley cannot hide a smaller gap where its lower bound, without the errors, says so.
    """
    best = table[np.argmin(table[:, GAP])].copy()
    order = np.argsort(np.minimum(table[:-1, GAP], table[1:, GAP]))
    for i in order:
        low, high = table[i].copy(), table[i + 1].copy()
        if _bracket(path, pencil, low, high):
            found = descend(path, pencil, low, high, accuracy, best[GAP])
            if found[GAP] < best[GAP]:
                best = found
    return best


@compiled
def _bracket(path, pencil, low, high):
    """Narrow two rows until the gap falls from the one and rises to the other; whether it does.

    Where other levels cross, the gap may turn twice: it falls from the lower end, and yet slopes
    the same way at the other.
    """
    row = np.empty(COLUMNS)
    for _ in range(40):
        falls, rises = low[RIGHT] < 0.0, high[LEFT] > 0.0
        if falls and rises:
            return True
        slight = 1e-9 * low[GAP] / max(high[U] - low[U], _NARROW)
        falls = low[RIGHT] < -slight and high[GAP] >= low[GAP]
        rises = high[LEFT] > slight and low[GAP] >= high[GAP]
        if high[U] - low[U] < _NARROW or not (falls or rises):
            return False
        probe(path, pencil, 0.5 * (low[U] + high[U]), row)
        if falls and (row[LEFT] > 0.0 or row[GAP] >= low[GAP]):
            high[:] = row
        elif falls or row[RIGHT] < 0.0 or row[GAP] >= high[GAP]:
            low[:] = row
        else:
            high[:] = row
    return False


@compiled
def descend(path, pencil, low, high, accuracy, least):
    """Return the bottom of the valley between two rows: the zero of gap * slope.

    That is straight where two levels avoid each other, so regula falsi (Illinois) is fast. It ends
    early where the tangents of both ends show that the valley stays above `least`.
    """
    left, right = low[U], high[U]
    f_left, f_right, side = low[GAP] * low[RIGHT], high[GAP] * high[LEFT], 0
    best, row = (low if low[GAP] < high[GAP] else high).copy(), np.empty(COLUMNS)
    for _ in range(80):
        u = (left * f_right - right * f_left) / (f_right - f_left)
        if not left < u < right:
            break
        probe(path, pencil, u, row)
        if row[GAP] < best[GAP]:
            best[:] = row
        force = row[GAP] * row[RIGHT]
        # gap^2 is nearly a parabola, whose bottom lies force^2 / curvature deeper
        if force * force * (right - left) <= accuracy * row[GAP] ** 2 * (f_right - f_left):
            break
        if row[GAP] ** 2 - 2.0 * abs(force) * (right - left) > least * least:
            break
        if force < 0.0:
            left, f_left = u, force
            f_right *= 0.5 if side < 0 else 1.0
            side = -1
        else:
            right, f_right = u, force
            f_left *= 0.5 if side > 0 else 1.0
            side = 1
    return best


@compiled
def bounds(path, pencil, table):
    """Return what the gap cannot fall below between neighbouring rows: see certificate.py."""
    found = np.empty(table.shape[0] - 1)
    for i in range(found.size):
        r0, r1 = table[i], table[i + 1]
        length = pencil.spreads[0] * (r1[RUN_A] - r0[RUN_A])
        length += pencil.spreads[1] * (r1[RUN_B] - r0[RUN_B])
        found[i] = 0.5 * (r0[GAP] - r0[DOUBT] + r1[GAP] - r1[DOUBT] - length)
        nearest, furthest = _beside_the_chord(path, r0, r1)
        if nearest > 0.0:
            concave = _by_concavity(r0, r1)
            found[i] = max(found[i], concave * (nearest if concave > 0.0 else furthest))
    return found


@compiled
def _by_concavity(r0, r1):
    """Least of chord less tangents on the straight line from (A, B) of one row to the other."""
    ends = np.empty((2, 2, 2))  # functional; whose tangent; at which end
    for whose, r in enumerate((r0, r1)):
        for at, q in enumerate((r0, r1)):
            ends[0, whose, at] = q[A] * r[D0] + q[B] * r[P0]
            ends[1, whose, at] = q[A] * r[DS] + q[B] * r[PS]
    found = np.inf
    for k in range(4):
        t = 1.0 if k == 1 else 0.0
        if k >= 2:  # where the two tangents cross
            (l0, l1), (h0, h1) = ends[k - 2]
            width = (h0 - l0) + (l1 - h1)
            t = min(max((h0 - l0) / width, 0.0), 1.0) if width > 0.0 else 0.0
        bound = (1.0 - t) * r0[LEAST] + t * r1[LEAST]
        for e in ends:
            bound -= min((1.0 - t) * e[0, 0] + t * e[0, 1], (1.0 - t) * e[1, 0] + t * e[1, 1])
        found = min(found, bound)
    return found


@compiled
def _beside_the_chord(path, r0, r1):
    """Least and largest ratio of the path to its chord, as seen from A = B = 0; or 0, 0.

    The chord is where ell . (A, B) = 1; the path strays from it by no more than its bend allows.
    It must stay between the directions of its ends: A and B may not turn back.
    """
    rise_a, rise_b = r1[A] - r0[A], r1[B] - r0[B]
    twice = r0[A] * r1[B] - r1[A] * r0[B]
    back = abs(rise_a) + 1e-14 * r1[RUN_A] < r1[RUN_A] - r0[RUN_A]
    back |= abs(rise_b) + 1e-14 * r1[RUN_B] < r1[RUN_B] - r0[RUN_B]
    if back or rise_a * rise_b > 0.0 or twice == 0.0 or min(r0[A], r0[B], r1[A], r1[B]) < 0.0:
        return 0.0, 0.0
    if np.searchsorted(path.breaks, r0[U], "right") != np.searchsorted(path.breaks, r1[U], "left"):
        return 0.0, 0.0
    ell_a, ell_b = rise_b / twice, -rise_a / twice
    first = ell_a * strength(path.breaks, path.driver, r0[U], False)[2]
    first += ell_b * strength(path.breaks, path.problem, r0[U], False)[2]
    last = ell_a * strength(path.breaks, path.driver, r1[U], True)[2]
    last += ell_b * strength(path.breaks, path.problem, r1[U], True)[2]
    nearest = 1.0 - max(first, last, 0.0) * (r1[U] - r0[U]) ** 2 / 8
    return nearest, ell_a * max(r0[A], r1[A]) + ell_b * max(r0[B], r1[B])


@compiled
def slowest(path, pencil, table):
    """Return the row of the largest coupling / gap^2: the table's, bettered by parabolas.

    Near an avoided crossing the coupling goes as 1 / gap, so (gap^2 / coupling)^(2/3) is one.
    """
    pace = np.full(table.shape[0], np.inf)
    for i in range(1, pace.size - 1):  # at the very ends levels may share one energy
        pace[i] = _pace(table[i])
    i = int(np.argmin(pace))
    best, row = table[i].copy(), np.empty(COLUMNS)
    if i < 2 or i > pace.size - 3 or pace[i] == 0.0:
        return best
    u0, u1, u2 = table[i - 1, U], table[i, U], table[i + 1, U]
    f0, f1, f2 = pace[i - 1], pace[i], pace[i + 1]
    for _ in range(8):
        up, down = (f0 - f1) * (u2 - u1), (f2 - f1) * (u1 - u0)
        if not 0.0 < up + down < np.inf:
            break
        u = u1 + 0.5 * ((u2 - u1) * up - (u1 - u0) * down) / (up + down)
        if abs(u - u1) < 1e-3 * min(u1 - u0, u2 - u1):  # too near to tell more: go beside
            u = u1 + (0.1 * (u2 - u1) if u2 - u1 > u1 - u0 else -0.1 * (u1 - u0))
        probe(path, pencil, u, row)
        f, before = _pace(row), f1
        if f < f1:
            best[:] = row
            u0, f0, u2, f2 = (u1, f1, u2, f2) if u > u1 else (u0, f0, u1, f1)
            u1, f1 = u, f
        elif u > u1:
            u2, f2 = u, f
        else:
            u0, f0 = u, f
        if abs(f - before) < 1e-7 * f1:
            break
    return best


@compiled
def _pace(row):
    """(gap^2 / coupling)^(2/3), inf where nothing couples."""
    if row[PULL] <= 1e-14 * (abs(row[A]) + abs(row[B])):
        return np.inf
    return (row[GAP] ** 2 / row[PULL]) ** (2.0 / 3.0)
