"""A plan, carried out: by which simulator, and with how many steps."""

from __future__ import annotations

import warnings
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Complex, Int

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.annealing.simulation.first_steps import refuse_endless
from annealcam.annealing.simulation.ladder import Converged, converge
from annealcam.annealing.simulation.plan import Plan
from annealcam.annealing.simulation.sectorvector import SectorVector
from annealcam.annealing.simulation.splitting import ABA_10_4, Stages, aba
from annealcam.annealing.simulation.starts import starting_state
from annealcam.annealing.simulation.statevector import StateVector
from annealcam.annealing.simulation.tiledvector import TiledStateVector
from annealcam.errors import AnnealcamWarning

LARGEST_UNTILED = 17
REFINE = 1.5  # a run is compared with one of half as many steps again
SAFETY = 3.0
STATE_TOL = {"complex128": 1e-9, "complex64": 1e-4}  # how near rounding lets two states come


@runtime_checkable
class Simulator(Protocol):
    """Holds a problem's energies and takes a state through stages."""

    driver: str
    ground: Int[Array, " ground"]
    ground_energy: float

    @property
    def states(self) -> Int[Array, " states"] | None:
        """The numbers of the states simulated; None for all 2^d in order."""

    def run(self, stages: Stages, *, evenly: bool) -> Any:
        """Return what a ladder extrapolates: probabilities, or a summary of them."""

    def success(self, density: Any) -> Any:
        """Return F of what `run` returns."""

    def state(self, stages: Stages) -> Complex[Array, " states"]:
        """Return the amplitudes psi after a run, with their phase."""


def simulator_of(plan: Plan, *, device: str = "cpu", threads: int = 1) -> Simulator:
    """Return the simulator that fits the plan's size, constraint, precision and device.

    Raises:
        ArgumentError: the device is unknown, or threads is below 1.
        ProblemTooLargeError: the states do not fit into memory.
    """
    threads, place = whole("threads", threads, least=1), gpu_of(device)
    options: dict[str, Any] = {"start": starting_state(plan), "precision": plan.precision}
    if plan.in_subspace:
        if place is not None:
            text = f"device={device!r}: the states of one cardinality are simulated on the CPU"
            warnings.warn(text, AnnealcamWarning, stacklevel=3)
        return SectorVector(plan.problem, **options)
    if place is not None:
        from annealcam.annealing.simulation.gpu import TorchStateVector

        return TorchStateVector(plan.problem, device=place, **options)
    if plan.problem.d > LARGEST_UNTILED:
        return TiledStateVector(plan.problem, threads=threads, **options)
    return StateVector(plan.problem, **options)


def gpu_of(device: str) -> Any:
    """Return the torch device of that name, or None for the compiled kernels of the CPU."""
    if device == "cpu":  # torch is not even imported
        return None
    from annealcam.annealing.simulation.devices import pick_device

    return pick_device(device)


def converged(plan: Plan, simulator: Simulator) -> Converged:
    """Climb the ladder to the plan's tolerance."""

    def run(multiple: int) -> Any:
        return simulator.run(plan.rung(plan.first, multiple), evenly=plan.evenly)

    return converge(run, simulator.success, plan.tol, **plan.ladder)


def final_state(plan: Plan, simulator: Simulator) -> Complex[Array, " states"]:
    """Return the final amplitudes: the fourth-order splitting, refined until two agree."""
    counts, before = 2 * plan.first, None
    while True:
        refuse_endless(plan.tau, int(counts.sum()))
        psi = simulator.state(aba(ABA_10_4, plan.schedule, plan.tau, counts, plan.scale))
        if before is not None:
            change = float(np.linalg.norm(psi - before))
            if SAFETY * change / (REFINE**ABA_10_4.order - 1) <= max(
                plan.tol, STATE_TOL[plan.precision]
            ):
                return psi
        counts, before = np.ceil(REFINE * counts).astype(np.int64), psi
