"""A selection from D-Wave's quantum processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annealcam._internal.deprecation import renamed_arguments
from annealcam.errors import ArgumentError
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import Selection
from annealcam.samplers.dwave.answers import chain_breaks, numbers
from annealcam.samplers.dwave.connect import asked, connected, solver_name
from annealcam.samplers.dwave.controls import Controls
from annealcam.samplers.dwave.embedding import (
    check_chain_strength,
    clique_embedding,
    topology,
    torque_compensation,
)
from annealcam.samplers.shots import best_of, rows_of

if TYPE_CHECKING:
    import dimod


@renamed_arguments(reads="shots")
def select_by_dwave(
    problem: SelectionProblem,
    *,
    seed: int = 0,
    solver: str | None = None,
    shots: int = 1000,
    chain_strength: float | None = None,
    annealing_time: float | None = None,
    anneal_schedule: Any = None,
    qpu: Any = None,
) -> Selection:
    """Return the best of the shots of a quantum processor, reached through dwave-system.

    The problem goes as an Ising model, n = (s + 1) / 2, each variable on a chain of qubits of a
    clique embedding; a broken chain is read by majority. The processor scales h and J to its
    ranges, so the shots are compared by E(n) and not by its energies. A cardinality goes as the
    problem's penalty, and `best_of` repairs what misses it.

    `info`: solver, topology, qubits, longest_chain, chain_strength, chain_break_fraction (mean),
    shots, annealing_time or anneal_schedule, timing (the processor's own), all in microseconds;
    reproducible: False, since a quantum processor takes no seed.

    Args:
        problem: the selection problem.
        seed: told to `qpu` if `seed` is among its parameters, as that of a stand-in may be.
        solver: name of a solver; None leaves it to D-Wave's configuration.
        shots: number of anneals, each measured once.
        chain_strength: coupling along the chains, in units of the Ising couplings J_pq (before
            the processor scales them); None takes uniform torque compensation.
        annealing_time: microseconds of one anneal; None takes the solver's default.
        anneal_schedule: points (t in microseconds, s) in its stead, see `Controls`.
        qpu: a structured dimod sampler to use in place of connecting.

    Raises:
        ArgumentError: an option is out of the solver's range.
        EmbeddingError: d is beyond the largest clique of the processor's graph.
        MissingCredentialsError: there is no token, or it is refused.
        SamplerError: no such solver, no answer, or no dwave-system.

    >>> from dwave.system.testing import MockDWaveSampler
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> found = select_by_dwave(p, qpu=MockDWaveSampler(exact_solver_cutoff=0), shots=20)
    >>> found.n, found.info["topology"]
    (array([1, 0], dtype=int8), 'chimera [4, 4, 4]')
    """
    controls = Controls(shots, annealing_time, anneal_schedule)
    strength = check_chain_strength(chain_strength)
    if qpu is not None and solver is not None:
        raise ArgumentError("qpu, solver: give one; a solver's name is to connect by")
    if problem.d == 0:
        return Selection(np.zeros(0, dtype=np.int8), 0.0, True, "dwave")
    if qpu is not None:
        return _selected(problem, _structured(qpu), controls, strength, seed)
    with connected("dwave", "DWaveSampler", solver) as machine:
        return _selected(problem, machine, controls, strength, seed)


def _structured(qpu: Any) -> Any:
    wanted = ("sample", "nodelist", "edgelist", "properties", "parameters", "to_networkx_graph")
    missing = [name for name in wanted if not hasattr(qpu, name)]
    if missing:
        raise ArgumentError(
            f"qpu={type(qpu).__name__}: no structured sampler, for it has no {missing[0]}"
        )
    return qpu


def _selected(
    problem: SelectionProblem, qpu: Any, controls: Controls, strength: float | None, seed: int
) -> Selection:
    options = controls.options(qpu)
    seeded = "seed" in qpu.parameters
    if seeded:
        options["seed"] = seed
    chains = asked("dwave", lambda: clique_embedding(qpu, problem.d))
    model = problem.to_bqm().change_vartype("SPIN", inplace=False)
    strength = torque_compensation(model) if strength is None else strength
    found = asked("dwave", lambda: _sampled(qpu, chains, model, strength, options))
    info = {
        "solver": solver_name(qpu),
        "topology": topology(qpu),
        "qubits": sum(len(chain) for chain in chains.values()),
        "longest_chain": max(len(chain) for chain in chains.values()),
        "chain_strength": strength,
        "chain_break_fraction": chain_breaks(found),
        **_told(controls, qpu),
        "timing": numbers(found.info.get("timing")),
        "time_unit": "microseconds",
        "reproducible": seeded,
    }
    return best_of(problem, rows_of(found, problem.d, "dwave"), "dwave", info)


def _sampled(
    qpu: Any,
    chains: dict[int, tuple[int, ...]],
    model: dimod.BinaryQuadraticModel,
    strength: float,
    options: dict[str, Any],
) -> dimod.SampleSet:
    from dwave.embedding.chain_breaks import majority_vote
    from dwave.system import FixedEmbeddingComposite

    found = FixedEmbeddingComposite(qpu, chains).sample(
        model,
        chain_strength=strength,
        chain_break_method=majority_vote,
        chain_break_fraction=True,
        **options,
    )
    found.resolve()  # here, where its failure is told; a future would fail later
    return found


def _told(controls: Controls, qpu: Any) -> dict[str, Any]:
    """Reads and length of the anneal, as they were asked for."""
    told: dict[str, Any] = {"shots": controls.shots}
    if controls.anneal_schedule is not None:
        return told | {"anneal_schedule": controls.anneal_schedule}
    default = qpu.properties.get("default_annealing_time")
    return told | {"annealing_time": controls.annealing_time or default}
