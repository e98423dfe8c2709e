"""Ladders of state vectors that fit into the caches, in compiled code: one run or many."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.kernels import ladder as _kernels
from annealcam.annealing.simulation import first_steps as _first
from annealcam.annealing.simulation.ladder import Converged, standstill
from annealcam.annealing.simulation.plan import Plan
from annealcam.annealing.simulation.splitting import kinks_of
from annealcam.annealing.simulation.statevector import StateVectors

_WORK = 1e8  # amplitudes times steps in one call, about 0.1 s: between calls Ctrl-C is answered
_TOGETHER = 512  # amplitudes of runs that share their angles; larger states gain nothing


@dataclass(frozen=True, eq=False)
class Ladders:
    """The results of ladders of several problems, each with several run times.

    Attributes:
        table: F, its error, the error of the distribution, and the number of runs.
        first: number of the first steps.
        probabilities: extrapolated probabilities of all runs in order; empty unless requested.
    """

    table: Float[Array, "problems taus 4"]
    first: Int[Array, "problems taus"]
    probabilities: Float[Array, "runs states"]

    @property
    def steps(self) -> Int[Array, "problems taus"]:
        """Number of steps of the finest runs."""
        multiples = np.array([_kernels.multiple(rung) for rung in range(_kernels.RUNGS - 2)])
        return self.first * multiples[self.table[..., _kernels.RUNS].astype(np.int64) - 1]

    def converged(self, run: int = 0) -> Converged:
        """Return the ladder of one run, whose probabilities are known."""
        success, error, distribution_error, runs = self.table.reshape(-1, 4)[run].tolist()
        last = _kernels.multiple(int(runs) - 1)
        return Converged(
            self.probabilities[run], success, error, distribution_error, last, int(runs)
        )


def climb(
    vectors: StateVectors,
    plan: Plan,
    taus: Float[Array, " taus"],
    first: Int[Array, "problems taus pieces"],
    agreements: Int[Array, "problems taus"],
    rounding: Float[Array, "problems taus"],
    *,
    probabilities: bool = False,
    stop: Event | None = None,
) -> Ladders:
    """Run every problem with every tau until F has the plan's tolerance.

    Args:
        vectors: problems of equal d.
        plan: schedule, driver and tolerance of all runs; its own problem and tau do not count.
        taus: lengths of the runs.
        first: first numbers of steps of each run.
        agreements: 1 for runs of which one may suffice, otherwise 2.
        rounding: rounding error of each run, whatever its number of steps.
        probabilities: whether the probabilities of all states are returned.
        stop: set by another thread that no longer needs the result.

    Raises:
        ArgumentError: a run would take too many steps.
        NumericalError: rounding keeps an error above the tolerance.
    """
    number, states = agreements.size, 1 << vectors.d
    order, begin = _in_groups(first, alone=vectors.turns.shape[1] > _TOGETHER)
    schedule, many = plan.schedule, int(np.diff(begin).max())
    final = np.empty((number if probabilities else 0, states))
    status, table = np.zeros(number, np.int64), np.empty((number, 4))
    arguments = (
        (order, begin),
        (first.reshape(number, -1), agreements.ravel(), taus, rounding.ravel()),
        (*vectors.arrays, plan.scale),
        (kinks_of(schedule), schedule.breaks, schedule.driver, schedule.problem, plan.evenly),
        (plan.tol, plan.rounding_of_steps, _first.MAX_STEPS),
        (np.empty((many, _kernels.COLUMNS, states)), np.empty((many, 2, _kernels.RUNGS))),
        (status, table, final),
    )
    at = np.zeros(2, np.int64)
    while at[0] < begin.size - 1:
        if stop is not None and stop.is_set():
            raise InterruptedError
        _kernels.climb(at, _WORK, *arguments)
        if status.max() > _kernels.CONVERGED:
            _refuse(status, table, taus, plan.tol)
    return Ladders(table.reshape(*first.shape[:2], 4), first.sum(axis=2), final)


def _in_groups(
    first: Int[Array, "problems taus pieces"], *, alone: bool
) -> tuple[Int[Array, " runs"], Int[Array, " groups_and_one"]]:
    """Return the runs ordered by groups of equal tau and equal steps, and where each begins."""
    problems, taus, _ = first.shape
    if alone or problems == 1:
        return np.arange(problems * taus), np.arange(problems * taus + 1)
    groups: dict[tuple[int, bytes], list[int]] = {}
    for run in range(problems * taus):
        i, j = divmod(run, taus)
        groups.setdefault((j, first[i, j].tobytes()), []).append(run)
    order = np.array([run for group in groups.values() for run in group])
    return order, np.cumsum([0, *map(len, groups.values())])


def _refuse(
    status: Int[Array, " runs"],
    table: Float[Array, "runs 4"],
    taus: Float[Array, " taus"],
    tol: float,
) -> None:
    """Raise the exception of the first run that failed."""
    run = int(np.argmax(status > _kernels.CONVERGED))
    if status[run] == _kernels.STANDING:
        raise standstill(float(table[run, _kernels.ERROR]), tol)
    _first.refuse_endless(float(taus[run % taus.size]), np.inf)
