"""The smallest gap of the reduced model along a schedule, and lower bounds between its points.

The gap is E_g - E_0. Its slope is <g|dH/du|g> - <0|dH/du|0>, with dH/du = A' H_D + B' H_P. About
an avoided crossing gap^2 is a parabola, so gap * slope is a straight line, whose zero `descend`
finds.

Two bounds hold between points where the levels are known:

- Weyl: no eigenvalue changes by more than the norm of the change of H. So a gap that is g_0 and g_1
  at the ends of a path is at least (g_0 + g_1 - T) / 2 between them, where T is the length of the
  path measured by the spreads (largest less smallest eigenvalue) of H_D and H_P.
- Concavity: sums of the lowest levels are concave functions of (A, B). So the chord between the
  ends bounds E_0 + ... + E_g from below, and the means of H in the states at the ends bound E_0 and
  E_0 + ... + E_(g-1) from above everywhere. Chord less bounds is a lower bound on E_g - E_0, whose
  error vanishes with the square of the interval. Levels are homogeneous, E(r A, r B) = r E(A, B),
  so that a curved path can be projected onto its chord.

Both are proofs if the levels at the points are accurate within their estimated errors.

A table has one row for each point u of the run, with the columns named below. `path` is a schedule,
and `pencil` a reduced model.
"""

from typing import NamedTuple

import numpy as np

from annealcam._internal.types import Array
from annealcam.annealing.kernels.compilation import compiled
from annealcam.annealing.kernels.model import errors, solve

# u; A and B; total variation of A and of B since the start; the gap and its error; its slopes to
# the left and right; E_0 + ... + E_g less its errors, and these errors; <H_D> and <H_P> of level 0,
# and summed over the levels below g; coupling of level g to those by dH/du.
U, A, B, RUN_A, RUN_B, GAP, DOUBT, LEFT, RIGHT, LEAST, MISSED, D0, P0, DS, PS, PULL = range(16)
COLUMNS = 16
_FLAT = 1e-2  # share of the secant below which a slope counts as zero
_LEVEL = 1e-4  # ratio of two slopes below which the smaller one is no help to find the zero
_SLIGHT = 1e-10  # relative depth below which a valley is not searched for
_NARROW = 1e-8  # width of intervals not narrowed further; degenerate levels have no slopes


class SchedulePath(NamedTuple):
    """A schedule, and the points where A or B turns back, with the total variation up to them."""

    breaks: Array
    driver: Array
    problem: Array
    marks_a: Array
    run_a: Array
    marks_b: Array
    run_b: Array


class Pencil(NamedTuple):
    """The reduced model, the lowest energies of the problem, splittings, spreads of H_D and H_P."""

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
def _variation(breaks, cubics, marks, run, u):
    """Return the total variation of a curve from 0 to u."""
    k = min(max(np.searchsorted(marks, u, "right") - 1, 0), marks.size - 1)
    end, mark = strength(breaks, cubics, u, False)[0], strength(breaks, cubics, marks[k], False)[0]
    return run[k] + abs(end - mark)


@compiled
def probe(path, pencil, u, row):
    """Fill the row of a table for the point u."""
    g = pencil.ends.size - 1
    a, da_right, _ = strength(path.breaks, path.driver, u, False)
    b, db_right, _ = strength(path.breaks, path.problem, u, False)
    _, da_left, _ = strength(path.breaks, path.driver, u, True)
    _, db_left, _ = strength(path.breaks, path.problem, u, True)
    values, vectors = solve(pencil.model, a, b)
    doubts = errors(pencil.model, a, b, values, vectors, g + 1, pencil.splitting)
    if a == 0.0 and b >= 0.0:  # the levels are the energies of the problem
        values[: g + 1] = b * pencil.ends
        doubts[:] = 0.0
    row[U], row[A], row[B] = u, a, b
    row[RUN_A] = _variation(path.breaks, path.driver, path.marks_a, path.run_a, u)
    row[RUN_B] = _variation(path.breaks, path.problem, path.marks_b, path.run_b, u)
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
    """Return the row of the smallest gap, at a point of the table or in a valley between two."""
    best = table[np.argmin(table[:, GAP])].copy()
    order = np.argsort(np.minimum(table[:-1, GAP], table[1:, GAP]))
    for i in order:
        low, high = table[i].copy(), table[i + 1].copy()
        if _bracket(path, pencil, low, high):
            bottom = descend(path, pencil, low, high, accuracy, best[GAP])
            if bottom[GAP] < best[GAP]:
                best = bottom
    return best


