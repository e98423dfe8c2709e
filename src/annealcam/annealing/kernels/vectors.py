"""Rotations of amplitudes in vector registers, written in LLVM's intermediate code.

The compiler vectorises rotations neither for qubits whose partners lie within one register, nor
across vectors a long stride apart. Vectors have 64 bytes, 8 doubles or 16 floats, which LLVM maps
to the registers of the processor.

In the real gauge of state.py, a rotation by theta is (x0, x1) -> (x0 - t x1, x1 + t x0) with
t = tan theta, up to a factor cos theta: one fused multiply-add for each amplitude and qubit.

Two qubits that rotate by the same angle need fewer products. For amplitudes (a, b, c, d) of states
00, 01, 10, 11, the sums a + d and b - c do not change, while a - d and b + c rotate into each other
by twice the angle. With e = a - d, f = b + c and sigma = sin(2 theta) / 2,

    g = sigma (f + t e),  h = sigma (e - t f),   (a, b, c, d) -> (a - g, b + h, c + h, d + g),

which needs no factor cos theta (`rotate_pairs`).
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BYTES = 64
_FLAGS = ("contract", "nsz")
_INDEX, _ADDRESS = ir.IntType(32), ir.IntType(64)


def vector_of(number):
    """Return LLVM's type of a vector of 64 bytes, for numbers of a numba type."""
    if number == types.float32:
        return ir.VectorType(ir.FloatType(), 16)
    return ir.VectorType(ir.DoubleType(), 8)


