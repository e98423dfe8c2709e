"""How hard a problem is for the annealer: success over run times, the gap, and what follows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.types import Array, Progress
from annealcam._internal.validation import whole
from annealcam.annealing.evolution import AnnealResult, anneal
from annealcam.annealing.hamiltonian import Normalisation
from annealcam.annealing.levels.gap import MinimumGap, minimum_gap
from annealcam.annealing.levels.spectrum import MAX_LEVELS, SpectrumCurve, spectrum
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.plan import check_tau
from annealcam.annealing.success import best_of_shots, guess_probability, tts99, wilson_interval
from annealcam.errors import ArgumentError, NumericalError, ProblemTooLargeError
from annealcam.qubo.energies import bits
from annealcam.qubo.files import ProblemFile
from annealcam.qubo.problem import SelectionProblem

SHOWN_STATES = 16
CURVE_POINTS = 101
CURVE_LEVELS = 4
CURVE_TOL = 1e-6  # of the levels, in units of energy: a curve to look at


@dataclass(frozen=True)
class Run:
    """One run time: the exact success probability F of a shot, and what follows from it.

    `hits` counts the optimal ones among `shots` simulated measurements, `interval` is the Wilson
    interval (95 %) of F that they alone would give. `guess` is the chance of one uniform guess,
    `guess_best` that of as many guesses as shots. `tts99` has the unit of tau.
    """

    tau: float
    success_probability: float
    error: float
    shots: int
    best_of_shots: float
    guess: float
    guess_best: float
    hits: int
    interval: tuple[float, float]
    tts99: float
    steps: int


@dataclass(frozen=True, eq=False)
class Distribution:
    """The most probable states at the end of the longest run, in order of their energy.

    Energies include the penalty of a cardinality where the annealer had it. `hits` counts the
    simulated shots that found each. `rest` is the probability of all other states, of which there
    are `others`.
    """

    tau: float
    n: Int[Array, "shown d"]
    probability: Float[Array, " shown"]
    energy: Float[Array, " shown"]
    optimal: Bool[Array, " shown"]
    hits: Int[Array, " shown"]
    rest: float
    others: int


@dataclass(frozen=True, eq=False)
class Hardness:
    """What the annealer meets in a problem. Energies are the problem's, without a model's offset.

    `gap` and `curve` are None where they are out of reach; `no_gap` then says why.
    """

    source: ProblemFile
    runs: tuple[Run, ...]
    gap: MinimumGap | None
    curve: SpectrumCurve | None
    no_gap: str
    distribution: Distribution
    ground_energy: float
    multiplicity: int
    states: int
    normalisation: Normalisation
    driver_scale: float
    schedule: Schedule
    constraint: str
    tol: float
    seed: int

    @property
    def problem(self) -> SelectionProblem:
        """The problem that was annealed."""
        return self.source.problem

    @property
    def energy_unit(self) -> str:
        """Unit of gaps and levels, as a word behind a number."""
        return self.schedule.energy_unit or "energy units"

    @property
    def tau_unit(self) -> str:
        """Unit of tau and of the times to solution."""
        return self.schedule.time_unit or "1 / energy unit"


@renamed_arguments(convention="normalisation")
def hardness(
    source: ProblemFile,
    taus: Sequence[float],
    *,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    constraint: str = "subspace",
    tol: float = 1e-6,
    shots: int | None = None,
    seed: int = 0,
    certify: float | None = None,
    levels: tuple[MinimumGap | None, SpectrumCurve | None, str] | None = None,
    progress: Progress | None = None,
) -> Hardness:
    """Anneal a problem for each tau, and find its minimum gap and the lowest levels along s.

    Args:
        source: the problem, as `read_problem` returns it.
        taus: lengths of the runs, in 1 / energy or in the schedule's unit of time.
        normalisation: strength of the driver and units, see `anneal`.
        schedule: A and B over the run, see `anneal`.
        constraint: how a cardinality is kept: `subspace` (exactly) or `penalty`.
        tol: bound on the estimated error of F.
        shots: measurements of each final state; d^2 if None.
        seed: of the measurements.
        certify: prove that no gap is below (1 - certify) times the minimum, see `minimum_gap`.
        levels: `gap`, `curve` and `no_gap` of the same problem, where they are known already.
        progress: called with what is being done, the number of things done, and of all.

    Raises:
        ArgumentError: the problem has no variables, or an argument is out of range.
        ProblemTooLargeError: the state does not fit.
    """
    d = source.problem.d
    if d == 0:
        raise ArgumentError("problem: has no variables; there is nothing to anneal")
    lengths = sorted({check_tau(tau) for tau in taus})
    if not lengths:
        raise ArgumentError("tau: none given; 10,30,50,70,100 are the paper's")
    shots = d**2 if shots is None else whole("shots", shots, least=1)
    tell = progress or (lambda *_: None)
    options: dict[str, Any] = {
        "normalisation": normalisation,
        "schedule": schedule_of(schedule),
        "constraint": constraint,
    }
    runs = []
    for number, tau in enumerate(lengths):
        tell(f"annealing, tau = {tau:g}", number, len(lengths) + 2)
        result = anneal(source.problem, tau=tau, tol=tol, **options)
        runs.append(_run(source.problem, result, shots, whole("seed", seed)))
    gap, curve, no_gap = levels or _levels(source.problem, options, certify, tell, len(lengths))
    return Hardness(
        source=source,
        runs=tuple(runs),
        gap=gap,
        curve=curve,
        no_gap=no_gap,
        distribution=_distribution(source.problem, result, result.sample(shots, seed)),
        ground_energy=result.ground_energy,
        multiplicity=result.multiplicity,
        states=result.probabilities.size,
        normalisation=result.normalisation,
        driver_scale=result.driver_scale,
        schedule=options["schedule"],
        constraint=constraint if source.problem.cardinality is not None else "",
        tol=tol,
        seed=seed,
    )


def _run(problem: SelectionProblem, result: AnnealResult, shots: int, seed: int) -> Run:
    F = result.success_probability
    reads = result.sample(shots, seed)
    lowest = problem.energy(reads) <= result.ground_energy + problem.tie
    hits = int((lowest & problem.feasible(reads)).sum())
    return Run(
        tau=result.tau,
        success_probability=F,
        error=result.error,
        shots=shots,
        best_of_shots=best_of_shots(F, shots),
        guess=guess_probability(problem, result.multiplicity, 1),
        guess_best=guess_probability(problem, result.multiplicity, shots),
        hits=hits,
        interval=wilson_interval(hits, shots),
        tts99=float(tts99(F, result.tau)),
        steps=result.steps,
    )


def _levels(
    problem: SelectionProblem,
    options: dict[str, Any],
    certify: float | None,
    tell: Progress,
    done: int,
) -> tuple[MinimumGap | None, SpectrumCurve | None, str]:
    gap = curve = None
    try:
        tell("minimum gap", done, done + 2)
        gap = minimum_gap(problem, certify=certify, **options)
        tell("levels along s", done + 1, done + 2)
        levels = min(max(CURVE_LEVELS, gap.multiplicity + 1), MAX_LEVELS)
        curve = spectrum(problem, points=CURVE_POINTS, levels=levels, tol=CURVE_TOL, **options)
    except (ProblemTooLargeError, NumericalError) as error:
        return gap, curve, str(error)
    return gap, curve, ""


def _distribution(
    problem: SelectionProblem, result: AnnealResult, reads: Int[Array, "shots d"]
) -> Distribution:
    p = result.probabilities
    shown = min(SHOWN_STATES, p.size)
    top = np.argpartition(p, p.size - shown)[p.size - shown :]
    states = top if result.states is None else result.states[top]
    n = bits(states, problem.d)
    energy = problem.energy(n)
    if problem.cardinality is not None:  # nothing in the subspace
        energy += problem.penalty * (n.sum(axis=1) - problem.cardinality) ** 2
    order = np.lexsort((states, energy))
    optimal = (energy <= result.ground_energy + problem.tie) & problem.feasible(n)
    return Distribution(
        tau=result.tau,
        n=n[order],
        probability=p[top][order],
        energy=energy[order],
        optimal=optimal[order],
        hits=np.array([(reads == state).all(axis=1).sum() for state in n[order]], dtype=np.int64),
        rest=max(0.0, 1.0 - math.fsum(p[top])) if shown < p.size else 0.0,
        others=p.size - shown,
    )