@compiled
def _bracket(path, pencil, low, high):
    """Narrow two rows until the gap falls after the first and rises before the second.

    Returns whether that is possible. Where other levels cross, the gap may turn twice: then it
    falls after the first row and also before the second. Where the schedule comes to rest, at an
    end or a pause, a slope vanishes, and its sign is only rounding.
    """
    row = np.empty(COLUMNS)
    for _ in range(40):
        falls, rises = low[RIGHT] < 0.0, high[LEFT] > 0.0
        if falls and rises:
            least, most = min(-low[RIGHT], high[LEFT]), max(-low[RIGHT], high[LEFT])
            if least > _LEVEL * most or high[U] - low[U] < _NARROW:
                return True
            probe(path, pencil, 0.5 * (low[U] + high[U]), row)
            if row[LEFT] > 0.0 or row[GAP] > low[GAP]:
                high[:] = row
            else:
                low[:] = row
            continue
        slight = 1e-9 * low[GAP] / max(high[U] - low[U], _NARROW)
        falls = low[RIGHT] < -slight and (high[GAP] >= low[GAP] or _turns(low, high, True))
        rises = high[LEFT] > slight and (low[GAP] >= high[GAP] or _turns(low, high, False))
        if high[U] - low[U] < _NARROW or not (falls or rises):
            return False
        probe(path, pencil, 0.5 * (low[U] + high[U]), row)
        if falls and (row[LEFT] > 0.0 or row[GAP] >= low[GAP]):
            high[:] = row
        elif falls or row[RIGHT] < 0.0 or row[GAP] >= high[GAP]:
            low[:] = row
        else:
            high[:] = row
    return low[RIGHT] < 0.0 and high[LEFT] > 0.0


@compiled
def _turns(low, high, first):
    """Return whether the gap, which falls (or rises) along the tangent of one row, may turn back.

    The tangent passes well below the other row, which is flat or lies on the far side of a valley:
    the slopes of a monotone cubic through both rows would be at most about three times the secant.
    """
    width = high[U] - low[U]
    fall = low[GAP] - high[GAP] if first else high[GAP] - low[GAP]
    steep, other = (-low[RIGHT], -high[LEFT]) if first else (high[LEFT], low[RIGHT])
    if (steep * width - fall) <= _SLIGHT * max(low[GAP], high[GAP]):
        return False
    return abs(other) * width < _FLAT * fall or (steep + max(other, 0.0)) * width > 3.0 * fall


@compiled
def descend(path, pencil, low, high, accuracy, least):
    """Return the bottom of the valley between two rows: the zero of gap * slope.

    Regula falsi (Illinois) is fast on a line that is nearly straight. The search ends early if the
    tangents of both ends show that the valley stays above `least`.
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
        # gap^2 is nearly a parabola, whose minimum is lower by force^2 / curvature
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
    """Return lower bounds on the gap between neighbouring rows."""
    lower = np.empty(table.shape[0] - 1)
    for i in range(lower.size):
        r0, r1 = table[i], table[i + 1]
        length = pencil.spreads[0] * (r1[RUN_A] - r0[RUN_A])
        length += pencil.spreads[1] * (r1[RUN_B] - r0[RUN_B])
        lower[i] = 0.5 * (r0[GAP] - r0[DOUBT] + r1[GAP] - r1[DOUBT] - length)
        nearest, furthest = _relative_to_chord(path, r0, r1)
        if nearest > 0.0:
            concave = _by_concavity(r0, r1)
            lower[i] = max(lower[i], concave * (nearest if concave > 0.0 else furthest))
    return lower


@compiled
def _by_concavity(r0, r1):
    """Return the minimum of chord less tangents on the line from (A, B) of one row to the other."""
    ends = np.empty((2, 2, 2))  # functional; row of the tangent; end at which it is evaluated
    for tangent, r in enumerate((r0, r1)):
        for at, q in enumerate((r0, r1)):
            ends[0, tangent, at] = q[A] * r[D0] + q[B] * r[P0]
            ends[1, tangent, at] = q[A] * r[DS] + q[B] * r[PS]
    lower = np.inf
    for k in range(4):
        t = 1.0 if k == 1 else 0.0
        if k >= 2:  # where the two tangents cross
            (l0, l1), (h0, h1) = ends[k - 2]
            width = (h0 - l0) + (l1 - h1)
            t = min(max((h0 - l0) / width, 0.0), 1.0) if width > 0.0 else 0.0
        bound = (1.0 - t) * r0[LEAST] + t * r1[LEAST]
        for e in ends:
            bound -= min((1.0 - t) * e[0, 0] + t * e[0, 1], (1.0 - t) * e[1, 0] + t * e[1, 1])
        lower = min(lower, bound)
    return lower


@compiled
def _relative_to_chord(path, r0, r1):
    """Return the least and largest ratio of the path to its chord along rays from A = B = 0.

    The chord is the line ell . (A, B) = 1, and the path deviates from it by no more than its second
    derivative allows. The path must stay between the rays of its ends, so A and B may not turn
    back; otherwise 0, 0 is returned.
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
    """Return the row of the largest coupling / gap^2, refined from the table by parabolas.

    Near an avoided crossing the coupling goes as 1 / gap, so (gap^2 / coupling)^(2/3) is one.
    """
    pace = np.full(table.shape[0], np.inf)
    for i in range(1, pace.size - 1):  # at the very ends levels may be degenerate
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
        if abs(u - u1) < 1e-3 * min(u1 - u0, u2 - u1):  # too close to u1 to narrow the interval
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
    """Return (gap^2 / coupling)^(2/3), infinite without a coupling."""
    if row[PULL] <= 1e-14 * (abs(row[A]) + abs(row[B])):
        return np.inf
    return (row[GAP] ** 2 / row[PULL]) ** (2.0 / 3.0)
