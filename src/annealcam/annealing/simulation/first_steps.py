"""The number of steps with which a ladder starts, so that few of its runs are wasted."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.splitting import steps_per_piece
from annealcam.errors import ArgumentError

MAX_STEPS = 10_000_000
FEW_QUBITS = 4
_NEED = 28.0  # steps of the first three runs for 1e-6, where both strengths are one
_SUDDEN = 256.0  # faster changes are jumps, which need no short steps
_RUNG = 2  # multiple of the first steps in the first run,
_ALL = 9  # and in the first three runs together
_TURN = 1.2  # largest angle, in radians, of the driver's rotation of a qubit in one step
# The same for the problem. With few qubits two runs may agree by chance, and steps cost little.
_FEW_TURN, _LONG_TURN = 1.25, 5.0


def first_steps(
    linear: Float[Array, " d"],
    quadratic: Float[Array, "d d"],
    schedule: Schedule,
    tau: float,
    driver_scale: float,
    tol: float,
) -> tuple[Int[Array, " pieces"], bool]:
    """Return the first number of steps on each piece of the schedule, and whether it is forced.

    The need grows as (tau c)^0.4 (tau f)^0.35 with the driver's strength c and the typical local
    field f, as measured (docs/performance.md). Besides, steps must be short enough to avoid the
    resonances of long steps and to resolve the schedule. The number is forced if this demands more
    steps than the need; the errors of such runs are less regular.

    Raises:
        ArgumentError: there would be over MAX_STEPS steps.
    """
    few = linear.size <= FEW_QUBITS
    field = np.abs(linear).max(initial=0.0) + np.abs(quadratic).sum(axis=1).max(initial=0.0)
    unit = float(field) or 1.0  # so that squares neither overflow nor vanish
    centre, pairs = (linear + 0.5 * quadratic.sum(axis=1)) / unit, quadratic / unit
    spread = centre**2 + 0.25 * (pairs**2).sum(axis=1)
    typical = unit * float(np.sqrt(spread).mean()) if linear.size else 0.0
    (mean_a, mean_b), (largest_a, largest_b), fastest = _strengths(schedule)
    need = _NEED * (2 * mean_a * tau * driver_scale) ** 0.4
    need *= (2 * mean_b * tau * typical) ** 0.35 * (1e-6 / tol) ** 0.2
    turn = _FEW_TURN if few else _LONG_TURN
    resolving = tau * max(largest_a * driver_scale / _TURN, largest_b * float(field) / turn)
    refuse_endless(tau, max(need, resolving))
    forced = max(resolving / _RUNG, fastest)
    least = max(need / _ALL, forced, 2.0)
    return steps_per_piece(schedule, least), forced > need / _ALL


def refuse_endless(tau: float, steps: float) -> None:
    """Raise ArgumentError if a run would take over MAX_STEPS steps."""
    if steps > MAX_STEPS:
        raise ArgumentError(
            f"tau={tau:g}: would take over {MAX_STEPS:.0e} steps; "
            "reduce tau, or divide the energies by their size (scale_energies=True)"
        )


@lru_cache(maxsize=64)
def _strengths(schedule: Schedule) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return mean and largest A and B, and the fastest relative change of either over a run."""
    u = np.linspace(0.0, 1.0, 257)
    mean = float(np.abs(schedule.A(u)).mean()), float(np.abs(schedule.B(u)).mean())
    u = np.concatenate([schedule.breaks, u])
    largest = float(np.abs(schedule.A(u)).max()), float(np.abs(schedule.B(u)).max())
    changes = float(np.abs(schedule.dA(u)).max()), float(np.abs(schedule.dB(u)).max())
    pairs = zip(changes, largest, strict=True)
    fastest = max(change / size if size else 0.0 for change, size in pairs)
    return mean, largest, min(fastest, _SUDDEN)
