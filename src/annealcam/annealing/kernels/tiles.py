"""State vectors larger than the caches: one sweep of the memory for each step.

The state is a table. The lowest qubits, L, number its columns, and the other qubits, H, its rows. A
rotation of all qubits is the product of one of L and one of H, which commute. So the steps are
regrouped as [R_L(k - 1) phase(k) R_L(k)] on every row, then [R_H(k) phase(k + 1) R_H(k + 1)] on
every column of vectors, and so on in turn: each sweep does the rotations of half of the qubits for
two steps and one phase, and reads and writes the memory once. Both kinds of sweep work on sets of
2^m vectors, a stride apart. A column is first copied to contiguous memory. There is a gap between
the rows, since otherwise a column would map to few lines of the caches.

With l for the lanes of a vector, v for the vectors of a row and r for the rows,

    E(r, v, l) / 2 pi = columns[v, l] + rows[r, l] + sum_qp coupling[q, p] r_q v_p,

so a phase factor is a product of three: one from a table for the whole sweep, one from a complex
vector for each set, and a number for each vector of a set, made by doubling.

The state is an array of complex vectors, state[row, vector, part, lane], in the real gauge of
state.py. A vector has 64 bytes, and `part` is 0 for the real and 1 for the imaginary part.
"""

import numpy as np

from annealcam.annealing.kernels.compilation import compiled
from annealcam.annealing.kernels.state import cos_sin
from annealcam.annealing.kernels.vectors import BYTES, prefetch, turn, turn_phase_turn

_STRIDE = 2 * BYTES  # re and im of each vector side by side
_LOW = 16  # vectors whose bits are rotated in one pass
_NEAR = 256  # vectors of re or of im that fit into the nearest cache
_GROUPS = 1024  # of the states in a summary of the probabilities

_all2, _all4 = turn(2, within=True), turn(4, within=True)
_across2, _across4 = turn(2, within=False), turn(4, within=False)
_visit2, _visit3 = turn_phase_turn(2), turn_phase_turn(3)


@compiled
def sweep(first, last, layout, table, buffer, offsets, coupling, phase, factor, numbers):
    """Rotate, apply a phase, and rotate the sets of vectors first..last - 1.

    layout: address of the state, bytes between sets, and between the vectors of a set; table:
    `phase_table` of the vectors; buffer: memory for one set; offsets[set, lane]: E / 2 pi of each
    set; coupling[bit of the set, bit of the vector]: as above; factor: multiplies the state;
    numbers: tangent and half the sine of twice the angle, of the first and the second rotation.
    """
    address, jump, stride = layout
    size = table.shape[0]
    vector, scalars = (
        np.empty((2, offsets.shape[1]), table.dtype),
        np.empty((2, size), table.dtype),
    )
    turns = np.empty((3, offsets.shape[1] + coupling.shape[1]))
    by_rows = stride == _STRIDE
    for number in range(first, last):
        start = address + number * jump
        here = start if by_rows else buffer.ctypes.data
        ahead, rows = _next(address, number, jump, stride, size)
        _enter(start, stride, here, size, by_rows, numbers[0], numbers[1], ahead, rows)
        _factors(vector, scalars, turns, number, offsets[number], coupling, phase, factor)
        _visit(here, vector, table, scalars, numbers)
        ahead += (size >> 2) * rows
        _leave(start, stride, here, size, by_rows, numbers[2], numbers[3], ahead, rows)


@compiled
def _next(address, number, jump, stride, size):
    """Return the address of the memory to prefetch, and the stride of its pieces of 256 bytes.

    Rows are contiguous. Columns are prefetched in pairs, half of the rows at a time, since memory
    delivers adjacent lines much sooner than scattered ones.
    """
    if stride == _STRIDE:
        return address + (number + 1) * jump, 2 * _STRIDE
    return address + ((number | 1) + 1) * jump + (number & 1) * (size >> 1) * stride, stride


@compiled
def _factors(vector, scalars, turns, number, offsets, coupling, phase, factor):
    """Compute the vector of phase factors of a set, and the number of each of its vectors."""
    lanes, fields = offsets.size, turns[0, offsets.size :]
    turns[0, :lanes] = offsets
    fields[:] = 0.0
    for q in range(coupling.shape[0]):
        bit = np.float64(number >> q & 1)
        for p in range(fields.size):
            fields[p] += bit * coupling[q, p]
    for j in range(turns.shape[1]):
        c, s = cos_sin(phase * turns[0, j])
        turns[1, j], turns[2, j] = c, -s
    for lane in range(lanes):
        vector[0, lane], vector[1, lane] = factor * turns[1, lane], factor * turns[2, lane]
    scalars[0, 0], scalars[1, 0] = 1.0, 0.0
    for p in range(fields.size):
        _double(scalars[0], scalars[1], 1 << p, turns[1, lanes + p], turns[2, lanes + p])


