"""What real annealers would do with selection problems: the figures of docs/hardware.md.

    .venv/bin/python benchmarks/hardware.py [--problems 5] [--time-limit 10]

The first table embeds complete graphs on the ideal graph of each machine. The second one makes
reports about problems of maps after a ReLU (problems.py), some for each size, and prints means over
the problems; a dash where a figure is not known for all of them. Times are processor times of one
thread; the first embedding on a graph includes making the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from time import process_time
from typing import Annotated

import dwave.system
import minorminer
import numpy as np
import typer

from annealcam.samplers.hardware import (
    MACHINES,
    Ensemble,
    HardwareReport,
    embed,
    hardware_report,
    largest_clique,
    read_machine,
)
from problems import relu_problem

EMBEDDED = (8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 180)
REPORTED = (8, 10, 12, 14, 16, 20, 24, 32, 48, 64, 96, 128, 180)


def embeddings() -> None:
    print("| machine | d | method | qubits | mean chain | longest | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in MACHINES:
        machine = read_machine(name)
        for d in (*EMBEDDED, largest_clique(machine) + 1):
            start = process_time()
            e = embed(machine, d, frozenset(combinations(range(d), 2)))
            seconds = process_time() - start
            fit = "does not fit | | | |"
            if e is not None:
                fit = f"{e.method} | {e.qubits} | {e.mean:.2f} | {e.longest} |"
            print(f"| {name} | {d} | {fit} {seconds:.2f} |", flush=True)


def mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.2f}" if len(known) == len(values) else "-"


def share(ensembles: Sequence[Ensemble | None]) -> str:
    """Mean survival; an upper bound where not all optima are proved."""
    known = [e for e in ensembles if e is not None]
    bound = "" if all(e.proved for e in known) else "<= "
    return f"{bound}{np.mean([e.survival for e in known]):.2f}" if known else "-"


def row(name: str, d: int, reports: list[HardwareReport], seconds: float) -> str:
    programs = [r.program for r in reports if r.program is not None]
    last = [r.coherent[max(r.coherent)] if r.coherent else None for r in reports]
    cells = [
        name,
        str(d),
        mean([p.couplings[0] for p in programs]),
        mean([p.couplings[1] for p in programs]),
        mean([p.chain_cost for p in programs]),
        share([r.ensemble for r in reports]),
        share([r.without_chains for r in reports]),
        mean([r.thermal and r.thermal.one_shot for r in reports]),
        mean([r.thermal_at_end and r.thermal_at_end.one_shot for r in reports]),
        mean([c and c.one_shot for c in last]),
        ", ".join(sorted({r.limit for r in reports})),
        f"{seconds / len(reports):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def reports(problems: int, time_limit: float) -> None:
    print(
        "\n| machine | d | least J | largest J | chain cost | survival | without chains | thermal, "
        "freezeout | thermal, end | noiseless | limits | seconds |"
    )
    print(f"|{' --- |' * 12}")
    for name in MACHINES:
        for d in REPORTED:
            start = process_time()
            found = [
                hardware_report(relu_problem(d, seed), hardware=name, time_limit=time_limit)
                for seed in range(problems)
            ]
            print(row(name, d, found, process_time() - start), flush=True)


def main(
    problems: Annotated[int, typer.Option(help="Number of problems of each size.")] = 5,
    time_limit: Annotated[float, typer.Option(help="Seconds for each ensemble.")] = 10.0,
) -> None:
    print(f"dwave-system {dwave.system.__version__}, minorminer {minorminer.__version__}\n")
    embeddings()
    reports(problems, time_limit)


if __name__ == "__main__":
    typer.run(main)
