"""Peers that prove optima of mixed-integer programs: SCIP, and HiGHS by tangents."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from annealcam import SelectionProblem

Array = NDArray[np.float64]
TANGENTS = 64  # of each square


@dataclass(frozen=True)
class Proof:
    """The result of a peer: energy of the best selection, bound, whether they agree, and seconds.

    The energy is infinite without a selection, and the bound without a bound.
    """

    energy: float
    lower_bound: float
    proved: bool
    seconds: float


def solve_by_scip(
    problem: SelectionProblem, maps: Array, diagonal: Array, *, time_limit: float
) -> Proof:
    """Solve a convex problem by SCIP in the formulation that is fastest for it.

    E(n) = t - sum_p (D_p / 2 - linear_p) n_p,   r = A n,   |r|^2 <= t

    A has the maps (d, pixels) as columns, scaled such that Q + diag(D) = 2 A' A: one convex
    constraint over the pixels r instead of d^2 / 2 products. Default settings, one thread.
    """
    from pyscipopt import Model, quicksum

    start = perf_counter()
    model = Model()
    model.hideOutput()
    model.setParam("limits/time", time_limit)
    model.setParam("lp/threads", 1)
    n = [model.addVar(vtype="B") for _ in maps]
    r = [model.addVar(lb=None) for _ in maps.T]
    t = model.addVar(lb=0.0)
    for pixel, values in zip(r, maps.T, strict=True):
        model.addCons(quicksum(float(v) * x for v, x in zip(values, n, strict=True) if v) == pixel)
    model.addCons(quicksum(pixel * pixel for pixel in r) <= t)
    if problem.cardinality is not None:
        model.addCons(quicksum(n) == problem.cardinality)
    gain = 0.5 * diagonal - problem.linear
    model.setObjective(t - quicksum(float(g) * x for g, x in zip(gain, n, strict=True)))
    model.optimize()
    seconds = perf_counter() - start
    best = np.array([round(model.getVal(x)) for x in n]) if model.getNSols() else None
    energy = np.inf if best is None else float(problem.energy(best))
    return Proof(energy, model.getDualbound(), model.getStatus() == "optimal", seconds)


def solve_by_highs(
    problem: SelectionProblem, maps: Array, diagonal: Array, *, time_limit: float
) -> Proof:
    """Solve a convex problem of exactly k maps by HiGHS (scipy), which takes linear programs only.

    Each square r_i^2 of the formulation of `solve_by_scip` is replaced by the largest of TANGENTS
    tangents, over the values that r_i can take. Its optimum is a lower bound, below the true one
    by at most sum_i (w_i / 2)^2, with w_i the distance of two tangents.
    """
    start = perf_counter()
    d, k = problem.d, problem.cardinality
    assert k is not None
    ranked = np.sort(maps, axis=0)
    at = np.linspace(ranked[:k].sum(axis=0), ranked[-k:].sum(axis=0), TANGENTS)
    pixels = maps.shape[1]
    eye = sparse.eye_array(pixels)
    equal = sparse.hstack([sparse.csr_array(maps.T), -eye, 0 * eye])
    tangents = sparse.vstack(
        [
            sparse.hstack([sparse.csr_array((pixels, d)), sparse.diags_array(2 * c), -eye])
            for c in at
        ]
    )
    count = np.concatenate([np.ones(d), np.zeros(2 * pixels)])[None]
    free, binary = np.full(2 * pixels, np.inf), np.ones(d)
    result = milp(
        np.concatenate([problem.linear - 0.5 * diagonal, np.zeros(pixels), np.ones(pixels)]),
        integrality=np.concatenate([binary, np.zeros(2 * pixels)]),
        bounds=Bounds(np.concatenate([0 * binary, -free]), np.concatenate([binary, free])),
        constraints=[
            LinearConstraint(equal, 0, 0), LinearConstraint(count, k, k),
            LinearConstraint(tangents, -np.inf, (at**2).ravel()),
        ],
        options={"time_limit": time_limit},
    )  # fmt: skip
    energy = np.inf if result.x is None else float(problem.energy(np.round(result.x[:d])))
    bound = getattr(result, "mip_dual_bound", None)
    bound = -np.inf if bound is None else float(bound)
    return Proof(energy, bound, result.status == 0, perf_counter() - start)
