"""The difficulty of a problem for the annealer: success over run times, gap and levels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.deprecation import renamed_arguments, renamed_attribute
from annealcam._internal.plug_points import PlottedResult
from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.text import repr_with, short_repr
from annealcam._internal.types import Array, Progress
from annealcam._internal.validation import one_line, whole
from annealcam.annealing.evolution import AnnealResult, anneal
from annealcam.annealing.hamiltonian import Normalisation, to_scale
from annealcam.annealing.levels.gap import MinimumGap, minimum_gap
from annealcam.annealing.levels.low_spectrum import MAX_LEVELS, SpectrumCurve, spectrum
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.plan import check_tau
from annealcam.annealing.success import best_of_shots, guess_probability, tts99, wilson_interval
from annealcam.errors import ArgumentError, NumericalError, ProblemTooLargeError
from annealcam.qubo.convert import ProblemLike, as_problem, labels_of, offset_of
from annealcam.qubo.energies import bits
from annealcam.qubo.files import ProblemFile
from annealcam.qubo.problem import SelectionProblem

SHOWN_STATES = 16
CURVE_POINTS = 101
CURVE_LEVELS = 4
CURVE_TOL = 1e-6  # error of the levels, in units of energy: enough for a figure


@dataclass(frozen=True, repr=False)
class Run:
    """The success of one run time.

    Attributes:
        tau: length of the run.
        success_probability: F of one shot, from the exact final state.
        error: estimate of the error of F.
        shots: number of simulated measurements.
        best_of_shots: probability that at least one shot is optimal.
        guess: probability that one uniform guess is optimal.
        guess_best: probability that at least one of as many guesses as shots is optimal.
        hits: number of optimal shots.
        interval: Wilson's 95 % confidence interval of F from the hits alone.
        tts99: time to solution, in the unit of tau.
        steps: number of time steps of the finest run.
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

    __repr__ = repr_with(
        "tau", "success_probability", "error", "hits", "shots", "best_of_shots", "tts99"
    )


@dataclass(frozen=True, eq=False, repr=False)
class Distribution:
    """The most probable final states of the longest run, in ascending order of energy.

    Attributes:
        tau: length of the run.
        n: the states, (shown, d).
        probability: of each state, (shown,).
        energy: of each state, including the penalty of a cardinality if there is one, (shown,).
        optimal: whether each state is a ground state, (shown,).
        hits: number of simulated shots that gave each state, (shown,).
        rest: probability of all other states together.
        others: number of the other states.
    """

    tau: float
    n: Int[Array, "shown d"]
    probability: Float[Array, " shown"]
    energy: Float[Array, " shown"]
    optimal: Bool[Array, " shown"]
    hits: Int[Array, " shown"]
    rest: float
    others: int

    __repr__ = repr_with("tau", "n", "probability", "rest")


