"""Rotations of amplitudes held in vector registers, written in LLVM's own code.

The compiler finds these neither for qubits whose partners lie within one vector, nor across
vectors a long stride apart. Vectors are 64 bytes, 8 doubles or 16 floats; LLVM turns them into
whatever the processor has. Everything is in the real gauge (see _kernels.py), where a rotation by
theta is (x0, x1) -> (x0 - t x1, x1 + t x0) with t = tan theta, up to a factor cos theta: one fused
multiply-add for each amplitude and qubit.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

BYTES = 64
_FLAGS = ("contract", "nsz")
_INDEX, _ADDRESS = ir.IntType(32), ir.IntType(64)


def vector_of(number):
    """The vector of 64 bytes that holds numbers of a numba type."""
    if number == types.float32:
        return ir.VectorType(ir.FloatType(), 16)
    return ir.VectorType(ir.DoubleType(), 8)


def load(builder, address, vector):
    """Load a vector from an address, which need only be that of a number."""
    place = builder.inttoptr(address, vector.as_pointer())
    return builder.load(place, align=BYTES // vector.count)


def store(builder, value, address):
    """Store a vector at an address."""
    place = builder.inttoptr(address, value.type.as_pointer())
    builder.store(value, place, align=BYTES // value.type.count)


def spread(builder, number, vector):
    """A vector with one number in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(_INDEX, 0))
    lanes = ir.Constant(ir.VectorType(_INDEX, vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, lanes)


def partners(builder, value, qubit):
    """The vector with the lanes exchanged that differ in one qubit."""
    lanes = [lane ^ (1 << qubit) for lane in range(value.type.count)]
    order = ir.Constant(ir.VectorType(_INDEX, len(lanes)), lanes)
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), order)


def plus(builder, a, b, c):
    """Return a + b c in one rounding."""
    return builder.fadd(a, builder.fmul(b, c, flags=_FLAGS), flags=_FLAGS)


def minus(builder, a, b, c):
    """Return a - b c in one rounding."""
    return builder.fsub(a, builder.fmul(b, c, flags=_FLAGS), flags=_FLAGS)


def rotate_within(builder, values, tangent):
    """Rotate the qubits whose partners lie in the same vector."""
    vector = tangent.type
    for qubit in range(vector.count.bit_length() - 1):
        signs = [1.0 if lane >> qubit & 1 else -1.0 for lane in range(vector.count)]
        signed = builder.fmul(tangent, ir.Constant(vector, signs))
        values = [plus(builder, v, signed, partners(builder, v, qubit)) for v in values]
    return values


def rotate_across(builder, values, tangent):
    """Rotate the qubits that tell the vectors of a list of 2^q apart."""
    values, bit = list(values), 1
    while bit < len(values):
        for k in range(len(values)):
            if not k & bit:
                low, high = values[k], values[k | bit]
                values[k] = minus(builder, low, tangent, high)
                values[k | bit] = plus(builder, high, tangent, low)
        bit *= 2
    return values


def rotation(qubits, *, within):
    """Compile `rotate(address, stride, tangent)`: `qubits` across 2^qubits vectors, one `stride` of
    bytes apart, and with `within` also those inside each vector.
    """

    @intrinsic
    def rotate(_typing, address, stride, tangent):  # noqa: ARG001 - their types come with the call
        def codegen(context, builder, signature, arguments):
            address, stride, number = arguments
            vector = vector_of(signature.args[2])
            tangent = spread(builder, number, vector)
            addresses = [
                builder.add(address, builder.mul(stride, ir.Constant(_ADDRESS, k)))
                for k in range(1 << qubits)
            ]
            values = [load(builder, a, vector) for a in addresses]
            if within:
                values = rotate_within(builder, values, tangent)
            for value, a in zip(rotate_across(builder, values, tangent), addresses, strict=True):
                store(builder, value, a)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, tangent), codegen

    return rotate


def step(qubits):
    """Compile `step(re, im, row, power, factor, tangent)` on 2^qubits vectors in a row.

    A phase and a rotation in one pass through the registers. `power` is the address of P, planar
    (re, then im one `row` of bytes on), followed by Q: P <- P Q, x <- factor P x, then the rotation
    of all qubits inside the vectors and across them.
    """

    @intrinsic
    def advance(_typing, re, im, row, power, factor, tangent):  # noqa: ARG001 - as above
        def codegen(context, builder, signature, arguments):
            re, im, row, power, factor, number = arguments
            vector = vector_of(signature.args[5])
            scale, tangent = spread(builder, factor, vector), spread(builder, number, vector)
            rows = [power]
            for _ in range(3):
                rows.append(builder.add(rows[-1], row))
            real, imaginary = [], []
            for k in range(1 << qubits):
                at = [builder.add(a, ir.Constant(_ADDRESS, k * BYTES)) for a in (*rows, re, im)]
                p, pi, q, qi, x, y = (load(builder, a, vector) for a in at)
                p, pi = product(builder, p, pi, q, qi)
                store(builder, p, at[0])
                store(builder, pi, at[1])
                p, pi = (builder.fmul(part, scale, flags=_FLAGS) for part in (p, pi))
                x, y = product(builder, x, y, p, pi)
                real.append(x)
                imaginary.append(y)
            for values, start in ((real, re), (imaginary, im)):
                turned = rotate_across(builder, rotate_within(builder, values, tangent), tangent)
                for k, value in enumerate(turned):
                    store(builder, value, builder.add(start, ir.Constant(_ADDRESS, k * BYTES)))
            return context.get_dummy_value()

        return types.void(*[types.intp] * 4, factor, tangent), codegen

    return advance


def product(builder, a, ai, b, bi):
    """The complex product (a + i ai)(b + i bi)."""
    real = minus(builder, builder.fmul(a, b, flags=_FLAGS), ai, bi)
    return real, plus(builder, builder.fmul(a, bi, flags=_FLAGS), ai, b)
