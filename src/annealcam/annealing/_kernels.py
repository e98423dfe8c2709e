"""Compiled loops over the state vector. Compile time is cached between processes.

The state is kept in the real gauge psi(n) = i^|n| phi(n), as two real arrays (re, im). There
exp(i theta sum_p X_p) is a real rotation of every qubit, (x0, x1) -> (c x0 - s x1, s x0 + c x1),
that never mixes re and im, and probabilities are those of psi. Qubit p is bit p of the index.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_FAST = {"contract", "nsz"}  # fused multiply-add; no reordering of sums, so equal bits every time


def _compiled(function):
    """Compile at first use; keep the result on disk, unless nothing can be written anywhere."""
    try:
        return njit(cache=True, nogil=True, fastmath=_FAST)(function)
    except RuntimeError:
        return njit(nogil=True, fastmath=_FAST)(function)


@_compiled
def propagate(re, im, turns, angles, phases):
    """Rotate by angles[0], then for each k: phase by phases[k], rotate by angles[k + 1].

    `turns` is the diagonal E / 2 pi; the phase of state b is exp(-2 pi i phases[k] turns[b]).
    """
    rotate(re, angles[0])
    rotate(im, angles[0])
    for k in range(phases.size):
        dephase(re, im, turns, phases[k])
        rotate(re, angles[k + 1])
        rotate(im, angles[k + 1])


@_compiled
def dephase(re, im, turns, phase):
    """Multiply the state by exp(-2 pi i phase * turns), by polynomials that vectorise.

    Chebyshev fits of cos(2 pi y) and sin(2 pi y) / y in y^2 on |y| <= 1/2, to 1e-15.
    """
    for b in range(re.size):
        y = phase * turns[b]
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
        s *= y
        x = re[b]
        re[b] = x * c + im[b] * s
        im[b] = im[b] * c - x * s


@intrinsic
def _rotate_run(_typing, address, c, s):  # noqa: ARG001 - their values come with the arguments
    """Rotate qubits 0, 1, 2 of the 8 amplitudes at an address, in one vector register.

    LLVM would not find this: the partners lie within the vector. It turns the same code into
    whatever vectors the processor has.
    """

    def codegen(_context, builder, _signature, arguments):
        vector, lanes = ir.VectorType(ir.DoubleType(), 8), ir.VectorType(ir.IntType(32), 8)
        address, c, s = arguments
        place = builder.inttoptr(address, vector.as_pointer())
        x = builder.load(place, align=8)
        undefined = ir.Constant(vector, ir.Undefined)

        def broadcast(value):
            first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(first, undefined, ir.Constant(lanes, [0] * 8))

        c, s = broadcast(c), broadcast(s)
        for qubit in range(3):
            bit = 1 << qubit
            partners = ir.Constant(lanes, [lane ^ bit for lane in range(8)])
            signs = ir.Constant(vector, [1.0 if lane & bit else -1.0 for lane in range(8)])
            partner = builder.shuffle_vector(x, undefined, partners)
            turned = builder.fmul(builder.fmul(s, signs), partner, flags=["contract"])
            x = builder.fadd(builder.fmul(c, x, flags=["contract"]), turned, flags=["contract"])
        builder.store(x, place, align=8)

    return types.void(types.intp, types.float64, types.float64), codegen


@_compiled
def rotate(x, theta):
    """Rotate every qubit of one real array, contiguous in memory, by theta."""
    c, s = np.cos(theta), np.sin(theta)
    stride = 1
    if x.size >= 8:
        first = x.ctypes.data
        for run in range(x.size // 8):
            _rotate_run(first + run * 64, c, s)
        stride = 8
    while 4 * stride <= x.size:
        _rotate_two(x, c, s, stride)
        stride *= 4
    if stride < x.size:
        _rotate_one(x, c, s, stride)


@_compiled
def _rotate_two(x, c, s, stride):
    """The qubits of `stride` and `2 stride` in one pass over the memory."""
    for start in range(0, x.size, 4 * stride):
        x0 = x[start : start + stride]
        x1 = x[start + stride : start + 2 * stride]
        x2 = x[start + 2 * stride : start + 3 * stride]
        x3 = x[start + 3 * stride : start + 4 * stride]
        for j in range(stride):
            a0 = c * x0[j] - s * x1[j]
            a1 = s * x0[j] + c * x1[j]
            a2 = c * x2[j] - s * x3[j]
            a3 = s * x2[j] + c * x3[j]
            x0[j] = c * a0 - s * a2
            x1[j] = c * a1 - s * a3
            x2[j] = s * a0 + c * a2
            x3[j] = s * a1 + c * a3


@_compiled
def _rotate_one(x, c, s, stride):
    for start in range(0, x.size, 2 * stride):
        x0 = x[start : start + stride]
        x1 = x[start + stride : start + 2 * stride]
        for j in range(stride):
            a = x0[j]
            x0[j] = c * a - s * x1[j]
            x1[j] = s * a + c * x1[j]