def load(builder, address, vector):
    """Load a vector from an address that is aligned for single numbers."""
    place = builder.inttoptr(address, vector.as_pointer())
    return builder.load(place, align=BYTES // vector.count)


def store(builder, value, address):
    """Store a vector at an address."""
    place = builder.inttoptr(address, value.type.as_pointer())
    builder.store(value, place, align=BYTES // value.type.count)


def spread(builder, number, vector):
    """Return a vector with one number in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(_INDEX, 0))
    lanes = ir.Constant(ir.VectorType(_INDEX, vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, lanes)


def partners(builder, value, qubit):
    """Return a vector in which the lanes that differ in one qubit are exchanged."""
    lanes = [lane ^ (1 << qubit) for lane in range(value.type.count)]
    order = ir.Constant(ir.VectorType(_INDEX, len(lanes)), lanes)
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), order)


def plus(builder, a, b, c):
    """Return a + b c in one rounding."""
    return builder.fadd(a, builder.fmul(b, c, flags=_FLAGS), flags=_FLAGS)


def minus(builder, a, b, c):
    """Return a - b c in one rounding."""
    return builder.fsub(a, builder.fmul(b, c, flags=_FLAGS), flags=_FLAGS)


def addresses(builder, start, stride, count):
    """Return the addresses of vectors that are `stride` bytes apart."""
    return [builder.add(start, builder.mul(stride, ir.Constant(_ADDRESS, k))) for k in range(count)]


def rotate_within(builder, values, tangents):
    """Rotate the qubits whose partners lie within the same vector, each by its own tangent."""
    for qubit, tangent in enumerate(tangents):
        vector = tangent.type
        signs = [1.0 if lane >> qubit & 1 else -1.0 for lane in range(vector.count)]
        signed = builder.fmul(tangent, ir.Constant(vector, signs))
        values = [plus(builder, v, signed, partners(builder, v, qubit)) for v in values]
    return values


def rotate_across(builder, values, tangents):
    """Rotate the qubits that number the vectors of a list, each by its own tangent."""
    values = list(values)
    for qubit, tangent in enumerate(tangents):
        for k in range(len(values)):
            if not k >> qubit & 1:
                low, high = values[k], values[k | 1 << qubit]
                values[k] = minus(builder, low, tangent, high)
                values[k | 1 << qubit] = plus(builder, high, tangent, low)
    return values


def qubits_within(vector):
    """Return the number of qubits whose partners lie within one vector."""
    return vector.count.bit_length() - 1


def rotation(qubits, *, within):
    """Compile `rotate(address, stride, tangent)` for 2^qubits vectors, `stride` bytes apart.

    It rotates the qubits across the vectors, and with `within` also those inside each vector.
    """

    @intrinsic
    def rotate(_typing, address, stride, tangent):  # noqa: ARG001 - their types come with the call
        def codegen(context, builder, signature, arguments):
            address, stride, number = arguments
            vector = vector_of(signature.args[2])
            tangent = spread(builder, number, vector)
            places = addresses(builder, address, stride, 1 << qubits)
            values = [load(builder, place, vector) for place in places]
            if within:
                values = rotate_within(builder, values, [tangent] * qubits_within(vector))
            values = rotate_across(builder, values, [tangent] * qubits)
            for value, place in zip(values, places, strict=True):
                store(builder, value, place)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, tangent), codegen

    return rotate


def step(qubits):
    """Compile `step(re, im, row, power, factor, tangent)` for 2^qubits contiguous vectors.

    It applies a phase and a rotation in one pass through the registers. `power` is the address of
    the phase factors P, planar (im is one `row` of bytes after re) and followed by Q: P <- P Q,
    x <- factor P x, then all qubits inside the vectors and across them rotate.
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
                turned = rotate_within(builder, values, [tangent] * qubits_within(vector))
                for k, value in enumerate(rotate_across(builder, turned, [tangent] * qubits)):
                    store(builder, value, builder.add(start, ir.Constant(_ADDRESS, k * BYTES)))
            return context.get_dummy_value()

        return types.void(*[types.intp] * 4, factor, tangent), codegen

    return advance


def product(builder, a, ai, b, bi):
    """Return the complex product (a + i ai)(b + i bi)."""
    real = minus(builder, builder.fmul(a, b, flags=_FLAGS), ai, bi)
    return real, plus(builder, builder.fmul(a, bi, flags=_FLAGS), ai, b)


def rotate_pairs(builder, values, tangent, sine, *, alone=False):
    """Rotate as `rotate_across` does, but two qubits at a time, with a third fewer products.

    `sine` is half the sine of twice the angle. A qubit that is left over is rotated in the tangent
    form. With `alone`, two of the last four sums are fused with a product, which balances the load
    of the units for additions and for products.
    """
    values, bit = list(values), 1
    while 2 * bit < len(values):
        for k in range(len(values)):
            if not k & 3 * bit:
                at = [k | j * bit for j in range(4)]
                a, b, c, d = (values[j] for j in at)
                e, f = builder.fsub(a, d, flags=_FLAGS), builder.fadd(b, c, flags=_FLAGS)
                g = builder.fmul(sine, plus(builder, f, tangent, e), flags=_FLAGS)
                h = minus(builder, e, tangent, f)
                values[at[0]] = builder.fsub(a, g, flags=_FLAGS)
                values[at[3]] = builder.fadd(d, g, flags=_FLAGS)
                if alone:
                    values[at[1]], values[at[2]] = (fused(builder, x, sine, h) for x in (b, c))
                else:
                    h = builder.fmul(sine, h, flags=_FLAGS)
                    values[at[1]], values[at[2]] = (
                        builder.fadd(x, h, flags=_FLAGS) for x in (b, c)
                    )
        bit *= 4
    return rotate_upper(builder, values, tangent) if bit < len(values) else values


def rotate_upper(builder, values, tangent):
    """Rotate the qubit that numbers the two halves of a list."""
    half = len(values) // 2
    pairs = list(zip(values[:half], values[half:], strict=True))
    lower = [minus(builder, x, tangent, y) for x, y in pairs]
    return lower + [plus(builder, y, tangent, x) for x, y in pairs]


def fused(builder, a, b, c):
    """Return a + b c as one operation if the processor has it, even if b c is used elsewhere."""
    kind = f"v{a.type.count}f{8 * BYTES // a.type.count}"
    signature = ir.FunctionType(a.type, [a.type] * 3)
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.fmuladd.{kind}")
    return builder.call(function, [b, c, a])


def turn(qubits, *, within):
    """Compile `turn(source, stride, to, to_stride, tangent, sine)`, a rotation by `rotate_pairs`.

    It moves 2^qubits vectors, which are a stride apart, to another address, or leaves them there.
    """

    @intrinsic
    def turn_vectors(_typing, source, stride, to, to_stride, tangent, sine):  # noqa: ARG001 - their types come with the call
        def codegen(context, builder, signature, arguments):
            source, stride, to, to_stride, *numbers = arguments
            vector = vector_of(signature.args[-1])
            tangent, sine = (spread(builder, number, vector) for number in numbers)
            values = [load(builder, a, vector) for a in _places(builder, source, stride, qubits)]
            if within:
                values = rotate_within(builder, values, [tangent] * qubits_within(vector))
            values = rotate_pairs(builder, values, tangent, sine, alone=not within)
            places = _places(builder, to, to_stride, qubits)
            for value, place in zip(values, places, strict=True):
                store(builder, value, place)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 4, tangent, sine), codegen

    return turn_vectors


def turn_phase_turn(qubits):
    """Compile a rotation, a phase and a rotation of 2^qubits complex vectors, `step` apart.

    A complex vector consists of re and im; the next one starts `stride` bytes later. The phase
    factor of a vector is own * table * scalar, where `own` is one complex vector, `table` has one
    for each vector, and `scalars` has a number for each, with im `row` bytes after re. The four
    numbers are tangent and sine of the first rotation, then of the second.
    """

    @intrinsic
    def advance(_typing, state, stride, step, own, table, scalars, row, numbers):  # noqa: ARG001 - as above
        def codegen(context, builder, signature, arguments):
            state, stride, step, own, table, scalars, row, numbers = arguments
            vector = vector_of(signature.args[-1].dtype)
            before, after = _angles(builder, numbers, vector)
            stride, jump = builder.mul(stride, step), builder.mul(step, _bytes(2 * BYTES))
            places = _places(builder, state, stride, qubits)
            places = [places, [builder.add(place, _bytes(BYTES)) for place in places]]
            parts = [[load(builder, place, vector) for place in part] for part in places]
            parts = [rotate_pairs(builder, part, *before) for part in parts]
            own = _complex_at(builder, own, vector)
            tables = _places(builder, table, jump, qubits)
            jump = builder.mul(step, _bytes(BYTES // vector.count))
            for k, scalar in enumerate(_places(builder, scalars, jump, qubits)):
                factor = product(builder, *own, *_number_at(builder, scalar, row, vector))
                factor = product(builder, *factor, *_complex_at(builder, tables[k], vector))
                parts[0][k], parts[1][k] = product(builder, parts[0][k], parts[1][k], *factor)
            for part, where in zip(parts, places, strict=True):
                turned = rotate_pairs(builder, part, *after)
                for value, place in zip(turned, where, strict=True):
                    store(builder, value, place)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 7, numbers), codegen

    return advance


def _places(builder, address, stride, qubits):
    """Return the addresses of 2^qubits vectors, one stride apart.

    They are sums of a few bases and offsets, since sixteen addresses do not fit into registers.
    """
    byte = ir.IntType(8).as_pointer()
    bases = [builder.inttoptr(address, byte)]
    offsets = [builder.mul(stride, _bytes(k)) for k in range(4)]
    while len(bases) < 1 << qubits >> 2:
        bases.append(builder.gep(bases[-1], [builder.mul(stride, _bytes(4))]))
    places = [builder.gep(base, [offset]) for base in bases for offset in offsets]
    return [builder.ptrtoint(place, _ADDRESS) for place in places[: 1 << qubits]]


def _bytes(number):
    return ir.Constant(_ADDRESS, number)


def _angles(builder, numbers, vector):
    """Return tangent and sine of two rotations, from a tuple of four numbers."""
    spread_out = [spread(builder, builder.extract_value(numbers, k), vector) for k in range(4)]
    return spread_out[:2], spread_out[2:]


def _complex_at(builder, address, vector):
    """Load a complex vector: re, then im."""
    return load(builder, address, vector), load(
        builder, builder.add(address, _bytes(BYTES)), vector
    )


def _number_at(builder, address, row, vector):
    """Load a complex number into every lane; im is one row after re."""
    places = (
        builder.inttoptr(a, vector.element.as_pointer())
        for a in (address, builder.add(address, row))
    )
    return [spread(builder, builder.load(place), vector) for place in places]


@intrinsic
def prefetch(_typing, address, stride):  # noqa: ARG001 - as above
    """Prefetch 256 bytes at an address, and 256 bytes one stride later, for writing."""

    def codegen(context, builder, _signature, arguments):
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, _INDEX, _INDEX, _INDEX])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        to_second_cache = [ir.Constant(_INDEX, n) for n in (0, 2, 1)]
        for start in (arguments[0], builder.add(*arguments)):
            for k in range(4):
                place = builder.add(start, _bytes(k * BYTES))
                builder.call(function, [builder.inttoptr(place, byte), *to_second_cache])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), codegen
