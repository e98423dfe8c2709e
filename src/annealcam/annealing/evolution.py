"""The exact evolution of an annealing run: the Schroedinger equation on the state vector."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Int

from annealcam._internal.deprecation import renamed_arguments, renamed_attribute
from annealcam._internal.plug_points import PlottedResult
from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam.annealing.hamiltonian import DEFAULT_TAU, Normalisation, annealed
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.shots import draw
from annealcam.annealing.simulation.ladder import Converged
from annealcam.annealing.simulation.plan import LEAST_TOL, Plan, plan_of
from annealcam.annealing.simulation.runs import (
    STATE_TOL,
    Simulator,
    converged,
    final_state,
    simulator_of,
)
from annealcam.errors import AnnealcamWarning, ProblemTooLargeError
from annealcam.qubo.convert import ProblemLike
from annealcam.qubo.energies import bits


@dataclass(frozen=True, eq=False, repr=False)
class AnnealResult(PlottedResult):
    """The final state of an annealing run.

    `plot` draws the probabilities of the most likely final states, in ascending order of
    energy.

    Attributes:
        success_probability: F, the probability of all ground states of the problem together.
        error: estimate of the error of F.
        distribution_error: estimate of the total variation distance between `probabilities` and
            the exact ones.
        multiplicity: number of ground states.
        ground_energy: their energy.
        steps: number of time steps of the finest run.
        stages: number of pairs of a phase and a rotation in all runs together.
        tau: length of the run.
        d: number of qubits.
        states: numbers of the simulated states, (states,); None where all 2^d are simulated in
            order. State number b selects candidate p where bit p of b is set.
        normalisation: driver normalisation, with the units of time and energy; hbar = 1.
        driver: name of the driver.
        driver_scale: c in H_D.
        energy_scale: the energy that is 1 in the run: `driver_scale` is in its unit, and tau in its
            inverse; see `scale_energies`.
        schedule: name of the schedule.
        precision: precision of the amplitudes.
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
    energy_scale: float
    _plan: Plan
    _simulator: Simulator
    _density: Array

    convention = renamed_attribute("convention", "normalisation")

    __repr__ = repr_with("success_probability", "error", "multiplicity", "d", "tau")

    @property
    def ground_states(self) -> Int[Array, " ground"]:
        """Numbers of the ground states, ascending; docs/large.md has the rule for ties."""
        places = self._simulator.ground
        return places if self.states is None else self.states[places]

    @cached_property
    def probabilities(self) -> Float[Array, " states"]:
        """Probability to measure each of the states; they sum to one.

        Above 20 qubits they are computed from `state`, which takes a run of its own.
        """
        if _summarised(self._simulator, self._density, self.d):
            p = np.abs(self.state)
            p *= p
        else:  # extrapolation may have made a tiny probability negative
            p = np.maximum(self._density, 0.0)
        p /= p.sum()
        return p

    @cached_property
    def state(self) -> Complex[Array, " states"]:
        """The amplitudes psi, to 1e-6 or `tol`; computed at first use by a run of its own."""
        psi = final_state(self._plan, self._simulator)
        psi.setflags(write=False)
        return psi

    def sample(self, shots: int, seed: int = 0) -> Int[Array, "shots d"]:
        """Return the selections measured in independent shots, (shots, d).

        Raises:
            ArgumentError: shots is below 1, or seed below 0.
        """
        places = draw(self.probabilities, shots, seed)
        return bits(places if self.states is None else self.states[places], self.d)


