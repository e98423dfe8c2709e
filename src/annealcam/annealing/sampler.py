"""The physics as a dimod sampler."""

from __future__ import annotations

from typing import Any

import dimod
import numpy as np

from annealcam._checks import whole
from annealcam.annealing.evolution import MAX_QUBITS, anneal
from annealcam.selection.problem import SelectionProblem


class AnnealingSampler(dimod.Sampler):  # type: ignore[misc]  # dimod has no types
    """Sample a binary quadratic model as a noiseless annealer of at most 20 qubits would.

    Every read measures the final state of the exact evolution that `anneal` describes. Energies
    and tau are in the model's own units, hbar = 1.

    >>> model = dimod.BinaryQuadraticModel({"a": -1.0, "b": 0.5}, {"ab": 0.25}, "BINARY")
    >>> found = AnnealingSampler().sample(model, tau=200.0, num_reads=10, seed=1)
    >>> found.first.sample
    {'a': np.int8(1), 'b': np.int8(0)}
    """

    def __init__(self) -> None:
        options = ("tau", "num_reads", "seed", "convention", "schedule", "tol")
        self._parameters: dict[str, list[str]] = {name: [] for name in options}
        self._properties: dict[str, Any] = {"max_qubits": MAX_QUBITS}

    @property
    def parameters(self) -> dict[str, list[str]]:
        """Options that `sample` takes."""
        return self._parameters

    @property
    def properties(self) -> dict[str, Any]:
        """Limits of the sampler."""
        return self._properties

    def sample(
        self,
        bqm: dimod.BinaryQuadraticModel,
        *,
        tau: float = 50.0,
        num_reads: int = 1,
        seed: int | None = None,
        convention: str = "paper",
        schedule: str = "linear",
        tol: float = 1e-6,
        **unknown: Any,
    ) -> dimod.SampleSet:
        """Return `num_reads` independent measurements; equal seeds give equal samples.

        Raises:
            ProblemTooLargeError: the model has more than 20 variables.
            ArgumentError: tau, num_reads or tol is out of range, or a name is unknown.
        """
        self.remove_unknown_kwargs(**unknown)
        num_reads = whole("num_reads", num_reads, least=1)
        seed = None if seed is None else whole("seed", seed)
        problem = SelectionProblem.from_bqm(bqm)
        result = anneal(problem, tau=tau, convention=convention, schedule=schedule, tol=tol)
        drawn = int(np.random.SeedSequence(seed).generate_state(1)[0])
        reads = result.sample(num_reads, seed=drawn)
        samples = reads if bqm.vartype is dimod.BINARY else 2 * reads - 1
        return dimod.SampleSet.from_samples_bqm(
            (samples, list(bqm.variables)),
            bqm,
            info={
                "tau_per_energy_unit": result.tau,
                "driver_scale_in_energy_units": result.driver_scale,
                "convention": result.convention.name,
                "schedule": result.schedule,
                "success_probability": result.success_probability,
                "success_probability_error": result.error,
                "steps": result.steps,
            },
        )
