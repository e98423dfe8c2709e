"""What other samplers and the simple baselines make of the same problem."""

from __future__ import annotations

from typing import Any

import numpy as np

from annealcam.explanation import Explanation
from annealcam.selection.problem import MAX_ENUMERATED
from annealcam.selection.samplers import SAMPLERS, Selection, select


def compare(explanation: Explanation, *, seed: int = 0) -> list[dict[str, Any]]:
    """Solve the explanation's problem anew by every sampler; a row each, the explanation's first.

    Columns: `k` maps selected; `energy`; `optimal`; `relevance` sum of h over the selection;
    `redundancy` mean J of its pairs (None for a single map); `carried` share of the positive
    contributions to the logit; `shared` Jaccard index with the explanation's selection. `topk`
    and `random` select as many maps as the optimum.
    """
    e = explanation
    names = [s for s in SAMPLERS if s != "exact" or e.problem.d <= MAX_ENUMERATED]
    others = [select(e.problem, name, seed=seed) for name in names if name != e.selection.sampler]
    return [_row(e, s) for s in (e.selection, *others)]


def _row(e: Explanation, s: Selection) -> dict[str, Any]:
    chosen, own = s.n.astype(bool), e.selection.n.astype(bool)
    k = int(chosen.sum())
    pairs = float(np.sum(e.problem.J[np.ix_(chosen, chosen)])) / (k * (k - 1)) if k > 1 else None
    positive = np.maximum(e.contribution, 0)
    carried = positive[e.candidates[chosen]].sum() / positive.sum() if positive.any() else 0.0
    union = int((chosen | own).sum())
    return {
        "sampler": s.sampler,
        "k": k,
        "energy": s.energy,
        "optimal": s.optimal,
        "relevance": float(e.problem.h[chosen].sum()),
        "redundancy": pairs,
        "carried": float(carried),
        "shared": int((chosen & own).sum()) / union if union else 1.0,
    }
