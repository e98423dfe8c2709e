"""The results of samplers: a certified optimum, and the selection of any sampler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from jaxtyping import Int

from annealcam._internal.deprecation import renamed_attribute
from annealcam._internal.plug_points import NotebookView
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array, thawed


@dataclass(frozen=True, eq=False, repr=False)
class ExactSolution(NotebookView):
    """A selection of lowest energy, with its certificate.

    `energy` is that of `problem.energy`, and `lower_bound` is not above the exact lowest energy.
    `multiplicity` counts the selections whose energy equals the lowest one within the rounding of
    the terms in which they differ (above 24 maps not all are counted if there are 100 or more). Up
    to 24 maps, `n` is the first of the lowest exact energy in the order of states. Without a proof
    (time ran out), `proved` is False, `n` is the best selection found, and `multiplicity` counts
    among the selections found. `method` is `enumeration` or the bound of the search tree, `convex`,
    `combinatorial` or `semidefinite`, with its number of `nodes` (the last one counts the optima
    that it met, which need not be all), or `coefficients` where time did not suffice for a tree:
    the sum of all negative ones. `interrupted` is True if Ctrl-C ended the search.
    """

    n: Int[Array, " d"]
    energy: float
    lower_bound: float
    proved: bool
    multiplicity: int
    method: str = "enumeration"
    nodes: int = 0
    interrupted: bool = False

    def refuse_interruption(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C ended the search, for callers that have more to do."""
        if self.interrupted:
            raise KeyboardInterrupt

    def __repr__(self) -> str:
        return short_repr(
            "ExactSolution", d=len(self.n), k=int(self.n.sum()), energy=float(self.energy),
            lower_bound=float(self.lower_bound), proved=self.proved,
            multiplicity=self.multiplicity, method=self.method,
        )  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Selection(NotebookView):
    """The selection of a sampler.

    `optimal` is True or False where the optimum is certified, and None where it is not known;
    `shots` counts the samples of which it is the best; `info` holds further facts of the sampler
    as plain numbers and names.
    """

    n: Int[Array, " d"]
    energy: float
    optimal: bool | None
    sampler: str
    shots: int = 1
    info: Mapping[str, Any] = field(default_factory=dict)

    reads = renamed_attribute("reads", "shots")

    def __repr__(self) -> str:
        return short_repr(
            "Selection", d=len(self.n), k=int(self.n.sum()), energy=float(self.energy),
            optimal=self.optimal, sampler=self.sampler, shots=self.shots,
        )  # fmt: skip

    def __post_init__(self) -> None:
        self.n.setflags(write=False)
        object.__setattr__(self, "info", MappingProxyType(dict(self.info)))

    @classmethod
    def from_record(cls, n: Int[Array, " d"], record: Mapping[str, Any]) -> Selection:
        """Return a selection from its entries in a JSON file; earlier versions wrote `reads`."""
        values = dict(record)
        if "reads" in values:
            values["shots"] = values.pop("reads")
        info = dict(values.get("info", {}))
        if "feasible_reads" in info:
            info["feasible_shots"] = info.pop("feasible_reads")
        values["info"] = info
        return cls(n=n, **values)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle `info` as a dict, since read-only mappings cannot be pickled."""
        return Selection, tuple(thawed(getattr(self, f.name)) for f in fields(self))
