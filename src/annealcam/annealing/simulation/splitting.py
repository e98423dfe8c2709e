"""Splittings: a run as a list of phases exp(-i g E) and rotations exp(i theta sum_p X_p).

H = A(u) H_D + B(u) H_QUBO is split in the extended phase space with two clocks: A is evaluated on a
clock that the phases advance, and B on one that the rotations advance. The order of a splitting is
then the same as without time dependence. A run is phases[0], a rotation by angles[0], phases[1],
and so on to the last phase.

Strang's splitting, with the problem outside, is used for final populations: if the schedule starts
with the driver and ends with the problem, its leading error vanishes at both ends. State vectors
take ABA(10,4), and the states during a run ABA(10,6,4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.kernels import stages as _kernels
from annealcam.annealing.schedules.schedule import Schedule


@dataclass(frozen=True, eq=False)
class Stages:
    """A run as n rotations between n + 1 phases: `angles` in radians, `phases` in units of time."""

    angles: Float[Array, " angles"]
    phases: Float[Array, " phases"]


@dataclass(frozen=True)
class Scheme:
    """The coefficients of one step of an ABA splitting: rotations around phases."""

    name: str
    rotations: tuple[float, ...]
    phases: tuple[float, ...]
    order: int


def _scheme(name: str, a: list[float], b: list[float], order: int) -> Scheme:
    """Return a symmetric scheme from its first coefficients; the middle ones follow from sum 1."""
    if len(a) == len(b):  # an even number of rotations, and one phase in the middle
        a = [*a, 0.5 - sum(a)]
        rotations, phases = a + a[::-1], [*b, 1.0 - 2.0 * sum(b), *b[::-1]]
    else:
        b = [*b, 0.5 - sum(b)]
        rotations, phases = [*a, 1.0 - 2.0 * sum(a), *a[::-1]], b + b[::-1]
    return Scheme(name, tuple(rotations), tuple(phases), order)


# Source: Blanes, Casas, Farres, Laskar, Makazaga, Murua 2013, near-integrable splittings.
ABA_10_4 = _scheme(
    "ABA(10,4)",
    [0.04706710064597250, 0.1847569354170881, 0.2827060056798362],
    [0.1188819173681970, 0.2410504605515015, -0.2732866667053238],
    4,
)
ABA_10_6_4 = _scheme(
    "ABA(10,6,4)",
    [0.03809449742241219, 0.1452987161169138, 0.2076276957255413, 0.4359097036515262],
    [0.09585888083707521, 0.2044461531429988, 0.2170703479789911],
    4,
)


def steps_per_piece(schedule: Schedule, least: float) -> Int[Array, " pieces"]:
    """Return the number of steps on each piece, such that a whole run has at least `least` steps.

    Steps end where the schedule has a kink. All pieces of a smooth function count as one.

    >>> from annealcam.annealing.schedules.schedule import LINEAR
    >>> steps_per_piece(LINEAR, 7.5)
    array([8])
    """
    return _kernels.steps_per_piece(kinks_of(schedule), least)


def strang(schedule: Schedule, tau: float, counts: Int[Array, " pieces"], scale: float) -> Stages:
    """Return Strang's splitting with the problem outside, with counts[i] equal steps on piece i.

    >>> from annealcam.annealing.schedules.schedule import LINEAR
    >>> s = strang(LINEAR, 10.0, np.array([4]), 1.0)
    >>> s.angles.sum(), s.phases.sum()
    (np.float64(5.0), np.float64(5.0))
    """
    edges = run_edges(schedule, counts)
    return Stages(
        *_kernels.strang_stages(
            edges, schedule.breaks, schedule.driver, schedule.problem, tau, scale
        )
    )


def aba(
    scheme: Scheme, schedule: Schedule, tau: float, counts: Int[Array, " pieces"], scale: float
) -> Stages:
    """Return an ABA splitting with counts[i] equal steps on piece i.

    >>> from annealcam.annealing.schedules.schedule import LINEAR
    >>> s = aba(ABA_10_4, LINEAR, 10.0, np.array([3]), 1.0)
    >>> len(s.angles), float(s.angles.sum().round(9)), float(s.phases.sum().round(9))
    (22, 5.0, 5.0)
    """
    return aba_stages(scheme, schedule, tau, run_edges(schedule, counts), scale)


def aba_stages(
    scheme: Scheme, schedule: Schedule, tau: float, edges: Float[Array, " edges"], scale: float
) -> Stages:
    """Return an ABA splitting with steps between given fractions of a run."""
    start, length = edges[:-1, None], np.diff(edges)[:, None]
    a, b = np.array(scheme.rotations), np.array(scheme.phases)
    driver_clock = start + length * np.append(0.0, np.cumsum(b))
    problem_clock = start + length * np.cumsum(a[:-1])
    before_a_jump = np.minimum(driver_clock, np.nextafter(edges[1:], 0.0)[:, None])
    angles = scale * tau * length * schedule.A(before_a_jump) * a
    merged = np.append(angles[:, :-1].ravel(), angles[-1, -1])
    merged[len(b) : -1 : len(b)] += angles[:-1, -1]
    phases = tau * length * schedule.B(problem_clock) * b
    return Stages(merged, np.concatenate([[0.0], phases.ravel(), [0.0]]))


def run_edges(schedule: Schedule, counts: Int[Array, " pieces"]) -> Float[Array, " edges"]:
    """Return the ends of all steps, counts[i] of them on piece i.

    >>> from annealcam.annealing.schedules.schedule import LINEAR
    >>> run_edges(LINEAR, np.array([4]))
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    return _kernels.step_edges(kinks_of(schedule), counts)


def kinks_of(schedule: Schedule) -> Float[Array, " kinks"]:
    """Return the points at which steps must end."""
    return schedule.breaks[[0, -1]] if schedule.smooth else schedule.breaks
