"""Torch's evolution on a GPU against the compiled kernel on one core: seconds of a stage.

    python benchmarks/gpu.py                    d = 8..26, alone and in batches of 64, on `cuda`
    python benchmarks/gpu.py --device torch:cpu --largest 12        the same code without a GPU
    python benchmarks/gpu.py --most 4,5,6,7     which size of product is the fastest here

A stage is a phase and a rotation; a run to 1e-6 takes 5 to 10 stages for each unit of tau. The
rates count what the launched kernels move and multiply, so they show what bounds them here.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from annealcam.annealing.kernels.torch_state import propagate
from annealcam.annealing.simulation.devices import (
    REAL,
    groups,
    largest_batch,
    most_together,
    pick_device,
)
from annealcam.errors import ProblemTooLargeError
from roofline import stage_seconds
from timing import seconds

OUT = Path(__file__).parent / "gpu.json"
_MEASURED = 0.2  # seconds that a run shall last at least; none is longer than _STAGES
_STAGES = 500


@dataclass(frozen=True)
class Measurement:
    """A stage of a whole batch on the device, and of one run on a core of the CPU."""

    d: int
    batch: int
    precision: str
    most: int
    device_s: float
    cpu_s: float | None

    @property
    def ratio(self) -> float | None:
        return None if self.cpu_s is None else self.batch * self.cpu_s / self.device_s

    @property
    def launches(self) -> int:
        return 5 + len(groups(self.d, self.most))

    @property
    def gigabytes_per_second(self) -> float:
        """Numbers moved for each state: 3 + 3 + 6 by the phases, 4 between the two orders of the
        parts, and 4 by each product; the matrices are written once and read once.
        """
        sizes = groups(self.d, self.most)
        numbers = (14 + 4 * len(sizes)) * 2**self.d + 2 * sum(4**size for size in set(sizes))
        return self.batch * numbers * REAL[self.precision].itemsize / self.device_s / 1e9

    @property
    def gigaflops(self) -> float:
        flops = sum(4 * 2**size for size in groups(self.d, self.most)) * 2**self.d
        return self.batch * flops / self.device_s / 1e9


def tables(batch: int, stages: int) -> tuple[np.ndarray, np.ndarray]:
    """Unlike angles for each run: the general case, where no matrices are shared."""
    scales = np.linspace(0.9, 1.0, batch)[:, None]
    return scales * np.linspace(0.5, 0.0, stages), scales * np.linspace(0.0, 1.0, stages + 1)


def device_seconds(d: int, batch: int, precision: str, device: torch.device, most: int) -> float:
    """Least seconds of one stage, from runs long enough; the first run is the warm-up."""
    turns = torch.rand((batch, 2**d), dtype=REAL[precision], device=device)

    def run(stages: int) -> float:
        start = time.perf_counter()
        state = propagate(turns, *tables(batch, stages), precision=precision, most=most)
        state[0, 0, 0].item()  # waits for the device
        return time.perf_counter() - start

    run(2)
    few = run(4)
    stages = int(np.clip(_MEASURED / max(run(8) - few, 1e-9) * 4, 8, _STAGES))
    start_up = min(run(2) for _ in range(3))
    return min(run(2 + stages) - start_up for _ in range(3)) / stages


def measurements(options: argparse.Namespace, device: torch.device) -> Iterator[Measurement]:
    for precision in options.precision.split(","):
        for d in range(options.smallest, options.largest + 1, 2):
            cpu = stage_seconds(d, 8 * REAL[precision].itemsize, 50 if d < 18 else 8)
            for batch in map(int, options.batch.split(",")):
                try:
                    fits = batch <= largest_batch(d, device=device, precision=precision)
                except ProblemTooLargeError:
                    fits = False
                if not fits:
                    print(f"d={d}, {batch} runs in {precision}: do not fit into the memory")
                    continue
                for most in map(int, options.most.split(",")) if options.most else [0]:
                    most = most or most_together(device)
                    spent = device_seconds(d, batch, precision, device, most)
                    yield Measurement(d, batch, precision, most, spent, cpu)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, or torch:cpu")
    parser.add_argument("--smallest", type=int, default=8)
    parser.add_argument("--largest", type=int, default=26)
    parser.add_argument("--batch", default="1,64", help="numbers of runs, with commas")
    parser.add_argument("--precision", default="complex128,complex64")
    parser.add_argument("--most", default="", help="qubits of the largest product, with commas")
    return parser.parse_args()


def main() -> None:
    options = parsed()
    device = pick_device(options.device)
    if device is None:
        raise SystemExit("no GPU to measure; --device torch:cpu runs the same code on the CPU")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU by torch"
    print(f"{name}, torch {torch.__version__}; least seconds of a stage, against one core\n")
    print(
        f"{'d':>3} {'batch':>6} {'precision':>11} {'group':>6} {'launches':>9} {'device':>9} "
        f"{'a run':>9} {'CPU, a run':>11} {'ratio':>8} {'GB/s':>7} {'GFlop/s':>8}"
    )
    rows = []
    for m in measurements(options, device):
        rows.append(asdict(m) | {"ratio": m.ratio})
        print(
            f"{m.d:>3} {m.batch:>6} {m.precision:>11} {m.most:>6} {m.launches:>9} "
            f"{seconds(m.device_s):>9} {seconds(m.device_s / m.batch):>9} {seconds(m.cpu_s):>11} "
            f"{m.ratio:>8.3g} {m.gigabytes_per_second:>7.0f} {m.gigaflops:>8.0f}",
            flush=True,
        )
    OUT.write_text(json.dumps({"device": name, "torch": torch.__version__, "rows": rows}, indent=2))
    print(f"\nwritten to {OUT}")


if __name__ == "__main__":
    main()
