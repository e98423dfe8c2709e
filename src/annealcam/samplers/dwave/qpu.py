"""Selections from D-Wave's quantum processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annealcam._internal.deprecation import renamed_arguments
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import Selection
from annealcam.samplers.dwave.controls import Controls
from annealcam.samplers.dwave.embedding import (
    check_chain_strength,
    clique_embedding,
    topology,
    torque_compensation,
)
from annealcam.samplers.dwave.model import ising_model
from annealcam.samplers.dwave.service import call_service, connect, numbers, solver_name
from annealcam.samplers.shots import best_of, rows_of

if TYPE_CHECKING:
    import dimod


@renamed_arguments(reads="shots")
def select_by_dwave(
    problem: ProblemLike,
    *,
    seed: int = 0,
    solver: str | None = None,
    shots: int = 1000,
    chain_strength: float | None = None,
    annealing_time: float | None = None,
    anneal_schedule: Any = None,
    qpu: Any = None,
) -> Selection:
    """Return the best of the shots of a quantum processor, through dwave-system.

    The problem is submitted as an Ising model, n = (s + 1) / 2, with each variable on a chain of
    qubits of a clique embedding; the value of a broken chain is that of the majority of its
    qubits. The processor scales h and J to its ranges; shots are therefore compared by E(n), not
    by the energies of the processor. A cardinality is imposed by the penalty of the centred
    problem, and `best_of` repairs shots that violate it.

    `info` holds `solver`, `topology`, `qubits`, `longest_chain`, `chain_strength`,
    `chain_break_fraction` (the mean), `shots`, `annealing_time` or `anneal_schedule`, `timing`
    (by the processor), all times in microseconds, and `reproducible`, which is False, since a
    quantum processor takes no seed.

    Args:
        problem: the selection problem.
        seed: passed to `qpu` if its parameters include `seed`, as those of a stand-in may.
        solver: the name of a solver; None: that of D-Wave's configuration.
        shots: number of anneals, each measured once.
        chain_strength: coupling along the chains, in units of the Ising couplings J_pq before
            scaling; None: uniform torque compensation.
        annealing_time: length of one anneal in microseconds; None: the default of the solver.
        anneal_schedule: points (t in microseconds, s) instead of `annealing_time`; see `Controls`.
        qpu: a structured dimod sampler to use instead of connecting.

    Raises:
        ArgumentError: an option is outside of the solver's range.
        EmbeddingError: d is above the size of the largest clique of the processor's graph.
        MissingCredentialsError: there is no token, or the service rejects it.
        SamplerError: the solver does not exist, the service does not answer, or dwave-system is
            not installed.

    >>> from dwave.system.testing import MockDWaveSampler
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> selection = select_by_dwave(p, qpu=MockDWaveSampler(exact_solver_cutoff=0), shots=20)
    >>> selection.n, selection.info["topology"]
    (array([1, 0], dtype=int8), 'chimera [4, 4, 4]')
    """
    problem = as_problem(problem)
    controls = Controls(shots, annealing_time, anneal_schedule)
    strength = check_chain_strength(chain_strength)
    if qpu is not None and solver is not None:
        raise ArgumentError("qpu, solver: give only one of them")
    if problem.d == 0:
        return Selection(np.zeros(0, dtype=np.int8), 0.0, True, "dwave")
    if qpu is not None:
        return _selected(problem, _structured(qpu), controls, strength, seed)
    with connect("dwave", "DWaveSampler", solver) as machine:
        return _selected(problem, machine, controls, strength, seed)


def _structured(qpu: Any) -> Any:
    needed = ("sample", "nodelist", "edgelist", "properties", "parameters", "to_networkx_graph")
    missing = [name for name in needed if not hasattr(qpu, name)]
    if missing:
        raise ArgumentError(
            f"qpu={type(qpu).__name__}: not a structured sampler, since it has no {missing[0]}"
        )
    return qpu


def _selected(
    problem: SelectionProblem, qpu: Any, controls: Controls, strength: float | None, seed: int
) -> Selection:
    options = controls.options(qpu)
    seeded = "seed" in qpu.parameters
    if seeded:
        options["seed"] = seed
    chains = call_service("dwave", lambda: clique_embedding(qpu, problem.d))
    model = ising_model(problem)
    strength = torque_compensation(model) if strength is None else strength
    samples = call_service("dwave", lambda: _sampled(qpu, chains, model, strength, options))
    info = {
        "solver": solver_name(qpu),
        "topology": topology(qpu),
        "qubits": sum(len(chain) for chain in chains.values()),
        "longest_chain": max(len(chain) for chain in chains.values()),
        "chain_strength": strength,
        "chain_break_fraction": _chain_breaks(samples),
        **_anneal(controls, qpu),
        "timing": numbers(samples.info.get("timing")),
        "time_unit": "microseconds",
        "reproducible": seeded,
    }
    return best_of(problem, rows_of(samples, problem.d, "dwave"), "dwave", info)


def _sampled(
    qpu: Any,
    chains: dict[int, tuple[int, ...]],
    model: dimod.BinaryQuadraticModel,
    strength: float,
    options: dict[str, Any],
) -> dimod.SampleSet:
    from dwave.embedding.chain_breaks import majority_vote
    from dwave.system import FixedEmbeddingComposite

    samples = FixedEmbeddingComposite(qpu, chains).sample(
        model,
        chain_strength=strength,
        chain_break_method=majority_vote,
        chain_break_fraction=True,
        **options,
    )
    samples.resolve()  # a future would fail later, where the failure is not translated
    return samples


def _chain_breaks(samples: dimod.SampleSet) -> float:
    """Return the share of broken chains, averaged over the shots."""
    record = samples.record
    return float(np.average(record.chain_break_fraction, weights=record.num_occurrences))


def _anneal(controls: Controls, qpu: Any) -> dict[str, Any]:
    """Return the number and the length, or the schedule, of the anneals for the record."""
    record: dict[str, Any] = {"shots": controls.shots}
    if controls.anneal_schedule is not None:
        return record | {"anneal_schedule": controls.anneal_schedule}
    default = qpu.properties.get("default_annealing_time")
    return record | {"annealing_time": controls.annealing_time or default}
