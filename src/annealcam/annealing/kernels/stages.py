"""The steps of a run: how many, where, and the angles and phases of Strang's splitting in each.

A ladder begins with as few steps as will do, so that few of its runs are wasted. The need grows as
(tau c)^0.4 (tau f)^0.35 with the driver's strength c and the typical local field f, as measured
(docs/performance.md). Besides, steps must be short enough to avoid the resonances of long steps and
to resolve the schedule. The number is forced if this demands more steps than the need; the errors
of such runs are less regular.

A step from u_0 to u_1 of length t = tau (u_1 - u_0) is exp(-i t/2 B(u_0) E), then
exp(i t c A((u_0 + u_1)/2) sum_p X_p), then exp(-i t/2 B(u_1) E). The last phase of a step and the
first of the next one are merged. At a kink of the schedule, each half of a phase takes B from its
own side.
"""

import math

import numpy as np

from annealcam.annealing.kernels.compilation import compiled, plain

FEW_QUBITS = 4
_NEED = 28.0  # steps of the first three runs for 1e-6, where both strengths are one
_WEAK, _FEWER = 0.5, 0.8  # a driver below this share of the fields needs only this share of steps
_RUNG = 2  # multiple of the first steps in the first run,
_ALL = 9  # and in the first three runs together
_TURN = 1.2  # largest angle, in radians, of the driver's rotation of a qubit in one step
# The same for the problem. With few qubits two runs may agree by chance, and steps cost little.
_FEW_TURN, _LONG_TURN = 1.25, 5.0


@plain
def local_fields(linear, quadratic, share):
    """Return the largest and the typical local field, and the energy, of problems, (problems, 3).

    The energy is the root mean square over states whose bits are independent, and set with the
    probability `share`.
    """
    problems, d = linear.shape
    out = np.zeros((problems, 3))
    for i in range(problems):
        largest, crossed, typical = 0.0, 0.0, 0.0
        for p in range(d):
            total = 0.0
            for q in range(d):
                total += abs(quadratic[i, p, q])
            largest, crossed = max(largest, abs(linear[i, p])), max(crossed, total)
        out[i, 0] = largest + crossed
        unit = out[i, 0] if out[i, 0] > 0.0 else 1.0  # so that squares neither overflow nor vanish
        for p in range(d):
            centre, spread = linear[i, p] / unit, 0.0
            for q in range(d):
                part = quadratic[i, p, q] / unit
                centre += 0.5 * part
                spread += 0.25 * part * part
            typical += math.sqrt(centre * centre + spread) / d
        out[i, 1] = unit * typical
        mean, variance = 0.0, 0.0
        for p in range(d):
            field, pairs = linear[i, p] / unit, 0.0
            for q in range(d):
                part = quadratic[i, p, q] / unit
                field += share * part
                pairs += 0.5 * (1 - share) * share * part * part
            mean += share * (field + linear[i, p] / unit) / 2
            variance += share * (1 - share) * (field * field + pairs)
        out[i, 2] = unit * math.sqrt(mean * mean + variance)
    return out


@plain
def first_steps(field, typical, d, tau, scale, tol, strengths):
    """Return the least number of first steps, whether it is forced, and that of the whole ladder.

    `strengths` are mean A and B, largest A and B, and the fastest relative change of either.
    """
    mean_a, mean_b, largest_a, largest_b, fastest = strengths
    need = _NEED * (2 * mean_a * tau * scale) ** 0.4
    need *= (2 * mean_b * tau * typical) ** 0.35 * (1e-6 / tol) ** 0.2
    few = d <= FEW_QUBITS
    weak = not few and largest_a * scale < _WEAK * largest_b * typical
    turn = _FEW_TURN if few else _LONG_TURN
    resolving = tau * max(largest_a * scale / _TURN, largest_b * field / turn)
    forced = max(resolving / _RUNG, fastest)
    least = max((_FEWER if weak else 1.0) * need / _ALL, forced, 2.0)
    return least, forced > need / _ALL, max(need, resolving)


@plain
def first_steps_of_all(local, d, taus, scale, tol, strengths, kinks):
    """Return the first numbers of steps (problems, taus, pieces), and whether they are forced.

    The third array contains the least numbers of steps of the finest runs.
    """
    problems, pieces = local.shape[0], kinks.size - 1
    counts = np.empty((problems, taus.size, pieces), np.int64)
    forced, most = np.empty((problems, taus.size), np.bool_), np.empty((problems, taus.size))
    for i in range(problems):
        for j in range(taus.size):
            least, forced[i, j], most[i, j] = first_steps(
                local[i, 0], local[i, 1], d, taus[j], scale, tol, strengths
            )
            for k in range(pieces):
                counts[i, j, k] = steps_on(least, kinks[k], kinks[k + 1])
    return counts, forced, most


@plain
def steps_per_piece(kinks, least):
    """Return the number of steps on each piece, such that a whole run has at least `least`."""
    counts = np.empty(kinks.size - 1, np.int64)
    for k in range(counts.size):
        counts[k] = steps_on(least, kinks[k], kinks[k + 1])
    return counts


@plain
def steps_on(least, start, end):
    """Return the number of steps on one piece."""
    return max(math.ceil(least * (end - start) - 1e-9), 1)


@compiled
def step_edges(kinks, counts):
    """Return the ends of all steps, counts[i] of them between kinks[i] and kinks[i + 1]."""
    edges = np.empty(counts.sum() + 1)
    k = 0
    for i in range(counts.size):
        for j in range(counts[i]):
            edges[k] = kinks[i] + (kinks[i + 1] - kinks[i]) * (j / counts[i])
            k += 1
    edges[k] = kinks[-1]
    return edges


@compiled
def strang_stages(edges, breaks, driver, problem, tau, scale):
    """Return the angles and phases of Strang's splitting with steps between the given edges."""
    steps = edges.size - 1
    angles, phases = np.empty(steps), np.zeros(steps + 1)
    first, middle, last = 0, 0, 0
    for k in range(steps):
        start, end = edges[k], edges[k + 1]
        length = tau * (end - start)
        centre = 0.5 * (start + end)
        while first < breaks.size - 2 and start >= breaks[first + 1]:
            first += 1
        while middle < breaks.size - 2 and centre >= breaks[middle + 1]:
            middle += 1
        while last < breaks.size - 2 and end > breaks[last + 1]:
            last += 1
        angles[k] = scale * length * _cubic(driver[middle], centre - breaks[middle])
        phases[k] += 0.5 * length * _cubic(problem[first], start - breaks[first])
        phases[k + 1] += 0.5 * length * _cubic(problem[last], end - breaks[last])
    return angles, phases


@compiled
def _cubic(c, x):
    return c[0] + x * (c[1] + x * (c[2] + x * c[3]))
