"""How the time of one annealing run grows with the number of qubits and with tau.

    .venv/bin/python benchmarks/growth.py [--largest 24]

Processor time of one thread, least of several runs, on problems as networks make them; exponents
are fitted by least squares of logarithms.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np
import typer

import annealcam as ac
from problems import relu_problem
from timing import seconds

TAUS = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
ENOUGH = 2.0  # seconds, after which a run is not repeated


def measured(problem: Any, **options: Any) -> tuple[float, int]:
    """Return the least seconds of a run, and its number of stages."""
    ac.anneal(problem, **options) if problem.d < 22 else None
    times, result = [], None
    while not times or (sum(times) < ENOUGH and len(times) < 9):
        start = time.process_time()
        result = ac.anneal(problem, **options)
        times.append(time.process_time() - start)
    return min(times), result.stages


def main(largest: Annotated[int, typer.Option(help="largest number of qubits")] = 24) -> None:
    for normalisation in ("per_qubit", "unit"):
        points = []
        for d in [*range(6, 21, 2), *range(22, largest + 1, 2)]:
            if normalisation == "unit" and d > 22:
                break
            spent, stages = measured(relu_problem(d), tau=50.0, normalisation=normalisation)
            points.append((d, spent))
            print(f"{normalisation}, d={d}, tau=50: {seconds(spent)}, {stages} stages", flush=True)
        d, spent = np.array([p for p in points if p[0] >= 10]).T
        slope = np.polyfit(d, np.log2(spent), 1)[0]
        print(f"{normalisation}: time ~ 2^({slope:.2f} d) for d >= 10")
        for d in (8, 12):
            runs = [measured(relu_problem(d), tau=t, normalisation=normalisation) for t in TAUS]
            spent, stages = np.array(runs).T
            for tau, each, count in zip(TAUS, spent, stages, strict=True):
                print(f"{normalisation}, d={d}, tau={tau:g}: {seconds(each)}, {count:.0f} stages")
            late = [np.polyfit(np.log(TAUS[2:]), np.log(x[2:]), 1)[0] for x in (spent, stages)]
            print(f"{normalisation}, d={d}, tau >= 100:", end=" ")
            print(f"time ~ tau^{late[0]:.2f}, stages ~ tau^{late[1]:.2f}")


if __name__ == "__main__":
    typer.run(main)
