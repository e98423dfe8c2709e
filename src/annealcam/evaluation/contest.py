"""Samplers on one problem, of any size, against its certificate: how close, how fast."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from annealcam._internal.types import Progress
from annealcam.metrics.stability import jaccard
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import ExactSolution, Selection
from annealcam.samplers.exact import solve_exact
from annealcam.samplers.registry import sampler_named
from annealcam.samplers.selection import select

DEFAULT = ("local", "windows", "sa", "tabu", "sqa", "greedy", "topk_relevance", "random")


def contest(
    problem: SelectionProblem,
    samplers: Sequence[str] = DEFAULT,
    *,
    time_limit: float | None = 60.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[ExactSolution, list[dict[str, Any]]]:
    """Return a problem's certificate, and a row for each sampler by name, `exact` first.

    Columns: `k` maps selected; `energy`; `gap`, what it lies above the certified lower bound, as a
    share of the bound's size; `optimal`; `shared`, the Jaccard index with the certificate's
    selection; `seconds`.

    Args:
        problem: the selection problem, of any number of maps.
        samplers: names.
        time_limit: seconds for the certificate; None takes as long as it needs.
        seed: of every sampler that draws.
        progress: called with what is being done, and how far.

    Raises:
        ArgumentError: no sampler has that name, or the time limit is not positive.
        AnnealcamError: a sampler fails.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> [row["gap"] for row in contest(p, ["greedy", "sa"])[1]]
    [0.0, 0.0, 0.0]
    """
    for name in samplers:
        sampler_named(name, argument="samplers")
    tell = progress or (lambda *_: None)
    tell("exact", 0, len(samplers) + 1)
    start = perf_counter()
    best = solve_exact(problem, time_limit=time_limit)
    own = Selection(best.n, best.energy, best.proved or None, "exact")
    rows = [_row(problem, own, best, perf_counter() - start)]
    for number, name in enumerate(samplers):
        tell(name, number + 1, len(samplers) + 1)
        start = perf_counter()
        found = select(problem, name, seed=seed)
        rows.append(_row(problem, found, best, perf_counter() - start))
    return best, rows


def _row(
    problem: SelectionProblem, found: Selection, best: ExactSolution, seconds: float
) -> dict[str, Any]:
    n, own = found.n.astype(bool), best.n.astype(bool)
    above = max(found.energy - best.lower_bound, 0.0)
    size = abs(best.lower_bound)
    optimal = bool(found.energy <= best.energy + problem.tie) if best.proved else None
    return {
        "sampler": found.sampler,
        "k": int(n.sum()),
        "energy": found.energy,
        "gap": 0.0 if above <= problem.tie else above / size if size else np.inf,
        "optimal": optimal,
        "shared": float(jaccard(n, own)),
        "seconds": seconds,
    }
