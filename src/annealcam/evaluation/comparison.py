"""What other samplers and the simple baselines make of the same problem."""

from __future__ import annotations

from typing import Any

import numpy as np

from annealcam.explanation import Explanation, carried_share
from annealcam.metrics.stability import jaccard
from annealcam.qubo.problem import MAX_ENUMERATED
from annealcam.qubo.solution import Selection
from annealcam.samplers.registry import SAMPLERS
from annealcam.samplers.selection import select

_QUICK = 20  # qubits that are annealed in about a second


def compare(explanation: Explanation, *, seed: int = 0) -> list[dict[str, Any]]:
    """Solve the explanation's problem by every sampler in reach; a row each, its own first.

    Columns: `k` maps selected; `energy`; `optimal`; `relevance` sum of h over the selection;
    `redundancy` mean J of its pairs (None for a single map); `carried` share of the positive
    contributions to the logit; `shared` Jaccard index with the explanation's selection. `topk`
    and `random` select as many maps as the optimum. Where the explanation's own sampler is not
    the annealer, the annealer takes tau = 50 in the normalisation `per_qubit`.
    """
    e, d = explanation, explanation.problem.d
    reach = {"anneal": _QUICK, "exact": MAX_ENUMERATED}
    names = [
        name
        for name, sampler in SAMPLERS.items()
        if not sampler.remote
        and d <= reach.get(name, d)
        and name not in ("windows", e.selection.sampler)
    ]
    others = [select(e.problem, name, seed=seed) for name in names]
    return [_row(e, s) for s in (e.selection, *others)]


def _row(e: Explanation, s: Selection) -> dict[str, Any]:
    chosen, own = s.n.astype(bool), e.selection.n.astype(bool)
    k = int(chosen.sum())
    pairs = float(np.sum(e.problem.J[np.ix_(chosen, chosen)])) / (k * (k - 1)) if k > 1 else None
    return {
        "sampler": s.sampler,
        "k": k,
        "energy": s.energy,
        "optimal": s.optimal,
        "relevance": float(e.problem.h[chosen].sum()),
        "redundancy": pairs,
        "carried": carried_share(e.contribution, e.candidates[chosen]),
        "shared": float(jaccard(chosen, own)),
    }