@renamed_arguments(convention="normalisation")
def anneal(
    problem: ProblemLike,
    *,
    tau: float = DEFAULT_TAU,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    tol: float = 1e-6,
    constraint: str = "subspace",
    precision: str = "complex128",
    device: str = "cpu",
    threads: int = 1,
    scale_energies: bool | None = None,
) -> AnnealResult:
    """Simulate a noiseless annealing run of a problem from the driver's ground state.

    i dpsi/dt = H(t / tau) psi,   H(u) = A(u) H_D + B(u) H_QUBO

    Without a cardinality the driver is H_D = -c sum_p sigma_x^p on all 2^d states. With a
    cardinality k it is H_D = -(2c / d) sum_{p<q} (sigma+_p sigma-_q + h.c.) on the states with
    exactly k maps, whose first gap 2c is the same; with constraint="penalty" it is the first driver
    again, and a penalty is added to the energies. The number of steps grows until the estimated
    error of F is below `tol`. The memory needed is that of the state: no matrix is built.

    Args:
        problem: the selection problem.
        tau: length of the run, in the normalisation's unit of time.
        normalisation: strength of the driver: `per_qubit` (c = 1/d), `unit` (c = 1) or `dwave`
            (c = 1, in GHz and ns). None means `dwave` for a schedule in GHz, else `per_qubit`.
        schedule: `linear` (A = 1 - u, B = u), `quadratic`, or a Schedule.
        tol: bound on the estimated error of F, at least 1e-10 (1e-6 for complex64).
        constraint: how a cardinality is enforced, by `subspace` or `penalty`.
        precision: `complex128` or `complex64`. If the state fits into memory only in complex64,
            that is used with a warning, unless `tol` is too small for it.
        device: `cpu`, or `cuda` for torch on a GPU.
        threads: CPU cores for one run of 18 qubits or more.
        scale_energies: divide the energies by the power of two nearest to their standard deviation;
            None: do so for QUBOs in other forms than a SelectionProblem where it is above 10 or
            below 1/10. Results have the energies of the problem, and `energy_scale`.

    Raises:
        ArgumentError: an argument is out of range, or a name is unknown.
        ProblemTooLargeError: the state does not fit into memory; the message contains the memory
            that it needs.

    Source: arXiv 2604.25649, eq. 5; docs/annealing.md describes the numerical scheme.

    >>> from annealcam.qubo import SelectionProblem
    >>> p = SelectionProblem([1.0], [[0.0]], beta=0.7)
    >>> anneal(p, tau=200.0).success_probability > 0.999
    True
    """
    scaled, unit = annealed(problem, scale_energies)
    plan = plan_of(
        scaled,
        tau=tau,
        normalisation=normalisation,
        schedule=schedule,
        tol=tol,
        constraint=constraint,
        precision=precision,
    )
    plan, simulator = _fitting(plan, device, threads)
    return result_of(plan, simulator, converged(plan, simulator), unit)


def _fitting(plan: Plan, device: str, threads: int) -> tuple[Plan, Simulator]:
    """Return a plan and its simulator; in complex64, with a warning, if only that fits."""
    try:
        return plan, simulator_of(plan, device=device, threads=threads)
    except ProblemTooLargeError as error:
        if plan.precision == "complex64" or plan.in_subspace or plan.tol < LEAST_TOL["complex64"]:
            raise
        single = replace(plan, precision="complex64")
        try:
            simulator = simulator_of(single, device=device, threads=threads)
        except ProblemTooLargeError:
            raise error from None
        warnings.warn(
            f"precision: complex64 is used, since complex128 does not fit into memory ({error})",
            AnnealcamWarning, stacklevel=4,
        )  # fmt: skip
        return single, simulator


def result_of(
    plan: Plan, simulator: Simulator, ladder: Converged, energy_scale: float = 1.0
) -> AnnealResult:
    """Return the result of a plan whose ladder of runs has converged."""
    distribution_error = float(ladder.distribution_error)
    if _summarised(simulator, ladder.probabilities, plan.problem.d):
        distribution_error = max(distribution_error, plan.tol, STATE_TOL[plan.precision])
    return AnnealResult(
        success_probability=min(max(float(ladder.success), 0.0), 1.0),
        error=float(ladder.error),
        distribution_error=distribution_error,
        multiplicity=len(simulator.ground),
        ground_energy=simulator.ground_energy * energy_scale,
        steps=plan.steps(ladder.multiple),
        stages=plan.stages(ladder.runs),
        tau=plan.tau,
        d=plan.problem.d,
        states=simulator.states,
        normalisation=plan.normalisation,
        driver=simulator.driver,
        driver_scale=plan.scale,
        schedule=plan.schedule.name,
        precision=plan.precision,
        energy_scale=energy_scale,
        _plan=plan,
        _simulator=simulator,
        _density=_in_numpy(ladder.probabilities),
    )


def _summarised(simulator: Simulator, density: Any, d: int) -> bool:
    """Return whether the ladder had only a summary of the probabilities of many states."""
    return simulator.states is None and density.shape[-1] != 1 << d


def _in_numpy(density: Any) -> Array:
    """Return an array of numpy or torch as a numpy array in double precision."""
    on_the_cpu = density.cpu().numpy() if hasattr(density, "cpu") else density
    return on_the_cpu.astype(np.float64, copy=False)
