"""Locally adiabatic schedules: slow where the gap is small, and fast where it is large."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.types import Array
from annealcam._internal.validation import real, whole
from annealcam.annealing.hamiltonian import Normalisation, annealed, normalisation_of
from annealcam.annealing.levels.drivers import driver_of
from annealcam.annealing.levels.gap import ground_of
from annealcam.annealing.levels.low_spectrum import LowSpectrum
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.sweep import TauSweep, tau_sweep
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike
from annealcam.qubo.problem import SelectionProblem

_LEAST = 1e-3  # gaps below this share of the largest are crossings, which need no slow passage
_MESH = 1001
_GAUSS = np.polynomial.legendre.leggauss(4)


@renamed_arguments(convention="normalisation")
def locally_adiabatic(
    problem: ProblemLike,
    *,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    constraint: str = "subspace",
    power: float = 2.0,
    points: int = 201,
    scale_energies: bool | None = None,
) -> Schedule:
    """Return a schedule with the speed ds/du proportional to gap(s)^power.

    A(s(u)), B(s(u)),   u(s) = int_0^s gap(x)^-power dx / int_0^1 gap(x)^-power dx

    The gap is E_g(s) - E_0(s), where g is the number of ground states at s = 1. power = 2 is the
    condition of Roland and Cerf, which suits runs much longer than 1 / gap. If the smallest gap is
    too small for tau, it wastes the run there, and power = 1 is better.

    Args:
        problem: the selection problem.
        normalisation, constraint: as for `anneal`.
        schedule: the schedule to adapt; not a reverse one.
        power: exponent of the gap, 0 or more.
        points: number of points s at which the gap is computed, at least 3.
        scale_energies: as for `anneal`.

    Raises:
        ArgumentError: power is below 0 or not finite, points is below 3, or a name is unknown.
        ProblemTooLargeError: the spectrum does not fit into memory.

    Source: Roland, Cerf 2002, eq. 17.

    >>> s = locally_adiabatic(SelectionProblem([2.0], [[0.0]], beta=1.0), normalisation="unit")
    >>> s.B([0.25, 0.5]).round(4)  # (1 + tan((u - 1/2) pi / 2)) / 2
    array([0.2929, 0.5   ])
    """
    scaled, _ = annealed(problem, scale_energies)
    base = schedule_of(schedule)
    exponent = real("power", power)
    if not 0 <= exponent < np.inf:
        raise ArgumentError(f"power={power}: must be 0 or more, and finite, such as 2")
    if base.initial is not None:
        raise ArgumentError(
            f"schedule {base.name!r}: is a reverse schedule, which cannot be adapted to a gap"
        )
    nodes = np.linspace(0.0, 1.0, whole("points", points, least=3))
    gap = _gap_curve(scaled, base, normalisation_of(normalisation, base), constraint)
    u, s = _clock(nodes, gap(nodes), exponent)
    return Schedule.from_table(
        u,
        base.A(s),
        base.B(s),
        interpolation="smooth",
        name=f"{base.name}+adiabatic:{exponent}",
        energy_unit=base.energy_unit,
        time_unit=base.time_unit,
    )


@renamed_arguments(convention="normalisation")
def schedule_for(
    problem: ProblemLike,
    name: str | Schedule,
    *,
    normalisation: str | Normalisation | None = None,
    constraint: str = "subspace",
) -> Schedule:
    """Return the schedule of a name for one problem; the name may end in `+adiabatic[:POWER]`.

    Raises:
        ArgumentError: no schedule has that name, or a number in it is out of range.
        ScheduleError: a file cannot be read.
        ProblemTooLargeError: the spectrum does not fit into memory.

    >>> schedule_for(SelectionProblem([1.0], [[0.0]]), "adiabatic:1").name
    'linear+adiabatic:1.0'
    """
    match = re.fullmatch(r"(?:(.+)\+)?adiabatic(?::(.*))?", name) if isinstance(name, str) else None
    if match is None:
        return schedule_of(name)
    return locally_adiabatic(
        problem,
        normalisation=normalisation,
        schedule=match[1] or "linear",
        constraint=constraint,
        power=real("power", match[2] or 2.0),
    )


@renamed_arguments(convention="normalisation")
def adiabatic_gain(
    problem: ProblemLike,
    taus: ArrayLike,
    *,
    power: float = 2.0,
    points: int = 201,
    **options: Any,
) -> tuple[TauSweep, TauSweep]:
    """Return F against tau with a schedule, and with its locally adiabatic version.

    Args:
        problem: the selection problem.
        taus: the run times.
        power, points: as for `locally_adiabatic`.
        options: as for `anneal`, including the schedule.

    Raises:
        ArgumentError: an argument is out of range.
        ProblemTooLargeError: the state or the spectrum does not fit into memory.

    >>> p = SelectionProblem([0.4], [[0.0]], beta=1.0)
    >>> before, after = adiabatic_gain(p, [20.0], normalisation="unit")
    >>> bool(after.success_probability[0] > before.success_probability[0])
    True
    """
    names = ("normalisation", "schedule", "constraint", "scale_energies")
    shared = {name: options[name] for name in names if name in options}
    local = locally_adiabatic(problem, power=power, points=points, **shared)
    before = tau_sweep(problem, taus, **options)
    return before, tau_sweep(problem, taus, **{**options, "schedule": local})


def _gap_curve(
    problem: SelectionProblem, schedule: Schedule, normalisation: Normalisation, constraint: str
) -> Callable[[Float[Array, " n"]], Float[Array, " n"]]:
    """Return the function E_g - E_0 of s, or ones if every state is a ground state."""
    driver = driver_of(problem, normalisation, constraint)
    g = len(ground_of(driver, problem))
    if g == driver.energies.size:
        return np.ones_like
    tol = max(1e-12, 1e-8 * float(np.ptp(driver.energies)))
    low = LowSpectrum(driver, schedule, g + 1, tol)

    def gap(s: Float[Array, " n"]) -> Float[Array, " n"]:
        energies = low.levels(s)[0]
        return np.asarray(energies[:, g] - energies[:, 0])

    return gap


def _clock(
    nodes: Float[Array, " points"], gap: Float[Array, " points"], power: float
) -> tuple[Float[Array, " mesh"], Float[Array, " mesh"]]:
    """Return times u and the points s reached then, on a mesh that is dense in both."""
    from scipy.interpolate import CubicSpline

    # About an avoided crossing, however narrow, the square of the gap is a parabola, which a spline
    # through few points reproduces. The gap itself is not smooth there.
    square, least = CubicSpline(nodes, gap**2), (_LEAST * gap.max()) ** 2

    def time(s: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return int_0^s max(square, least)^(-power / 2), relative to the integral up to 1."""
        width = np.diff(s)[:, None]
        inner = s[:-1, None] + width * (_GAUSS[0] + 1) / 2
        slowness = np.maximum(square(inner) / least, 1.0) ** (-power / 2)
        elapsed = np.append(0.0, np.cumsum((slowness * _GAUSS[1] / 2).sum(axis=1) * width[:, 0]))
        return elapsed / elapsed[-1]

    s = np.linspace(0.0, 1.0, 2 * _MESH)
    s = np.interp(np.linspace(0.0, 1.0, _MESH), (s + time(s)) / 2, s)
    return time(s), s
