"""What happens on the way: the state against the lowest levels along a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Complex, Float, Int

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.annealing.hamiltonian import DEFAULT_TAU, Normalisation
from annealcam.annealing.levels.drivers import Driver, driver_of
from annealcam.annealing.levels.spectrum import MAX_LEVELS, LowSpectrum
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.first_steps import refuse_endless
from annealcam.annealing.simulation.plan import Plan, plan_of
from annealcam.annealing.simulation.runs import REFINE, SAFETY
from annealcam.annealing.simulation.sectorvector import SectorVector
from annealcam.annealing.simulation.splitting import ABA_10_6_4, aba_stages, run_edges
from annealcam.annealing.simulation.starts import starting_state
from annealcam.annealing.simulation.statevector import StateVector
from annealcam.errors import ProblemTooLargeError
from annealcam.qubo.problem import SelectionProblem

MAX_QUBITS = 20


@dataclass(frozen=True, eq=False)
class AnnealPath:
    """A run at equal distances of its time.

    Attributes:
        s: t / tau, (points,).
        ground_fidelity: probability of the lowest g levels at that point, g being the multiplicity
            of the final ground state: at s = 1 it is the success probability.
        mean_energy: <H(s)>, in the problem's unit times that of the schedule.
        energies: the lowest levels of H(s), (points, levels).
        populations: the probability of each of them, (points, levels).
        multiplicity: g.
        error: estimate of the largest error of a probability.
        steps: those of the finer of the two runs compared.
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


@renamed_arguments(convention="normalisation")
def anneal_path(
    problem: SelectionProblem,
    *,
    tau: float = DEFAULT_TAU,
    points: int = 101,
    levels: int = 4,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    tol: float = 1e-6,
    constraint: str = "subspace",
) -> AnnealPath:
    """Anneal a problem and look at the state on the way.

    populations_j(s) = |<phi_j(s) | psi(s tau)>|^2,   H(s) |phi_j(s)> = E_j(s) |phi_j(s)>

    In between the ends Strang's splitting is not protected: the runs take ABA(10,6,4), with more
    steps until two agree to `tol` at all points. Within a degenerate level only the sum of the
    populations has a meaning.

    Args:
        problem: the selection problem, at most 20 maps, or as many states with a cardinality.
        tau: length of the run.
        points: number of points, at least 2.
        levels: number of levels; at least the multiplicity of the ground state is taken.
        normalisation, schedule, constraint: as of `anneal`.
        tol: bound on the estimated error of the probabilities.

    Raises:
        ArgumentError: an argument is out of range, or a name is unknown.
        ProblemTooLargeError: d is above 20, or the vectors do not fit into memory.

    >>> path = anneal_path(SelectionProblem([1.0], [[0.0]], beta=0.7), tau=200.0, points=3)
    >>> path.ground_fidelity.round(3)
    array([1., 1., 1.])
    """
    s = np.linspace(0.0, 1.0, whole("points", points, least=2))
    plan = plan_of(
        problem,
        tau=tau,
        normalisation=normalisation,
        schedule=schedule,
        tol=tol,
        constraint=constraint,
    )
    if problem.d > MAX_QUBITS and not plan.in_subspace:
        raise ProblemTooLargeError(f"d={problem.d}: a path ends at {MAX_QUBITS} qubits")
    start = starting_state(plan)
    simulator = (SectorVector if plan.in_subspace else StateVector)(problem, start=start)
    driver, g = driver_of(problem, plan.normalisation, constraint), len(simulator.ground)
    if g > MAX_LEVELS:
        raise ProblemTooLargeError(f"problem: has {g} ground states; a path follows {MAX_LEVELS}")
    levels = whole("levels", levels, least=1)
    low = LowSpectrum(driver, plan.schedule, max(levels, g), 0.1 * tol)
    counts, before = 2 * plan.first, None
    while True:
        refuse_endless(plan.tau, int(counts.sum()))
        seen = np.array(
            [_look(low, driver, u, psi) for u, psi in _states(plan, simulator, s, counts)]
        )
        if before is not None:
            change = np.abs(seen[:, 1:] - before[:, 1:]).max()
            error = float(SAFETY * change / (REFINE**ABA_10_6_4.order - 1))
            if error <= tol:
                break
        counts, before = np.ceil(REFINE * counts).astype(np.int64), seen
    energies, _ = low.levels(s)
    populations = seen[:, 1:]
    return AnnealPath(
        s=s,
        ground_fidelity=populations[:, :g].sum(axis=1),
        mean_energy=seen[:, 0],
        energies=energies,
        populations=populations,
        multiplicity=g,
        error=error + low.error,
        steps=int(counts.sum()),
        tau=plan.tau,
        schedule=plan.schedule.name,
        normalisation=plan.normalisation,
        driver_scale=plan.scale,
    )


def _states(
    plan: Plan,
    simulator: StateVector | SectorVector,
    s: Float[Array, " points"],
    counts: Int[Array, " pieces"],
) -> Iterator[tuple[float, Complex[Array, " states"]]]:
    """The state at each point; a step ends there."""
    edges = np.union1d(run_edges(plan.schedule, counts), s)
    state = simulator.begin()
    yield float(s[0]), simulator.amplitudes(state)
    for start, end in pairwise(s):
        part = edges[(edges >= start) & (edges <= end)]
        simulator.advance(state, aba_stages(ABA_10_6_4, plan.schedule, plan.tau, part, plan.scale))
        yield float(end), simulator.amplitudes(state)


def _look(
    low: LowSpectrum, driver: Driver, u: float, psi: Complex[Array, " states"]
) -> Float[Array, " mean_and_levels"]:
    """The mean energy, and the populations of the lowest levels."""
    parts = np.stack([psi.real, psi.imag])
    applied = np.empty_like(parts)
    driver.apply(parts, applied, float(low.schedule.A(u)), float(low.schedule.B(u)))
    states = low.vectors(u)[1]
    overlaps = states @ parts.T
    return np.append((parts * applied).sum(), (overlaps**2).sum(axis=1))
