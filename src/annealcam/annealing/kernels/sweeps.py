"""Compiled loops over state vectors larger than the caches: one sweep of the memory for each step.

The state is a table: the lowest qubits, L, number its columns, the rest, H, its rows. A rotation of
all qubits is one of L times one of H, and the two commute. So the steps are taken apart and put
together as [R_L(k - 1) phase(k) R_L(k)] on every row, then [R_H(k) phase(k + 1) R_H(k + 1)] on each
column of vectors, and so on in turn. Both are one kind of sweep: over sets of 2^m vectors, a stride
apart. Columns are copied to where their vectors lie side by side. There is a gap between rows, or
else a column would fall into few places of the caches.

With l for the lanes of a vector, v for the vectors of a row and r for the rows

    E(r, v, l) / 2 pi = columns[v, l] + rows[r, l] + sum_qp coupling[q, p] r_q v_p,

and a phase factor is a product of three: that of a table, which serves a whole sweep, that of one
complex vector for each set, and that of a number for each vector of the set, made by doubling.
"""

# mypy: disallow-untyped-decorators=False, disallow-untyped-defs=False
# mypy: disallow-untyped-calls=False

import numpy as np

from annealcam.annealing.kernels.state import compiled, cos_sin
from annealcam.annealing.kernels.sweep_vectors import ask, turn, turn_phase_turn
from annealcam.annealing.kernels.vectors import BYTES

_STRIDE = 2 * BYTES  # re and im of each vector side by side
_LOW = 16  # vectors whose bits are turned in one pass
_NEAR = 256  # vectors of re or of im that stay in the nearest cache

_all2, _all4 = turn(2, within=True), turn(4, within=True)
_across2, _across4 = turn(2, within=False), turn(4, within=False)
_visit2, _visit3 = turn_phase_turn(2), turn_phase_turn(3)


@compiled
def sweep(first, last, place, table, room, own, coupling, phase, factor, numbers):
    """Rotation, phase and rotation of the sets of vectors first..last - 1.

    place: address of the state, bytes from set to set, and from vector to vector of a set; table:
    `phase_table` of the vectors; room: for one set of vectors; own[set, lane], coupling[bit of the
    set, bit of the vector]: as above; factor multiplies the state; numbers: tangent and half the
    sine of twice the angle, of the rotation before and of that after.
    """
    address, jump, stride = place
    size = table.shape[0]
    one, scalars = np.empty((2, own.shape[1]), table.dtype), np.empty((2, size), table.dtype)
    turns = np.empty((3, own.shape[1] + coupling.shape[1]))
    by_rows = stride == _STRIDE
    for number in range(first, last):
        start = address + number * jump
        here = start if by_rows else room.ctypes.data
        wanted, rows = _next(address, number, jump, stride, size)
        _enter(start, stride, here, size, by_rows, numbers[0], numbers[1], wanted, rows)
        _factors(one, scalars, turns, number, own[number], coupling, phase, factor)
        _visit(here, one, table, scalars, numbers)
        wanted += (size >> 2) * rows
        _leave(start, stride, here, size, by_rows, numbers[2], numbers[3], wanted, rows)


@compiled
def _next(address, number, jump, stride, size):
    """Where the memory lies that is wanted next, and the stride of its pieces of 256 bytes.

    Rows follow each other. Columns are asked for in pairs, half of the rows at a time: the memory
    gives several lines in a row much sooner than as many lines here and there.
    """
    if stride == _STRIDE:
        return address + (number + 1) * jump, 2 * _STRIDE
    return address + ((number | 1) + 1) * jump + (number & 1) * (size >> 1) * stride, stride


