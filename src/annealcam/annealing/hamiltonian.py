"""The Hamiltonian of an annealing run, and the normalisation of its driver.

H(u) = A(u) H_D + B(u) H_QUBO,   H_D = -c sum_p sigma_x^p,   n_p = (1 - sigma_z^p) / 2

hbar = 1, and time is in units of 1 / (energy unit of the problem). State number b has n_p in
bit p, so state 0 selects nothing and is spin up everywhere.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.deprecation import renamed_arguments, renamed_names, renamed_value
from annealcam._internal.types import Array
from annealcam._internal.validation import one_line, one_of, real
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.errors import AnnealcamWarning, ArgumentError, ProblemTooLargeError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.energies import weights
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.spread import energy_spread

ALIKE = 10.0  # factor by which the spread of a general problem's energies may differ from 1
FAR = 1e4  # factor from which on the spread of a SelectionProblem's energies is worth a warning
CONSTRAINTS = ("subspace", "penalty")  # the ways to enforce a cardinality
DEFAULT_TAU = 100.0  # length of a run, in the normalisation's unit of time
MAX_DENSE = 12


@dataclass(frozen=True)
class Normalisation:
    """The strength c of the driver, and the units of energy and time.

    `per_qubit` has c = 1/d, as in the paper's released code, and `unit` has c = 1, as in its text;
    neither fits all of its figures (docs/reproduction.md). `dwave` has c = 1 and the units of a
    published schedule: A and B in GHz, tau in ns, and the problem's energies as multiples of B.

    >>> NORMALISATIONS["per_qubit"].driver_scale(8), NORMALISATIONS["unit"].driver_scale(8)
    (0.125, 1.0)
    """

    name: str
    per_qubit: bool
    energy_unit: str = "E(n) as it is"
    time_unit: str = "1 / energy unit (hbar = 1)"

    def driver_scale(self, d: int) -> float:
        """Return c in H_D = -c sum_p sigma_x^p."""
        return 1.0 / max(d, 1) if self.per_qubit else 1.0


# The normalisations of the driver by name.
NORMALISATIONS = {
    "per_qubit": Normalisation("per_qubit", True),
    "unit": Normalisation("unit", False),
    "dwave": Normalisation("dwave", False, "rad/ns: E(n) times pi B(s) in GHz", "ns"),
}
OLD_NAMES = {"paper": "per_qubit", "text": "unit"}

__getattr__ = renamed_names(
    __name__,
    {
        "Convention": "Normalisation",
        "CONVENTIONS": "NORMALISATIONS",
        "convention_of": "normalisation_of",
    },
)


def check_normalisation(name: str, *, argument: str = "normalisation") -> str:
    """Return the current name of a driver normalisation, given by that or by an old name.

    Raises:
        ArgumentError: no normalisation has that name.

    >>> check_normalisation("unit")
    'unit'
    """
    return one_of(argument, renamed_value(argument, name, OLD_NAMES), NORMALISATIONS)


def normalisation_of(
    name: str | Normalisation | None, schedule: Schedule | None = None
) -> Normalisation:
    """Return the normalisation of a name.

    None means `dwave` for a schedule in GHz, else `per_qubit`.

    Raises:
        ArgumentError: no normalisation has that name, or its units are not those of the schedule.
    """
    physical = schedule is not None and bool(schedule.time_unit)
    if name is None:
        return NORMALISATIONS["dwave" if physical else "per_qubit"]
    chosen = name if isinstance(name, Normalisation) else NORMALISATIONS[check_normalisation(name)]
    if schedule is not None and physical != (chosen.time_unit == "ns"):
        has = f"has it in {schedule.time_unit or '1 / energy'}"
        mend = "omit the normalisation" if physical else "use a schedule from a file"
        if not physical and ".csv" in schedule.name.lower():
            has = "has no unit"
            mend = "if A and B are in GHz, change the file's first line to s,A(s) (GHz),B(s) (GHz)"
        raise ArgumentError(
            f"normalisation={chosen.name!r}: has time in {chosen.time_unit}, but the schedule "
            f"{schedule.name!r} {has}; {mend}"
        )
    return chosen


def to_scale(value: Any, scale_energies: bool | None, problem: SelectionProblem) -> bool:
    """Return whether the energies of a problem, given as `value`, are scaled for annealing.

    None means yes for all forms but a SelectionProblem, if the standard deviation of the energies
    (`energy_spread`) is above 10 or below 1/10. That of a SelectionProblem gives a warning above
    10,000 and below 1/10,000, since F is then close to that of guessing.

    Raises:
        ArgumentError: `scale_energies` is neither a bool nor None.
    """
    if not isinstance(scale_energies, bool | np.bool_ | None):
        raise ArgumentError(
            f"scale_energies={one_line(scale_energies)}: must be True, False or None (scale QUBOs "
            "in other forms than a SelectionProblem)"
        )
    spread = energy_spread(problem)
    if scale_energies is not None or spread == 0.0:
        return bool(scale_energies)
    if not isinstance(value, SelectionProblem):
        return not 1.0 / ALIKE <= spread <= ALIKE
    if not 1.0 / FAR <= spread <= FAR:
        dwarf = "the problem dwarfs the driver" if spread > 1 else "the driver dwarfs the problem"
        warnings.warn(
            f"problem: its energies have the standard deviation {spread:.2g}, and the driver's are "
            f"of order 1: {dwarf}, and F may be close to guessing; use scale_energies=True",
            AnnealcamWarning, stacklevel=4,
        )  # fmt: skip
    return False


def annealed(
    value: ProblemLike, scale_energies: bool | None = None, argument: str = "problem"
) -> tuple[SelectionProblem, float]:
    """Return the problem that is annealed, and the energy that is 1 in it.

    The energy is 1 if the problem is not scaled (`to_scale`), and otherwise the power of two
    nearest to the standard deviation of the problem's energies. Dividing by a power of two rounds
    no coefficient, so that equal energies stay equal.

    Raises:
        ArgumentError: the value is no problem, or `scale_energies` is neither a bool nor None.

    >>> scaled, unit = annealed({(0, 0): -3e9})
    >>> unit == 2.0**30, scaled.linear * unit
    (True, array([-3.e+09]))
    """
    problem = as_problem(value, argument)
    if not to_scale(value, scale_energies, problem):
        return problem, 1.0
    unit = 2.0 ** round(math.log2(energy_spread(problem) or 1.0))
    diagonal = None if problem.diagonal is None else problem.diagonal / unit
    scaled = SelectionProblem(
        problem.h / unit, problem.J / unit, beta=problem.beta, cardinality=problem.cardinality,
        diagonal=diagonal,
    )  # fmt: skip
    return scaled, unit


def coefficients(
    problem: SelectionProblem, *, penalty: bool
) -> tuple[Float[Array, " d"], Float[Array, "d d"], float]:
    """Return the linear and quadratic coefficients of H_QUBO, and its constant.

    With `penalty` and a cardinality k they include lambda (sum n - k)^2.

    >>> p = SelectionProblem([1.0, 1.0], np.zeros((2, 2)), beta=0.5, cardinality=1)
    >>> linear, quadratic, constant = coefficients(p, penalty=True)
    >>> bool(np.isclose(constant, p.penalty)), bool(np.isclose(quadratic[0, 1], 2 * p.penalty))
    (True, True)
    """
    linear, quadratic, k = problem.linear, problem.quadratic, problem.cardinality
    if not penalty or k is None or problem.d == 0:
        return linear, quadratic, 0.0
    pairs = 2.0 * problem.penalty * (1.0 - np.eye(problem.d))
    return linear + problem.penalty * (1 - 2 * k), quadratic + pairs, problem.penalty * k**2


def diagonal(problem: SelectionProblem) -> Float[Array, " states"]:
    """Return the diagonal of H_QUBO: E of every state, plus the penalty of a cardinality.

    >>> diagonal(SelectionProblem([1.0], [[0.0]], beta=0.7))
    array([ 0. , -0.7])
    """
    energies = problem.energies()
    if problem.cardinality is not None and problem.d:
        energies += problem.penalty * (weights(problem.d) - float(problem.cardinality)) ** 2
    return energies


@renamed_arguments(convention="normalisation")
def dense_hamiltonian(
    problem: ProblemLike,
    u: float,
    *,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
) -> Float[Array, "states states"]:
    """Return H(u) as a matrix, to check small problems (d <= 12) by independent methods.

    Raises:
        ProblemTooLargeError: d is above 12.

    >>> dense_hamiltonian(SelectionProblem([1.0], [[0.0]], beta=0.7), 0.5)
    array([[ 0.  , -0.5 ],
           [-0.5 , -0.35]])
    """
    problem = as_problem(problem)
    d, timing, u = problem.d, schedule_of(schedule), real("u", u)
    if d > MAX_DENSE:
        raise ProblemTooLargeError(
            f"d={d}: a dense Hamiltonian is limited to {MAX_DENSE} qubits; use spectrum instead"
        )
    states = np.arange(1 << d)
    H = np.diag(timing.B(u) * diagonal(problem))
    scale = normalisation_of(normalisation, timing).driver_scale(d)
    for p in range(d):
        H[states, states ^ (1 << p)] = -scale * timing.A(u)
    return H