@dataclass(frozen=True, eq=False, repr=False)
class Hardness(PlottedResult):
    """The difficulty of a problem for the annealer. Energies exclude the offset of a model.

    `plot` draws F and the best of the shots against tau, each beside guessing.

    Attributes:
        source: the problem and its labels.
        runs: one for each run time, ascending.
        gap: the minimum gap, or None if it could not be computed.
        curve: the lowest levels along the run, or None if they could not be computed.
        no_gap: the reason why gap or curve is None; else empty.
        distribution: the final states of the longest run.
        ground_energy: lowest energy.
        multiplicity: number of ground states.
        states: number of states that were simulated.
        normalisation: driver normalisation, with the units of time and energy.
        driver_scale: c in H_D.
        schedule: the schedule of all runs.
        constraint: how a cardinality was enforced; empty without one.
        tol: bound on the estimated error of F.
        seed: of the shots.
        energy_scale: the energy that is 1 in the runs, in whose unit `driver_scale` is, and in
            whose inverse times are; see `scale_energies` of `anneal`.
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
    energy_scale: float = 1.0

    convention = renamed_attribute("convention", "normalisation")

    def __repr__(self) -> str:
        return short_repr(
            "Hardness",
            d=self.problem.d,
            runs=len(self.runs),
            tau=self.runs[-1].tau,
            success_probability=self.runs[-1].success_probability,
            gap=None if self.gap is None else self.gap.gap,
            multiplicity=self.multiplicity,
            normalisation=self.normalisation.name,
        )

    @property
    def problem(self) -> SelectionProblem:
        """The problem that was annealed."""
        return self.source.problem

    @property
    def energy_unit(self) -> str:
        """Unit of gaps and levels, to be written after a number."""
        return self.schedule.energy_unit or "energy units"

    @property
    def tau_unit(self) -> str:
        """Unit of tau and of the times to solution."""
        if self.energy_scale != 1.0:
            return self.schedule.time_unit or f"1 / {self.energy_scale:.6g} energy units"
        return self.schedule.time_unit or "1 / energy unit"


@renamed_arguments(convention="normalisation")
@shows_progress
def hardness(
    source: ProblemFile | ProblemLike,
    taus: Sequence[float],
    *,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    constraint: str = "subspace",
    tol: float = 1e-6,
    shots: int | None = None,
    seed: int = 0,
    certify: float | None = None,
    scale_energies: bool | None = None,
    levels: tuple[MinimumGap | None, SpectrumCurve | None, str] | None = None,
    progress: ProgressOption = None,
) -> Hardness:
    """Anneal a problem for each tau, and compute its minimum gap and lowest levels.

    Args:
        source: the problem, in any form that `anneal` takes, or as `read_problem` returns it.
        taus: lengths of the runs, in 1 / energy or in the schedule's unit of time.
        normalisation, schedule, constraint, tol: as for `anneal`.
        shots: simulated measurements of each final state; d^2 if None.
        seed: of the measurements.
        certify: as for `minimum_gap`.
        scale_energies: as for `anneal`; a file with h and J is a SelectionProblem.
        levels: `gap`, `curve` and `no_gap` of the same problem, if they are known already.
        progress: True for a bar, or a function that is called with the current task, the number of
            finished tasks, and of all tasks.

    Raises:
        ArgumentError: the problem has no variables, or an argument is out of range.
        ProblemTooLargeError: the state does not fit into memory.

    >>> h = hardness(SelectionProblem([1.0], [[0.0]]), [10.0, 100.0])
    >>> [round(run.success_probability, 2) for run in h.runs], round(h.gap.gap, 4)
    ([0.91, 1.0], 0.6607)
    """
    given, source = source, _source(source)
    d = source.problem.d
    if d == 0:
        raise ArgumentError("problem: has no variables, so there is nothing to anneal")
    if not isinstance(taus, Iterable):
        raise ArgumentError(f"taus={one_line(taus)}: give a list of run times, such as [10, 100]")
    run_times = sorted({check_tau(tau) for tau in taus})
    if not run_times:
        raise ArgumentError("tau: give at least one, such as the paper's 10,30,50,70,100")
    shots = d**2 if shots is None else whole("shots", shots, least=1)
    if levels is not None and not (isinstance(levels, tuple) and len(levels) == 3):
        raise ArgumentError("levels: must be the gap, the curve and no_gap of a Hardness, or None")
    report = reporter(progress)
    options: dict[str, Any] = {
        "normalisation": normalisation,
        "schedule": schedule_of(schedule),
        "constraint": constraint,
        "scale_energies": to_scale(
            source.problem if "h and J" in source.kind else given, scale_energies, source.problem
        ),
    }
    runs = []
    for number, tau in enumerate(run_times):
        report(f"annealing, tau = {tau:g}", number, len(run_times) + 2)
        result = anneal(source.problem, tau=tau, tol=tol, **options)
        runs.append(_run(source.problem, result, shots, whole("seed", seed)))
    gap, curve, no_gap = levels or _levels(source.problem, options, certify, report, len(runs))
    return Hardness(
        source=source,
        runs=tuple(runs),
        gap=gap,
        curve=curve,
        no_gap=no_gap,
        distribution=final_states(source.problem, result, result.sample(shots, seed)),
        ground_energy=result.ground_energy,
        multiplicity=result.multiplicity,
        states=result.probabilities.size,
        normalisation=result.normalisation,
        driver_scale=result.driver_scale,
        schedule=options["schedule"],
        constraint=constraint if source.problem.cardinality is not None else "",
        tol=tol,
        seed=seed,
        energy_scale=result.energy_scale,
    )


def _source(source: ProblemFile | ProblemLike) -> ProblemFile:
    """Return a problem, of whatever form, with the labels and the offset of its variables."""
    if isinstance(source, ProblemFile):
        return source
    problem = as_problem(source, "source")
    kind = "h and J" if source is problem else type(source).__name__
    return ProblemFile(problem, labels_of(source), offset_of(source), kind)


def _run(problem: SelectionProblem, result: AnnealResult, shots: int, seed: int) -> Run:
    F = result.success_probability
    samples = result.sample(shots, seed)
    numbers = samples.astype(np.int64) @ (1 << np.arange(problem.d))
    hits = int(np.isin(numbers, result.ground_states).sum())
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
    report: Progress,
    done: int,
) -> tuple[MinimumGap | None, SpectrumCurve | None, str]:
    gap = curve = None
    try:
        report("minimum gap", done, done + 2)
        gap = minimum_gap(problem, certify=certify, **options)
        report("levels along s", done + 1, done + 2)
        levels = min(max(CURVE_LEVELS, gap.multiplicity + 1), MAX_LEVELS)
        curve = spectrum(problem, points=CURVE_POINTS, levels=levels, tol=CURVE_TOL, **options)
    except (ProblemTooLargeError, NumericalError) as error:
        return gap, curve, str(error)
    return gap, curve, ""


def final_states(
    problem: SelectionProblem, result: AnnealResult, samples: Int[Array, "shots d"]
) -> Distribution:
    """Return the most probable final states of a run, and how many samples gave each of them."""
    p = result.probabilities
    shown = min(SHOWN_STATES, p.size)
    top = np.argpartition(p, p.size - shown)[p.size - shown :]
    states = top if result.states is None else result.states[top]
    n = bits(states, problem.d)
    energy = problem.energy(n)
    if problem.cardinality is not None:  # the penalty is zero in the subspace
        energy += problem.penalty * (n.sum(axis=1) - problem.cardinality) ** 2
    order = np.lexsort((states, energy))
    optimal = np.isin(states, result.ground_states)
    return Distribution(
        tau=result.tau,
        n=n[order],
        probability=p[top][order],
        energy=energy[order],
        optimal=optimal[order],
        hits=np.array([(samples == state).all(axis=1).sum() for state in n[order]], dtype=np.int64),
        rest=max(0.0, 1.0 - math.fsum(p[top])) if shown < p.size else 0.0,
        others=p.size - shown,
    )
