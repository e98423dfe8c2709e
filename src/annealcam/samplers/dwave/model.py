"""The Ising model that a processor is programmed with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annealcam.qubo.problem import SelectionProblem

if TYPE_CHECKING:
    import dimod


def ising_model(problem: SelectionProblem) -> dimod.BinaryQuadraticModel:
    """Return the Ising model of a problem, n = (s + 1) / 2, with variables 0..d-1.

    A cardinality becomes a penalty, for which the problem is centred first: selections of k maps
    are ordered alike, and a smaller penalty leaves more of the processor's ranges to the energies.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> model = ising_model(p)
    >>> round(float(model.linear[0]), 12), round(float(model.quadratic[0, 1]), 12)
    (-0.15, 0.1)
    """
    submitted = problem if problem.cardinality is None or not problem.d else problem.centred()
    return submitted.to_bqm().change_vartype("SPIN", inplace=False)
