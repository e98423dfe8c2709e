"""The hardness of an explanation's selection problem for the annealer."""

from __future__ import annotations

import math

from annealcam.annealing.difficulty import Hardness, hardness
from annealcam.annealing.hamiltonian import DEFAULT_TAU
from annealcam.errors import AnnealcamError
from annealcam.explanation import Explanation
from annealcam.qubo.files import ProblemFile

MOST_STATES = 2**16  # about two seconds for four annealing times and the levels
SHARES = (0.1, 0.2, 0.5, 1.0)  # of the annealing time


def explanation_hardness(e: Explanation) -> Hardness | None:
    """Return the hardness of an explanation's problem for the annealer, or None.

    The annealing time, normalisation, schedule and constraint are those of the explanation. If it
    was not annealed, tau is 100 and the normalisation `per_qubit`. Runs at 10, 20 and 50 % of tau
    come first. The result is None for problems without candidates or with more than 2^16 states,
    and for a schedule that the explanation does not contain.

    >>> import torch
    >>> from torch import nn
    >>> from annealcam import explain
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> e = explain(net, torch.randn(3, 8, 8), layer="1", max_qubits=4, tau=50.0)
    >>> [run.tau for run in explanation_hardness(e).runs]
    [5.0, 10.0, 25.0, 50.0]
    """
    p = e.problem
    states = 2**p.d if p.cardinality is None else math.comb(p.d, p.cardinality)
    if p.d == 0 or states > MOST_STATES:
        return None
    annealing = e.annealing
    tau = float(annealing.pop("tau", DEFAULT_TAU))
    source = ProblemFile(p, tuple(map(int, e.candidates)), 0.0, "h and J")
    try:
        return hardness(
            source,
            [share * tau for share in SHARES],
            shots=e.selection.shots if e.annealing else None,
            seed=e.provenance["seed"],
            **annealing,
        )
    except AnnealcamError:
        return None
