"""From a problem and a sampler to a selection: the one function behind `sampler=`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from annealcam._internal.deprecation import renamed_keys
from annealcam._internal.validation import options_of, whole
from annealcam.annealing.hamiltonian import to_scale
from annealcam.errors import AnnealcamError, ArgumentError, SamplerError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem
from annealcam.qubo.solution import ExactSolution, Selection
from annealcam.samplers.registry import SAMPLERS, sampler_named
from annealcam.samplers.shots import best_of, rows_of

if TYPE_CHECKING:
    import dimod

OLD_OPTIONS = {"reads": "shots", "convention": "normalisation"}  # names in earlier versions


@runtime_checkable
class BQMSampler(Protocol):
    """Anything that samples a dimod model: every `dimod.Sampler` is one."""

    def sample(self, bqm: dimod.BinaryQuadraticModel, /) -> dimod.SampleSet:
        """Return samples of the model."""


def select(
    problem: ProblemLike,
    sampler: str | BQMSampler = "exact",
    *,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    tau: float | None = None,
    normalisation: str | None = None,
    schedule: str | None = None,
    shots: int | None = None,
) -> Selection:
    """Return the best selection that a sampler finds; by name, equal seeds give equal bits.

    `annealcam.solve` is this function.

    Args:
        problem: the selection problem.
        sampler: a name in `annealcam.samplers.SAMPLERS` (docs/samplers.md), or an object with
            dimod's `sample(bqm)`, which receives the problem as a dimod model.
        seed: of every sampler that draws; of an object, if `seed` is among its `parameters`.
        options: the sampler's own, by the keywords of the function behind its name, such as
            {"sweeps": 100} for `sa`; they take precedence over the arguments below.
        tau, normalisation, schedule: of the samplers that simulate an annealing; None takes the
            defaults of `annealcam.anneal`.
        shots: of `anneal` and `windows` (None: d^2) and `dwave` (None: 1000).

    `anneal` leaves problems of more than 24 maps without a cardinality to `local`;
    `info["instead_of"]` records it.

    Raises:
        ArgumentError: no sampler has that name, it has no such option, or a value is out of range.
        ProblemTooLargeError: a cardinality's states do not fit into memory (`anneal`).
        SamplerError: a sampler object fails or returns no usable sample, or D-Wave's service
            cannot be reached.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> [select(p, name).n.tolist() for name in ("anneal", "exact", "tabu")]
    [[1, 0], [1, 0], [1, 0]]
    """
    given, problem = problem, as_problem(problem)
    seed = whole("seed", seed)
    if not isinstance(options, Mapping | None):
        raise ArgumentError(
            f"options: {type(options).__name__}; give a dict of keywords, such as {{'sweeps': 100}}"
        )
    if not isinstance(sampler, str):
        return _by_object(problem, sampler, seed, options)
    entry = sampler_named(sampler)
    if problem.d == 0:
        return Selection(np.zeros(0, dtype=np.int8), 0.0, True, entry.name)
    function = entry.load()
    options = renamed_keys("sampler_options", options, OLD_OPTIONS)
    known = options_of(entry.name, function, options)
    if entry.most_maps and problem.d > entry.most_maps and problem.cardinality is None:
        n = SAMPLERS["local"].load()(problem, seed=seed)
        return best_of(problem, n[None], "local", {"instead_of": entry.name})
    settings = {"seed": seed, "tau": tau, "normalisation": normalisation, "schedule": schedule,
              "shots": shots}  # fmt: skip
    taken = {name: settings[name] for name in entry.settings if settings[name] is not None}
    if known.get("scale_energies", False) is None:
        known["scale_energies"] = to_scale(given, None, problem)
    result = function(problem, **(known | taken | options))
    if isinstance(result, Selection):
        return result
    if isinstance(result, ExactSolution):
        return certified(problem, result, entry.name)
    info = {} if result.ndim == 1 else {k: getattr(v, "name", v) for k, v in known.items()}
    return best_of(problem, np.atleast_2d(result), entry.name, info)


solve = select  # its name in `annealcam`


def certified(
    problem: SelectionProblem, solution: ExactSolution, sampler: str = "exact"
) -> Selection:
    """Return an exact solution as a selection; `optimal` is None if time ran out before a proof.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> certified(p, SAMPLERS["exact"].load()(p)).optimal
    True
    """
    info: dict[str, Any] = {}
    if solution.proved:
        info |= {"optimum": solution.energy, "multiplicity": solution.multiplicity}
    if problem.cardinality is not None:
        info["feasible_shots"] = 1
    if problem.d > MAX_ENUMERATED:
        info |= {"lower_bound": solution.lower_bound, "bound": solution.method,
                 "nodes": solution.nodes}  # fmt: skip
    return Selection(solution.n, solution.energy, solution.proved or None, sampler, 1, info)


def _by_object(
    problem: SelectionProblem, sampler: BQMSampler, seed: int, options: Mapping[str, Any] | None
) -> Selection:
    name = type(sampler).__name__
    if problem.d == 0:
        return Selection(np.zeros(0, dtype=np.int8), 0.0, True, name)
    takes_seed = "seed" in (getattr(sampler, "parameters", None) or {})
    keywords = ({"seed": seed} if takes_seed else {}) | dict(options or {})
    try:
        samples = sampler.sample(problem.to_bqm(), **keywords)
        if hasattr(samples, "resolve"):
            samples.resolve()  # a future would fail later, where the failure is not translated
    except AnnealcamError:
        raise
    except Exception as error:
        message = " ".join(str(error).split())
        raise SamplerError(
            f"sampler={name}: fails with {type(error).__name__}: {message}"
        ) from error
    if not hasattr(samples, "change_vartype"):
        raise SamplerError(
            f"sampler={name}: returns {type(samples).__name__}; it must return a dimod SampleSet"
        )
    return best_of(problem, rows_of(samples, problem.d, name), name)
