"""The annealer as a selector: the best of many shots of the exact final state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.validation import one_of, options_of
from annealcam.annealing.evolution import anneal
from annealcam.annealing.hamiltonian import DEFAULT_TAU
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.success import best_of_shots, guess_probability
from annealcam.errors import ProblemTooLargeError
from annealcam.qubo.problem import SelectionProblem
from annealcam.samplers.local_search import local_search
from annealcam.samplers.registry import SAMPLERS, BQMSampler, Selection, best_of, select

_ELSEWHERE = {  # imported when asked for
    "windows": "annealcam.samplers.windows:select_by_windows",
    "dwave": "annealcam.samplers.dwave.qpu:select_by_dwave",
    "leap": "annealcam.samplers.dwave.leap:select_by_leap",
}
NAMES = ("anneal", *SAMPLERS, *_ELSEWHERE)
MAX_QUBITS = 24  # seconds for each problem; `anneal` itself goes as far as memory does


def select_by_any(
    problem: SelectionProblem,
    sampler: str | BQMSampler,
    *,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    **annealing: Any,
) -> Selection:
    """Return what `select` does, with all of `NAMES`; `annealing` is told to the annealers alone.

    `options` are those of the function behind the sampler's name, and stand above `annealing`.

    `anneal` holds up to 24 maps; larger problems it leaves to `local_search`, and `info` says so.
    `windows` anneals a few maps at a time, `dwave` is D-Wave's quantum processor (`shots` reads),
    `leap` its hybrid solver.

    Raises:
        ArgumentError: no sampler has that name, it has no such option, or an argument is out of
            range.
        SamplerError: a sampler object fails, or D-Wave cannot be reached.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> [select_by_any(p, name).n.tolist() for name in ("anneal", "exact")]
    [[1, 0], [1, 0]]
    """
    if problem.d == 0 or not isinstance(sampler, str) or sampler in SAMPLERS:
        return select(problem, sampler, seed=seed, options=_with_schedule(options))
    function = _function(one_of("sampler", sampler, NAMES))
    told = options_of(sampler, function, options)
    if sampler == "anneal" and problem.d > MAX_QUBITS and problem.cardinality is None:
        n = local_search(problem, seed=seed)
        return best_of(problem, n[None], "local", {"instead_of": "anneal"})
    if sampler == "dwave" and annealing.get("shots"):
        annealing["reads"] = annealing["shots"]
    shared = {name: value for name, value in annealing.items() if name in told}
    drawn = {} if sampler == "leap" else {"seed": seed}
    return function(problem, **drawn, **(told | shared | dict(options or {})))


def _function(sampler: str) -> Callable[..., Selection]:
    if sampler == "anneal":
        return select_by_annealing
    module, _, name = _ELSEWHERE[sampler].partition(":")
    found: Callable[..., Selection] = getattr(import_module(module), name)
    return found


def _with_schedule(options: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The options of `sqa`, a schedule given by name read or made."""
    if options is None or not isinstance(options.get("schedule"), str):
        return options
    return {**options, "schedule": schedule_of(options["schedule"])}


@renamed_arguments(convention="normalisation")
def select_by_annealing(
    problem: SelectionProblem,
    *,
    tau: float = DEFAULT_TAU,
    normalisation: str = "per_qubit",
    schedule: str = "linear",
    constraint: str = "subspace",
    shots: int | None = None,
    seed: int = 0,
) -> Selection:
    """Anneal, measure `shots` times (None: d^2), and take the shot of lowest energy.

    A cardinality is kept exactly by the annealer (`subspace`), so that every shot is feasible, or
    by a penalty (`penalty`), so that some may not be. `info` tells F, the chance that the best of
    the shots is optimal, and that of guessing as often.

    Raises:
        ArgumentError: an argument is out of range.
        ProblemTooLargeError: d is above 24, or a cardinality's states do not fit into memory.

    >>> import numpy as np
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> select_by_annealing(p, tau=100.0, shots=20).n
    array([1, 0], dtype=int8)
    """
    if problem.d > MAX_QUBITS and (problem.cardinality is None or constraint == "penalty"):
        raise ProblemTooLargeError(
            f"d={problem.d}: selections are annealed with up to {MAX_QUBITS} qubits; keep fewer "
            "candidates (max_qubits), or take another sampler (local, windows, exact)"
        )
    result = anneal(
        problem, tau=tau, normalisation=normalisation, schedule=schedule, constraint=constraint
    )
    shots = problem.d**2 if shots is None else shots
    info = {
        "success_probability": result.success_probability,
        "success_probability_error": result.error,
        "best_of_shots_probability": best_of_shots(result.success_probability, shots),
        "guess_probability": guess_probability(problem, result.multiplicity, shots),
        "driver_scale": result.driver_scale,
        "energy_unit": "E(n) as it is: h = 1 is the largest relevance, J = 1 a full redundancy",
        "steps": result.steps,
    }
    if problem.cardinality is not None:
        info["constraint"] = constraint
    return best_of(problem, result.sample(shots, seed), "anneal", info)
