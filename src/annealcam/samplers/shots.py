"""From the shots of a sampler to a selection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from annealcam._internal.types import Array
from annealcam._internal.validation import finite_array
from annealcam.errors import ArgumentError, SamplerError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import MAX_ENUMERATED
from annealcam.qubo.solution import Selection
from annealcam.qubo.ties import as_good
from annealcam.samplers.baselines import repaired
from annealcam.samplers.exact import solve_exact

if TYPE_CHECKING:
    import dimod


def best_of(
    problem: ProblemLike,
    shots: Int[Array, "shots d"],
    sampler: str,
    info: dict[str, Any] | None = None,
) -> Selection:
    """Return the feasible shot of lowest energy; up to 24 maps it is compared with the optimum.

    If no shot has the cardinality of the problem, the nearest one is repaired greedily, and
    `info["repaired"]` is True.

    Raises:
        ArgumentError: there is no shot, or `shots` are not rows of 0 and 1.

    >>> from annealcam.qubo import SelectionProblem
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> best_of(p, np.array([[1, 1], [0, 1]], dtype=np.int8), "mine").optimal
    False
    """
    problem = as_problem(problem)
    if not isinstance(info, Mapping | None):
        raise ArgumentError(f"info: {type(info).__name__}; give a dict of facts, or None")
    info = dict(info or {})
    rows = finite_array("shots", shots)
    binary = ((rows == 0) | (rows == 1)).all()
    if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != problem.d or not binary:
        raise ArgumentError(
            f"shots: must be rows of 0 and 1 of the shape (shots, {problem.d}), not {rows.shape}"
        )
    shots = rows.astype(np.int8)
    allowed = shots[problem.feasible(shots)]
    if problem.cardinality is not None:
        info["feasible_shots"] = len(allowed)
    if len(allowed) == 0:
        info["repaired"] = True
        nearest = np.argmin(np.abs(shots.sum(axis=1) - problem.cardinality))
        allowed = repaired(problem, shots[nearest])[None]
    n = allowed[np.argmin(problem.energy(allowed))].astype(np.int8)
    energy, optimal = problem.energy(n), None
    if problem.d <= MAX_ENUMERATED:
        best = solve_exact(problem)
        optimal = bool(as_good(problem, n, best.n))
        info |= {"optimum": best.energy, "multiplicity": best.multiplicity}
    return Selection(n, energy, optimal, sampler, len(shots), info)


def rows_of(samples: dimod.SampleSet, d: int, sampler: str) -> Int[Array, "shots d"]:
    """Return a row of 0 and 1 for each shot, variables in the order 0 to d - 1.

    Raises:
        SamplerError: there is no sample, a variable is missing, or a value is neither 0 nor 1
            (for spins: -1 nor 1).

    >>> import dimod
    >>> rows = dimod.SampleSet.from_samples({1: -1, 0: 1}, "SPIN", 0.0, num_occurrences=[2])
    >>> rows_of(rows, 2, "mine").tolist()
    [[1, 0], [1, 0]]
    """
    labels = list(samples.variables)
    if not set(range(d)) <= set(labels):
        raise SamplerError(
            f"sampler={sampler}: returns the variables {labels}; the problem has 0 to {d - 1}"
        )
    if len(samples) == 0:
        raise SamplerError(f"sampler={sampler}: returned no sample; request at least one shot")
    values = samples.record.sample[:, [labels.index(v) for v in range(d)]]
    low = -1 if samples.vartype.name == "SPIN" else 0
    if not ((values == low) | (values == 1)).all():
        raise SamplerError(f"sampler={sampler}: returns values other than {low} and 1")
    rows: Int[Array, "rows d"] = (values == 1).astype(np.int8)
    return np.repeat(rows, samples.record.num_occurrences, axis=0)  # hardware returns counts
