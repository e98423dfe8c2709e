"""The checked arguments of an annealing run, and its numbers of steps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float, Int

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
from annealcam.annealing.simulation.first_steps import (
    first_steps,
    mean_strength,
    refuse_endless,
)
from annealcam.annealing.simulation.ladder import multiples
from annealcam.annealing.simulation.splitting import Stages, strang
from annealcam.errors import ArgumentError
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.spread import mean_at_cardinality

LEAST_TOL = {"complex128": 1e-10, "complex64": 1e-6}  # smallest tolerance, by precision
# Rounding error of F by precision: a constant, and contributions of every step and of every radian
# of phase. The energies are rounded once, so that the last is the same for any number of steps.
_ROUNDING = {"complex128": (1e-12, 8e-15, 4e-16), "complex64": (5e-7, 3e-8, 3e-8)}
_ALIKE = 8.0  # more of it for steps whose phases are alike, as in a pause: they round alike
_LONG = 500  # first steps of a run from which on errors are less regular


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
    def ladders(
        self,
    ) -> tuple[Int[Array, "1 1 pieces"], Int[Array, "1 1"], Float[Array, "1 1"]]:
        """The arguments of `climb` for this run alone: first steps, agreements and rounding."""
        first, forced = self._first
        agreements = self.agreements(first, forced)
        return first[None, None], np.array([[agreements]]), np.array([[self._rounding]])

    @property
    def first(self) -> Int[Array, " pieces"]:
        """First number of steps of a ladder on each piece of the schedule, (pieces,)."""
        return self._first[0]

    @cached_property
    def _first(self) -> tuple[Int[Array, " pieces"], bool]:
        numbers = self._qubits, self.schedule, np.array([self.tau]), self.scale, self.tol
        counts, forced = first_steps(self._fields, *numbers)
        return counts[0, 0], bool(forced[0, 0])

    @property
    def _qubits(self) -> int:
        """Number of qubits with at least as many states: the errors of few are irregular."""
        d, k = self.problem.d, self.problem.cardinality
        return (math.comb(d, k) - 1).bit_length() if self.in_subspace and k is not None else d

    @cached_property
    def _fields(self) -> Float[Array, "1 3"]:
        """Local fields and energy of the problem, as `kernels.stages.local_fields` returns them.

        In a subspace, the fields are those of the centred problem, whose energies are the same but
        for a constant: other forms have larger coefficients that cancel, and would need more steps.
        """
        if not self.in_subspace:
            linear, quadratic, _ = coefficients(self.problem, penalty=True)
            return np.asarray(local_fields(linear[None], quadratic[None], 0.5))
        centred = self.problem.centred()
        share = (centred.cardinality or 0) / max(centred.d, 1)
        fields = local_fields(centred.linear[None], centred.quadratic[None], share)
        fields[:, 2] = np.hypot(fields[:, 2], mean_at_cardinality(self.problem))
        return np.asarray(fields)

    @cached_property
    def evenly(self) -> bool:
        """Whether phases grow by equal differences nearly everywhere."""
        return not self.schedule.smooth and not self.schedule.problem[:, 2:].any()

    @property
    def ladder(self) -> dict[str, Any]:
        """Options of `converge`: rounding error and number of agreements."""
        return {
            "floor": lambda multiple: (
                self._rounding + self.rounding_of_steps * self.steps(multiple)
            ),
            "agreements": int(self.agreements(*self._first)),
        }

    @property
    def rounding_of_steps(self) -> float:
        """Rounding error of F that every step adds."""
        return _ROUNDING[self.precision][1] * (1.0 if self._straight else _ALIKE)

    @property
    def _straight(self) -> bool:
        return self.evenly and self.schedule.breaks.size == 2

    def rounding(
        self, fields: Float[Array, "problems 3"], taus: Float[Array, " taus"]
    ) -> Float[Array, "problems taus"]:
        """Return the rounding errors of F of runs that do not depend on the number of steps.

        A rounded energy E shifts the phase of its state by eps E times the integral of B. As E
        serves the root mean square of the energies of all states.
        """
        constant, _, each_radian = _ROUNDING[self.precision]
        return constant + each_radian * mean_strength(self.schedule) * np.outer(fields[:, 2], taus)

    @cached_property
    def _rounding(self) -> float:
        return float(self.rounding(self._fields, np.array([self.tau]))[0, 0])

    def agreements(self, first: Int[Array, "*runs pieces"], forced: Any) -> Any:
        """Return how many consecutive runs must agree, for a run or an array of runs.

        One may suffice where errors are regular, that is for linear schedules and weak fields. Two
        are needed for few states, long runs, other schedules or strong fields.

        Args:
            first: first numbers of steps.
            forced: whether these are forced.
        """
        few = not self._straight or self._qubits <= FEW_QUBITS
        return 1 + (forced | few | (first.sum(axis=-1) > _LONG))

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
