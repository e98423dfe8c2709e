"""Annealing of many small problems, and of single ones, before and after a change of the engine.

    python benchmarks/many.py --before CHECKOUT

Two processes in turn, one with the sources of an older checkout, each on one thread; times of the
processor, the least of several repeats in each of several pairs of processes; the median of the
ratios. F, its error and the steps of both are compared to the bit.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

SIZES = (8, 10, 14)  # of the largest of 200 problems
SINGLE = (4, 6, 8, 10, 12, 14)
TAUS = [10.0, 30.0, 50.0, 70.0, 100.0]
NORMALISATIONS = ("per_qubit", "unit")


def least(call: Callable[[], Any], runs: int = 5) -> float:
    """Return the least time of the processor of a call, after a warm-up, in seconds."""
    call()
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def measure_here() -> dict[str, Any]:
    """Measure with the annealcam that is imported; results are fields of all runs."""
    import annealcam as ac
    from annealcam.annealing.batch import anneal_batch
    from problems import relu_problem, study

    rows: dict[str, Any] = {}

    def note(what: str, call: Callable[[], Any], many: int = 1) -> None:
        """Measure a call that does the same `many` times."""
        result = call()
        fields = [np.asarray(getattr(result, f)) for f in ("success_probability", "error", "steps")]
        bits = [[float(x).hex() for x in field.ravel()] for field in fields]
        rows[what] = {"seconds": least(call) / many, "bits": bits}

    for driver in NORMALISATIONS:
        for largest in SIZES:
            batch = partial(anneal_batch, study(200, largest), tau=TAUS, normalisation=driver)
            note(f"1000 runs, d = 4..{largest}, {driver}", batch)
        for d in SINGLE:
            many = max(1, 300 >> max(d - 8, 0))
            run = partial(ac.anneal, relu_problem(d), tau=50.0, normalisation=driver)
            note(f"one run, d = {d}, {driver}", partial(repeated, run, many), many)
    return rows


def repeated(call: Callable[[], Any], many: int) -> Any:
    """Make the same call many times; return the last result."""
    for _ in range(many):
        result = call()
    return result


def measure_in(checkout: Path) -> dict[str, Any]:
    """Measure in a process of its own with the sources of a checkout."""
    one_thread = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    paths = os.pathsep.join([str(checkout / "src"), str(Path(__file__).parent)])
    run = subprocess.run(
        [sys.executable, __file__, "--here"],
        env=os.environ | one_thread | {"PYTHONPATH": paths},
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return json.loads(run.stdout.splitlines()[-1])


def main(
    before: Annotated[Path | None, typer.Option(help="an older checkout")] = None,
    here: Annotated[bool, typer.Option(help="measure this process alone, as JSON")] = False,
    pairs: Annotated[int, typer.Option(help="pairs of processes")] = 3,
) -> None:
    if here or before is None:
        print(json.dumps(measure_here()))
        return
    now = Path(__file__).parents[1]
    turns = [(measure_in(before.resolve()), measure_in(now)) for _ in range(pairs)]
    for row in turns[0][0]:
        old, new = ([turn[side][row]["seconds"] for turn in turns] for side in range(2))
        ratio = statistics.median(a / b for a, b in zip(old, new, strict=True))
        same = all(old_rows[row]["bits"] == new_rows[row]["bits"] for old_rows, new_rows in turns)
        print(
            f"{row:40} {min(old) * 1e3:9.3f} -> {min(new) * 1e3:9.3f} ms  {ratio:5.2f} x  "
            f"{'same bits' if same else 'other bits'}"
        )


if __name__ == "__main__":
    typer.run(main)
