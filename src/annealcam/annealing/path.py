"""The state during an annealing run, compared with the lowest levels of H(s)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Complex, Float, Int

from annealcam._internal.deprecation import renamed_arguments, renamed_attribute
from annealcam._internal.plug_points import PlottedResult
from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.annealing.hamiltonian import DEFAULT_TAU, Normalisation, annealed
from annealcam.annealing.levels.drivers import Driver, driver_of
from annealcam.annealing.levels.low_spectrum import MAX_LEVELS, LowSpectrum
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.first_steps import refuse_endless
from annealcam.annealing.simulation.plan import Plan, plan_of
from annealcam.annealing.simulation.runs import REFINE, SAFETY, starting_state
from annealcam.annealing.simulation.sectorvector import SectorVector
from annealcam.annealing.simulation.splitting import ABA_10_6_4, aba_stages, run_edges
from annealcam.annealing.simulation.statevector import StateVector
from annealcam.errors import ProblemTooLargeError
from annealcam.qubo.convert import ProblemLike

MAX_QUBITS = 20


@dataclass(frozen=True, eq=False, repr=False)
class AnnealPath(PlottedResult):
    """The state of a run at equally spaced times.

    `plot` draws the populations of the lowest levels against s, and the sum that ends in F.

    Attributes:
        s: t / tau, (points,).
        ground_fidelity: probability of the lowest g levels at each point, (points,); at s = 1 it is
            the success probability.
        mean_energy: <H(s)> in the problem's unit times that of the schedule, (points,).
        energies: the lowest levels of H(s), (points, levels).
        populations: the probability of each of these levels, (points, levels).
        multiplicity: g, the number of ground states at s = 1.
        error: estimate of the largest error of a probability.
        steps: number of time steps of the finest run.
        tau: length of the run.
        schedule: name of the schedule.
        normalisation: driver normalisation, with the units of time and energy.
        driver_scale: c in H_D.
        energy_scale: the energy that is 1 in the run, in whose unit `driver_scale` is; see
            `scale_energies`.
    """

    s: Float[Array, " points"]
    ground_fidelity: Float[Array, " points"]
    mean_energy: Float[Array, " points"]
    energies: Float[Array, "points levels"]
    populations: Float[Array, "points levels"]
    multiplicity: int
    error: float
    steps: int
    tau: float
    schedule: str
    normalisation: Normalisation
    driver_scale: float
    energy_scale: float

    convention = renamed_attribute("convention", "normalisation")

    __repr__ = repr_with("s", "ground_fidelity", "energies", "error", "tau")


@renamed_arguments(convention="normalisation")
def anneal_path(
    problem: ProblemLike,
    *,
    tau: float = DEFAULT_TAU,
    points: int = 101,
    levels: int = 4,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    tol: float = 1e-6,
    constraint: str = "subspace",
    scale_energies: bool | None = None,
) -> AnnealPath:
    """Anneal a problem and project the state onto the lowest levels during the run.

    populations_j(s) = |<phi_j(s) | psi(s tau)>|^2,   H(s) |phi_j(s)> = E_j(s) |phi_j(s)>

    The runs take the splitting ABA(10,6,4), with more and more steps until two runs agree to `tol`
    at all points; Strang's splitting, which `anneal` takes, is accurate only at the end of a run.
    Within a degenerate level only the sum of the populations is defined.

    Args:
        problem: the selection problem: at most 20 maps, or as many states with a cardinality.
        tau: length of the run.
        points: number of points, at least 2.
        levels: number of levels, raised to the multiplicity of the final ground state if need be.
        normalisation, schedule, constraint: as for `anneal`.
        tol: bound on the estimated error of the probabilities.
        scale_energies: as for `anneal`.

    Raises:
        ArgumentError: an argument is out of range, or a name is unknown.
        ProblemTooLargeError: d is above 20, or the vectors do not fit into memory.

    >>> from annealcam.qubo import SelectionProblem
    >>> path = anneal_path(SelectionProblem([1.0], [[0.0]], beta=0.7), tau=200.0, points=3)
    >>> path.ground_fidelity.round(3)
    array([1., 1., 1.])
    """
    scaled, unit = annealed(problem, scale_energies)
    s = np.linspace(0.0, 1.0, whole("points", points, least=2))
    plan = plan_of(
        scaled,
        tau=tau,
        normalisation=normalisation,
        schedule=schedule,
        tol=tol,
        constraint=constraint,
    )
    if scaled.d > MAX_QUBITS and not plan.in_subspace:
        raise ProblemTooLargeError(
            f"d={scaled.d}: a path is limited to {MAX_QUBITS} qubits; use anneal instead"
        )
    start = starting_state(plan)
    simulator = (SectorVector if plan.in_subspace else StateVector)(scaled, start=start)
    driver, g = driver_of(scaled, plan.normalisation, constraint), len(simulator.ground)
    if g > MAX_LEVELS:
        raise ProblemTooLargeError(
            f"problem: has {g} ground states, but a path follows at most {MAX_LEVELS} levels"
        )
    levels = whole("levels", levels, least=1)
    low = LowSpectrum(driver, plan.schedule, max(levels, g), 0.1 * tol)
    counts, coarser = 2 * plan.first, None
    while True:
        refuse_endless(plan.tau, int(counts.sum()))
        table = np.array(
            [_measured(low, driver, u, psi) for u, psi in _states(plan, simulator, s, counts)]
        )
        mean_energy, populations = table[:, 0], table[:, 1:]
        if coarser is not None:
            change = np.abs(populations - coarser).max()
            error = float(SAFETY * change / (REFINE**ABA_10_6_4.order - 1))
            if error <= tol:
                break
        counts, coarser = np.ceil(REFINE * counts).astype(np.int64), populations
    energies, _ = low.levels(s)
    own = 1.0 if plan.schedule.time_unit else unit
    return AnnealPath(
        s=s,
        ground_fidelity=populations[:, :g].sum(axis=1),
        mean_energy=mean_energy * own,
        energies=energies * own,
        populations=populations,
        multiplicity=g,
        error=error + low.error,
        steps=int(counts.sum()),
        tau=plan.tau,
        schedule=plan.schedule.name,
        normalisation=plan.normalisation,
        driver_scale=plan.scale,
        energy_scale=unit,
    )


def _states(
    plan: Plan,
    simulator: StateVector | SectorVector,
    s: Float[Array, " points"],
    counts: Int[Array, " pieces"],
) -> Iterator[tuple[float, Complex[Array, " states"]]]:
    """Yield each point and the state there; steps end at the points."""
    edges = np.union1d(run_edges(plan.schedule, counts), s)
    state = simulator.begin()
    yield float(s[0]), simulator.amplitudes(state)
    for start, end in pairwise(s):
        part = edges[(edges >= start) & (edges <= end)]
        simulator.advance(state, aba_stages(ABA_10_6_4, plan.schedule, plan.tau, part, plan.scale))
        yield float(end), simulator.amplitudes(state)


def _measured(
    low: LowSpectrum, driver: Driver, u: float, psi: Complex[Array, " states"]
) -> Float[Array, " mean_and_levels"]:
    """Return the mean energy, and the populations of the lowest levels."""
    parts = np.stack([psi.real, psi.imag])
    applied = np.empty_like(parts)
    driver.apply(parts, applied, float(low.schedule.A(u)), float(low.schedule.B(u)))
    states = low.vectors(u)[1]
    overlaps = states @ parts.T
    return np.append((parts * applied).sum(), (overlaps**2).sum(axis=1))