@compiled
def _double(re, im, size, c, s):
    """Append the numbers of the vectors with one more bit set."""
    c, s = re.dtype.type(c), re.dtype.type(s)
    x, y, to, to_im = re[:size], im[:size], re[size : 2 * size], im[size : 2 * size]
    for j in range(size):
        to[j], to_im[j] = x[j] * c - y[j] * s, x[j] * s + y[j] * c


@compiled
def _visit(address, vector, table, scalars, numbers):
    """Rotate the upper two or three bits of a set, apply the phase, and rotate them again."""
    bits = _upper(table.shape[0])
    step, row = table.shape[0] >> bits, scalars.shape[1] * scalars.itemsize
    whole, factor, scalar = vector.ctypes.data, table.ctypes.data, scalars.ctypes.data
    for j in range(step):
        at, number = j * _STRIDE, scalar + j * scalars.itemsize
        if bits == 3:
            _visit3(address + at, _STRIDE, step, whole, factor + at, number, row, numbers)
        else:
            _visit2(address + at, _STRIDE, step, whole, factor + at, number, row, numbers)


@compiled
def _enter(start, stride, here, size, within, tangent, sine, ahead, rows):
    """Rotate the bits that `_visit` does not, and the lanes if `within`; move the set `here`."""
    run = size >> _upper(size)
    near, low = min(run, _NEAR), min(run, _LOW)
    for at in range(0, size, near):
        source, to, piece = start + at * stride, here + at * _STRIDE, ahead + (at >> 2) * rows
        _move(source, stride, to, _STRIDE, near, within, tangent, sine, piece, rows)
        _turn_bits(to, low, near, tangent, sine)
        _turn_bits(to + BYTES, low, near, tangent, sine)
    _turn_far(here, size, near, run, tangent, sine)


@compiled
def _leave(start, stride, here, size, within, tangent, sine, ahead, rows):
    """Do the same as `_enter` in the opposite order, and move the set back."""
    run = size >> _upper(size)
    near, low = min(run, _NEAR), min(run, _LOW)
    _turn_far(here, size, near, run, tangent, sine)
    for at in range(0, size, near):
        source, to, piece = here + at * _STRIDE, start + at * stride, ahead + (at >> 2) * rows
        _turn_bits(source, low, near, tangent, sine)
        _turn_bits(source + BYTES, low, near, tangent, sine)
        _move(source, _STRIDE, to, stride, near, within, tangent, sine, piece, rows)


@compiled
def _move(source, stride, to, to_stride, size, within, tangent, sine, ahead, rows):
    """Rotate the lowest four or two bits, and the lanes if `within`, while moving the vectors."""
    group = min(size, _LOW)
    for j in range(0, size, group):
        if group == _LOW:
            piece = ahead + (j >> 2) * rows
            prefetch(piece, rows)
            prefetch(piece + 2 * rows, rows)
        for part in range(0, _STRIDE, BYTES):
            x, y = source + j * stride + part, to + j * to_stride + part
            if group == _LOW:
                if within:
                    _all4(x, stride, y, to_stride, tangent, sine)
                else:
                    _across4(x, stride, y, to_stride, tangent, sine)
            elif within:
                _all2(x, stride, y, to_stride, tangent, sine)
            else:
                _across2(x, stride, y, to_stride, tangent, sine)


@compiled
def _turn_far(address, size, near, run, tangent, sine):
    """Rotate the bits whose vectors are too far apart for the nearest cache."""
    if near < run:
        for at in range(0, size, run):
            for part in range(2):
                _turn_bits(address + at * _STRIDE + part * BYTES, near, run, tangent, sine)


@compiled
def _turn_bits(address, step, size, tangent, sine):
    """Rotate the bits from `step` on, four or two in one pass."""
    while step < size:
        stride, four = step * _STRIDE, 16 * step <= size
        span = step << (4 if four else 2)
        for start in range(0, size, span):
            for j in range(start, start + step):
                at = address + j * _STRIDE
                if four:
                    _across4(at, stride, at, stride, tangent, sine)
                else:
                    _across2(at, stride, at, stride, tangent, sine)
        step = span


