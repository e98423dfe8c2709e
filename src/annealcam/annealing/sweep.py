"""Success against the length of the run, and the length with the least time to solution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from annealcam._internal.deprecation import renamed_arguments, renamed_attribute
from annealcam._internal.plug_points import PlottedResult
from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import real, whole
from annealcam.annealing.batch import anneal_batch
from annealcam.annealing.hamiltonian import Normalisation
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.plan import check_tau, run_times
from annealcam.annealing.success import best_of_shots, guess_probability, tts99
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem


@dataclass(frozen=True, eq=False, repr=False)
class TauSweep(PlottedResult):
    """One problem annealed in runs of several lengths.

    `plot` draws F against tau, with its error, beside the probability of one guess.

    Attributes:
        tau: the run times, (taus,).
        success_probability: F, the probability of all ground states together, (taus,).
        error: estimate of the error of F, (taus,).
        tts99: time to solution, in the unit of tau, (taus,).
        guess: probability that one uniform guess is optimal.
        multiplicity: number of ground states.
        normalisation: driver normalisation, with the units of time and energy.
        driver_scale: c in H_D.
        schedule: the schedule of all runs.
        energy_scale: the energy that is 1 in the run: `driver_scale` is in its unit, and tau in its
            inverse; see `scale_energies`.
    """

    tau: Float[Array, " taus"]
    success_probability: Float[Array, " taus"]
    error: Float[Array, " taus"]
    tts99: Float[Array, " taus"]
    guess: float
    multiplicity: int
    normalisation: Normalisation
    driver_scale: float
    schedule: Schedule
    energy_scale: float

    convention = renamed_attribute("convention", "normalisation")

    __repr__ = repr_with("tau", "success_probability", "tts99", "guess", "multiplicity")

    def best_of_shots(self, shots: int) -> Float[Array, " taus"]:
        """Return the probability that at least one of several shots succeeds, for each tau."""
        return np.array([best_of_shots(float(p), shots) for p in self.success_probability])


@dataclass(frozen=True, eq=False, repr=False)
class OptimalTau(PlottedResult):
    """The length of run with the least time to solution within bounds.

    `plot` draws the time to solution against tau, and marks the best tau.

    Attributes:
        tau: the length of run.
        tts99: its time to solution, in the unit of tau.
        success_probability: its F.
        error: estimate of the error of F.
        at_bound: whether tau lies on a bound, so that a better one may lie beyond.
        sweep: the grid that was searched first.
    """

    tau: float
    tts99: float
    success_probability: float
    error: float
    at_bound: bool
    sweep: TauSweep

    __repr__ = repr_with("tau", "tts99", "success_probability", "error", "at_bound")


@renamed_arguments(convention="normalisation")
def tau_sweep(
    problem: ProblemLike, taus: ArrayLike, *, overhead: float = 0.0, **options: Any
) -> TauSweep:
    """Anneal a problem once for each tau.

    Args:
        problem: the selection problem.
        taus: the run times.
        overhead: time of one run besides tau, for TTS99.
        options: as for `anneal_batch`.

    Raises:
        ArgumentError: a tau is not above 0 and finite, there is none, or an option is out of range.
        ProblemTooLargeError: the state does not fit into memory.

    >>> from annealcam.qubo import SelectionProblem
    >>> sweep = tau_sweep(SelectionProblem([1.0], [[0.0]]), [1.0, 10.0, 100.0])
    >>> sweep.success_probability.round(2), sweep.guess
    (array([0.53, 0.91, 1.  ]), 0.5)
    """
    tau = _lengths(taus)
    d = as_problem(problem).d
    runs = anneal_batch([problem], tau=tau, **options)
    F, multiplicity = runs.success_probability[0], int(runs.multiplicity[0])
    return TauSweep(
        tau=tau,
        success_probability=F,
        error=runs.error[0],
        tts99=tts99(F, tau, overhead=overhead),
        guess=guess_probability(problem, multiplicity, 1),
        multiplicity=multiplicity,
        normalisation=runs.normalisation,
        driver_scale=runs.normalisation.driver_scale(d),
        schedule=schedule_of(options.get("schedule", "linear")),
        energy_scale=float(runs.energy_scale[0]),
    )


@renamed_arguments(convention="normalisation", rtol="tau_tol")
def optimal_tau(
    problem: ProblemLike,
    *,
    bounds: tuple[float, float] = (1.0, 1000.0),
    points: int = 25,
    tau_tol: float = 1e-2,
    overhead: float = 0.0,
    **options: Any,
) -> OptimalTau:
    """Return the tau of least TTS99: the best of a logarithmic grid, then refined.

    The time to solution has several minima in general; the grid finds the lowest of those that are
    wider than its spacing. Without an `overhead` it also falls towards tau = 0, where annealing is
    mere guessing, so a minimum at the lower bound means no more than that.

    Args:
        problem: the selection problem.
        bounds: the shortest and the longest tau.
        points: number of points of the grid, at least 3.
        tau_tol: relative error of tau.
        overhead: time of one run besides tau.
        options: as for `anneal_batch`.

    Raises:
        ArgumentError: bounds are not 0 < low < high < infinity, points is below 3, tau_tol is not
            in (0, 1), or an option is out of range.

    >>> from annealcam.qubo import SelectionProblem
    >>> best = optimal_tau(SelectionProblem([1.0], [[0.0]]), bounds=(2.0, 50.0), overhead=5.0)
    >>> round(best.tau, 1), best.at_bound
    (10.7, False)
    """
    low, high = _bounds(bounds)
    points, tolerance = whole("points", points, least=3), real("tau_tol", tau_tol)
    if not 0 < tolerance < 1:
        raise ArgumentError(f"tau_tol={tau_tol}: must be between 0 and 1")
    grid = np.geomspace(low, high, points)
    sweep = tau_sweep(problem, grid, overhead=overhead, **options)
    best = int(np.argmin(sweep.tts99))
    around = grid[max(best - 1, 0)], grid[min(best + 1, points - 1)]
    refined = _refined(problem, around, tolerance, overhead, options)
    source, i = (refined, 0) if refined.tts99[0] < sweep.tts99[best] else (sweep, best)
    tau = float(source.tau[i])
    return OptimalTau(
        tau=tau,
        tts99=float(source.tts99[i]),
        success_probability=float(source.success_probability[i]),
        error=float(source.error[i]),
        at_bound=tau <= low * (1 + tolerance) or tau >= high / (1 + tolerance),
        sweep=sweep,
    )


def _refined(
    problem: ProblemLike,
    around: tuple[float, float],
    tau_tol: float,
    overhead: float,
    options: dict[str, Any],
) -> TauSweep:
    """Return the run of least TTS99 between two lengths, by Brent's bounded search on log tau."""
    from scipy.optimize import minimize_scalar

    runs: dict[float, TauSweep] = {}

    def time(log_tau: float) -> float:
        run = tau_sweep(problem, math.exp(log_tau), overhead=overhead, **options)
        runs[float(log_tau)] = run
        return float(run.tts99[0])

    minimum = minimize_scalar(
        time, bounds=tuple(map(math.log, around)), method="bounded", options={"xatol": tau_tol}
    )
    return runs[float(minimum.x)]


def _lengths(taus: ArrayLike) -> Float[Array, " taus"]:
    try:
        tau = np.array(run_times("tau", taus))
    except ValueError as error:
        raise ArgumentError(f"taus: {error}") from None
    if not tau.size:
        raise ArgumentError("taus: give at least one, such as the paper's 10, 30, 50, 70, 100")
    return tau


def _bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (check_tau(bound) for bound in bounds)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise ArgumentError(f"bounds={bounds}: must be two run times, 0 < low < high")
    return low, high
