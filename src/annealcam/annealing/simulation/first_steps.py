"""The number of steps with which a ladder starts, so that few of its runs are wasted."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.kernels import stages as _kernels
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.splitting import kinks_of
from annealcam.errors import ArgumentError

MAX_STEPS = 10_000_000
_SUDDEN = 256.0  # faster changes are jumps, which need no short steps


def first_steps(
    fields: Float[Array, "problems 3"],
    d: int,
    schedule: Schedule,
    taus: Float[Array, " taus"],
    driver_scale: float,
    tol: float,
) -> tuple[Int[Array, "problems taus pieces"], Bool[Array, "problems taus"]]:
    """Return the first numbers of steps on each piece of the schedule, and which are forced.

    Args:
        fields: `kernels.stages.local_fields` of the problems.
        d: number of qubits of all of them.
        schedule: of all runs.
        taus: lengths of the runs of each problem.
        driver_scale: strength c of the driver.
        tol: bound on the error of F.

    Raises:
        ArgumentError: there would be over MAX_STEPS steps.
    """
    numbers = d, taus, driver_scale, tol, _strengths(schedule), kinks_of(schedule)
    counts, forced, most = _kernels.first_steps_of_all(fields, *numbers)
    for tau, steps in zip(taus.tolist(), most.max(axis=0).tolist(), strict=True):
        refuse_endless(tau, steps)
    return counts, forced


def mean_strength(schedule: Schedule) -> float:
    """Return the mean of |B| over a run."""
    return _strengths(schedule)[1]


def refuse_endless(tau: float, steps: float) -> None:
    """Raise ArgumentError if a run would take over MAX_STEPS steps."""
    if not steps <= MAX_STEPS:
        raise ArgumentError(
            f"tau={tau:g}: would take over {MAX_STEPS:.0e} steps; "
            "reduce tau, or divide the energies by their size (scale_energies=True)"
        )


@lru_cache(maxsize=64)
def _strengths(schedule: Schedule) -> tuple[float, float, float, float, float]:
    """Return mean A and B, largest A and B, and the fastest relative change of either in a run."""
    u = np.linspace(0.0, 1.0, 257)
    mean = float(np.abs(schedule.A(u)).mean()), float(np.abs(schedule.B(u)).mean())
    u = np.concatenate([schedule.breaks, u])
    largest = float(np.abs(schedule.A(u)).max()), float(np.abs(schedule.B(u)).max())
    changes = float(np.abs(schedule.dA(u)).max()), float(np.abs(schedule.dB(u)).max())
    pairs = zip(changes, largest, strict=True)
    fastest = max(change / size if size else 0.0 for change, size in pairs)
    return *mean, *largest, min(fastest, _SUDDEN)
