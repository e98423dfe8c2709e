"""A sampler in any form, called in one way, and its results in one form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam._internal.validation import one_line
from annealcam.errors import AnnealcamError, ArgumentError, SamplerError
from annealcam.qubo.problem import SelectionProblem
from annealcam.samplers.registry import SAMPLERS, sampler_named
from annealcam.samplers.selection import solve
from annealcam.samplers.shots import best_of, rows_of
from annealcam.testing.checks import Failed, NotApplicable, raised, require
from annealcam.testing.problems import signed_problem

_OF_DIMOD = {"shots": "num_reads"}  # names of keywords
SEED = 3  # of every call whose seed does not matter
Refusals = type[Exception] | tuple[type[Exception], ...]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a sampler returned: its rows of 0 and 1, and what it states about them.

    `energies` are those that it reports, one for each row, or None. `optimal`, `bound` and
    `multiplicity` are its claims, None where it makes none.
    """

    rows: Int[Array, "shots d"]
    energies: Float[Array, " shots"] | None = None
    shots: int = 1
    optimal: bool | None = None
    bound: float | None = None
    multiplicity: int | None = None

    def best(self, problem: SelectionProblem) -> Int[Array, " d"]:
        """Return the row of lowest energy among those of the problem's cardinality."""
        allowed = self.rows[problem.feasible(self.rows)]
        if len(allowed) == 0:
            raise NotApplicable(f"No selection has {problem.cardinality} maps.")
        return allowed[np.argmin(problem.energy(allowed))]

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same selections and energies, bit by bit."""
        if not isinstance(other, Answer):
            return NotImplemented
        both = self.energies is None, other.energies is None
        energies = any(both) or np.array_equal(self.energies, other.energies)  # type: ignore[arg-type]
        return np.array_equal(self.rows, other.rows) and both[0] == both[1] and energies

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class Subject(ABC):
    """A sampler with what is declared about it."""

    sampler: Any
    name: str
    exact: bool
    deterministic: bool
    refusals: Refusals
    options: Mapping[str, Any] = field(default_factory=dict)

    @abstractmethod
    def takes(self, keyword: str) -> bool:
        """Return whether the sampler takes a `seed`, `shots` or a `time_limit`."""

    @abstractmethod
    def call(self, problem: Any, **keywords: Any) -> Any:
        """Call the sampler on a problem of any form, and return what it returns."""

    def read(self, problem: SelectionProblem, result: Any) -> Answer:
        """Return the result of a call as an answer; a wrong form is a failure."""
        if not hasattr(result, "n"):
            rows = _binary(result, problem.d)
            return Answer(rows, shots=len(rows))
        info = getattr(result, "info", {})
        optimal = result.optimal if hasattr(result, "optimal") else getattr(result, "proved", None)
        proved = hasattr(result, "optimal") or bool(optimal)
        count = getattr(result, "multiplicity", info.get("multiplicity")) if proved else None
        return Answer(
            _binary(result.n, problem.d), np.array([result.energy], dtype=np.float64),
            getattr(result, "shots", 1), optimal if proved else None,
            getattr(result, "lower_bound", info.get("lower_bound")), count,
        )  # fmt: skip

    def called(self, problem: SelectionProblem, **keywords: Any) -> Answer:
        """Return the sampler's answer on a valid problem; if it refuses it, nothing applies."""
        if self.takes("seed"):
            keywords.setdefault("seed", SEED)
        try:
            result = self.call(problem, **keywords)
        except AnnealcamError as refusal:
            raise NotApplicable(f"Refused: {' '.join(str(refusal).split())}") from refusal
        return self.read(problem, result)

    @cached_property
    def usable(self) -> bool:
        """Whether a plain problem gets an answer of the right form."""
        try:
            self.called(signed_problem(6))
        except Exception:
            return False
        return True

    def answer(self, problem: SelectionProblem, **keywords: Any) -> Answer:
        """Return the sampler's answer, as `called`; nothing applies to a sampler without one."""
        self.must_be_usable()
        return self.called(problem, **keywords)

    def must_be_usable(self) -> None:
        """Raise NotApplicable if even a plain problem gets no answer of the right form."""
        if not self.usable:
            raise NotApplicable("There are no selections to check: see `selections`.")

    def must_refuse(self, what: str, problem: Any, **keywords: Any) -> None:
        """Fail unless the sampler refuses a call by one of `refusals`."""
        self.must_be_usable()
        try:
            self.call(problem, **keywords)
        except self.refusals:
            return
        except Exception as error:
            raise Failed(f"For {what}, {raised(error)}, and no AnnealcamError.") from error
        raise Failed(f"{what[0].upper()}{what[1:]} is accepted.")


