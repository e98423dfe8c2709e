"""The evolution of a state vector that fits into the caches.

The state is stored in the real gauge psi(n) = i^|n| phi(n), as two real rows (re, im) of phi. For
one qubit, exp(i theta X) has the matrix ((c, i s), (i s, c)) with c = cos theta and s = sin theta;
in the gauge it becomes ((c, -s), (s, c)). So exp(i theta sum_p X_p) is a real rotation of every
qubit that never mixes re and im, (x0, x1) -> (c x0 - s x1, s x0 + c x1). Dividing by c for every
qubit leaves the tangent form (x0 - t x1, x1 + t x0) with t = tan theta, one multiply-add for each
amplitude, and a factor c^d. The gauge does not change probabilities.

A phase multiplies phi(n) by exp(-2 pi i phase turns(n)), where turns = E / 2 pi. If phases grow by
equal differences, their factors follow from those of the step before by one product.

Qubit p is bit p of the index. All kernels take double and single precision, and need at least
MIN_QUBITS qubits.
"""

import math

import numpy as np
from numba import njit, types
from numba.extending import overload

from annealcam.annealing.kernels.compilation import compiled
from annealcam.annealing.kernels.vectors import BYTES, rotation, step

MIN_QUBITS = 4  # one register of single precision
LARGEST_ANGLE = 1.2  # largest angle, in radians, of one rotation in the tangent form
_BLOCK = 10  # 2^10 amplitudes and their phase factors fit into the nearest cache
_PAGE = 4096
_RENEWED = 64  # steps after which phase factors are computed again, since rounding adds up

_within0, _within1, _within2, _within3 = (rotation(q, within=True) for q in range(4))
_across1, _across2, _across3, _across4 = (rotation(q, within=False) for q in range(1, 5))
_step0, _step1, _step2, _step3 = (step(q) for q in range(4))


@compiled
def propagate(state, turns, angles, phases):
    """Rotate by angles[0], then for each k apply phases[k] and rotate by angles[k + 1].

    `turns` is the diagonal E / 2 pi; the phase of state b is exp(-2 pi i phases[k] turns[b]).
    """
    for k in range(angles.size):
        if k > 0:
            dephase(state[0], state[1], turns, phases[k - 1], 1.0)
        for part in range(2):
            rotate(state[part], angles[k])


@compiled
def propagate_evenly(state, turns, angles, phases):
    """Do the same as `propagate`, faster where the phases grow by equal differences.

    The phase factors P of one step are those of the step before times a constant Q: a product
    instead of a sine and a cosine. If the difference changes, both are computed again.
    """
    states, problems = state.reshape((1, 2, turns.size)), turns.reshape((1, turns.size))
    propagate_together(states, problems, np.zeros(1, np.int64), angles, phases)


@compiled
def propagate_together(states, turns, rows, angles, phases):
    """Do the same for several states (n, 2, all), of the problems turns[rows[0]], ...

    They share the factors of their rotations, and the processor overlaps the steps of one with
    those of the next, which saves most of the time where a state is a few registers long.
    """
    count, row = rows.size, turns.shape[1] * states.itemsize
    powers = np.empty((count, 4, turns.shape[1]), states.dtype)
    d = qubits_of(turns[0])
    tangents, factors = _tangents(angles, d)
    first, power = np.int64(states.ctypes.data), np.int64(powers.ctypes.data)
    for k in range(-1, phases.size):
        rest = angles[k + 1]
        if k >= 0:
            change = phases[k] - phases[k - 1] if k else 0.0
            before = phases[k - 1] - phases[k - 2] if k > 1 else np.inf
            if abs(change - before) > 1e-13 * abs(phases[k]) or k % _RENEWED == 0:
                for j in range(count):
                    unit_phases(powers[j, 2], powers[j, 3], turns[rows[j]], change)
                    unit_phases(powers[j, 0], powers[j, 1], turns[rows[j]], phases[k] - change)
            t, c = _as(states, tangents[k + 1]), _as(states, factors[k + 1])
            _advance(first, row, power, count, d, c, t)
            rest -= min(max(rest, -LARGEST_ANGLE), LARGEST_ANGLE)
        if rest != 0.0:
            for j in range(2 * count):
                rotate(states[j >> 1, j & 1], rest)


