"""The minimum gap of an annealing run, and how slow the run must therefore be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from annealcam._internal.deprecation import renamed_arguments, renamed_attribute
from annealcam._internal.plug_points import PlottedResult
from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.text import repr_with
from annealcam._internal.types import Array, Progress
from annealcam._internal.validation import finite_array, real
from annealcam.annealing.hamiltonian import Normalisation, annealed, normalisation_of
from annealcam.annealing.kernels.gap import DOUBT, GAP, Pencil, SchedulePath, U, survey
from annealcam.annealing.levels.drivers import Driver, driver_of
from annealcam.annealing.levels.gap_search import GapSearch
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.qubo.convert import ProblemLike
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.ties import ground_states, window

MAX_MULTIPLICITY = 64
AVOIDED = 0.5  # Landau-Zener needs a minimum below this share of the gaps at both ends
_ALIKE = 1e-6  # relative difference below which two basis states count as equally probable


@dataclass(frozen=True, eq=False, repr=False)
class MinimumGap(PlottedResult):
    """The smallest gap E_g(s) - E_0(s) of a run, where g is the number of ground states at s = 1.

    The g lowest levels merge at s = 1, so a run that ends in any of them succeeds. Energies are in
    the problem's unit times that of the schedule, and times in its inverse (hbar = 1).

    `plot` draws the gap against s where the search has computed it, and marks the minimum. The
    band below the line shows how much lower the gap may be; the dashed line is the certificate.
    `spectrum(problem).plot(gap=...)` shows the levels themselves.

    Attributes:
        gap: the minimum over s in [0, 1]; infinite if every state is a ground state.
        s: the fraction of the run at which it occurs.
        final_gap: the gap at s = 1.
        ratio: gap / final_gap.
        interior: whether the minimum lies inside the run and below the gaps at both ends.
        multiplicity: g.
        hamming_distance: number of bits in which the most probable states of levels 0 and g at `s`
            differ; the smallest number, if several states are equally probable.
        adiabatic_time: max over s of |P_0 (dH/ds) |g>| / gap^2, where P_0 projects on the levels
            below g; a run must be much longer than this. Infinite if levels cross that dH/ds
            couples.
        adiabatic_s: the s of that maximum.
        slope: rate |d(energy)/ds| at which the two levels approach before they avoid each other.
        landau_zener_applies: whether the minimum is one avoided crossing: interior, at most half
            of the gaps at both ends, and narrow compared to its distance from both ends.
        error: estimate of the error of `gap`, from the residuals of the two states and the accuracy
            to which the minimum is located.
        certificate: lower bound on the gap over all s, also between the computed points, from
            Weyl's inequality and from the concavity of sums of the lowest levels. It is a proof if
            the levels at those points are accurate within the errors estimated from their
            residuals, which a level that was missed altogether would not show.
        proved: whether `certify` was given and the certificate meets it.
        snapshots: number of points s at which states were computed.
        schedule: name of the schedule.
        normalisation: the normalisation.
        driver_scale: c in H_D.
        energy_scale: the energy that is 1 in the run, in whose unit `driver_scale` is, and in whose
            inverse times are; see `scale_energies`.

    >>> from annealcam.qubo import SelectionProblem
    >>> either = SelectionProblem([1.0, 0.4], np.zeros((2, 2)), beta=0.5, cardinality=1)
    >>> g = minimum_gap(either)
    >>> round(g.gap, 4), round(g.final_gap, 4), g.multiplicity, g.hamming_distance
    (0.2873, 0.3, 1, 2)
    """

    gap: float
    s: float
    final_gap: float
    ratio: float
    interior: bool
    multiplicity: int
    hamming_distance: int
    adiabatic_time: float
    adiabatic_s: float
    slope: float
    landau_zener_applies: bool
    error: float
    certificate: float
    proved: bool
    snapshots: int
    schedule: str
    normalisation: Normalisation
    driver_scale: float
    energy_scale: float = 1.0
    _model: tuple[SchedulePath, Pencil] | None = None

    convention = renamed_attribute("convention", "normalisation")

    def along(self, s: ArrayLike) -> Float[Array, "points 2"]:
        """Return the gap at some points, and a bound on how much lower it may be there.

        Both come from the states that the search has computed. Only near the minimum is the gap
        accurate to `tol`; elsewhere it is as accurate as is needed to exclude a lower minimum.

        Args:
            s: the points, in [0, 1].

        Raises:
            ArgumentError: a point is no number, or lies outside of [0, 1].

        >>> from annealcam.qubo import SelectionProblem
        >>> g = minimum_gap(SelectionProblem([1.0], [[0.0]]), normalisation="unit")
        >>> g.along([0.0, g.s])[:, 0].round(4).tolist() == [2.0, round(g.gap, 4)]
        True
        """
        points = np.atleast_1d(finite_array("s", s)).ravel()
        if not ((points >= 0) & (points <= 1)).all():
            raise ArgumentError("s: all points must lie between 0 and 1")
        if self._model is None:
            return np.tile([math.inf, 0.0], (points.size, 1))
        table: Float[Array, "points 2"] = survey(*self._model, points)[:, [GAP, DOUBT]]
        return table * _unit(self.normalisation, self.energy_scale)

    __repr__ = repr_with(
        "gap", "s", "ratio", "multiplicity", "error", "certificate", "landau_zener_applies"
    )

    def landau_zener(self, tau: float) -> float:
        """Return the Landau-Zener estimate of F for a run of length tau.

        F = 1 - exp(-2 pi (gap/2)^2 tau / slope)

        It is meaningful only if `landau_zener_applies`, and NaN if the levels do not approach.

        Raises:
            ArgumentError: tau is negative or NaN.

        Source: Zener 1932, Proc. R. Soc. A 137, 696.

        >>> from annealcam.qubo import SelectionProblem
        >>> p = SelectionProblem([1.0], [[0.0]], beta=0.7)
        >>> round(minimum_gap(p).landau_zener(10.0), 4)
        0.9607
        """
        tau = real("tau", tau)
        if not tau >= 0:
            raise ArgumentError(f"tau={tau}: must be 0 or more")
        if math.isinf(self.gap) or self.gap == 0:
            return float(self.gap > 0)
        if not self.slope > 0:
            return math.nan
        unit = _unit(self.normalisation, self.energy_scale)
        return -math.expm1(-0.5 * math.pi * self.gap**2 * tau / (self.slope * unit))


@renamed_arguments(convention="normalisation", rtol="tol")
@shows_progress
def minimum_gap(
    problem: ProblemLike,
    *,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    tol: float = 1e-6,
    constraint: str = "subspace",
    certify: float | None = None,
    scale_energies: bool | None = None,
    progress: ProgressOption = None,
) -> MinimumGap:
    """Return the minimum gap of a run, without a matrix of 2^d rows.

    min over s of E_g(s) - E_0(s),   H(s) = A(s) H_D + B(s) H_QUBO

    g is the number of ground states at s = 1, from the sorted energies. A few eigenvectors span the
    low spectrum for all s; more are added until the minimum has the relative error `tol`, and no
    interval can hide a gap below nine tenths of it (see `certificate`).

    Args:
        problem: the selection problem; about 60 real vectors of 2^d numbers must fit into memory.
        normalisation, schedule, constraint: as for `anneal`.
        tol: relative error of the gap, at least 1e-10.
        certify: prove that no gap is below (1 - certify) times the minimum, at least 1e-4.
        scale_energies: as for `anneal`; gaps are those of the problem's own energies.
        progress: True for a bar, or a function that is called with a description, the number of
            snapshots, and 0, since it is not known how many are needed.

    Raises:
        ArgumentError: an argument is out of range, or a name is unknown.
        ProblemTooLargeError: the vectors do not fit into memory, or g is above 64.

    Source: eigenvector continuation, Frame et al. 2018, Phys. Rev. Lett. 121, 032501.

    >>> from annealcam.qubo import SelectionProblem
    >>> p = SelectionProblem([1.0], [[0.0]], beta=1.0)
    >>> g = minimum_gap(p, normalisation="unit")  # gap(s)^2 = 4 (1 - s)^2 + s^2
    >>> round(g.gap, 6), round(g.s, 4), g.interior
    (0.894427, 0.8, True)
    """
    scaled, unit = annealed(problem, scale_energies)
    timing = schedule_of(schedule)
    chosen = normalisation_of(normalisation, timing)
    tol = _checked("tol", tol, 1e-10)
    certify = None if certify is None else _checked("certify", certify, 1e-4)
    report = reporter(progress)
    driver = driver_of(scaled, chosen, constraint)
    ground = ground_of(driver, scaled)
    g = len(ground)
    run: dict[str, Any] = {
        "multiplicity": g,
        "schedule": timing.name,
        "normalisation": chosen,
        "driver_scale": chosen.driver_scale(scaled.d),
        "energy_scale": unit,
    }
    if g == driver.energies.size:
        return MinimumGap(**_NO_GAP, **run)
    facts = _facts(driver, timing, (scaled, ground), tol, certify, report)
    own = {name: facts[name] * _unit(chosen, unit) for name in _ENERGIES}
    return MinimumGap(**(facts | own), **run)


_ENERGIES = ("gap", "final_gap", "slope", "error", "certificate")


def _unit(normalisation: Normalisation, energy_scale: float) -> float:
    """Return the unit of reported energies: that of the problem, or GHz for published schedules."""
    return 1.0 if normalisation.time_unit == "ns" else energy_scale


_NO_GAP: dict[str, Any] = {
    "gap": math.inf, "s": 1.0, "final_gap": math.inf, "ratio": 1.0, "interior": False,
    "hamming_distance": 0, "adiabatic_time": 0.0, "adiabatic_s": 1.0, "slope": 0.0,
    "landau_zener_applies": False, "error": 0.0, "certificate": math.inf, "proved": True,
    "snapshots": 0,
}  # fmt: skip


def ground_of(driver: Driver, problem: SelectionProblem) -> Int[Array, " ground"]:
    """Return the places of the ground states at the end of a run among the driver's states.

    Raises:
        ProblemTooLargeError: there are more than 64, and yet not all states are ground states.
    """
    ground = ground_states(problem, driver.energies, driver.states).places
    g = len(ground)
    if MAX_MULTIPLICITY < g < driver.energies.size:
        raise ProblemTooLargeError(
            f"problem: has {g} ground states, and its gap needs as many levels, of which at most "
            f"{MAX_MULTIPLICITY} can be computed; leave out candidates on which no energy depends"
        )
    return ground


def _facts(
    driver: Driver,
    schedule: Schedule,
    end: tuple[SelectionProblem, Int[Array, " ground"]],
    tol: float,
    certify: float | None,
    report: Progress,
) -> dict[str, Any]:
    g = len(end[1])
    search = GapSearch(driver, schedule, g, tol, report)
    best = search.run(certify)
    gap, s, certificate = float(best[GAP]), float(best[U]), search.certificate(best)
    first, final = (float(row[GAP]) for row in search.survey(np.array([0.0, 1.0])))
    states, residual = search.states(s)
    at_the_end = schedule.A(s) == 0
    error = 0.0 if at_the_end else max(float(best[DOUBT]), residual)
    if 0 < s < 1:  # the bottom of a valley is located only to this accuracy
        error += 10 * search.accuracy * gap
    interior = 0 < s < 1 and gap < min(first, final)
    slope = math.sqrt(max(search.steepness(s), 0.0)) if interior else 0.0
    narrow = 0 < gap < slope * min(s, 1 - s)
    time, where = search.slowest(best, slope)
    return {
        "gap": gap,
        "s": s,
        "final_gap": final,
        "ratio": gap / final if final else 1.0,  # both may be below rounding
        "interior": interior,
        "hamming_distance": _hamming_distance(driver, states, g, end if at_the_end else None),
        "adiabatic_time": time,
        "adiabatic_s": where,
        "slope": slope,
        "landau_zener_applies": interior and narrow and gap <= AVOIDED * min(first, final),
        "error": error + search.floor / 100,
        "certificate": certificate,
        "proved": certify is not None and certificate >= (1 - certify) * gap - 2 * search.floor,
        "snapshots": len(search.basis.snapshots),
        "_model": (search.path, search.pencil),
    }


def _hamming_distance(
    driver: Driver,
    states: Float[Array, "levels n"],
    g: int,
    end: tuple[SelectionProblem, Int[Array, " ground"]] | None,
) -> int:
    """Return the least number of different bits between probable states of levels 0 and g.

    At the `end`, with the problem and its ground states, these are all states of the lowest and of
    the next energy of the problem.
    """
    if end is None:
        low, high = (_most_probable(states[level]) for level in (0, g))
    else:
        (problem, low), energies = end, driver.energies.copy()
        energies[low] = np.inf
        first = float(energies.min())
        high = np.flatnonzero(energies <= first + window(problem, first))
    if driver.states is not None:
        low, high = driver.states[low], driver.states[high]
    if np.intersect1d(low, high).size:
        return 0
    return min(int(np.bitwise_count(high ^ number).min()) for number in low)


def _most_probable(state: Float[Array, " n"]) -> Int[Array, " some"]:
    weight = state * state
    return np.flatnonzero(weight >= (1 - _ALIKE) * weight.max())


def _checked(argument: str, value: Any, least: float) -> float:
    number = real(argument, value)
    if not least <= number < 1:
        raise ArgumentError(f"{argument}={value}: must be at least {least:g} and below 1")
    return number
