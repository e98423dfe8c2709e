"""The simulated annealer as a dimod sampler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dimod
import numpy as np

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.validation import one_of, whole
from annealcam.annealing.evolution import AnnealResult, anneal
from annealcam.annealing.hamiltonian import DEFAULT_TAU, NORMALISATIONS, Normalisation, to_scale
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import SCHEDULES, Schedule
from annealcam.annealing.simulation.statevector import REAL
from annealcam.annealing.simulation.tiledvector import MAX_QUBITS
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem, labels_of

ANSWER_MODES = ("raw", "histogram")


class AnnealingSampler(dimod.Sampler):  # type: ignore[misc]  # dimod has no types
    """Sample a binary quadratic model by simulating a noiseless annealer.

    Every read is a measurement of the final state that `anneal` computes. Energies are in the
    model's own unit, and tau in its inverse (hbar = 1) unless the energies are far from 1 and
    scaled (`scale_energies`). The sampler can be the `substitute_sampler` of dwave-system's
    `MockDWaveSampler`, also below an `EmbeddingComposite`.

    >>> model = dimod.BinaryQuadraticModel({"a": -1.0, "b": 0.5}, {"ab": 0.25}, "BINARY")
    >>> samples = AnnealingSampler().sample(model, tau=200.0, num_reads=10, seed=1)
    >>> samples.first.sample
    {'a': np.int8(1), 'b': np.int8(0)}
    """

    def __init__(self) -> None:
        self._parameters: dict[str, list[str]] = {
            "tau": [],
            "num_reads": [],
            "seed": [],
            "normalisation": ["normalisations"],
            "convention": ["normalisations"],  # old name, which composites pass on
            "schedule": ["schedules"],
            "tol": [],
            "precision": ["precisions"],
            "device": [],
            "threads": [],
            "scale_energies": [],
            "initial_state": [],
            "turn": [],
            "answer_mode": ["answer_modes"],
            "label": [],
        }
        self._properties: dict[str, Any] = {
            "max_qubits": MAX_QUBITS,
            "normalisations": list(NORMALISATIONS),
            "schedules": list(SCHEDULES),
            "precisions": list(REAL),
            "answer_modes": list(ANSWER_MODES),
        }

    @property
    def parameters(self) -> dict[str, list[str]]:
        """Options of `sample`, each with the names of the properties that describe it."""
        return self._parameters

    @property
    def properties(self) -> dict[str, Any]:
        """Limits of the sampler, and the values that its options take."""
        return self._properties

    @renamed_arguments(convention="normalisation")
    def sample(
        self,
        bqm: ProblemLike,
        *,
        tau: float = DEFAULT_TAU,
        num_reads: int = 1,
        seed: int | None = None,
        normalisation: str | Normalisation | None = None,
        schedule: str | Schedule = "linear",
        tol: float = 1e-6,
        precision: str = "complex128",
        device: str = "cpu",
        threads: int = 1,
        scale_energies: bool | None = None,
        initial_state: Mapping[Any, int] | None = None,
        turn: float = 0.5,
        answer_mode: str = "raw",
        label: str | None = None,
        **unknown: Any,
    ) -> dimod.SampleSet:
        """Return a sample set of independent measurements.

        Read i depends only on the seed and on i, so a larger number of reads starts with the same
        ones. Unknown options are ignored, with dimod's own warning.

        Args:
            bqm: the model, of either vartype, or a problem in another form that `anneal` takes; a
                cardinality becomes a penalty.
            tau: length of the run, in 1 / energy or in the schedule's unit of time.
            num_reads: number of measurements.
            seed: of all reads; None draws a seed. `info["seed"]` contains it in either case.
            normalisation: strength of the driver and units, as for `anneal`.
            schedule: A and B over the run, as for `anneal`.
            tol: bound on the estimated error of F.
            precision: `complex128` or `complex64`.
            device: `cpu`, or `cuda` for a GPU.
            threads: CPU cores for one large run.
            scale_energies: as for `anneal`; `info["energy_scale"]` contains the energy that is 1.
            initial_state: dict with the value of each variable at the start of a reverse run.
            turn: the s at which a reverse run turns back.
            answer_mode: `raw` (one row per read, in order) or `histogram` (one row per sample).
            label: stored in `info`.

        Raises:
            ProblemTooLargeError: the state does not fit into memory.
            ArgumentError: an option is out of range, or a name is unknown.
        """
        self.remove_unknown_kwargs(**unknown)
        given, bqm = bqm, _model(bqm)
        problem = as_problem(bqm, "bqm")
        num_reads = whole("num_reads", num_reads, least=1)
        seed = _fresh_seed() if seed is None else whole("seed", seed)
        aggregated = one_of("answer_mode", answer_mode, ANSWER_MODES) == "histogram"
        timing = schedule_of(schedule)
        if initial_state is not None:
            timing = timing.reverse(_selection(bqm, initial_state), turn)
        result = anneal(
            problem,
            tau=tau,
            normalisation=normalisation,
            schedule=timing,
            tol=tol,
            precision=precision,
            device=device,
            threads=threads,
            scale_energies=to_scale(given, scale_energies, problem),
        )
        n = result.sample(num_reads, seed=seed)
        values = n if bqm.vartype is dimod.BINARY else 2 * n - 1
        info = _info(bqm, result, timing) | {"seed": seed}
        if label is not None:
            info["problem_label"] = label
        samples = dimod.SampleSet.from_samples_bqm((values, list(bqm.variables)), bqm, info=info)
        return samples.aggregate() if aggregated else samples


def _fresh_seed() -> int:
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])


def _model(value: ProblemLike) -> dimod.BinaryQuadraticModel:
    """Return a problem as a model, with the labels of a QUBO dict."""
    if isinstance(value, dimod.BinaryQuadraticModel):
        return value
    model = as_problem(value, "bqm").to_bqm()
    return model.relabel_variables(dict(enumerate(labels_of(value))), inplace=False)


def _selection(bqm: dimod.BinaryQuadraticModel, state: Mapping[Any, int]) -> list[int]:
    """Return the initial state as 0 and 1, in the order of the model's variables."""
    low = 0 if bqm.vartype is dimod.BINARY else -1
    if not isinstance(state, Mapping):
        raise ArgumentError(
            f"initial_state: {type(state).__name__}; give a dict {{variable: value}}, with {low} "
            "or 1 for every variable"
        )
    for v in bqm.variables:
        if not np.isscalar(state.get(v)) or state[v] not in (low, 1):
            problem = f"is {state[v]!r}" if v in state else "is missing"
            raise ArgumentError(
                f"initial_state: {v!r} {problem}; give {low} or 1 for every variable"
            )
    return [int(state[v] == 1) for v in bqm.variables]


def _info(
    bqm: dimod.BinaryQuadraticModel, result: AnnealResult, schedule: Schedule
) -> dict[str, Any]:
    """Return the facts of a run; the names of the numbers contain their units."""
    unit = schedule.time_unit
    return {
        f"tau_in_{unit}" if unit else "tau_per_energy_unit": result.tau,
        f"driver_scale_{'relative_to_A' if unit else 'in_energy_units'}": result.driver_scale,
        "ground_energy_in_energy_units": result.ground_energy
        + float(bqm.change_vartype("BINARY", inplace=False).offset),
        "ground_multiplicity": result.multiplicity,
        "success_probability": result.success_probability,
        "success_probability_error": result.error,
        "normalisation": result.normalisation.name,
        "energy_scale": result.energy_scale,
        "schedule": result.schedule,
        "steps": result.steps,
    }
