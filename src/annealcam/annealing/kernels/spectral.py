"""The transverse field on real vectors: H itself, and the inverse of a mean field.

On 2^d states, (sum_p X_p x)(n) is the sum of x over the d states that differ from n in one bit, so
H x = a sum_p X_p x + b E x needs d additions for each state, and no matrix.

A mean-field Hamiltonian sum_p (-g X_p + f_p n_p) is diagonal after each qubit is rotated by its own
angle, with tangent t_p: (x0, x1) -> (x0 - t x1, x1 + t x0), up to a factor that cancels. Its levels
are then sums of one energy for each qubit (`additive`), so that `precondition` divides by
|level - e| in that basis and rotates back.

Vectors over all 2^d states are contiguous rows. Three qubits lie within one register of 8 doubles;
the rest are processed up to three at a time, so that each pass over memory does more work.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from annealcam.annealing.kernels.compilation import compiled
from annealcam.annealing.kernels.vectors import (
    BYTES,
    addresses,
    load,
    partners,
    plus,
    qubits_within,
    rotate_across,
    rotate_within,
    spread,
    store,
    vector_of,
)

_LANES = 8
_CACHED = 11  # qubits of a run of states that fits into the first cache
_ADDRESS, _FAST = ir.IntType(64), ("contract", "nsz", "reassoc")


def _flips(qubits, *, within):
    """Compile `flip(x, y, e, stride, a, b)`: y += a sum_p X_p x over `qubits` qubits.

    With `within`, y = a sum_p X_p x + b e x, including the qubits inside each register.
    """

    @intrinsic
    def flip(_typing, x, y, e, stride, a, b):  # noqa: ARG001 - their types come with the call
        def codegen(context, builder, _signature, arguments):
            x, y, e, stride, a, b = arguments
            vector = vector_of(types.float64)
            a, b = spread(builder, a, vector), spread(builder, b, vector)
            places = [addresses(builder, start, stride, 1 << qubits) for start in (x, y, e)]
            values = [load(builder, place, vector) for place in places[0]]
            for k, value in enumerate(values):
                terms = [values[k ^ (1 << bit)] for bit in range(qubits)]
                if within:
                    terms += [partners(builder, value, bit) for bit in range(3)]
                total = terms[0]
                for term in terms[1:]:
                    total = builder.fadd(total, term, flags=_FAST)
                if within:
                    rest = builder.fmul(b, load(builder, places[2][k], vector))
                    rest = builder.fmul(rest, value)
                else:
                    rest = load(builder, places[1][k], vector)
                store(builder, plus(builder, rest, a, total), places[1][k])
            return context.get_dummy_value()

        return types.void(*[types.intp] * 4, types.float64, types.float64), codegen

    return flip


def _turns(qubits, *, within):
    """Compile `turn(x, stride, tangents, sign)`: rotate each qubit by its own tangent.

    `tangents` is the address of the tangents of these qubits, first of those within the register.
    """

    @intrinsic
    def turn(_typing, x, stride, tangents, sign):  # noqa: ARG001 - as above
        def codegen(context, builder, _signature, arguments):
            x, stride, tangents, sign = arguments
            vector = vector_of(types.float64)
            places = addresses(builder, x, stride, 1 << qubits)
            values = [load(builder, place, vector) for place in places]
            table = builder.inttoptr(tangents, ir.DoubleType().as_pointer())

            def tangent(qubit):
                number = builder.load(builder.gep(table, [ir.Constant(_ADDRESS, qubit)]))
                return spread(builder, builder.fmul(sign, number), vector)

            inside = qubits_within(vector) if within else 0
            values = rotate_within(builder, values, [tangent(q) for q in range(inside)])
            across = [tangent(q) for q in range(inside, inside + qubits)]
            values = rotate_across(builder, values, across)
            for value, place in zip(values, places, strict=True):
                store(builder, value, place)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.float64), codegen

    return turn


_flip_run0, _flip_run3 = _flips(0, within=True), _flips(3, within=True)
_flip1, _flip2, _flip3 = (_flips(q, within=False) for q in (1, 2, 3))
_turn_run0, _turn_run3 = _turns(0, within=True), _turns(3, within=True)
_turn1, _turn2, _turn3 = (_turns(q, within=False) for q in (1, 2, 3))


@compiled
def apply_transverse(X, Y, energies, a, b):
    """Compute y = a sum_p X_p x + b energies x for the rows x of X and y of Y."""
    for row in range(X.shape[0]):
        if energies.size < _LANES:
            _apply_few(X[row], Y[row], energies, a, b)
        else:
            _apply_row(X[row], Y[row], energies, a, b)


@compiled
def _apply_few(x, y, energies, a, b):
    for n in range(x.size):
        total = 0.0
        bit = 1
        while bit < x.size:
            total += x[n ^ bit]
            bit *= 2
        y[n] = a * total + b * energies[n] * x[n]


@compiled
def _apply_row(x, y, energies, a, b):
    size = x.size
    run = min(size, 1 << _CACHED)
    first, out, diagonal = x.ctypes.data, y.ctypes.data, energies.ctypes.data
    for start in range(0, 8 * size, 8 * run):
        stride = _LANES
        if run >= 8 * _LANES:
            for at in range(start, start + 8 * run, 8 * BYTES):
                _flip_run3(first + at, out + at, diagonal + at, BYTES, a, b)
            stride *= 8
        else:
            for at in range(start, start + 8 * run, BYTES):
                _flip_run0(first + at, out + at, diagonal + at, BYTES, a, b)
        _flip_high(first + start, out + start, run, stride, a)
    _flip_high(first, out, size, run, a)


@compiled
def _flip_high(x, y, size, stride, a):
    """Add the flips of the qubits from `stride` on, in `size` states at an address."""
    while stride < size:
        left = size // stride
        together = 8 if left >= 8 else left
        for start in range(0, 8 * size, 8 * stride * together):
            for at in range(start, start + 8 * stride, BYTES):
                if together == 8:
                    _flip3(x + at, y + at, x, 8 * stride, a, 0.0)
                elif together == 4:
                    _flip2(x + at, y + at, x, 8 * stride, a, 0.0)
                else:
                    _flip1(x + at, y + at, x, 8 * stride, a, 0.0)
        stride *= together


@compiled
def turn(x, tangents, sign):
    """Rotate qubit p by sign * tangents[p]: (x0, x1) -> (x0 - t x1, x1 + t x0), not normalised."""
    if x.size < _LANES:
        _turn_few(x, tangents, sign)
        return
    first, table = x.ctypes.data, tangents.ctypes.data
    run = min(x.size, 1 << _CACHED)
    for start in range(first, first + 8 * x.size, 8 * run):
        stride, done = _LANES, 3
        if run >= 8 * _LANES:
            for at in range(start, start + 8 * run, 8 * BYTES):
                _turn_run3(at, BYTES, table, sign)
            stride, done = 8 * stride, 6
        else:
            for at in range(start, start + 8 * run, BYTES):
                _turn_run0(at, BYTES, table, sign)
        _turn_high(start, run, stride, table + 8 * done, sign)
    if run < x.size:
        _turn_high(first, x.size, run, table + 8 * _CACHED, sign)


@compiled
def _turn_high(x, size, stride, tangents, sign):
    while stride < size:
        left = size // stride
        together = 8 if left >= 8 else left
        for start in range(x, x + 8 * size, 8 * stride * together):
            for at in range(start, start + 8 * stride, BYTES):
                if together == 8:
                    _turn3(at, 8 * stride, tangents, sign)
                elif together == 4:
                    _turn2(at, 8 * stride, tangents, sign)
                else:
                    _turn1(at, 8 * stride, tangents, sign)
        tangents += 24 if together == 8 else 16 if together == 4 else 8
        stride *= together


@compiled
def _turn_few(x, tangents, sign):
    bit, qubit = 1, 0
    while bit < x.size:
        t = sign * tangents[qubit]
        for n in range(x.size):
            if not n & bit:
                low, high = x[n], x[n | bit]
                x[n], x[n | bit] = low - t * high, high + t * low
        bit, qubit = 2 * bit, qubit + 1


@compiled
def precondition(R, tangents, levels, values, least):
    """Divide each row by max(|levels - values[row]|, least) in the basis of the mean field.

    `levels` are the mean-field energies of all states.
    """
    for row in range(R.shape[0]):
        x = R[row]
        turn(x, tangents, 1.0)
        for n in range(x.size):
            x[n] /= max(abs(levels[n] - values[row]), least)
        turn(x, tangents, -1.0)


@compiled
def occupations(x, d):
    """Return <n_p> of every qubit in the state x, by folding the weights from the last qubit on."""
    weight = x * x
    occupation = np.zeros(d)
    half = x.size
    for p in range(d - 1, -1, -1):
        half //= 2
        total = 0.0
        for n in range(half):
            upper = weight[half + n]
            total += upper
            weight[n] += upper
        occupation[p] = total
    return occupation


@compiled
def additive(low, high, constant):
    """Return constant + sum_p (high[p] if bit p is set, else low[p]) of all 2^d states."""
    levels = np.empty(1 << low.size)
    levels[0] = constant + low.sum()
    for p in range(low.size):
        half = 1 << p
        step = high[p] - low[p]
        for n in range(half):
            levels[half + n] = levels[n] + step
    return levels