class NamedSampler(Subject):
    """A sampler of `annealcam.samplers.SAMPLERS`, as `annealcam.solve` calls it."""

    def takes(self, keyword: str) -> bool:
        """Return whether a keyword is a setting or an option of the sampler."""
        entry = SAMPLERS[self.sampler]
        return keyword in entry.settings or keyword in signature(entry.load()).parameters

    def call(self, problem: Any, **keywords: Any) -> Any:
        """Call `annealcam.solve`."""
        settings = ("seed", *SAMPLERS[self.sampler].settings)
        of_solve = {k: v for k, v in keywords.items() if k in settings}
        others = {k: v for k, v in keywords.items() if k not in of_solve}
        return solve(problem, self.sampler, options={**self.options, **others}, **of_solve)


class FunctionSampler(Subject):
    """A function from a problem to a selection, to rows of them, or to a result with `n`."""

    def takes(self, keyword: str) -> bool:
        """Return whether the function has a parameter of that name."""
        return keyword in signature(self.sampler).parameters

    def call(self, problem: Any, **keywords: Any) -> Any:
        """Call the function."""
        return self.sampler(problem, **{**self.options, **keywords})


class ModelSampler(Subject):
    """An object with dimod's `sample(bqm)`, called without `annealcam.solve` between."""

    def takes(self, keyword: str) -> bool:
        """Return whether a keyword is among the sampler's `parameters`."""
        return _OF_DIMOD.get(keyword, keyword) in (getattr(self.sampler, "parameters", None) or {})

    def call(self, problem: Any, **keywords: Any) -> Any:
        """Sample the problem's model, with the penalty of its cardinality."""
        model = problem.to_bqm() if isinstance(problem, SelectionProblem) else problem
        own = {_OF_DIMOD.get(name, name): value for name, value in keywords.items()}
        samples = self.sampler.sample(model, **{**self.options, **own})
        if hasattr(samples, "resolve"):
            samples.resolve()
        return samples

    def read(self, problem: SelectionProblem, result: Any) -> Answer:
        """Return the samples of the model as an answer, repaired as `annealcam.solve` does."""
        require(
            hasattr(result, "change_vartype"),
            f"It returns {type(result).__name__} where a dimod SampleSet is needed.",
        )
        try:
            rows = rows_of(result, problem.d, self.name)
        except SamplerError as error:
            raise Failed(str(error)) from error
        energies = np.repeat(result.record.energy, result.record.num_occurrences)
        if not problem.feasible(rows).any():
            rows = np.array([best_of(problem, rows, self.name).n])
            return Answer(rows, None, len(energies))
        return Answer(rows, energies.astype(np.float64), len(rows))


def subject_of(
    sampler: Any,
    *,
    exact: bool | None,
    deterministic: bool,
    options: Mapping[str, Any] | None,
    refusals: Refusals | None,
) -> Subject:
    """Return the subject of a name, a function, or an object with dimod's `sample`.

    Raises:
        ArgumentError: it is none of these, or no sampler has that name.

    >>> subject = subject_of("exact", exact=None, deterministic=True, options=None, refusals=None)
    >>> subject.exact, subject.takes("seed"), subject.takes("time_limit")
    (True, False, True)
    """
    kind: Callable[..., Subject]
    if isinstance(sampler, str):
        entry = sampler_named(sampler)
        sampler, kind, name = entry.name, NamedSampler, entry.name
        exact = entry.certifies if exact is None else exact
    elif hasattr(sampler, "sample"):
        kind, name = ModelSampler, type(sampler).__name__
        refusals = refusals or (AnnealcamError, ValueError, TypeError)
    elif callable(sampler):
        kind, name = FunctionSampler, getattr(sampler, "__name__", type(sampler).__name__)
    else:
        raise ArgumentError(
            f"sampler={one_line(sampler)}: give the name of a sampler, a function from a problem "
            "to a selection, or an object with dimod's sample(bqm)"
        )
    return kind(
        sampler, name, bool(exact), deterministic, refusals or AnnealcamError, dict(options or {})
    )


def _binary(values: Any, d: int) -> Int[Array, "shots d"]:
    """Return rows of 0 and 1; another type, shape or value is a failure."""
    array = np.asarray(values)
    found = f"{type(values).__name__} of {array.dtype} and shape {array.shape}"
    whole = array.dtype.kind in "biu" or array.size == 0
    require(whole, f"It returns {found}, not whole numbers 0 and 1.")
    rows = array[None] if array.ndim == 1 else array
    shaped = rows.ndim == 2 and len(rows) > 0 and rows.shape[1] == d
    require(shaped, f"It returns {found} where (d,) or (shots, d) is needed, d = {d}.")
    require(((rows == 0) | (rows == 1)).all(), "It returns values other than 0 and 1.")
    return rows.astype(np.int8)
