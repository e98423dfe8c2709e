"""Ladders of runs: extrapolated probabilities, their errors, and the rule that ends a ladder.

Strang's splitting is symmetric, so a probability computed with N steps has an error in even powers
of 1 / N. The runs of a ladder have N = 2, 3, 4, 6, 8, 12, ... times a first number of steps. Column
0 of row r is the density of run r, and Neville's scheme in 1 / N^2 gives the further columns,

    P[r, c + 1] = P[r, c] + (P[r, c] - P[r - 1, c]) / ((N_r / N_{r - 1 - c})^2 - 1),

each two orders better. The change from each column to the next is the error of the former, and the
changes of a row decide how the error of its last column is estimated:

- If every change is a small part of the one before (`_CALM`), the series converges fast, and the
  error of the last column is to its change about as that change to the one before. It is estimated
  as `_FAST` times that, but between `_LEAST` of the last change and all of it.
- Otherwise it is the last change times `_SLOW` of that ratio, and not less than the change; and if
  some change is more than `_ROUGH` of the one before, not less than `_SUM` times all together. Two
  consecutive runs must then agree, since one may by chance.

These numbers are from benchmarks/truth, which compares thousands of runs with exact ones.

`climb` runs whole ladders in one call, for any number of runs of equal size. It returns when it has
done as much work as its caller allows, and continues where it was when it is called again, so that
the caller can be interrupted. simulation/ladder.py climbs step by step, with other simulators, by
the same rule (`judge`); the results are equal to the bit, because sums have the order of numpy's.
"""

import numpy as np
from numba import njit

from annealcam.annealing.kernels.compilation import plain
from annealcam.annealing.kernels.stages import step_edges, strang_stages
from annealcam.annealing.kernels.state import advance_all, density
from annealcam.annealing.kernels.sums import pairwise_sum

COLUMNS = 4
DISTRIBUTION = 0.1  # F may agree by chance: its error is at least this share of the distribution's
RUNGS = 64  # more than there are between one step and the largest number of steps
_CALM, _FAST, _LEAST = 0.12, 50.0, 0.3
_SLOW, _ROUGH, _SUM = 10.0, 0.5, 3.0
_SPREAD = 2.0  # least factor of the last change of the distribution
_SHARE = 0.2  # no error is reported as less than this share of the tolerance
_SAFE = 4.0  # roundings that an error may consist of, whatever the tolerance
_APART = 2.5  # rounding error of the distribution, in units of that of F
_NONE = 1e-300  # so that nothing is divided by zero
_SMALL, _GAIN = 1e-3, 0.9  # errors below the first that do not fall to this share stand still
_TOGETHER = 512  # amplitudes of the states that are advanced at the same time

CLIMBING, CONVERGED, STANDING, ENDLESS = range(4)  # what has become of a ladder
SUCCESS, ERROR, DISTANCE, RUNS = range(4)  # columns of the results of `climb`


@plain
def multiple(rung):
    """Return 2, 3, 4, 6, 8, 12, ...: every number is a half or a third larger than the previous."""
    return (2 + (rung & 1)) << (rung >> 1)


@plain
def judge(changes, errors, rounding, tol, agreements, result):
    """Return what has become of a ladder after a run, and write its result.

    It has converged if the last errors, as many as there must be agreements, are below `tol`, or
    below a few times the rounding error. It stands still if the last three runs have gained nothing
    beside the three before.

    Args:
        changes: from each column to the next, of F and of the distribution, (columns - 1, 2).
        errors: of F and of the distribution, after all runs so far, (2, runs); the last ones are
            filled in.
        rounding: rounding error of F in the last run, which is added.
        tol: bound on the estimated error of F.
        agreements: 1 if one run suffices while the series converges fast; otherwise 2.
        result: array for ERROR and DISTANCE.
    """
    n, agreeing, least = errors.shape[1], 0, max(tol, _SAFE * rounding)
    errors[0, n - 1], errors[1, n - 1], calm = _estimate(changes, rounding, agreements == 1)
    agreements = 1 if calm else 2
    while agreeing < min(n, agreements) and errors[0, n - 1 - agreeing] <= least:
        agreeing += 1
    if agreeing == agreements:
        for column in range(2):
            worst = errors[column, n - agreements]
            for k in range(n - agreements + 1, n):
                worst = max(worst, errors[column, k])
            result[ERROR + column] = max(worst, _SHARE * least)
        result[ERROR] += rounding
        result[DISTANCE] += _APART * rounding
        return CONVERGED
    if n >= 6:
        earlier, later = _median(errors[0], n - 6), _median(errors[0], n - 3)
        if earlier < _SMALL and later > _GAIN * earlier:
            result[ERROR] = errors[0].min()
            return STANDING
    return CLIMBING


@plain
def _estimate(changes, rounding, regular):
    """Return the errors of F and of the distribution, and whether the series converges fast.

    Changes of the size of the rounding error carry no information about the series.
    """
    columns, noise = changes.shape[0], _SAFE * rounding + _NONE
    success, distance = np.empty(columns), changes[:, 1]
    largest, ratio = 0.0, 0.0
    for c in range(columns):
        success[c] = max(changes[c, 0], DISTRIBUTION * distance[c])
    for c in range(1, columns):
        ratio = max(success[c] / (success[c - 1] + noise), distance[c] / (distance[c - 1] + noise))
        largest = max(largest, ratio)
    calm = regular and largest <= _CALM
    factor = min(max(_FAST * ratio, _LEAST), 1.0) if calm else max(_SLOW * ratio, 1.0)
    error, apart = success[-1] * factor, distance[-1] * max(factor, _SPREAD)
    if largest > _ROUGH:
        error, apart = max(error, _SUM * success.sum()), max(apart, _SUM * distance.sum())
    return error, apart, calm