@njit(inline="always")
def advance_all(starts, turns, rows, angles, phases, from_ground, evenly):
    """Return the states of several problems after a run with the same angles and phases.

    They are right up to phases that do not change probabilities. Starts in the ground state of the
    driver, an eigenstate of the first rotation, need none. In single precision, powers of phases
    drift, and every step computes its own.
    """
    states = np.empty((rows.size, 2, turns.shape[1]), starts.dtype)
    for j in range(rows.size):
        start = starts[rows[j] if starts.shape[0] > 1 else 0]
        for part in range(2):
            for b in range(turns.shape[1]):
                states[j, part, b] = start[part, b]
        if not from_ground:
            dephase(states[j, 0], states[j, 1], turns[rows[j]], phases[0], 1.0)
    if from_ground:
        angles[0] = 0.0
    if evenly and states.itemsize == 8:
        propagate_together(states, turns, rows, angles, phases[1:-1])
    else:
        for j in range(rows.size):
            propagate(states[j], turns[rows[j]], angles, phases[1:-1])
    return states


@compiled
def _tangents(angles, d):
    """Return the tangent of each angle, or of the largest one, and the factor of the rotation."""
    tangents, factors = np.empty(angles.size), np.empty(angles.size)
    for k in range(angles.size):
        angle = angles[k]
        if abs(angle) > LARGEST_ANGLE:
            angle = LARGEST_ANGLE * np.sign(angle)
        tangents[k], factors[k] = math.tan(angle), math.cos(angle) ** d
    return tangents, factors


@compiled
def _advance(re, row, power, count, d, factor, tangent):
    """Make one step of `count` states: block by block in the cache, then the upper qubits."""
    lanes, block = 3 if row >> d == 8 else 4, min(_BLOCK, d)
    if d <= lanes + 3:
        _advance_few(re, row, power, d - lanes, count, factor, tangent)
        return
    size = row >> (d - block)
    for j in range(count):
        for at in range(0, row, size):
            place = re + 2 * j * row + at
            for run in range(0, size, 8 * BYTES):
                _step3(place + run, place + row + run, row, power + 4 * j * row + at + run,
                       factor, tangent)  # fmt: skip
            for part in range(2):
                turn_upper(place + part * row, size, 8 * BYTES, tangent)
        for part in range(2):
            turn_upper(re + (2 * j + part) * row, row, size, tangent)


@compiled
def _advance_few(re, row, power, qubits, count, factor, tangent):
    """Apply the phase, and rotate all qubits, of `count` states of few registers."""
    for _ in range(count):
        if qubits == 3:
            _step3(re, re + row, row, power, factor, tangent)
        elif qubits == 2:
            _step2(re, re + row, row, power, factor, tangent)
        elif qubits == 1:
            _step1(re, re + row, row, power, factor, tangent)
        else:
            _step0(re, re + row, row, power, factor, tangent)
        re += 2 * row
        power += 4 * row


@compiled
def rotate(x, angle):
    """Rotate every qubit of one real array, contiguous in memory, by an angle."""
    if angle == 0.0:
        return
    parts = math.ceil(abs(angle) / LARGEST_ANGLE)
    tangent, factor = math.tan(angle / parts), math.cos(angle / parts)
    t, c = _as(x, tangent), _as(x, factor ** qubits_of(x))
    block = min(x.size, 2 << _BLOCK)
    for _ in range(parts):
        for start in range(0, x.size, block):
            run = x[start : start + block]
            for b in range(block):
                run[b] *= c
            turn_lower(np.int64(run.ctypes.data), block * x.itemsize, t)
        turn_upper(np.int64(x.ctypes.data), x.nbytes, block * x.itemsize, t)


@compiled
def turn_lower(address, size, tangent):
    """Rotate all qubits of `size` contiguous bytes, in the tangent form."""
    vectors = size // BYTES
    if vectors >= 8:
        for j in range(0, size, 8 * BYTES):
            _within3(address + j, BYTES, tangent)
        turn_upper(address, size, 8 * BYTES, tangent)
    elif vectors == 4:
        _within2(address, BYTES, tangent)
    elif vectors == 2:
        _within1(address, BYTES, tangent)
    else:
        _within0(address, BYTES, tangent)


@compiled
def turn_upper(address, size, stride, tangent):
    """Rotate the qubits whose partners are `stride` bytes or more apart, up to four in one pass.

    Sixteen addresses that differ by whole pages compete for few lines of a cache: then fewer.
    """
    while stride < size:
        left = 0
        while stride << left < size:
            left += 1
        near = stride < _PAGE
        group = 4 if near and (left == 4 or left > 6) else 2 if left == 4 else min(left, 3)
        for at in range(0, size, stride << group):
            _turn_group(address + at, stride, group, tangent)
        stride <<= group