@compiled
def _factors(one, scalars, turns, number, own, coupling, phase, factor):
    """The set's own vector of phase factors, and the numbers of its vectors."""
    lanes, fields = own.size, turns[0, own.size :]
    turns[0, :lanes] = own
    fields[:] = 0.0
    for q in range(coupling.shape[0]):
        bit = np.float64(number >> q & 1)
        for p in range(fields.size):
            fields[p] += bit * coupling[q, p]
    for j in range(turns.shape[1]):
        c, s = cos_sin(phase * turns[0, j])
        turns[1, j], turns[2, j] = c, -s
    for lane in range(lanes):
        one[0, lane], one[1, lane] = factor * turns[1, lane], factor * turns[2, lane]
    scalars[0, 0], scalars[1, 0] = 1.0, 0.0
    for p in range(fields.size):
        _double(scalars[0], scalars[1], 1 << p, turns[1, lanes + p], turns[2, lanes + p])


@compiled
def _double(re, im, size, c, s):
    """The numbers of the vectors with one more bit set follow those of the vectors without it."""
    c, s = re.dtype.type(c), re.dtype.type(s)
    x, y, to, to_im = re[:size], im[:size], re[size : 2 * size], im[size : 2 * size]
    for j in range(size):
        to[j], to_im[j] = x[j] * c - y[j] * s, x[j] * s + y[j] * c


@compiled
def _visit(address, one, table, scalars, numbers):
    """Turn the upper two or three bits of a set, multiply by the phase, turn them on."""
    bits = _upper(table.shape[0])
    step, row = table.shape[0] >> bits, scalars.shape[1] * scalars.itemsize
    own, factor, scalar = one.ctypes.data, table.ctypes.data, scalars.ctypes.data
    for j in range(step):
        at, number = j * _STRIDE, scalar + j * scalars.itemsize
        if bits == 3:
            _visit3(address + at, _STRIDE, step, own, factor + at, number, row, numbers)
        else:
            _visit2(address + at, _STRIDE, step, own, factor + at, number, row, numbers)


@compiled
def _enter(start, stride, here, size, within, tangent, sine, wanted, rows):
    """Turn all bits of a set but those of `_visit`, and its lanes if wanted; take it `here`."""
    run = size >> _upper(size)
    near, low = min(run, _NEAR), min(run, _LOW)
    for at in range(0, size, near):
        source, to, piece = start + at * stride, here + at * _STRIDE, wanted + (at >> 2) * rows
        _move(source, stride, to, _STRIDE, near, within, tangent, sine, piece, rows)
        _turn_bits(to, low, near, tangent, sine)
        _turn_bits(to + BYTES, low, near, tangent, sine)
    _turn_far(here, size, near, run, tangent, sine)


@compiled
def _leave(start, stride, here, size, within, tangent, sine, wanted, rows):
    """Do what `_enter` does, in the other order, and take the set back."""
    run = size >> _upper(size)
    near, low = min(run, _NEAR), min(run, _LOW)
    _turn_far(here, size, near, run, tangent, sine)
    for at in range(0, size, near):
        source, to, piece = here + at * _STRIDE, start + at * stride, wanted + (at >> 2) * rows
        _turn_bits(source, low, near, tangent, sine)
        _turn_bits(source + BYTES, low, near, tangent, sine)
        _move(source, _STRIDE, to, stride, near, within, tangent, sine, piece, rows)


@compiled
def _move(source, stride, to, to_stride, size, within, tangent, sine, wanted, rows):
    """Turn the lowest bits, four or two, and maybe the lanes, from one place to another."""
    group = min(size, _LOW)
    for j in range(0, size, group):
        if group == _LOW:
            piece = wanted + (j >> 2) * rows
            ask(piece, rows)
            ask(piece + 2 * rows, rows)
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
    """Turn the bits whose vectors are too far apart for the nearest cache."""
    if near < run:
        for at in range(0, size, run):
            for part in range(2):
                _turn_bits(address + at * _STRIDE + part * BYTES, near, run, tangent, sine)


@compiled
def _turn_bits(address, step, size, tangent, sine):
    """Turn the bits from `step` up, four or two in one pass."""
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
    """Number of bits that `_visit` turns: what is left is even, for they are turned in pairs."""
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
