"""Samplers by name, and any object with `sample(bqm)` as dimod defines it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int

from annealcam._internal.types import Array, thawed
from annealcam._internal.validation import one_of, options_of
from annealcam.errors import AnnealcamError, SamplerError
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.samplers import baselines, heuristics
from annealcam.samplers.exact import solve_exact
from annealcam.samplers.local_search import local_search

if TYPE_CHECKING:
    import dimod

_HEURISTICS: dict[str, Callable[..., Any]] = {
    "sa": heuristics.simulated_annealing,
    "sqa": heuristics.path_integral,
    "tabu": heuristics.tabu,
}
_SINGLE: dict[str, Callable[..., Any]] = {
    "local": local_search,
    "greedy": baselines.greedy,
    "topk": baselines.topk,
    "random": baselines.random_k,
}
SAMPLERS = ("exact", "local", *_HEURISTICS, "greedy", "topk", "random")


@runtime_checkable
class BQMSampler(Protocol):
    """Anything that samples a dimod model: every `dimod.Sampler` is one."""

    def sample(self, bqm: dimod.BinaryQuadraticModel, /) -> dimod.SampleSet:
        """Return samples of the model."""


@dataclass(frozen=True, eq=False)
class Selection:
    """What a sampler chose.

    `optimal` is True or False where the optimum is certified, and None where it is not known;
    `reads` counts the samples that the choice is the best of; `info` holds what else is to be
    said about it, as plain numbers and names.
    """

    n: Int[Array, " d"]
    energy: float
    optimal: bool | None
    sampler: str
    reads: int = 1
    info: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.n.setflags(write=False)
        object.__setattr__(self, "info", MappingProxyType(dict(self.info)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Read-only mappings are not pickled; what they show is."""
        return Selection, tuple(thawed(getattr(self, f.name)) for f in fields(self))


def select(
    problem: SelectionProblem,
    sampler: str | BQMSampler,
    *,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Selection:
    """Return the best selection that a sampler finds; by name, equal seeds give equal bits.

    Names: `exact` (`solve_exact`, with proof), `local` (`local_search`), `sa`, `sqa`, `tabu`
    (`heuristics`: simulated annealing, path-integral simulated quantum annealing, tabu), `greedy`,
    `topk` (most relevant), `random`. The last two take the problem's cardinality, or the size of
    the optimum. `options` are those of the function behind the name. A sampler object is given the
    problem as a dimod model, its options, and the seed if `seed` is among its parameters.

    Raises:
        ArgumentError: no sampler has that name, or it has no such option.
        SamplerError: a sampler object fails, or returns no sample of the problem's variables.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> select(p, "tabu").n, select(p, "tabu").optimal
    (array([1, 0], dtype=int8), True)
    """
    name = sampler if isinstance(sampler, str) else type(sampler).__name__
    if problem.d == 0:
        return Selection(np.zeros(0, dtype=np.int8), 0.0, True, name)
    if not isinstance(sampler, str):
        takes_seed = "seed" in (getattr(sampler, "parameters", None) or {})
        told = ({"seed": seed} if takes_seed else {}) | dict(options or {})
        return best_of(problem, _dimod_reads(problem, sampler, name, told), name)
    if one_of("sampler", sampler, SAMPLERS) == "exact":
        return _certified(problem, solve_exact(problem, **options_of(name, solve_exact, options)))
    if sampler in _HEURISTICS:
        sample = _HEURISTICS[sampler]
        told = options_of(name, sample, options)
        info = {k: getattr(v, "name", v) for k, v in told.items()}
        return best_of(problem, sample(problem, seed=seed, **told), name, info)
    search = _SINGLE[sampler]
    told = options_of(name, search, options)
    drawn = {"seed": seed} if sampler in ("local", "random") else {}
    return best_of(problem, search(problem, **drawn, **told)[None], name)


def _certified(problem: SelectionProblem, found: ExactSolution) -> Selection:
    info: dict[str, Any] = {}
    if found.proved:
        info |= {"optimum": found.energy, "multiplicity": found.multiplicity}
    if problem.cardinality is not None:
        info["feasible_reads"] = 1
    if problem.d > MAX_ENUMERATED:
        info |= {"lower_bound": found.lower_bound, "bound": found.method, "nodes": found.nodes}
    return Selection(found.n, found.energy, found.proved or None, "exact", 1, info)


def best_of(
    problem: SelectionProblem,
    reads: Int[Array, "reads d"],
    sampler: str,
    info: dict[str, Any] | None = None,
) -> Selection:
    """Return the read of lowest energy among those of the asked cardinality, judged by the optimum.

    Where no read has the asked cardinality, the one nearest to it is repaired greedily, and
    `info["repaired"]` says so.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> best_of(p, np.array([[1, 1], [0, 1]], dtype=np.int8), "mine").optimal
    False
    """
    info = dict(info or {})
    allowed = reads[problem.feasible(reads)]
    if problem.cardinality is not None:
        info["feasible_reads"] = len(allowed)
    if len(allowed) == 0:
        info["repaired"] = True
        nearest = np.argmin(np.abs(reads.sum(axis=1) - problem.cardinality))
        allowed = baselines.repaired(problem, reads[nearest])[None]
    n = allowed[np.argmin(problem.energy(allowed))].astype(np.int8)
    energy, optimal = problem.energy(n), None
    if problem.d <= MAX_ENUMERATED:
        best = solve_exact(problem)
        optimal = bool(energy <= best.energy + problem.tie)
        info |= {"optimum": best.energy, "multiplicity": best.multiplicity}
    return Selection(n, energy, optimal, sampler, len(reads), info)


def _dimod_reads(
    problem: SelectionProblem, sampler: BQMSampler, name: str, options: dict[str, Any]
) -> Int[Array, "reads d"]:
    try:
        found = sampler.sample(problem.to_bqm(), **options)
    except AnnealcamError:
        raise
    except Exception as error:
        told = " ".join(str(error).split())
        raise SamplerError(f"sampler={name}: fails with {type(error).__name__}: {told}") from error
    if not hasattr(found, "change_vartype"):
        raise SamplerError(f"sampler={name}: gives {type(found).__name__}, not a dimod SampleSet")
    return rows_of(found, problem.d, name)


def rows_of(found: dimod.SampleSet, d: int, sampler: str) -> Int[Array, "reads d"]:
    """Return a row of 0 and 1 for each read, variables in the order 0 to d - 1.

    Samples of a constrained model come as whole numbers, of which 0 and 1 are meant.

    Raises:
        SamplerError: there is no sample, a variable is missing, or a value is neither 0 nor 1.

    >>> import dimod
    >>> rows = dimod.SampleSet.from_samples({1: -1, 0: 1}, "SPIN", 0.0, num_occurrences=[2])
    >>> rows_of(rows, 2, "mine").tolist()
    [[1, 0], [1, 0]]
    """
    labels = list(found.variables)
    if not set(range(d)) <= set(labels):
        raise SamplerError(
            f"sampler={sampler}: gives the variables {labels}; 0 to {d - 1} were asked for"
        )
    if len(found) == 0:
        raise SamplerError(f"sampler={sampler}: returned no sample; ask it for at least one read")
    values = found.record.sample[:, [labels.index(v) for v in range(d)]]
    low = -1 if found.vartype.name == "SPIN" else 0
    if not ((values == low) | (values == 1)).all():
        raise SamplerError(f"sampler={sampler}: gives other values than {low} and 1")
    rows: Int[Array, "rows d"] = (values == 1).astype(np.int8)
    return np.repeat(rows, found.record.num_occurrences, axis=0)  # hardware answers in counts
