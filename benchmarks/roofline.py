"""The limits of the machine on one core: memory bandwidth and floating-point peak."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numba import njit

from annealcam.annealing.kernels import state as _kernels
from timing import seconds, timed

STREAM_BYTES = 512 << 20
CACHE_GB = 0.01  # larger states are read from memory
SIZES = ((10, 2000), (14, 200), (20, 20), (24, 8))  # numbers of qubits and of stages
_CHAIN = 32  # multiply-adds on a number in a register
_NUMBERS = 1024


@dataclass(frozen=True)
class Machine:
    """Best of several measurements on one thread, by bits of a floating-point number."""

    gigabytes_per_second: dict[int, float]
    gigaflops: dict[int, float]


@njit(fastmath={"contract", "nsz"})
def _stream(x, factor):
    for i in range(x.size):
        x[i] *= factor


@njit(fastmath={"contract", "nsz"})
def _multiply_add(x, factor, term, rounds):
    for _ in range(rounds):
        for i in range(x.size):
            y = x[i]
            for _ in range(_CHAIN):
                y = y * factor + term
            x[i] = y


def bandwidth(dtype: type[np.floating]) -> float:
    """Return the GB/s of a stream that reads and writes 512 MB in place."""
    x = np.ones(STREAM_BYTES // np.dtype(dtype).itemsize, dtype)
    _stream(x, dtype(1.0))
    least = min(timed(lambda: _stream(x, dtype(1.0))) for _ in range(5))
    return 2 * x.nbytes / least / 1e9


def peak(dtype: type[np.floating]) -> float:
    """Return the GFlop/s of fused multiply-adds in registers; each counts as two operations."""
    x, rounds = np.ones(_NUMBERS, dtype), 2000
    one = dtype(0.999)
    _multiply_add(x, one, dtype(0.001), 1)
    least = min(timed(lambda: _multiply_add(x, one, dtype(0.001), rounds)) for _ in range(10))
    return 2 * _CHAIN * _NUMBERS * rounds / least / 1e9


def measure_machine() -> Machine:
    kinds = {64: np.float64, 32: np.float32}
    return Machine(
        {bits: bandwidth(dtype) for bits, dtype in kinds.items()},
        {bits: peak(dtype) for bits, dtype in kinds.items()},
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
    """Return the seconds of one stage of the compiled kernel, from a run of many stages."""
    dtype = {64: np.float64, 32: np.float32}[bits]
    rng = np.random.default_rng(0)
    state = rng.normal(size=(2, 1 << d)).astype(dtype) * dtype(2.0 ** (-d / 2))
    turns = rng.uniform(-0.5, 0.0, 1 << d).astype(dtype)
    angles, phases = np.linspace(0.5, 0.0, stages + 1), np.arange(stages) / stages
    _kernels.propagate_evenly(state, turns, angles, phases)
    run = partial(_kernels.propagate_evenly, state, turns, angles, phases)
    return min(timed(run) for _ in range(5)) / stages


def measure_roofline(*, quick: bool) -> dict[str, Any]:
    """Measure the machine and the kernel, print both, and return them for JSON."""
    machine = measure_machine()
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
