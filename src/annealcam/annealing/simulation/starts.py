"""The state that a run begins in."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.simulation.plan import Plan
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.errors import ArgumentError


def starting_state(plan: Plan) -> Float[Array, " states"] | None:
    """Return the real state that a run begins in; None is the driver's own ground state.

    A reverse schedule begins in its selection. Where the problem is not quite off at the start, as
    in published schedules, the run begins in the ground state of H(0).

    Raises:
        ArgumentError: the selection of a reverse schedule does not fit the problem.
    """
    schedule = plan.schedule
    if schedule.initial is None and float(schedule.B(0.0)) == 0.0:
        return None
    if schedule.initial is not None:
        return _selected(plan, schedule.initial)
    from annealcam.annealing.levels.drivers import driver_of
    from annealcam.annealing.levels.low_spectrum import ground_state

    driver = driver_of(plan.problem, plan.normalisation, plan.constraint)
    return ground_state(driver, float(schedule.A(0.0)), float(schedule.B(0.0)))


def _selected(plan: Plan, initial: Int[Array, " n"]) -> Float[Array, " states"]:
    """The basis state of one selection."""
    d = plan.problem.d
    if initial.size != d:
        raise ArgumentError(
            f"schedule: starts in a selection of {initial.size} entries; the problem has {d} maps"
        )
    place = sum(1 << p for p in range(d) if initial[p])
    if not plan.in_subspace:
        state = np.zeros(1 << d)
    else:
        k = plan.problem.cardinality or 0
        if initial.sum() != k:
            raise ArgumentError(
                f"schedule: starts in a selection of {initial.sum()} maps; cardinality={k}"
            )
        states = WeightSector(d, k).states
        state, place = np.zeros(states.size), int(np.searchsorted(states, place))
    state[place] = 1.0
    return state
