"""Hundreds of maps: certified optima against SCIP, local search against peers, annealing in parts.

    export ANNEALCAM_DATA=FOLDER OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
    .venv/bin/pip install -e ".[scip]" && .venv/bin/python -m benchmarks.large

All candidates of two layers of EfficientNet-Lite0, Grad-CAM's importance, 100 photos of Imagenette
that it was not trained on. Prints Markdown; ten minutes, compilation excluded.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Annotated

import numpy as np
import torch
import typer

from annealcam.qubo.solution import ExactSolution
from annealcam.samplers.exact.search_tree import branch_and_bound

from ..choosing.tradeoff import heading, row
from ..timing import use_one_thread
from .mixed_integer import solve_by_scip
from .problems import Layer, layers_of_photos
from .search import (
    Solved,
    table_of_annealing,
    table_of_local_search,
    table_of_many,
    table_of_peers,
)

SCIP_LIMIT = 60.0
AGREE = 1e-6


@dataclass(frozen=True)
class Requirement:
    """The share of photos that must be proved within so many seconds; None: no requirement."""

    layer: str
    beta: float
    within: float
    share: float | None
    limit: float


REQUIREMENTS = (
    Requirement("last", 0.7, 1.0, 0.95, 10.0),
    Requirement("last", 0.9, 1.0, None, 10.0),
    Requirement("last", 0.5, 5.0, None, 5.0),
    Requirement("signed", 0.5, 2.0, 0.95, 10.0),
    Requirement("signed", 0.7, 2.0, 0.95, 10.0),
    Requirement("signed", 0.9, 10.0, 0.80, 10.0),
)


def timed_search(layer: Layer, beta: float, limit: float) -> tuple[ExactSolution, float]:
    problem = layer.problem(beta)
    start = perf_counter()
    return branch_and_bound(problem, time_limit=limit), perf_counter() - start


def table_of_proofs(layers: dict[str, list[Layer]]) -> dict[tuple[str, float], list[Solved]]:
    """Print how many optima are certified, how soon; return those problems with their optima."""
    heading(
        "Certified optima, `branch_and_bound`",
        "layer", "beta", "bound", "proved within", "required", "median", "longest", "median nodes",
        "gap left, median and largest",
    )  # fmt: skip
    certified = {}
    for goal in REQUIREMENTS:
        pairs = [timed_search(one, goal.beta, goal.limit) for one in layers[goal.layer]]
        solutions, spent = [s for s, _ in pairs], np.array([t for _, t in pairs])
        proved = np.array([s.proved for s in solutions])
        soon = (proved & (spent <= goal.within)).mean()
        left = [(s.energy - s.lower_bound) / -s.energy for s in solutions if not s.proved]
        row(
            goal.layer, goal.beta, solutions[0].method, f"{soon:.0%} in {goal.within:g} s",
            "" if goal.share is None else f"{goal.share:.0%}", f"{np.median(spent):.3g} s",
            f"{spent.max():.3g} s" if not left else f"{len(left)} stopped at {goal.limit:g} s",
            f"{np.median([s.nodes for s in solutions]):.0f}",
            f"{np.median(left):.2%}, {max(left):.2%}" if left else "",
        )  # fmt: skip
        certified[goal.layer, goal.beta] = [
            (one.problem(goal.beta), s.energy)
            for one, s in zip(layers[goal.layer], solutions, strict=True) if s.proved
        ]  # fmt: skip
    return certified


def table_of_scip(layers: list[Layer], first: int, slowest: int, beta: float = 0.7) -> None:
    """Print both for the first photos, and for those for which `branch_and_bound` takes longest."""
    spent = [timed_search(one, beta, SCIP_LIMIT)[1] for one in layers]
    hard = [int(i) for i in np.argsort(spent)[::-1] if i >= first]
    heading(
        f"`branch_and_bound` against SCIP (pyscipopt), last layer, beta {beta}, one thread",
        "photo", "maps", "ours", "SCIP", "SCIP / ours", "energies apart", "SCIP's gap",
    )  # fmt: skip
    ratios = []
    for i in [*range(min(first, len(layers))), *hard[:slowest]]:
        one = layers[i]
        ours, mine = timed_search(one, beta, SCIP_LIMIT)
        half = 0.5 * (1.0 - beta)
        scip = solve_by_scip(
            one.problem(beta), np.sqrt(half) * one.unit, np.full(len(one.h), 2 * half),
            time_limit=SCIP_LIMIT,
        )  # fmt: skip
        ratios.append(scip.seconds / mine)
        apart = scip.energy - ours.energy
        more = "" if scip.proved else "> "
        row(
            i, len(one.h), f"{1000 * mine:.0f} ms", f"{scip.seconds:.1f} s"
            + ("" if scip.proved else " (stopped)"), f"{more}{ratios[-1]:.0f}", f"{apart:.1e}",
            f"{(scip.energy - scip.lower_bound) / -scip.energy:.1%}",
        )  # fmt: skip
        if ours.proved and (apart < -AGREE or (scip.proved and apart > AGREE)):
            raise SystemExit(f"photo {i}: ours {ours.energy}, SCIP {scip.energy}")
    print(f"\nMedian ratio of the first {first}: {np.median(ratios[:first]):.0f}.", flush=True)


def main(
    photos: Annotated[int, typer.Option(help="of the certified optima")] = 100,
    few: Annotated[int, typer.Option(help="photos of the peers and of the annealing")] = 20,
    scip: Annotated[int, typer.Option(help="first photos solved by SCIP as well")] = 5,
    slowest: Annotated[int, typer.Option(help="more photos for SCIP: those that take longest")] = 3,
    many: Annotated[int, typer.Option(help="random problems of 500 maps")] = 1000,
    seeds: Annotated[int, typer.Option(help="of the annealing")] = 3,
) -> None:
    use_one_thread()
    torch.set_num_threads(1)
    layers = layers_of_photos(photos)
    for name, problems in layers.items():
        sizes = [len(one.h) for one in problems]
        print(f"{name}: {len(problems)} photos, {min(sizes)} to {max(sizes)} candidates")
        timed_search(problems[0], 0.7, 1.0)  # compiles
    certified = table_of_proofs(layers)
    table_of_local_search(certified)
    table_of_many(many)
    table_of_peers(certified["last", 0.7][:few])
    table_of_annealing(certified["last", 0.7][:few], seeds)
    table_of_scip(layers["last"], scip, slowest)


if __name__ == "__main__":
    typer.run(main)
