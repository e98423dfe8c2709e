"""How many steps a ladder begins with: near enough to what is needed that it seldom goes on."""

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
_NEED = 28.0  # steps of the first three runs where both strengths are one, to 1e-6
_SUDDEN = 256.0  # what changes faster is a jump: no step sees it, and none need to
_RUNG = 2  # the first run has twice the first steps
_ALL = 9  # the first three runs together have nine times as many
_TURN = 1.2  # radians by which the driver may turn a qubit in the longest step
_FEW_TURN, _LONG_TURN = 1.25, 5.0  # and the problem: few qubits agree by chance, and cost nothing


def first_steps(
    linear: Float[Array, " d"],
    quadratic: Float[Array, "d d"],
    schedule: Schedule,
    tau: float,
    driver_scale: float,
    tol: float,
) -> tuple[Int[Array, " pieces"], bool]:
    """Return the first numbers of steps, for each piece of the schedule, and if they are forced.

    The need grows as (tau c)^0.4 (tau f)^0.35 with the driver's strength c and the typical local
    field f, as measured (docs/performance.md). No step may be so long that it meets the resonances
    of long steps, or that it does not see what a schedule does; the number is forced where this
    asks for more steps than the need. Such runs are not as regular, and to be trusted less.

    Raises:
        ArgumentError: there would be over MAX_STEPS steps.
    """
    few = linear.size <= FEW_QUBITS
    field = np.abs(linear).max(initial=0.0) + np.abs(quadratic).sum(axis=1).max(initial=0.0)
    unit = float(field) or 1.0  # so that squares neither overflow nor vanish
    centre, pairs = (linear + 0.5 * quadratic.sum(axis=1)) / unit, quadratic / unit
    spread = centre**2 + 0.25 * (pairs**2).sum(axis=1)
    typical = unit * float(np.sqrt(spread).mean()) if linear.size else 0.0
    (mean_a, mean_b), (most_a, most_b), quickest = _strengths(schedule)
    wanted = _NEED * (2 * mean_a * tau * driver_scale) ** 0.4
    wanted *= (2 * mean_b * tau * typical) ** 0.35 * (1e-6 / tol) ** 0.2
    turn = _FEW_TURN if few else _LONG_TURN
    shortest = tau * max(most_a * driver_scale / _TURN, most_b * float(field) / turn)
    refuse_endless(tau, max(wanted, shortest))
    forced = max(shortest / _RUNG, quickest)
    least = max(wanted / _ALL, forced, 2.0)
    return steps_per_piece(schedule, least), forced > wanted / _ALL


def refuse_endless(tau: float, steps: float) -> None:
    """Raise ArgumentError where a run would take over MAX_STEPS steps."""
    if steps > MAX_STEPS:
        raise ArgumentError(
            f"tau={tau:g}: would take over {MAX_STEPS:.0e} steps; "
            "give a smaller tau, or scale the problem's energies down"
        )


@lru_cache(maxsize=64)
def _strengths(schedule: Schedule) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Mean and largest A and B, and how fast either changes over a run, in its largest values."""
    u = np.linspace(0.0, 1.0, 257)
    mean = float(np.abs(schedule.A(u)).mean()), float(np.abs(schedule.B(u)).mean())
    u = np.concatenate([schedule.breaks, u])
    most = float(np.abs(schedule.A(u)).max()), float(np.abs(schedule.B(u)).max())
    changes = float(np.abs(schedule.dA(u)).max()), float(np.abs(schedule.dB(u)).max())
    pairs = zip(changes, most, strict=True)
    quickest = max(change / size if size else 0.0 for change, size in pairs)
    return mean, most, min(quickest, _SUDDEN)
