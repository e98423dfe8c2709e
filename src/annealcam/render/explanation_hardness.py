"""How hard the selection problem of an explanation is for the annealer, for its page."""

from __future__ import annotations

import math

from annealcam.annealing.hardness import Hardness, hardness
from annealcam.errors import AnnealcamError
from annealcam.explanation import Explanation
from annealcam.qubo.files import ProblemFile

MOST_STATES = 2**16  # annealed four times, with levels, in about two seconds
SHARES = (0.1, 0.2, 0.5, 1.0)  # of the run time: what a shorter run would have done


def explanation_hardness(e: Explanation) -> Hardness | None:
    """Return how hard an explanation's problem is for the annealer; None where it is not shown.

    The run time, normalisation, schedule and constraint are the explanation's own; where it was not
    annealed, tau = 100 in the normalisation `per_qubit`. Shorter runs are beside it. Not shown are
    problems of no map, those of more than 2^16 states, and those annealed by a schedule that the
    result does not hold.

    >>> import torch
    >>> from torch import nn
    >>> from annealcam import explain
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> e = explain(net, torch.randn(3, 8, 8), layer="1", max_qubits=4, tau=50.0)
    >>> [run.tau for run in explanation_hardness(e).runs]
    [5.0, 10.0, 25.0, 50.0]
    """
    p, provenance = e.problem, e.provenance
    states = 2**p.d if p.cardinality is None else math.comb(p.d, p.cardinality)
    if p.d == 0 or states > MOST_STATES:
        return None
    annealed = provenance["sampler"] == "anneal"
    options = {**provenance, **(provenance.get("sampler_options") or {})} if annealed else {}
    tau = float(options.get("tau") or 100.0)
    source = ProblemFile(p, tuple(map(int, e.candidates)), 0.0, "h and J")
    try:
        return hardness(
            source,
            [share * tau for share in SHARES],
            normalisation=options.get("normalisation") or "per_qubit",
            schedule=options.get("schedule") or "linear",
            constraint=options.get("constraint") or "subspace",
            shots=e.selection.reads if annealed else None,
            seed=provenance["seed"],
        )
    except AnnealcamError:
        return None
