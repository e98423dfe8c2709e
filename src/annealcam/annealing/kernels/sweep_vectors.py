"""Vector instructions of the sweeps over large states, in LLVM's own code; see _sweeps.py."""

# mypy: disallow-untyped-decorators=False, disallow-untyped-defs=False
# mypy: disallow-untyped-calls=False

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from annealcam.annealing.kernels.vectors import (
    BYTES,
    load,
    minus,
    plus,
    product,
    rotate_within,
    spread,
    store,
    vector_of,
)

_FUSED = ("contract", "nsz")
_INDEX, _ADDRESS = ir.IntType(32), ir.IntType(64)


def rotate_pairs(builder, values, tangent, sine, *, alone=False):
    """Rotate as `rotate_across` does, but two qubits at a time, with a third fewer products.

    Two equal rotations of (a, b, c, d) leave a + d and b - c as they are and turn a - d and b + c
    into each other. `sine` is half the sine of twice the angle. Pairs need no factor cos theta; a
    qubit left over is in the tangent form. Of the four last sums two are fused with a product: then
    additions and products are about as many, and both kinds of units have work.
    """
    values, bit = list(values), 1
    while 2 * bit < len(values):
        for k in range(len(values)):
            if not k & 3 * bit:
                at = [k | j * bit for j in range(4)]
                a, b, c, d = (values[j] for j in at)
                e, f = builder.fsub(a, d, flags=_FUSED), builder.fadd(b, c, flags=_FUSED)
                g = builder.fmul(sine, plus(builder, f, tangent, e), flags=_FUSED)
                h = minus(builder, e, tangent, f)
                values[at[0]] = builder.fsub(a, g, flags=_FUSED)
                values[at[3]] = builder.fadd(d, g, flags=_FUSED)
                if alone:
                    values[at[1]], values[at[2]] = (fused(builder, x, sine, h) for x in (b, c))
                else:
                    h = builder.fmul(sine, h, flags=_FUSED)
                    values[at[1]], values[at[2]] = (
                        builder.fadd(x, h, flags=_FUSED) for x in (b, c)
                    )
        bit *= 4
    return rotate_upper(builder, values, tangent) if bit < len(values) else values


def rotate_upper(builder, values, tangent):
    """Rotate the qubit that tells the halves of a list apart."""
    half = len(values) // 2
    pairs = list(zip(values[:half], values[half:], strict=True))
    lower = [minus(builder, x, tangent, y) for x, y in pairs]
    return lower + [plus(builder, y, tangent, x) for x, y in pairs]


def fused(builder, a, b, c):
    """Return a + b c, as one operation where the processor has it, even if b c is shared."""
    kind = f"v{a.type.count}f{8 * BYTES // a.type.count}"
    signature = ir.FunctionType(a.type, [a.type] * 3)
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.fmuladd.{kind}")
    return builder.call(function, [b, c, a])


def turn(qubits, *, within):
    """Compile `turn(source, stride, to, to_stride, tangent, sine)`, a rotation by `rotate_pairs`.

    It takes 2^qubits vectors, a stride apart, to another place, which may be their own.
    """

    @intrinsic
    def turn_vectors(_typing, source, stride, to, to_stride, tangent, sine):  # noqa: ARG001 - their types come with the call
        def codegen(context, builder, signature, arguments):
            source, stride, to, to_stride, *numbers = arguments
            vector = vector_of(signature.args[-1])
            tangent, sine = (spread(builder, number, vector) for number in numbers)
            values = [load(builder, a, vector) for a in _places(builder, source, stride, qubits)]
            if within:
                values = rotate_within(builder, values, tangent)
            values = rotate_pairs(builder, values, tangent, sine, alone=not within)
            places = _places(builder, to, to_stride, qubits)
            for value, place in zip(values, places, strict=True):
                store(builder, value, place)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 4, tangent, sine), codegen

    return turn_vectors


def turn_phase_turn(qubits):
    """Compile a rotation, a phase and a rotation of 2^qubits complex vectors, `step` apart.

    A complex vector is re and im, one after the other; the next is `stride` bytes on. The phase
    factor of a vector is own * table * scalar: `own` is one complex vector, `table` has one for
    each vector, and `scalars` one number, its im `row` bytes after re. The four numbers are tangent
    and sine of the rotation before, then of that after.
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
    """The addresses of 2^qubits vectors, one stride apart.

    As few bases and offsets, which instructions can add: sixteen addresses overflow the registers.
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
    """Tangent and sine of two rotations, from a tuple of four numbers."""
    spread_out = [spread(builder, builder.extract_value(numbers, k), vector) for k in range(4)]
    return spread_out[:2], spread_out[2:]


def _complex_at(builder, address, vector):
    """A complex vector: re, then im."""
    return load(builder, address, vector), load(
        builder, builder.add(address, _bytes(BYTES)), vector
    )


def _number_at(builder, address, row, vector):
    """A complex number in every lane; im lies one row after re."""
    places = (
        builder.inttoptr(a, vector.element.as_pointer())
        for a in (address, builder.add(address, row))
    )
    return [spread(builder, builder.load(place), vector) for place in places]


@intrinsic
def ask(_typing, address, stride):  # noqa: ARG001 - as above
    """Ask for 256 bytes at an address, and a stride on, before they are needed and written to."""

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
