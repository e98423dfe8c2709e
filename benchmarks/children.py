"""Measurements in processes of their own: the peak memory of a large run, and compile times.

    python benchmarks/children.py anneal '{"d": 24, "normalisation": "per_qubit", ...}'
    python benchmarks/children.py compile

Each prints one line of JSON, which `large_run` and `compile_times` read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from timing import Timing, timed

TAU = 50.0


@dataclass(frozen=True)
class LargeRun:
    """Time, memory and error estimate of annealing d qubits in a fresh process."""

    timing: Timing
    success_probability: float
    error: float
    before_gb: float  # peak after the import and a small run: the interpreter and compiled code
    peak_gb: float


@cache
def large_run(d: int, precision: str, normalisation: str) -> LargeRun:
    """Anneal d qubits with tau = 50 in a fresh process, once in a benchmark."""
    tol = {"complex128": 1e-6, "complex64": 1e-3}[precision]
    options = {"precision": precision, "normalisation": normalisation, "tol": tol}
    run = _child("anneal", json.dumps({"d": d, "runs": 5 if d <= 20 else 2, **options}))
    return LargeRun(Timing.of(run.pop("seconds")), **run)


def compile_times() -> dict[str, dict[str, float]]:
    """Return the extra seconds of each first call, with an empty and with a filled cache."""
    with tempfile.TemporaryDirectory() as folder:
        cache = {"NUMBA_CACHE_DIR": folder}
        return {state: _child("compile", env=cache) for state in ("empty", "filled")}


def _child(*words: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).resolve()), *words]
    process = subprocess.run(
        command, env=os.environ | (env or {}), check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(process.stdout.splitlines()[-1])


def peak_memory_gb() -> float:
    """Return the peak resident memory of this process.

    It is VmHWM, since on Linux a child's ru_maxrss starts at the size of its parent.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def _anneal(d: int, runs: int, **options: Any) -> dict[str, Any]:
    import annealcam as ac
    from problems import relu_problem

    ac.anneal(relu_problem(18), tau=TAU, **options)  # compiles the kernels of large states
    before = peak_memory_gb()
    problem, seconds, result = relu_problem(d), [], None
    for _ in range(runs):
        result = None  # so that only one state is in memory
        start = time.perf_counter()
        result = ac.anneal(problem, tau=TAU, **options)
        seconds.append(time.perf_counter() - start)
    return {
        "seconds": seconds,
        "success_probability": result.success_probability,
        "error": result.error,
        "before_gb": before,
        "peak_gb": peak_memory_gb(),
    }


def _compile() -> dict[str, float]:
    import annealcam as ac
    from annealcam.annealing.batch import anneal_batch
    from problems import relu_problem

    p = relu_problem(6)
    calls = {
        "anneal": lambda: ac.anneal(p),
        "anneal in complex64": lambda: ac.anneal(p, precision="complex64", tol=1e-3),
        "anneal_batch": lambda: anneal_batch([p], tau=[10.0]),
        "minimum_gap": lambda: ac.minimum_gap(p),
    }
    return {name: timed(call) - timed(call) for name, call in calls.items()}


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    print(json.dumps(_compile() if command == "compile" else _anneal(**json.loads(rest[0]))))