@compiled
def _upper(size):
    """Return the number of bits for `_visit`, such that the others can be rotated in pairs."""
    bits = 0
    while 1 << bits < size:
        bits += 1
    return 2 + bits % 2


@compiled
def phase_table(table, turns, phase):
    """Fill table[vector] = (re, im) with exp(-2 pi i phase turns[vector, lane])."""
    for v in range(turns.shape[0]):
        for lane in range(turns.shape[1]):
            c, s = cos_sin(phase * turns[v, lane])
            table[v, 0, lane] = c
            table[v, 1, lane] = -s


@compiled
def _row_turns(turns, columns, offsets, coupling, row):
    """Compute E / 2 pi of one row."""
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
            turns[v, lane] = columns[v, lane] + offsets[lane] + fields[v]


@compiled
def lowest(columns, rows, coupling):
    """Return the lowest entry of the diagonal in each row."""
    turns, minima = np.empty_like(columns), np.empty(rows.shape[0])
    for r in range(rows.shape[0]):
        _row_turns(turns, columns, rows[r], coupling, r)
        flat, size = turns.ravel(), turns.size // 2
        while size >= 1:
            low, high = flat[:size], flat[size : 2 * size]
            for j in range(size):
                low[j] = low[j] if low[j] < high[j] else high[j]
            size //= 2
        minima[r] = flat[0]
    return minima


@compiled
def below(columns, rows, coupling, lowest_of_row, most):
    """Return the numbers of the states whose entry of the diagonal is at most `most`."""
    turns, states = np.empty_like(columns), [np.int64(0) for _ in range(0)]
    for r in range(rows.shape[0]):
        if lowest_of_row[r] <= most:
            _row_turns(turns, columns, rows[r], coupling, r)
            flat = turns.ravel()
            for j in range(flat.size):
                if flat[j] <= most:
                    states.append(r * flat.size + j)
    return np.array(states)


@compiled
def begin(state, signs, real):
    """Fill the state with a real state in the gauge, or with equal amplitudes if `real` is empty.

    signs[k, vector, part, lane] is (-i)^|n| of a column, where the bits of the row add k.
    """
    size, lanes = signs.shape[1], signs.shape[3]
    equal = signs * signs.dtype.type((state.shape[0] * size * lanes) ** -0.5)
    for r in range(state.shape[0]):
        k = _ones(r) % 4
        if not real.size:
            state[r] = equal[k]
            continue
        row = real[r * size * lanes : (r + 1) * size * lanes].reshape(size, lanes)
        for v in range(size):
            for part in range(2):
                for lane in range(lanes):
                    state[r, v, part, lane] = signs[k, v, part, lane] * row[v, lane]


@compiled
def _ones(number):
    ones = 0
    while number:
        number &= number - 1
        ones += 1
    return ones


@compiled
def amplitudes(state, signs, phase):
    """Return the amplitudes psi(n) = i^|n| phi(n), times a phase factor."""
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
    """Return the probabilities, which sum to one up to rounding."""
    p = np.empty((state.shape[0], state.shape[1], state.shape[3]))
    for r in range(state.shape[0]):
        for v in range(state.shape[1]):
            for lane in range(state.shape[3]):
                p[r, v, lane] = _squared(state[r, v, 0, lane], state[r, v, 1, lane])
    return p.reshape(-1)


@compiled
def summary(state, ground):
    """Return the probability of the states `ground`, then of the others by their lowest bits."""
    size, lanes = state.shape[1], state.shape[3]
    groups = np.zeros((min(_GROUPS // lanes, size), lanes))
    for r in range(state.shape[0]):
        for v in range(size):
            group = groups[v % groups.shape[0]]
            for lane in range(lanes):
                group[lane] += _squared(state[r, v, 0, lane], state[r, v, 1, lane])
    p = np.append(0.0, groups)
    for b in ground:
        r, v, lane = b // (size * lanes), b // lanes % size, b % lanes
        of_state = _squared(state[r, v, 0, lane], state[r, v, 1, lane])
        p[0] += of_state
        p[1 + b % groups.size] -= of_state
    return p / p.sum()


@compiled
def _squared(re, im):
    return np.float64(re) ** 2 + np.float64(im) ** 2