@compiled
def _turn_group(address, stride, group, tangent):
    if group == 4:
        for j in range(0, stride, BYTES):
            _across4(address + j, stride, tangent)
    elif group == 3:
        for j in range(0, stride, BYTES):
            _across3(address + j, stride, tangent)
    elif group == 2:
        for j in range(0, stride, BYTES):
            _across2(address + j, stride, tangent)
    else:
        for j in range(0, stride, BYTES):
            _across1(address + j, stride, tangent)


@compiled
def dephase(re, im, turns, phase, factor):
    """Multiply the state by factor * exp(-2 pi i phase * turns)."""
    phase, factor = _as(turns, phase), _as(turns, factor)
    for b in range(re.size):
        c, s = cos_sin(phase * turns[b])
        c, s = factor * c, factor * s
        x = re[b]
        re[b] = x * c + im[b] * s
        im[b] = im[b] * c - x * s


@compiled
def density(state):
    """Return the probabilities of a state of any norm; they sum to one."""
    p = np.empty(state.shape[1])
    total = 0.0
    for b in range(p.size):
        p[b] = np.float64(state[0, b]) ** 2 + np.float64(state[1, b]) ** 2
        total += p[b]
    for b in range(p.size):
        p[b] /= total
    return p


@compiled
def energies(linear, quadratic):
    """Return all energies of several problems, (problems, 2^d), by doubling.

    They are equal to those of `energies_of` to the bit.
    """
    problems, d = linear.shape
    values = np.zeros((problems, 1 << d))
    field = np.empty(1 << max(d - 1, 0))
    for i in range(problems):
        for q in range(d):
            field[0] = linear[i, q]
            for p in range(q):
                for b in range(1 << p):
                    field[b + (1 << p)] = field[b] + quadratic[i, p, q]
            for b in range(1 << q):
                values[i, b + (1 << q)] = values[i, b] + field[b]
    return values


@compiled
def unit_phases(re, im, turns, phase):
    """Fill re + i im with exp(-2 pi i phase * turns)."""
    phase = _as(turns, phase)
    for b in range(re.size):
        c, s = cos_sin(phase * turns[b])
        re[b] = c
        im[b] = -s


def cos_sin(y):
    """Return cosine and sine of y turns, by polynomials that vectorise; for compiled code only.

    The polynomials are Chebyshev fits of cos(2 pi y) and sin(2 pi y) / y in y^2 on |y| <= 1/2, with
    errors of 1e-15 in double and 7e-7 in single precision.
    """


@overload(cos_sin, inline="always")
def _cos_sin(y):
    return _cos_sin_single if y == types.float32 else _cos_sin_double


def _cos_sin_double(y):
    y -= np.rint(y)
    u = y * y
    c = -0.0002900600501912893
    c = c * u + 0.003758590561310354
    c = c * u - 0.03637490036340231
    c = c * u + 0.28200407958316315
    c = c * u - 1.7143904138098518
    c = c * u + 7.903536340077173
    c = c * u - 26.42625678121189
    c = c * u + 60.24464137178173
    c = c * u - 85.45681720669127
    c = c * u + 64.93939402266825
    c = c * u - 19.739208802178716
    c = c * u + 1.0
    s = 0.0010156363080426269
    s = s * u - 0.011964299447466884
    s = s * u + 0.10420677657784852
    s = s * u - 0.7181176612406465
    s = s * u + 3.8199519658163408
    s = s * u - 15.094642523739662
    s = s * u + 42.058693942058134
    s = s * u - 76.70585975297274
    s = s * u + 81.60524927607364
    s = s * u - 41.34170224039975
    s = s * u + 6.283185307179586
    return c, s * y


def _cos_sin_single(y):
    one = np.float32
    y -= np.rint(y)
    u = y * y
    c = one(6.52770596)
    c = c * u - one(25.9668846)
    c = c * u + one(60.1674298)
    c = c * u - one(85.4501134)
    c = c * u + one(64.9391159)
    c = c * u - one(19.7392045)
    c = c * u + one(0.999999989)
    s = one(-12.4688186)
    s = s * u + one(41.3413654)
    s = s * u - one(76.6141403)
    s = s * u + one(81.5999136)
    s = s * u - one(41.3415883)
    s = s * u + one(6.28318491)
    return c, s * y


@njit(inline="always")
def _as(x, number):
    """Return a number in the precision of x."""
    return x.dtype.type(number)


@compiled
def qubits_of(x):
    """Return the number of qubits of a vector of amplitudes."""
    d = 0
    while 1 << d < x.size:
        d += 1
    return d
