"""Annealing as a sampler: the best of many shots of the exactly simulated final state."""

from __future__ import annotations

from annealcam._internal.deprecation import renamed_arguments
from annealcam.annealing.evolution import anneal
from annealcam.annealing.hamiltonian import DEFAULT_TAU, to_scale
from annealcam.annealing.success import best_of_shots, guess_probability
from annealcam.errors import ProblemTooLargeError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.solution import Selection
from annealcam.samplers.shots import best_of

UNIT = "E(n) as it is: h = 1 is the largest relevance, J = 1 a full redundancy"
UNIT_OF_EVIDENCE = "E(n) as it is: 1 is the spread of the energies of random selections"
UNIT_OF_SCALED = "E(n) / energy_scale, the power of two nearest to its standard deviation"
MAX_QUBITS = 24  # seconds for each problem; `anneal` itself goes as far as memory does


@renamed_arguments(convention="normalisation")
def select_by_annealing(
    problem: ProblemLike,
    *,
    tau: float = DEFAULT_TAU,
    normalisation: str = "per_qubit",
    schedule: str = "linear",
    constraint: str = "subspace",
    shots: int | None = None,
    scale_energies: bool | None = None,
    seed: int = 0,
) -> Selection:
    """Anneal, measure `shots` times (None: d^2), and take the shot of lowest energy.

    A cardinality is kept exactly (constraint `subspace`), so that every shot is feasible, or by a
    penalty (`penalty`), so that some shots may not be. `info` holds the success probability F, the
    probability that the best of the shots is optimal, and that of as many random guesses.
    `scale_energies` is that of `annealcam.anneal`.

    Raises:
        ArgumentError: an argument is out of range.
        ProblemTooLargeError: d is above 24, or a cardinality's states do not fit into memory.

    >>> from annealcam.qubo import SelectionProblem
    >>> import numpy as np
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> select_by_annealing(p, tau=100.0, shots=20).n
    array([1, 0], dtype=int8)
    """
    given, problem = problem, as_problem(problem)
    if problem.d > MAX_QUBITS and (problem.cardinality is None or constraint == "penalty"):
        raise ProblemTooLargeError(
            f"d={problem.d}: the sampler anneal takes up to {MAX_QUBITS} qubits. Keep fewer "
            "candidates (max_qubits), or choose another sampler (local, windows, exact)."
        )
    result = anneal(
        problem, tau=tau, normalisation=normalisation, schedule=schedule, constraint=constraint,
        scale_energies=to_scale(given, scale_energies, problem),
    )  # fmt: skip
    shots = problem.d**2 if shots is None else shots
    info = {
        "success_probability": result.success_probability,
        "success_probability_error": result.error,
        "best_of_shots_probability": best_of_shots(result.success_probability, shots),
        "guess_probability": guess_probability(problem, result.multiplicity, shots),
        "driver_scale": result.driver_scale,
        "energy_unit": UNIT if problem.diagonal is None else UNIT_OF_EVIDENCE,
        "steps": result.steps,
    }
    if result.energy_scale != 1.0:
        info |= {"energy_scale": result.energy_scale, "energy_unit": UNIT_OF_SCALED}
    if problem.cardinality is not None:
        info["constraint"] = constraint
    return best_of(problem, result.sample(shots, seed), "anneal", info)
