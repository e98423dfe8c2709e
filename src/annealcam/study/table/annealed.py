"""The annealer on one image: a row for each normalisation and run time, with the gap beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from annealcam.annealing.evolution import anneal
from annealcam.annealing.levels.gap import MinimumGap, minimum_gap
from annealcam.annealing.success import best_of_shots, guess_probability
from annealcam.attribution.layer_maps import LayerMaps
from annealcam.errors import NumericalError, ProblemTooLargeError
from annealcam.study.config import Annealing


def annealed_rows(
    seen: LayerMaps, asked: Annealing, *, seed: np.random.SeedSequence
) -> Iterator[dict[str, Any]]:
    """Yield what the annealer selects: the best of the shots; and how hard it was.

    F is exact; the shots are drawn from the exact final distribution, each row from a seed of its
    own. Without a candidate there is nothing to anneal, and no row.
    """
    if len(seen.candidates) == 0:
        return
    for normalisation in asked.normalisations:
        gap = _gap(seen, normalisation, asked.schedule) if asked.gaps else None
        for tau in asked.tau:
            (own,) = seed.spawn(1)
            yield _run(seen, asked, normalisation, tau, own) | _gap_columns(gap, tau)


def _run(
    seen: LayerMaps, asked: Annealing, normalisation: str, tau: float, seed: np.random.SeedSequence
) -> dict[str, Any]:
    problem = seen.problem
    result = anneal(problem, tau=tau, normalisation=normalisation, schedule=asked.schedule)
    shots = asked.shots or problem.d**2
    reads = result.sample(shots, int(seed.generate_state(1, np.uint64)[0]))
    n = reads[np.argmin(problem.energy(reads))]
    chosen = seen.candidates[n.astype(bool)]
    F, g = result.success_probability, result.multiplicity
    return {
        "selector": "anneal",
        **seen.scores(chosen),
        "optimal": bool(problem.energy(n) <= seen.optimum.energy + problem.tie),
        "tau": tau,
        "normalisation": normalisation,
        "success_probability": F,
        "success_error": result.error,
        "multiplicity": g,
        "shots": shots,
        "best_of_shots": best_of_shots(F, shots),
        "guess": guess_probability(problem, g, 1),
        "guess_best": guess_probability(problem, g, shots),
    }


def _gap(seen: LayerMaps, normalisation: str, schedule: str) -> MinimumGap | None:
    """The minimum gap, or None where it is out of reach (a ground level of too many states)."""
    try:
        return minimum_gap(seen.problem, normalisation=normalisation, schedule=schedule)
    except (ProblemTooLargeError, NumericalError):
        return None


def _gap_columns(gap: MinimumGap | None, tau: float) -> dict[str, Any]:
    if gap is None:
        return {}
    return {
        "gap": gap.gap,
        "gap_s": gap.s,
        "final_gap": gap.final_gap,
        "gap_interior": gap.interior,
        "landau_zener_applies": gap.landau_zener_applies,
        "landau_zener": gap.landau_zener(tau),
    }
