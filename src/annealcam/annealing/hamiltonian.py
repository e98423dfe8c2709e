"""The Hamiltonian of an annealing run, and the conventions that the same words hide.

H(s) = A(s) H_D + B(s) H_QUBO,   H_D = -scale * sum_p sigma_x^p,   n_p = (1 - sigma_z^p) / 2

hbar = 1, and time is in units of 1 / (energy unit of the problem). State number b has n_p in
bit p, so state 0 selects nothing and is spin up everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from annealcam._checks import one_of
from annealcam._types import Array
from annealcam.annealing.schedule import Schedule, schedule_of
from annealcam.errors import ProblemTooLargeError
from annealcam.selection.energies import weights
from annealcam.selection.problem import SelectionProblem

MAX_DENSE = 12


@dataclass(frozen=True)
class Convention:
    """How strong the driver is: `paper` divides it by the number of qubits, `text` does not.

    The paper's figures fit the 1/d driver of its released code; its text has scale 1.

    >>> CONVENTIONS["paper"].driver_scale(8), CONVENTIONS["text"].driver_scale(8)
    (0.125, 1.0)
    """

    name: str
    per_qubit: bool

    def driver_scale(self, d: int) -> float:
        """Return c in H_D = -c * sum_p sigma_x^p."""
        return 1.0 / max(d, 1) if self.per_qubit else 1.0


CONVENTIONS = {"paper": Convention("paper", True), "text": Convention("text", False)}


def convention_of(name: str | Convention) -> Convention:
    """Return the convention of that name.

    Raises:
        ArgumentError: no convention has that name.
    """
    if isinstance(name, Convention):
        return name
    return CONVENTIONS[one_of("convention", name, CONVENTIONS)]


def diagonal(problem: SelectionProblem) -> Float[Array, " states"]:
    """Return the diagonal of H_QUBO: E of every state, plus the penalty of a cardinality.

    >>> diagonal(SelectionProblem([1.0], [[0.0]], beta=0.7))
    array([ 0. , -0.7])
    """
    energies = problem.energies()
    if problem.cardinality is not None and problem.d:
        energies += problem.penalty * (weights(problem.d) - float(problem.cardinality)) ** 2
    return energies


def dense_hamiltonian(
    problem: SelectionProblem,
    s: float,
    *,
    convention: str | Convention = "paper",
    schedule: str | Schedule = "linear",
) -> Float[Array, "states states"]:
    """Return H(s) as a matrix, to look at small problems (d <= 12) by other means.

    Raises:
        ProblemTooLargeError: d is above 12.

    >>> dense_hamiltonian(SelectionProblem([1.0], [[0.0]], beta=0.7), 0.5)
    array([[ 0.  , -0.5 ],
           [-0.5 , -0.35]])
    """
    d, timing = problem.d, schedule_of(schedule)
    if d > MAX_DENSE:
        raise ProblemTooLargeError(f"d={d}: a dense Hamiltonian ends at {MAX_DENSE} qubits")
    states = np.arange(1 << d)
    H = np.diag(timing.problem(np.asarray(s)) * diagonal(problem))
    for p in range(d):
        H[states, states ^ (1 << p)] = -(
            convention_of(convention).driver_scale(d) * timing.driver(np.asarray(s))
        )
    return H
