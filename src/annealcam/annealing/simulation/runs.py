"""The execution of a plan: initial state, simulator, and number of steps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Complex, Float, Int

from annealcam._internal.types import Array
from annealcam._internal.validation import one_line, whole
from annealcam.annealing.levels.drivers import driver_of
from annealcam.annealing.levels.low_spectrum import ground_state
from annealcam.annealing.simulation.climbing import climb
from annealcam.annealing.simulation.first_steps import refuse_endless
from annealcam.annealing.simulation.ladder import Converged, converge
from annealcam.annealing.simulation.plan import Plan
from annealcam.annealing.simulation.sectorvector import SectorVector
from annealcam.annealing.simulation.splitting import ABA_10_4, Stages, aba
from annealcam.annealing.simulation.statevector import StateVector, StateVectors
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.annealing.simulation.tiledvector import TiledStateVector
from annealcam.errors import AnnealcamWarning, ArgumentError

LARGEST_UNTILED = 17  # qubits; larger states do not fit into the caches
_PART = 1 << 20  # amplitudes that are compared at a time
REFINE = 1.5  # ratio of the numbers of steps of two runs that are compared
SAFETY = 3.0
STATE_TOL = {"complex128": 1e-9, "complex64": 1e-4}  # distance of two states due to rounding


@runtime_checkable
class Simulator(Protocol):
    """The energies of a problem, and the evolution of its states through stages.

    `ground` are the places of the ground states, `ground_energy` is their energy.
    """

    driver: str
    ground: Int[Array, " ground"]
    ground_energy: float

    @property
    def states(self) -> Int[Array, " states"] | None:
        """Numbers of the simulated states, (states,); None for all 2^d in order."""

    def run(self, stages: Stages, *, evenly: bool) -> Any:
        """Return the final probabilities, or a summary of them, for a ladder to extrapolate."""

    def success(self, density: Any) -> Any:
        """Return F from what `run` returns."""

    def state(self, stages: Stages) -> Complex[Array, " states"]:
        """Return the amplitudes psi after a run, with their phase."""


def simulator_of(plan: Plan, *, device: str = "cpu", threads: int = 1) -> Simulator:
    """Return the simulator for the plan's size, constraint and precision, and for a device.

    Raises:
        ArgumentError: the device is unknown, or threads is below 1.
        ProblemTooLargeError: the states do not fit into memory.
    """
    threads, gpu = whole("threads", threads, least=1), gpu_of(device)
    options: dict[str, Any] = {"start": starting_state(plan), "precision": plan.precision}
    if plan.in_subspace:
        if gpu is not None:
            text = f"device={device!r}: the states of one cardinality are simulated on the CPU"
            warnings.warn(text, AnnealcamWarning, stacklevel=3)
        return SectorVector(plan.problem, **options)
    if gpu is not None:
        from annealcam.annealing.simulation.gpu import TorchStateVector

        return TorchStateVector(plan.problem, device=gpu, **options)
    if plan.problem.d > LARGEST_UNTILED:
        return TiledStateVector(plan.problem, threads=threads, **options)
    return StateVector(plan.problem, **options)


def starting_state(plan: Plan) -> Float[Array, " states"] | None:
    """Return the real initial state of a run; None is the ground state of the driver.

    A reverse schedule starts in its selection. A schedule with B(0) > 0, as annealers have, starts
    in the ground state of H(0).

    Raises:
        ArgumentError: the selection of a reverse schedule does not fit the problem.
    """
    schedule = plan.schedule
    if schedule.initial is not None:
        return _basis_state(plan, schedule.initial)
    strengths = float(schedule.driver[0, 0]), float(schedule.problem[0, 0])  # at u = 0
    if strengths[1] == 0.0:
        return None
    driver = driver_of(plan.problem, plan.normalisation, plan.constraint)
    return ground_state(driver, *strengths)


def state_vectors(plans: Sequence[Plan]) -> StateVectors | None:
    """Return the problems of plans as state vectors of compiled ladders, or None if they need more.

    The plans differ only in their problems, which have equal d. Larger states, and those of one
    cardinality, have simulators of their own.
    """
    plan = plans[0]
    if plan.problem.d > LARGEST_UNTILED or any(p.in_subspace for p in plans):
        return None
    starts = None
    if starting_state(plan) is not None:
        starts = np.array([starting_state(p) for p in plans])
    return StateVectors([p.problem for p in plans], precision=plan.precision, starts=starts)


def _basis_state(plan: Plan, initial: Int[Array, " n"]) -> Float[Array, " states"]:
    """Return the basis state of one selection."""
    d = plan.problem.d
    if initial.size != d:
        raise ArgumentError(
            f"schedule: starts in a selection of {initial.size} entries, but the problem has {d} "
            "maps"
        )
    place = sum(1 << p for p in range(d) if initial[p])
    if not plan.in_subspace:
        state = np.zeros(1 << d)
    else:
        k = plan.problem.cardinality or 0
        if initial.sum() != k:
            raise ArgumentError(
                f"schedule: starts in a selection of {initial.sum()} maps, but cardinality={k}"
            )
        states = WeightSector(d, k).states
        state, place = np.zeros(states.size), int(np.searchsorted(states, place))
    state[place] = 1.0
    return state


def gpu_of(device: Any) -> Any:
    """Return the torch device of a name, or None for the compiled kernels of the CPU."""
    if type(device).__module__ != "torch" and not isinstance(device, str):
        raise ArgumentError(
            f"device={one_line(device)}: must be cpu, cuda, cuda:1 (or another number), or torch"
        )
    if str(device) == "cpu":  # without importing torch
        return None
    from annealcam.annealing.simulation.devices import pick_device

    return pick_device(device)


def converged(plan: Plan, simulator: Simulator) -> Converged:
    """Run a plan with more and more steps until F has the plan's tolerance."""
    if isinstance(simulator, StateVector):
        vectors, taus = simulator.vectors, np.array([plan.tau])
        return climb(vectors, plan, taus, *plan.ladders, probabilities=True).converged()
    return converged_stepwise(plan, simulator)


def converged_stepwise(plan: Plan, simulator: Simulator) -> Converged:
    """Do the same with any simulator, one run at a time."""

    def run(multiple: int) -> Any:
        return simulator.run(plan.rung(plan.first, multiple), evenly=plan.evenly)

    return converge(run, simulator.success, plan.tol, **plan.ladder)


def _distance(a: Complex[Array, " states"], b: Complex[Array, " states"]) -> float:
    """Return |a - b|, without a third state of that size."""
    parts = range(0, len(a), _PART)
    return float(
        np.linalg.norm([np.linalg.norm(a[i : i + _PART] - b[i : i + _PART]) for i in parts])
    )


def final_state(plan: Plan, simulator: Simulator) -> Complex[Array, " states"]:
    """Return the final amplitudes, from a fourth-order splitting refined until two runs agree."""
    counts, coarser = 2 * plan.first, None
    tol = max(plan.tol, STATE_TOL[plan.precision])
    while True:
        refuse_endless(plan.tau, int(counts.sum()))
        psi = simulator.state(aba(ABA_10_4, plan.schedule, plan.tau, counts, plan.scale))
        if coarser is not None:
            change = _distance(psi, coarser)
            if SAFETY * change / (REFINE**ABA_10_4.order - 1) <= tol:
                return psi
        counts, coarser = np.ceil(REFINE * counts).astype(np.int64), psi
