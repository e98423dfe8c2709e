"""The search for the smallest gap on a reduced basis, which grows until the gap is accurate."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array, Progress
from annealcam.annealing.kernels import gap as kernels
from annealcam.annealing.kernels.gap import (
    DOUBT,
    GAP,
    LEAST,
    LEFT,
    MISSED,
    PULL,
    RIGHT,
    Pencil,
    SchedulePath,
    U,
)
from annealcam.annealing.levels.drivers import Driver
from annealcam.annealing.levels.reduced_basis import ReducedBasis, check_errors
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.memory import aligned
from annealcam.errors import NumericalError

Row = Float[Array, " columns"]

_MESH = 0.5 - 0.5 * np.cos(np.pi * np.arange(13) / 12)
_NEAR = 1e-9  # distance from the ends at which slopes exist, since degenerate levels have split
_STEP = 1e-4
_WIDTHS = np.array([-2.0, -1.0, -0.4, 0.0, 0.4, 1.0, 2.0])  # around an avoided crossing
_SLOWEST = 1e-5  # smallest relative error of the gap at the point of the adiabatic time
_BOTTOM = 1e-3  # relative accuracy of the bottom of a valley, as a share of tol
_ROUNDS, _POINTS = 200, 20_000
_INSIDE = np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])  # of an interval, finer at its ends
_LOOSE = 0.1  # share of the gap that an interval may hide if no certificate is wanted


class GapSearch:
    """The minimum of E_g - E_0 along a schedule, on a reduced model that is improved as needed."""

    def __init__(
        self,
        driver: Driver,
        schedule: Schedule,
        g: int,
        tol: float,
        report: Progress = lambda *_: None,
    ) -> None:
        energies = driver.energies
        self._report = report
        self.schedule, self.tol, self.basis = schedule, tol, ReducedBasis(driver, g + 1)
        self.path = _compiled_path(schedule)
        self._ends = np.sort(np.partition(energies, g)[: g + 1])
        self._spreads = np.array([driver.spread, float(energies.max() - energies.min())])
        strengths = np.array([np.abs(f(_MESH)).max() for f in (schedule.A, schedule.B)])
        self.floor = 1e-13 * float(strengths @ self._spreads)
        self.mesh = np.union1d(_MESH, [_NEAR, 1 - _NEAR])
        if schedule.breaks.size <= 66:
            self.mesh = np.union1d(self.mesh, schedule.breaks)
        self.table = self.survey(self.mesh)

    @property
    def pencil(self) -> Pencil:
        """The current model."""
        return Pencil(self.basis.model, self._ends, self.basis.splitting, self._spreads)

    def survey(self, u: Float[Array, " points"]) -> Float[Array, "points columns"]:
        """Return the table of the model at the points u, one row for each."""
        table = kernels.survey(self.path, self.pencil, u)
        check_errors(table[:, DOUBT])
        return table

    @property
    def accuracy(self) -> float:
        """The relative accuracy to which the bottom of a valley is located."""
        return _BOTTOM * self.tol

    def tolerance(self, gap: float) -> float:
        """Return the largest acceptable error of a gap."""
        return max(self.tol * gap, self.floor)

    def lowest(self) -> Row:
        """Return the row of the model's smallest gap, at a point of the table or between two."""
        best = kernels.lowest(self.path, self.pencil, self.table, self.accuracy)
        check_errors(best[DOUBT])
        return best

    def run(self, certify: float | None) -> Row:
        """Take snapshots until the minimum is good to tol, and no other point can be lower."""
        local = False  # whether the table covers only the surroundings of the minimum
        for _ in range(_ROUNDS):
            best = self.lowest()
            if self._poor(best):
                self._snapshot(best[U], self.tolerance(best[GAP]))
                self.table, local = self.survey(self._around(best[U])), True
                continue
            if local:
                self.table, local = self.survey(np.union1d(self.mesh, [best[U]])), False
            doubtful = self._doubtful(certify or _LOOSE)
            if doubtful is None:
                self._refine(self._within(best))
                best = self.lowest()
                if not self._poor(best):
                    return best
                continue
            self._snapshot(*doubtful)
            self.table = self.survey(np.union1d(self.mesh, [best[U]]))
        raise NumericalError(f"minimum gap: not found with {_ROUNDS} snapshots; raise tol")

    def _poor(self, best: Row) -> bool:
        return bool(best[DOUBT] > 0.5 * self.tolerance(best[GAP]))

    def _around(self, u: float) -> Float[Array, " few"]:
        """Return u and the two points of the mesh on either side."""
        i = int(np.searchsorted(self.mesh, u))
        return np.union1d(self.mesh[max(i - 2, 0) : i + 3], [u])

    def _snapshot(self, u: float, tol: float) -> None:
        size, snapshots = self.basis.m, len(self.basis.snapshots)
        self._report(f"minimum gap, {snapshots} snapshots", snapshots, 0)
        self.basis.snapshot(float(self.schedule.A(u)), float(self.schedule.B(u)), tol)
        if self.basis.m == size:
            raise NumericalError(f"minimum gap: rounding stops the search at s={u}; raise tol")

    def _doubtful(self, share: float) -> tuple[float, float] | None:
        """Return where a snapshot is needed, and to what error; None if it is not.

        Every interval must have a lower bound of (1 - share) times the minimum. Those that have not
        are halved as long as the errors of the model are small compared to what is missing.
        """
        while len(self.table) < _POINTS:
            best = self.lowest()
            tol, doubts = self.tolerance(best[GAP]), self.table[:, DOUBT]
            if self._poor(best):
                return float(best[U]), tol
            under = (self.table[:, GAP] - doubts < best[GAP] - tol) & (doubts > tol)
            if under.any():
                i = int(np.argmax(np.where(under, doubts, 0.0)))
                return float(self.table[i, U]), max(tol, 0.1 * float(doubts[i]))
            aim = (1 - share) * best[GAP] - self.floor
            unproved = self._unproved(self._without_errors(), aim)
            if not unproved.size:  # the table is fine enough, but perhaps not accurate enough
                unproved = self._unproved(self.table, aim)
                if not unproved.size:
                    return None
                ends = np.union1d(unproved, unproved + 1)
                worst = int(ends[np.argmax(doubts[ends])])
                if doubts[worst] > 0.1 * share * best[GAP] + self.floor:
                    return float(self.table[worst, U]), 0.02 * share * best[GAP] + self.floor
            self._refine(np.append(self._middles(unproved), best[U]))
        return None

    def _within(self, best: Row) -> Float[Array, " points"]:
        """Return points inside the intervals that may hide a gap slightly below the minimum."""
        below = kernels.bounds(self.path, self.pencil, self.table) < best[GAP] - self.floor
        low, high = self.table[:-1, U][below], self.table[1:, U][below]
        return (low[:, None] + (high - low)[:, None] * _INSIDE).ravel()

    def _without_errors(self) -> Float[Array, "points columns"]:
        """Return the table with the errors of the model set to zero."""
        table = self.table.copy()
        table[:, LEAST] += table[:, MISSED]
        table[:, [DOUBT, MISSED]] = 0.0
        return table

    def _unproved(self, table: Float[Array, "points columns"], aim: float) -> Array:
        """Return the intervals of a table that may hide a gap below `aim`, and can be halved."""
        bounds = kernels.bounds(self.path, self.pencil, table)
        return np.flatnonzero((bounds < aim) & (np.diff(table[:, U]) > 1e-12))

    def _refine(self, extra: Float[Array, " points"]) -> None:
        """Add the rows of further points to the table."""
        extra = np.setdiff1d(extra, self.table[:, U])
        joined = np.concatenate([self.table, self.survey(extra)])
        self.table = joined[np.argsort(joined[:, U])]

    def _middles(self, intervals: Array) -> Float[Array, " n"]:
        """Return the middle of each interval, or the nearest break of the schedule in it."""
        low, high = self.table[intervals, U], self.table[intervals + 1, U]
        middle, breaks = (low + high) / 2, self.schedule.breaks
        after = np.clip(np.searchsorted(breaks, middle), 1, breaks.size - 1)
        nearer = np.where(breaks[after] - middle < middle - breaks[after - 1], after, after - 1)
        mark = breaks[nearer]
        return np.where((mark > low) & (mark < high), mark, middle)

    def certificate(self, best: Row) -> float:
        """Return the lower bound on the gap over the whole run that the table proves."""
        bounds = kernels.bounds(self.path, self.pencil, self.table)
        return max(0.0, float(min(bounds.min(), best[GAP] - best[DOUBT])))

    def slowest(self, best: Row, slope: float) -> tuple[float, float]:
        """Return the largest coupling / gap^2 over the run, and the point u where it is."""
        around = best[U] + _WIDTHS * (best[GAP] / slope if slope else 0.0)
        self._refine(around[(around > 0) & (around < 1)])
        for _ in range(3):
            row = kernels.slowest(self.path, self.pencil, self.table)
            if row[DOUBT] <= max(self.tol, _SLOWEST) * row[GAP] + self.floor:
                break
            self._snapshot(row[U], self.tolerance(row[GAP]))
            self.table = self.survey(self.table[:, U].copy())
        return float(row[PULL] / max(row[GAP], 1e-300) ** 2), float(row[U])

    def steepness(self, u: float) -> float:
        """Return d(gap * slope)/du: the square of the rate at which two levels approach at u."""
        step = min(_STEP, u / 2, (1 - u) / 2)
        around = self.survey(np.array([u - step, u + step]))
        force = around[:, GAP] * around[:, [RIGHT, LEFT]].mean(axis=1)
        return float(force[1] - force[0]) / (2 * step)

    def states(self, u: float) -> tuple[Float[Array, "levels n"], float]:
        """Return the lowest states at u, and the error of the gap by their own residuals."""
        a, b = float(self.schedule.A(u)), float(self.schedule.B(u))
        values, states = self.basis.vectors(a, b, self.basis.count)
        images = aligned(states.shape)
        self.basis.driver.apply(states, images, a, b)
        images -= values[:, None] * states
        return states, self.basis.error(a, b, np.linalg.norm(images, axis=1))


def _compiled_path(schedule: Schedule) -> SchedulePath:
    """Return a schedule with the total course of A and B at each turning point."""
    courses = []
    for curve, cubics in ((schedule.A, schedule.driver), (schedule.B, schedule.problem)):
        marks = _turning_points(schedule.breaks, cubics)
        courses += [marks, np.append(0.0, np.cumsum(np.abs(np.diff(curve(marks)))))]
    breaks, driver, problem = schedule.breaks, schedule.driver, schedule.problem
    return SchedulePath(*map(np.array, (breaks, driver, problem, *courses)))


def _turning_points(
    breaks: Float[Array, " n"], cubics: Float[Array, "n-1 4"]
) -> Float[Array, " marks"]:
    """Return the breaks and every point between them where a cubic turns back."""
    c1, c2, c3 = cubics[:, 1], 2 * cubics[:, 2], 3 * cubics[:, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        half = -0.5 * (c2 + np.copysign(np.sqrt(c2 * c2 - 4 * c1 * c3), c2))
        roots = np.concatenate([half / c3, c1 / half])
    inside = (roots > 0) & (roots < np.tile(np.diff(breaks), 2))
    return np.union1d(breaks, (roots + np.tile(breaks[:-1], 2))[inside])
