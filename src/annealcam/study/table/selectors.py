"""The selectors that a study compares, on one image; the annealer is in annealed.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.attribution.layer_maps import LayerMaps
from annealcam.qubo.problem import SelectionProblem
from annealcam.samplers.exact import solve_exact

Row: TypeAlias = dict[str, Any]


def plain_rows(
    seen: LayerMaps, *, sizes: tuple[int, ...], draws: int, rng: np.random.Generator
) -> Iterator[Row]:
    """Yield the rows of every selector that needs no annealing.

    The exact optimum comes first. Top-k and random take its size; then all of them take each of
    `sizes` that the candidates allow.
    """
    optimum = seen.candidates[seen.optimum.n.astype(bool)]
    yield _row(seen, "exact", optimum) | {"optimal": True} | _problem(seen)
    yield from _of_size(seen, len(optimum), draws, rng)
    yield _judged(seen, _row(seen, "positive", seen.positive))
    yield _judged(seen, _weighted(seen, "gradcam", seen.alpha))
    yield _weighted(seen, "gradcam++", seen.weights["gradcam++"]) | {"energy": None}
    for k in sizes:
        if k <= len(seen.candidates):
            best = solve_exact(
                SelectionProblem(
                    seen.problem.h, seen.problem.J, beta=seen.problem.beta, cardinality=k
                )
            )
            chosen = seen.candidates[best.n.astype(bool)]
            for row in (_row(seen, "exact", chosen), *_of_size(seen, k, draws, rng)):
                yield row | {"cardinality": k, "optimal": None}


def _of_size(seen: LayerMaps, k: int, draws: int, rng: np.random.Generator) -> Iterator[Row]:
    """Yield top-k by each weight, and random draws, of live maps with a positive one."""
    for name, weight in (("topk", seen.alpha), ("topk-contribution", seen.contribution)):
        yield _judged(seen, _row(seen, name, seen.top(weight, k)))
    pool = seen.positive
    for draw in range(draws):
        chosen = rng.choice(pool, size=min(k, len(pool)), replace=False)
        yield _judged(seen, _row(seen, "random", chosen)) | {"draw": draw}


def _weighted(seen: LayerMaps, name: str, weight: Float[Array, " maps"]) -> Row:
    """All live maps of positive weight, each with it."""
    chosen = seen.weighted(weight)
    return _row(seen, name, chosen) | {"weights": weight[chosen].astype(np.float64).tolist()}


def _row(seen: LayerMaps, selector: str, channels: Int[Array, " k"]) -> Row:
    return {"selector": selector, **seen.scores(channels)}


def _judged(seen: LayerMaps, row: Row) -> Row:
    """With the word whether it is as low as the optimum, where it has an energy."""
    energy = row["energy"]
    good = None if energy is None else bool(energy <= seen.optimum.energy + seen.problem.tie)
    return row | {"optimal": good}


def _problem(seen: LayerMaps) -> Row:
    """The problem's own arrays: energies can be computed again from the table alone."""
    p = seen.problem
    return {
        "candidates": seen.candidates.tolist(),
        "h": p.h.tolist(),
        "J": p.J[np.triu_indices(p.d, 1)].tolist(),
    }
