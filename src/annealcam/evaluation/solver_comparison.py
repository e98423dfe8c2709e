"""Samplers on one problem, compared with the certified optimum or with an explanation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from annealcam._internal.deadline import working_seconds
from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.types import Array
from annealcam.explanation import Explanation
from annealcam.metrics.stability import jaccard
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem
from annealcam.qubo.solution import ExactSolution, Selection
from annealcam.qubo.ties import as_good, window
from annealcam.samplers.exact import solve_exact
from annealcam.samplers.registry import SAMPLERS, sampler_named
from annealcam.samplers.selection import select

DEFAULT = ("local", "windows", "sa", "tabu", "sqa", "greedy", "topk_relevance", "random")
_REACH = {"anneal": 20, "exact": MAX_ENUMERATED, "windows": -1}  # most maps, for about a second


@shows_progress
def compare_samplers(
    problem: ProblemLike,
    samplers: Sequence[str] = DEFAULT,
    *,
    time_limit: float | None = 60.0,
    seed: int = 0,
    progress: ProgressOption = None,
) -> tuple[ExactSolution, list[dict[str, Any]]]:
    """Return the certificate of a problem, and a row for each sampler, `exact` first.

    Columns: `k`, the number of selected maps; `energy`; `gap` = (energy - lower bound) /
    |lower bound|, with the certified lower bound; `optimal` (None without a proof); `shared`, the
    Jaccard index with the selection of the certificate; `seconds`, without those of
    compilation.

    Args:
        problem: the selection problem, of any number of maps.
        samplers: names of samplers.
        time_limit: seconds for the certificate; None: unlimited.
        seed: of every sampler that takes one.
        progress: True for a bar, or a function that is called with the sampler's name, the number
            of those done, and of all.

    Raises:
        ArgumentError: no sampler has that name, or the time limit is not positive.
        AnnealcamError: a sampler fails.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> [row["gap"] for row in compare_samplers(p, ["greedy", "sa"])[1]]
    [0.0, 0.0, 0.0]
    """
    problem = as_problem(problem)
    names = [sampler_named(name, argument="samplers").name for name in samplers]
    report = reporter(progress)
    report("exact", 0, len(names) + 1)
    start = working_seconds()
    best = solve_exact(problem, time_limit=time_limit)
    certificate = Selection(best.n, best.energy, best.proved or None, "exact")
    rows = [_row(problem, certificate, best, working_seconds() - start)]
    for number, name in enumerate(names):
        report(name, number + 1, len(names) + 1)
        start = working_seconds()
        selection = select(problem, name, seed=seed)
        rows.append(_row(problem, selection, best, working_seconds() - start))
    return best, rows


def compare_with_explanation(e: Explanation, *, seed: int = 0) -> list[dict[str, Any]]:
    """Solve the problem of an explanation by every sampler that takes about a second at most.

    Returns a row for each sampler, that of the explanation first. Columns: `k`, the number of
    selected maps; `energy`; `optimal`; for the objective `evidence` `fidelity`, the cosine of what
    the selection draws with the evidence (None for beta 1, which does not weigh it); for others
    `relevance`, the sum of h over the selection, and `redundancy`, the mean J of its pairs (None
    for a single map); `share`, its share of the logit (None where the layer does not raise it);
    `shared`, the Jaccard index with the explanation's selection. Services elsewhere (`dwave`,
    `leap`) and optional solvers (`scip`) are left out, and `windows`, which is for large problems.
    """
    d = e.problem.d
    others = [
        select(e.problem, name, seed=seed)
        for name, sampler in SAMPLERS.items()
        if sampler.built_in and d <= _REACH.get(name, d) and name != e.selection.sampler
    ]
    return [_explained_row(e, selection) for selection in (e.selection, *others)]


def _row(
    problem: SelectionProblem, selection: Selection, best: ExactSolution, seconds: float
) -> dict[str, Any]:
    above = max(selection.energy - best.lower_bound, 0.0)
    size = abs(best.lower_bound)
    optimal = bool(as_good(problem, selection.n, best.n)) if best.proved else None
    equal = optimal or above <= window(problem, selection.energy)
    return {
        "sampler": selection.sampler,
        "k": int(selection.n.sum()),
        "energy": selection.energy,
        "gap": 0.0 if equal else above / size if size else np.inf,
        "optimal": optimal,
        "shared": float(jaccard(selection.n.astype(bool), best.n.astype(bool))),
        "seconds": seconds,
    }


def _explained_row(e: Explanation, selection: Selection) -> dict[str, Any]:
    chosen = selection.n.astype(bool)
    return {
        "sampler": selection.sampler,
        "k": int(chosen.sum()),
        "energy": selection.energy,
        "optimal": selection.optimal,
        **_qualities(e, chosen),
        "share": _share(e, e.candidates[chosen]),
        "shared": float(jaccard(chosen, e.selection.n.astype(bool))),
    }


def _share(e: Explanation, channels: Int[Array, " k"]) -> float | None:
    """Return the share of the logit of some maps, or None where the layer does not raise it."""
    effect = e.layer_effect
    return float(e.contribution[channels].astype(np.float64).sum()) / effect if effect > 0 else None


def _qualities(e: Explanation, chosen: Bool[Array, " d"]) -> dict[str, float | None]:
    """Return what the explanation's objective weighs, of a selection of its candidates."""
    p = e.problem
    if p.diagonal is None:
        k, couplings = int(chosen.sum()), float(np.sum(p.J[np.ix_(chosen, chosen)]))
        return {
            "relevance": float(p.h[chosen].sum()),
            "redundancy": couplings / (k * (k - 1)) if k > 1 else None,
        }
    record = e.provenance  # quadratic + diagonal = 2 unit (1 - beta) s^2 K
    unit = 2.0 * record["energy_unit"] * (1.0 - record["beta"]) * record["evidence_scale"] ** 2
    couplings = float(p.quadratic[np.ix_(chosen, chosen)].sum() + p.diagonal[chosen].sum())
    drawn = float(e.importance[e.candidates[chosen]].sum(dtype=np.float64))
    return {"fidelity": drawn / math.sqrt(couplings / unit) if couplings > 0 < unit else None}
