"""The exact evolution of an annealing run: the Schroedinger equation on the state vector."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Int

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.types import Array
from annealcam.annealing.hamiltonian import DEFAULT_TAU, Normalisation
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.shots import draw
from annealcam.annealing.simulation.ladder import Converged
from annealcam.annealing.simulation.plan import Plan, plan_of
from annealcam.annealing.simulation.runs import (
    STATE_TOL,
    Simulator,
    converged,
    final_state,
    simulator_of,
)
from annealcam.qubo.energies import bits
from annealcam.qubo.problem import SelectionProblem


@dataclass(frozen=True, eq=False)
class AnnealResult:
    """The end of an annealing run.

    `success_probability` (F) is the probability of the whole ground manifold of the problem at
    the end, `multiplicity` its size. `error` estimates the error of F, `distribution_error` the
    total variation distance of `probabilities` from the exact ones. `steps` are those of the finest
    run, `stages` the pairs of a phase and a rotation in all of them. `states` is None where the
    probabilities are those of all 2^d states in order, state number b selecting candidate p where
    bit p of b is set; else the numbers of the states in question. Time and energy are in the units
    that `normalisation` names, hbar = 1.
    """

    success_probability: float
    error: float
    distribution_error: float
    multiplicity: int
    ground_energy: float
    steps: int
    stages: int
    tau: float
    d: int
    states: Int[Array, " states"] | None
    normalisation: Normalisation
    driver: str
    driver_scale: float
    schedule: str
    precision: str
    _plan: Plan = field(repr=False)
    _simulator: Simulator = field(repr=False)
    _density: Array = field(repr=False)

    @cached_property
    def probabilities(self) -> Float[Array, " states"]:
        """Probability to measure each of the states; they sum to one.

        Above 20 qubits they are those of `state`, and cost its run.
        """
        if _summarised(self._simulator, self._density, self.d):
            p = np.abs(self.state) ** 2
        else:  # extrapolated: a chance of next to nothing may have come out below it
            p = np.maximum(self._density, 0.0)
        return p / p.sum()

    @cached_property
    def state(self) -> Complex[Array, " states"]:
        """The amplitudes psi, as a run of their own makes them at first use, to 1e-6 or `tol`."""
        psi = final_state(self._plan, self._simulator)
        psi.setflags(write=False)
        return psi

    def sample(self, shots: int, seed: int = 0) -> Int[Array, "shots d"]:
        """Return the selections measured in so many independent shots.

        Raises:
            ArgumentError: shots is below 1, or seed below 0.
        """
        drawn = draw(self.probabilities, shots, seed)
        return bits(drawn if self.states is None else self.states[drawn], self.d)


@renamed_arguments(convention="normalisation")
def anneal(
    problem: SelectionProblem,
    *,
    tau: float = DEFAULT_TAU,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    tol: float = 1e-6,
    constraint: str = "subspace",
    precision: str = "complex128",
    device: str = "cpu",
    threads: int = 1,
) -> AnnealResult:
    """Anneal a problem from the driver's ground state, without any noise.

    i dpsi/dt = H(t / tau) psi,   H(u) = A(u) H_D + B(u) H_QUBO

    The driver is H_D = -c sum_p sigma_x^p on all 2^d states. With a cardinality k it is
    H_D = -(2c / d) sum_{p<q} (sigma+_p sigma-_q + h.c.) on the states with k maps alone, whose
    first gap 2c is the same, or with constraint="penalty" the problem's penalty is added to its
    energies. The number of steps grows until the error of F is estimated below `tol`; the memory is
    that of the state, and nothing of size 4^d is ever made.

    Args:
        problem: the selection problem.
        tau: length of the run, in the normalisation's unit of time.
        normalisation: `per_qubit` (c = 1/d), `unit` (c = 1) or `dwave` (c = 1, GHz and ns); None takes the
            schedule's own, or else `per_qubit`.
        schedule: `linear` (A = 1 - u, B = u), `quadratic`, or a Schedule.
        tol: bound on the estimated error of F, at least 1e-10 (1e-6 for complex64).
        constraint: how a cardinality is kept, `subspace` or `penalty`.
        precision: `complex128` or `complex64`.
        device: `cpu`, or `cuda` for torch on a GPU.
        threads: cores for one large run, from 18 qubits.

    Raises:
        ArgumentError: an argument is out of range, or a name is unknown.
        ProblemTooLargeError: the state does not fit into memory; the message says what would be
            needed.

    Source: arXiv 2604.25649, eq. 5; the numerical scheme is described in docs/annealing.md.

    >>> p = SelectionProblem([1.0], [[0.0]], beta=0.7)
    >>> round(anneal(p, tau=200.0).success_probability, 3)
    1.0
    """
    plan = plan_of(
        problem, tau=tau, normalisation=normalisation, schedule=schedule, tol=tol, constraint=constraint,
        precision=precision,
    )  # fmt: skip
    simulator = simulator_of(plan, device=device, threads=threads)
    return result_of(plan, simulator, converged(plan, simulator))


def result_of(plan: Plan, simulator: Simulator, found: Converged) -> AnnealResult:
    """Return the result of a plan whose ladder has converged."""
    distribution_error = float(found.distribution_error)
    if _summarised(simulator, found.probabilities, plan.problem.d):
        distribution_error = max(distribution_error, plan.tol, STATE_TOL[plan.precision])
    return AnnealResult(
        success_probability=min(max(float(found.success), 0.0), 1.0),
        error=float(found.error),
        distribution_error=distribution_error,
        multiplicity=len(simulator.ground),
        ground_energy=simulator.ground_energy,
        steps=plan.steps(found.multiple),
        stages=plan.stages(found.runs),
        tau=plan.tau,
        d=plan.problem.d,
        states=simulator.states,
        normalisation=plan.normalisation,
        driver=simulator.driver,
        driver_scale=plan.scale,
        schedule=plan.schedule.name,
        precision=plan.precision,
        _plan=plan,
        _simulator=simulator,
        _density=_on_the_cpu(found.probabilities),
    )


def _summarised(simulator: Simulator, density: Any, d: int) -> bool:
    """Whether a ladder had only a summary of the probabilities, there being so many."""
    return simulator.states is None and density.shape[-1] != 1 << d


def _on_the_cpu(density: Any) -> Array:
    """An array of numpy's, of a torch tensor too, in double precision."""
    on_the_cpu = density.cpu().numpy() if hasattr(density, "cpu") else density
    return on_the_cpu.astype(np.float64, copy=False)
