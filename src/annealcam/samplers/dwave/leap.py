"""A selection from the hybrid solvers of D-Wave's Leap service."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from annealcam._internal.validation import real
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import Selection
from annealcam.samplers.dwave.service import call_service, connect, numbers, solver_name
from annealcam.samplers.shots import best_of, rows_of

if TYPE_CHECKING:
    import dimod

TIMES = ("run_time", "charge_time", "qpu_access_time")  # microseconds, by Leap's names


def select_by_leap(
    problem: ProblemLike,
    *,
    time_limit: float | None = None,
    solver: str | None = None,
    sampler: Any = None,
) -> Selection:
    """Return the best sample of a hybrid solver of Leap, through dwave-system.

    Without a cardinality the problem is submitted as a binary quadratic model; with one as a
    constrained quadratic model with the cardinality as an equality, so that no penalty is needed.

    `info` holds `solver`; `problem_type` (`bqm` or `cqm`); `time_limit` in seconds (None: the
    solver's minimum); `timing`, Leap's own, in microseconds; `reproducible`, which is False, since
    the solver takes no seed.

    Args:
        problem: the selection problem.
        time_limit: seconds of work for the solver; None: its minimum for the problem.
        solver: the name of a solver; None: that of D-Wave's configuration.
        sampler: an object with `sample(bqm)`, or with `sample_cqm(cqm)` for a cardinality, to use
            instead of connecting.

    Raises:
        ArgumentError: the time limit is below the solver's minimum for the problem.
        MissingCredentialsError: there is no token, or the service rejects it.
        SamplerError: the solver does not exist, the service does not answer, or dwave-system is
            not installed.

    >>> import dimod
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> select_by_leap(p, sampler=dimod.ExactSolver()).n
    array([1, 0], dtype=int8)
    """
    problem = as_problem(problem)
    if time_limit is not None:
        time_limit = real("time_limit", time_limit)
        if not 0 < time_limit < math.inf:
            raise ArgumentError(
                f"time_limit={time_limit}: must be a number of seconds above 0, or None for the "
                "minimum"
            )
    if sampler is not None and solver is not None:
        raise ArgumentError("sampler, solver: give only one of them")
    if problem.d == 0:
        return Selection(np.zeros(0, dtype=np.int8), 0.0, True, "leap")
    constrained = problem.cardinality is not None
    if sampler is not None:
        return _selected(problem, sampler, time_limit)
    kind = "LeapHybridCQMSampler" if constrained else "LeapHybridSampler"
    with connect("leap", kind, solver) as machine:
        return _selected(problem, machine, time_limit)


def constrained_model(problem: SelectionProblem) -> dimod.ConstrainedQuadraticModel:
    """Return the problem with its cardinality as the constraint sum n = k instead of a penalty.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5, cardinality=1)
    >>> constrained_model(p).constraints["cardinality"].to_polystring()
    'v0 + v1 == 1.0'
    """
    import dimod

    free = replace(problem, cardinality=None)
    model = dimod.ConstrainedQuadraticModel.from_bqm(free.to_bqm())
    terms = [(v, 1.0) for v in range(problem.d)]
    model.add_constraint(terms, "==", rhs=problem.cardinality, label="cardinality")
    return model


def _selected(problem: SelectionProblem, sampler: Any, time_limit: float | None) -> Selection:
    constrained = problem.cardinality is not None
    method = "sample_cqm" if constrained else "sample"
    if not hasattr(sampler, method):
        raise ArgumentError(f"sampler={type(sampler).__name__}: has no {method}")
    model = constrained_model(problem) if constrained else problem.to_bqm()
    options = {} if time_limit is None else {"time_limit": time_limit}
    samples = call_service("leap", lambda: _sampled(sampler, method, model, options))
    info = {
        "solver": solver_name(sampler),
        "problem_type": "cqm" if constrained else "bqm",
        "time_limit": time_limit,
        "timing": numbers({key: samples.info.get(key) for key in TIMES}),
        "time_unit": "microseconds",
        "reproducible": False,
    }
    return best_of(problem, rows_of(samples, problem.d, "leap"), "leap", info)


def _sampled(sampler: Any, method: str, model: Any, options: dict[str, Any]) -> dimod.SampleSet:
    if options and hasattr(sampler, "min_time_limit"):
        least = sampler.min_time_limit(model)
        if options["time_limit"] < least:
            raise ArgumentError(
                f"time_limit={options['time_limit']:g}: this solver needs {least:g} seconds or "
                "more for this problem"
            )
    samples = getattr(sampler, method)(model, **options)
    samples.resolve()  # a future would fail later, where the failure is not translated
    return samples
