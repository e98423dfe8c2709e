"""The limits of the machine on one core: memory bandwidth and floating-point peak.

The peak is that of independent chains of fused multiply-adds on whole vectors in registers. It is
measured for vectors of 256 and of 512 bits, since compilers prefer the shorter ones on some
processors that reach twice as much with the longer ones. The larger of the two is the peak.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from annealcam.annealing.kernels.vectors import plus, spread, vector_of
from annealcam.annealing.schedules.schedule import LINEAR
from annealcam.annealing.simulation.plan import plan_of
from annealcam.annealing.simulation.runs import simulator_of
from annealcam.annealing.simulation.splitting import strang
from problems import relu_problem
from timing import seconds, timed

STREAM_BYTES = 512 << 20
CACHE_GB = 0.01  # larger states are read from memory
SIZES = ((10, 100), (14, 100), (20, 40), (24, 24))  # numbers of qubits and of stages
_CHAINS = 12  # independent vectors, which hide the latency of an operation
_LENGTH = 64  # multiply-adds on each of them
_WIDTHS = (32, 64)  # bytes of a vector


@dataclass(frozen=True)
class Machine:
    """Best of several measurements on one thread, by bits of a floating-point number."""

    gigabytes_per_second: dict[int, float]
    gigaflops: dict[int, float]
    gigaflops_by_width: dict[str, float]


@njit(fastmath={"contract", "nsz"})
def _stream(x, factor):
    for i in range(x.size):
        x[i] *= factor


def _multiply_adds(width):
    """Compile `_CHAINS` chains of v = term + v * factor, on vectors of `width` bytes."""

    @intrinsic
    def chains(_typing, address, factor, term):
        def codegen(_context, builder, signature, arguments):
            address, factor, term = arguments
            number = vector_of(signature.args[1]).element
            lanes = width // (8 if isinstance(number, ir.DoubleType) else 4)
            vector = ir.VectorType(number, lanes)
            factors, terms = spread(builder, factor, vector), spread(builder, term, vector)
            places = [
                builder.inttoptr(
                    builder.add(address, ir.Constant(ir.IntType(64), width * k)),
                    vector.as_pointer(),
                )
                for k in range(_CHAINS)
            ]
            values = [builder.load(place, align=4) for place in places]
            for _ in range(_LENGTH):
                values = [plus(builder, terms, value, factors) for value in values]
            for value, place in zip(values, places, strict=True):
                builder.store(value, place, align=4)
            return _context.get_dummy_value()

        return types.void(address, factor, term), codegen

    @njit(fastmath={"contract", "nsz"})
    def rounds(x, factor, term, count):
        for _ in range(count):
            chains(x.ctypes.data, factor, term)

    return rounds


def bandwidth(dtype: type[np.floating]) -> float:
    """Return the GB/s of a stream that reads and writes 512 MB in place."""
    x = np.ones(STREAM_BYTES // np.dtype(dtype).itemsize, dtype)
    _stream(x, dtype(1.0))
    least = min(timed(lambda: _stream(x, dtype(1.0))) for _ in range(5))
    return 2 * x.nbytes / least / 1e9


def peak(dtype: type[np.floating], width: int) -> float:
    """Return the GFlop/s of fused multiply-adds in registers; each counts as two operations."""
    multiply_adds, count = _multiply_adds(width), 20_000
    x = np.ones(_CHAINS * width // np.dtype(dtype).itemsize, dtype)
    run = partial(multiply_adds, x, dtype(0.999), dtype(0.001))
    run(1)
    least = min(timed(lambda: run(count)) for _ in range(10))
    return 2 * _LENGTH * x.size * count / least / 1e9


def measure_machine() -> Machine:
    kinds = {64: np.float64, 32: np.float32}
    peaks = {bits: {8 * w: peak(dtype, w) for w in _WIDTHS} for bits, dtype in kinds.items()}
    return Machine(
        {bits: bandwidth(dtype) for bits, dtype in kinds.items()},
        {bits: max(by_width.values()) for bits, by_width in peaks.items()},
        {
            f"fp{bits} in vectors of {width} bits": value
            for bits, by_width in peaks.items()
            for width, value in by_width.items()
        },
    )


@dataclass(frozen=True)
class Stage:
    """The measured time of one phase and one rotation of all d qubits, and its lower bound.

    Rotating re and im in the tangent form takes a multiply-add for each number and qubit: 4 d
    operations an amplitude. The phase is two complex products: 14 with the factor of the cosines.
    A state that does not fit into the caches must be read and written at least once.
    """

    d: int
    bits: int
    seconds: float

    @property
    def gigaflop(self) -> float:
        return (4 * self.d + 14) * 2**self.d / 1e9

    @property
    def gigabytes(self) -> float:
        return 4 * self.bits / 8 * 2**self.d / 1e9

    def against(self, machine: Machine) -> dict[str, float]:
        """Return rates, their shares of the machine's limits, and the ratio to the lower bound."""
        flops, bytes_ = self.gigaflop / self.seconds, self.gigabytes / self.seconds
        peak_, stream = machine.gigaflops[self.bits], machine.gigabytes_per_second[self.bits]
        bound = self.gigaflop / peak_
        if self.gigabytes / 2 > CACHE_GB:
            bound = max(bound, self.gigabytes / stream)
        return {
            "d": self.d,
            "bits": self.bits,
            "stage_s": self.seconds,
            "gigaflops": flops,
            "share_of_peak": flops / peak_,
            "gigabytes_per_second": bytes_,
            "share_of_bandwidth": bytes_ / stream,
            "times_the_bound": self.seconds / bound,
        }


def stage_seconds(d: int, bits: int, stages: int) -> float:
    """Return the seconds of one stage, from a run of many in the simulator that d qubits take."""
    precision = {64: "complex128", 32: "complex64"}[bits]
    simulator = simulator_of(plan_of(relu_problem(d), tau=50.0, precision=precision))
    run = partial(simulator.run, strang(LINEAR, 50.0, np.array([stages]), 1.0 / d), evenly=True)
    run()
    number = max(1, 1 << (17 - d)) if d < 17 else 1  # so that the clock is accurate enough
    return min(timed(run, number) for _ in range(7)) / stages


def measure_roofline(*, quick: bool) -> dict[str, Any]:
    """Measure the machine and the kernel, print both, and return them for JSON."""
    machine = measure_machine()
    for what, gigaflops in machine.gigaflops_by_width.items():
        print(f"multiply-adds, {what}: {gigaflops:.1f} GFlop/s")
    for bits in (64, 32):
        print(
            f"machine, {bits} bits: {machine.gigabytes_per_second[bits]:.1f} GB/s read and written "
            f"in place, {machine.gigaflops[bits]:.1f} GFlop/s"
        )
    lines = []
    for d, stages in SIZES[: 2 if quick else None]:
        for bits in (64, 32):
            line = Stage(d, bits, stage_seconds(d, bits, stages)).against(machine)
            lines.append(line)
            print(
                f"stage of d={d}, {bits} bits: {seconds(line['stage_s'])}, "
                f"{line['gigaflops']:.1f} GFlop/s ({line['share_of_peak']:.0%} of peak), "
                f"{line['gigabytes_per_second']:.1f} GB/s ({line['share_of_bandwidth']:.0%}), "
                f"{line['times_the_bound']:.2f} x the bound",
                flush=True,
            )
    return {"machine": asdict(machine), "stages": lines}
