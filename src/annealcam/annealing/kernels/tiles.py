"""Compiled loops over what a state in tiles holds: its energies, its start, its probabilities.

The diagonal is given by columns and by rows, as _sweeps.py describes; the state is a table of
complex vectors, state[row, vector, part, lane].
"""

import numpy as np

from annealcam.annealing.kernels.state import compiled

_GROUPS = 1024


@compiled
def _row_turns(turns, columns, own, coupling, row):
    """E / 2 pi of one row."""
    fields = np.zeros(columns.shape[0])
    for p in range(coupling.shape[1]):
        field = 0.0
        for q in range(coupling.shape[0]):
            if row >> q & 1:
                field += coupling[q, p]
        for j in range(1 << p):
            fields[j + (1 << p)] = fields[j] + field
    for v in range(columns.shape[0]):
        for lane in range(columns.shape[1]):
            turns[v, lane] = columns[v, lane] + own[lane] + fields[v]


@compiled
def lowest(columns, rows, coupling):
    """The lowest entry of the diagonal in each row."""
    turns, found = np.empty_like(columns), np.empty(rows.shape[0])
    for r in range(rows.shape[0]):
        _row_turns(turns, columns, rows[r], coupling, r)
        flat, size = turns.ravel(), turns.size // 2
        while size >= 1:
            low, high = flat[:size], flat[size : 2 * size]
            for j in range(size):
                low[j] = low[j] if low[j] < high[j] else high[j]
            size //= 2
        found[r] = flat[0]
    return found


@compiled
def below(columns, rows, coupling, lowest_of_row, most):
    """The numbers of the states whose entry of the diagonal is at most `most`, ascending."""
    turns, found = np.empty_like(columns), [np.int64(0) for _ in range(0)]
    for r in range(rows.shape[0]):
        if lowest_of_row[r] <= most:
            _row_turns(turns, columns, rows[r], coupling, r)
            flat = turns.ravel()
            for j in range(flat.size):
                if flat[j] <= most:
                    found.append(r * flat.size + j)
    return np.array(found)


@compiled
def begin(state, signs, real):
    """Fill the state with a real one in the gauge, or with equal amplitudes if `real` is empty.

    signs[k, vector, part, lane]: (-i)^|n| of a column, where the bits of the row add k.
    """
    size, lanes = signs.shape[1], signs.shape[3]
    equal = signs * signs.dtype.type((state.shape[0] * size * lanes) ** -0.5)
    for r in range(state.shape[0]):
        k = _ones(r) % 4
        if not real.size:
            state[r] = equal[k]
            continue
        given = real[r * size * lanes : (r + 1) * size * lanes].reshape(size, lanes)
        for v in range(size):
            for part in range(2):
                for lane in range(lanes):
                    state[r, v, part, lane] = signs[k, v, part, lane] * given[v, lane]


@compiled
def _ones(number):
    ones = 0
    while number:
        number &= number - 1
        ones += 1
    return ones


@compiled
def amplitudes(state, signs, phase):
    """The amplitudes psi(n) = i^|n| phi(n) times a phase."""
    size, lanes = signs.shape[1], signs.shape[3]
    psi = np.empty((state.shape[0], size, lanes), np.complex128)
    for r in range(state.shape[0]):
        sign = signs[_ones(r) % 4]
        for v in range(size):
            for lane in range(lanes):
                gauge = complex(sign[v, 0, lane], -sign[v, 1, lane]) * phase
                psi[r, v, lane] = complex(state[r, v, 0, lane], state[r, v, 1, lane]) * gauge
    return psi.reshape(-1)


@compiled
def density(state):
    """The probabilities; they sum to one as far as rounding lets them."""
    p = np.empty((state.shape[0], state.shape[1], state.shape[3]))
    for r in range(state.shape[0]):
        for v in range(state.shape[1]):
            for lane in range(state.shape[3]):
                p[r, v, lane] = _squared(state[r, v, 0, lane], state[r, v, 1, lane])
    return p.reshape(-1)


@compiled
def summary(state, ground):
    """Probability of the states `ground`, then of all others in groups by their lowest bits."""
    size, lanes = state.shape[1], state.shape[3]
    groups = np.zeros((min(_GROUPS // lanes, size), lanes))
    for r in range(state.shape[0]):
        for v in range(size):
            group = groups[v % groups.shape[0]]
            for lane in range(lanes):
                group[lane] += _squared(state[r, v, 0, lane], state[r, v, 1, lane])
    found = np.append(0.0, groups)
    for b in ground:
        r, v, lane = b // (size * lanes), b // lanes % size, b % lanes
        p = _squared(state[r, v, 0, lane], state[r, v, 1, lane])
        found[0] += p
        found[1 + b % groups.size] -= p
    return found / found.sum()


@compiled
def _squared(re, im):
    return np.float64(re) ** 2 + np.float64(im) ** 2
