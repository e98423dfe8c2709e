"""The checked arguments of an annealing run, and its numbers of steps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Int

from annealcam._internal.types import Array
from annealcam._internal.validation import one_line, one_of, real
from annealcam.annealing.hamiltonian import (
    CONSTRAINTS,
    DEFAULT_TAU,
    Normalisation,
    coefficients,
    normalisation_of,
)
from annealcam.annealing.kernels.stages import FEW_QUBITS, local_fields
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.first_steps import first_steps, refuse_endless
from annealcam.annealing.simulation.ladder import multiples
from annealcam.annealing.simulation.splitting import Stages, strang
from annealcam.errors import ArgumentError
from annealcam.qubo.problem import SelectionProblem

LEAST_TOL = {"complex128": 1e-10, "complex64": 1e-6}  # smallest tolerance, by precision
# Rounding error of F by precision: a constant, and a contribution of every step.
_ROUNDING = {"complex128": (1e-12, 1e-15), "complex64": (5e-7, 1.5e-8)}


@dataclass(frozen=True, eq=False)
class Plan:
    """One annealing run, to be carried out by any simulator."""

    problem: SelectionProblem
    schedule: Schedule
    tau: float
    normalisation: Normalisation
    tol: float
    constraint: str
    precision: str

    @property
    def in_subspace(self) -> bool:
        """Whether only the states of the problem's cardinality are simulated."""
        return self.problem.cardinality is not None and self.constraint == "subspace"

    @cached_property
    def scale(self) -> float:
        """The driver's strength c."""
        return self.normalisation.driver_scale(self.problem.d)

    @property
    def ladders(self) -> tuple[Int[Array, "1 1 pieces"], Int[Array, "1 1"]]:
        """The arguments of `climb` for this run alone: first steps, and number of agreements."""
        first, forced = self._first
        return first[None, None], np.array([[self.agreements(forced)]])

    @property
    def first(self) -> Int[Array, " pieces"]:
        """First number of steps of a ladder on each piece of the schedule, (pieces,)."""
        return self._first[0]

    @cached_property
    def _first(self) -> tuple[Int[Array, " pieces"], bool]:
        linear, quadratic, _ = coefficients(self.problem, penalty=not self.in_subspace)
        fields, taus = local_fields(linear[None], quadratic[None]), np.array([self.tau])
        counts, forced = first_steps(fields, linear.size, self.schedule, taus, self.scale, self.tol)
        return counts[0, 0], bool(forced[0, 0])

    @cached_property
    def evenly(self) -> bool:
        """Whether phases grow by equal differences nearly everywhere."""
        return not self.schedule.smooth and not self.schedule.problem[:, 2:].any()

    @property
    def ladder(self) -> dict[str, Any]:
        """Options of `converge`: rounding error and number of agreements."""
        constant, each_step = self.rounding
        return {
            "floor": lambda multiple: constant + each_step * self.steps(multiple),
            "agreements": self.agreements(self._first[1]),
        }

    @property
    def rounding(self) -> tuple[float, float]:
        """Rounding error of F: a constant, and a contribution of every step."""
        return _ROUNDING[self.precision]

    def agreements(self, forced: Any) -> Any:
        """Return how many consecutive runs must agree, for a run or array whose steps are forced.

        One suffices where errors are regular, that is for linear schedules and weak fields. Two are
        needed for few states, other schedules or strong fields.
        """
        straight = self.evenly and self.schedule.breaks.size == 2
        return 1 + (forced | (not straight or self.problem.d <= FEW_QUBITS))

    def of(self, problem: SelectionProblem) -> Plan:
        """Return the same run of another problem."""
        return replace(self, problem=problem)

    def rung(self, first: Int[Array, " pieces"], multiple: int) -> Stages:
        """Return the stages of one run of a ladder, with a multiple of the first steps.

        Raises:
            ArgumentError: there are too many steps.
        """
        counts = first * multiple
        refuse_endless(self.tau, int(counts.sum()))
        return strang(self.schedule, self.tau, counts, self.scale)

    def steps(self, multiple: int) -> int:
        """Return the number of steps of one run of the ladder."""
        return int(self.first.sum()) * multiple

    def stages(self, runs: int) -> int:
        """Return the number of pairs of a phase and a rotation in the first runs together."""
        return int(self.first.sum()) * sum(islice(multiples(), runs))


def plan_of(
    problem: SelectionProblem,
    *,
    tau: float,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    tol: float = 1e-6,
    constraint: str = "subspace",
    precision: str = "complex128",
) -> Plan:
    """Check the arguments of `anneal`, and return the run that they describe.

    Raises:
        ArgumentError: an argument is out of range, or a name is unknown.
    """
    timing = schedule_of(schedule)
    one_of("constraint", constraint, CONSTRAINTS)
    least = LEAST_TOL[one_of("precision", precision, LEAST_TOL)]
    if not least <= real("tol", tol) < 1:
        raise ArgumentError(f"tol={tol}: must be at least {least} for {precision}, and below 1")
    chosen = normalisation_of(normalisation, timing)
    return Plan(problem, timing, check_tau(tau), chosen, tol, constraint, precision)


def run_times(argument: str, values: Any) -> list[float]:
    """Return the run times of one number or of an array; raise ArgumentError for any other."""
    try:
        numbers = np.atleast_1d(np.asarray(values)).tolist()
    except Exception:  # whatever the conversion of an object raises
        raise ArgumentError(f"{argument}={one_line(values)}: must be numbers") from None
    return [check_tau(tau) for tau in numbers]


def check_tau(tau: Any) -> float:
    """Return tau as a float; raise ArgumentError unless it is above 0 and finite."""
    number = real("tau", tau)
    if not (number > 0 and math.isfinite(number)):
        raise ArgumentError(f"tau={tau}: must be above 0 and finite, such as {DEFAULT_TAU:g}")
    return number