@plain
def _median(x, i):
    """Return the middle one of three numbers."""
    return max(min(x[i], x[i + 1]), min(max(x[i], x[i + 1]), x[i + 2]))


@plain
def climb(at, work, groups, runs, problems, schedule, limits, memory, results):
    """Run ladders until all have ended, or for `work` amplitudes times steps.

    Run number i t + j is of problem i and run time j of t. Runs of one group have the same tau and
    steps, and share their angles and phases.

    Args:
        at: the group and the rung to begin with; replaced by those to continue with, (2,).
        work: amplitudes times steps after which no further rung is begun.
        groups: the numbers of the runs, group by group (runs,), and where each group begins
            (groups + 1,).
        runs: first numbers of steps (runs, pieces); agreements that are needed (runs,); taus (t,);
            rounding errors of F with few steps (runs,).
        problems: turns (problems, all); the places of the ground states of all problems, and where
            those of each problem begin; the initial states (problems or 1, 2, all); whether these
            are the driver's ground state; the strength of the driver.
        schedule: kinks, breaks, driver, problem; whether phases mostly grow by equal amounts.
        limits: tol; rounding error of F in each step; the largest number of steps.
        memory: the last rows of the ladders of a group (some, COLUMNS, states), and their errors of
            F and of the distribution (some, 2, RUNGS).
        results: for each run what has become of it (runs,), at first CLIMBING; F and the other
            columns (runs, 4); the extrapolated probabilities (runs, states), or none (0, states).
    """
    order, begin = groups
    first, taus, status = runs[0], runs[2], results[0]
    done, amplitudes = 0, problems[0].shape[1]
    for group in range(at[0], begin.size - 1):
        members = order[begin[group] : begin[group + 1]]
        leader, active = members[0], _climbing(members, status)
        while active.size:
            counts = first[leader] * multiple(at[1])
            steps = counts.sum()
            if done > 0 and done + active.size * amplitudes * steps > work:
                at[0] = group
                return
            done += active.size * amplitudes * steps
            if steps > limits[2]:
                status[leader] = ENDLESS
                return
            edges = step_edges(schedule[0], counts)
            tau, scale = taus[leader % taus.size], problems[5]
            stages = strang_stages(edges, schedule[1], schedule[2], schedule[3], tau, scale)
            together = max(1, _TOGETHER // amplitudes)
            for k in range(0, active.size, together):
                _climb_one_rung(
                    at[1], members, active[k : k + together], stages, runs, problems, schedule[4],
                    limits, memory, results,
                )  # fmt: skip
            active = _climbing(members, status)
            at[1] += 1
        at[1] = 0
    at[0] = begin.size - 1


@plain
def _climbing(members, status):
    """Return the places of the members of a group that still climb."""
    places, count = np.empty(members.size, np.int64), 0
    for place in range(members.size):
        if status[members[place]] == CLIMBING:
            places[count] = place
            count += 1
    return places[:count]


@njit(inline="always")
def _climb_one_rung(rung, members, places, stages, runs, problems, evenly, limits, memory, results):
    """Run the members of a group at these places, with the same stages."""
    turns, ground, offsets, starts, from_ground, _ = problems
    angles, phases = stages
    rounding = limits[1] * angles.size
    number = np.empty(places.size, np.int64)
    for j in range(places.size):
        number[j] = members[places[j]] // runs[2].size
    states = advance_all(starts, turns, number, angles, phases, from_ground, evenly)
    for j in range(places.size):
        rows, errors, run = memory[0][places[j]], memory[1][places[j]], members[places[j]]
        _extrapolate(rows, density(states[j]), rung)
        if rung >= 2:
            chosen, last = (
                ground[offsets[number[j]] : offsets[number[j] + 1]],
                min(rung, COLUMNS - 1),
            )
            state = judge(
                _changes(rows, chosen, rung), errors[:, : rung - 1], runs[3][run] + rounding,
                limits[0], runs[1][run], results[1][run],
            )  # fmt: skip
            results[0][run] = state
            results[1][run, SUCCESS], results[1][run, RUNS] = _sum_at(rows[last], chosen), rung + 1
            for b in range(rows.shape[1] if results[2].shape[0] and state == CONVERGED else 0):
                results[2][run, b] = rows[last, b]


@plain
def _extrapolate(rows, density, rung):
    """Replace the row of the run before by that of a density, summed over the idle qubits."""
    last, size = min(rung, COLUMNS - 1), rows.shape[1]
    for b in range(size, density.size):
        density[b % size] += density[b]
    for c in range(last):
        ratio = multiple(rung) / multiple(rung - 1 - c)
        divisor, column = ratio * ratio - 1.0, rows[c]
        for b in range(size):
            value = density[b]
            density[b] = value + (value - column[b]) / divisor
            column[b] = value
    column = rows[last]
    for b in range(size):
        column[b] = density[b]


@plain
def _changes(rows, ground, rung):
    """Return the changes from each column of a row to the next, as `judge` takes them."""
    last = min(rung, COLUMNS - 1)
    change, out = np.empty(rows.shape[1]), np.empty((last, 2))
    for c in range(last):
        for b in range(change.size):
            change[b] = rows[c + 1, b] - rows[c, b]
        out[c, 0] = abs(_sum_at(change, ground))
        for b in range(change.size):
            change[b] = abs(change[b])
        out[c, 1] = 0.5 * pairwise_sum(change)
    return out


@plain
def _sum_at(x, places):
    chosen = np.empty(places.size)
    for i in range(places.size):
        chosen[i] = x[places[i]]
    return pairwise_sum(chosen)
