"""The Hamiltonian of an annealing run, and the normalisation of its driver.

H(u) = A(u) H_D + B(u) H_QUBO,   H_D = -c sum_p sigma_x^p,   n_p = (1 - sigma_z^p) / 2

hbar = 1, and time is in units of 1 / (energy unit of the problem). State number b has n_p in
bit p, so state 0 selects nothing and is spin up everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from annealcam._internal.deprecation import renamed_arguments, renamed_names, renamed_value
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of, real
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.energies import weights
from annealcam.qubo.problem import SelectionProblem

CONSTRAINTS = ("subspace", "penalty")  # the ways to enforce a cardinality
DEFAULT_TAU = 100.0  # length of a run, in the normalisation's unit of time
MAX_DENSE = 12


@dataclass(frozen=True)
class Normalisation:
    """The strength c of the driver, and the units of energy and time.

    `per_qubit` has c = 1/d, as in the paper's released code, which its figures agree with. `unit`
    has c = 1, as in the paper's text. `dwave` has c = 1 and the units of a published schedule: A
    and B in GHz, tau in ns, and the problem's energies as multiples of B.

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
