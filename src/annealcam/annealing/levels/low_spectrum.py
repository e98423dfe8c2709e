"""The lowest levels of an annealing run, and their states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from annealcam._internal.deprecation import renamed_arguments, renamed_attribute
from annealcam._internal.plug_points import NotebookView, plotted
from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.text import repr_with
from annealcam._internal.types import Array, Progress
from annealcam._internal.validation import real, whole
from annealcam.annealing.hamiltonian import Normalisation, annealed, normalisation_of
from annealcam.annealing.levels.drivers import Driver, driver_of
from annealcam.annealing.levels.eigensolver import lowest_states
from annealcam.annealing.levels.reduced_basis import ReducedBasis
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.errors import ArgumentError, NumericalError
from annealcam.qubo.convert import ProblemLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from annealcam.annealing.levels.gap import MinimumGap

MAX_LEVELS = 64
_COARSE, _FINE = 25, 97
_SNAPSHOTS = 500


@dataclass(frozen=True, eq=False, repr=False)
class SpectrumCurve(NotebookView):
    """The lowest levels of H(s) over the run.

    Attributes:
        s: the points, (points,).
        energies: the levels at each point in ascending order, in the problem's unit times that of
            the schedule, (points, levels).
        error: estimate of the largest error of an energy, from the residuals.
        snapshots: number of points at which states were computed.
        schedule: name of the schedule.
        normalisation: the normalisation.
        driver_scale: c in H_D.
        energy_scale: the energy that is 1 in the run, in whose unit `driver_scale` is; see
            `scale_energies`.

    >>> from annealcam.qubo import SelectionProblem
    >>> either = SelectionProblem([1.0, 0.4], np.zeros((2, 2)), beta=0.5, cardinality=1)
    >>> c = spectrum(either, points=2)
    >>> c.energies.round(4)
    array([[-0.5,  0.5],
           [-0.5, -0.2]])
    """

    s: Float[Array, " points"]
    energies: Float[Array, "points levels"]
    error: float
    snapshots: int
    schedule: str
    normalisation: Normalisation
    driver_scale: float
    energy_scale: float = 1.0

    convention = renamed_attribute("convention", "normalisation")

    def plot(self, ax: Axes | None = None, *, gap: MinimumGap | None = None) -> Axes:
        """Draw the levels above the ground level against s, and mark the minimum gap.

        Args:
            ax: axes of matplotlib; None: those of a new figure.
            gap: the result of `minimum_gap` for the same problem. Levels that end in the ground
                level, of which its multiplicity counts all but one, are grey.

        Returns:
            the axes.

        Raises:
            ArgumentError: `ax` is no axes of matplotlib.
        """
        return plotted(self, ax, gap=gap)

    __repr__ = repr_with("s", "energies", "error")


@renamed_arguments(convention="normalisation")
@shows_progress
def spectrum(
    problem: ProblemLike,
    *,
    points: int = 101,
    levels: int = 4,
    normalisation: str | Normalisation | None = None,
    schedule: str | Schedule = "linear",
    tol: float = 1e-8,
    constraint: str = "subspace",
    scale_energies: bool | None = None,
    progress: ProgressOption = None,
) -> SpectrumCurve:
    """Return the lowest levels of H(s) = A(s) H_D + B(s) H_QUBO at equally spaced s in [0, 1].

    A few eigenvectors span the low spectrum for all s; more are added until the estimated error of
    every level is below `tol`. Where A = 0 the levels are the problem's sorted energies.

    Args:
        problem: the selection problem.
        points: number of points s, at least 2.
        levels: number of levels, 1 to 64, but at most the number of states.
        normalisation, schedule, constraint: as for `anneal`.
        tol: error of the energies, at least 1e-12, in units of `energy_scale`.
        scale_energies: as for `anneal`; levels are those of the problem's own energies.
        progress: True for a bar, or a function that is called with a description, the number of
            points that are accurate, and of all points that are tried.

    Raises:
        ArgumentError: an argument is out of range, or a name is unknown.
        ProblemTooLargeError: the vectors do not fit into memory.

    >>> from annealcam.qubo import SelectionProblem
    >>> c = spectrum(SelectionProblem([1.0], [[0.0]], beta=1.0), points=3)
    >>> c.energies.round(4)
    array([[-1.   ,  1.   ],
           [-0.809,  0.309],
           [-1.   ,  0.   ]])
    """
    scaled, unit = annealed(problem, scale_energies)
    timing = schedule_of(schedule)
    chosen = normalisation_of(normalisation, timing)
    s = np.linspace(0.0, 1.0, whole("points", points, least=2))
    driver = driver_of(scaled, chosen, constraint)
    low = LowSpectrum(driver, timing, levels, tol, reporter(progress))
    energies, error = low.levels(s)
    own = 1.0 if chosen.time_unit == "ns" else unit
    return SpectrumCurve(
        s=s,
        energies=energies * own,
        error=max(low.error, error) * own,
        snapshots=len(low.basis.snapshots),
        schedule=timing.name,
        normalisation=chosen,
        driver_scale=chosen.driver_scale(scaled.d),
        energy_scale=unit,
    )


class LowSpectrum:
    """The lowest levels and states at any point of a run; the energies have the error `tol`."""

    def __init__(
        self,
        driver: Driver,
        schedule: Schedule,
        levels: int,
        tol: float,
        report: Progress = lambda *_: None,
    ) -> None:
        levels, tol = whole("levels", levels, least=1), real("tol", tol)
        if levels > MAX_LEVELS:
            raise ArgumentError(f"levels={levels}: must be at most {MAX_LEVELS}")
        if not 1e-12 <= tol < np.inf:
            raise ArgumentError(f"tol={tol}: must be at least 1e-12, and finite")
        self.schedule, self.basis = schedule, ReducedBasis(driver, levels)
        count = self.basis.count
        self._ends = np.sort(np.partition(driver.energies, count - 1)[:count])
        self.error = self._learn(max(tol, 1e-14 * self.basis.splitting[2]), report)

    def levels(self, s: ArrayLike) -> tuple[Float[Array, "points levels"], float]:
        """Return the levels at each s, and an estimate of their largest error."""
        s = np.asarray(s, dtype=np.float64)
        A, B = self.schedule.A(s), self.schedule.B(s)
        values, errors = self.basis.levels(A, B)
        off = (A == 0) & (B >= 0)
        values[off], errors[off] = np.outer(B[off], self._ends), 0.0
        return values, float(errors.max(initial=0.0))

    def vectors(
        self, s: float, levels: int | None = None
    ) -> tuple[Float[Array, " levels"], Float[Array, "levels states"]]:
        """Return the lowest levels at s, and their real orthonormal states as rows."""
        count = min(levels or self.basis.count, self.basis.count)
        return self.basis.vectors(float(self.schedule.A(s)), float(self.schedule.B(s)), count)

    def _learn(self, tol: float, report: Progress) -> float:
        """Take snapshots where the estimated error is largest, on finer and finer meshes.

        A snapshot can only reduce the other errors, so an old estimate is an upper bound: it is
        updated only when it has become the largest.
        """
        breaks = self.schedule.breaks if self.schedule.breaks.size < _FINE else np.zeros(0)
        size, s, errors = _COARSE, np.zeros(0), np.zeros(0)
        while size <= _FINE:
            mesh = np.union1d(0.5 - 0.5 * np.cos(np.pi * np.arange(size) / (size - 1)), breaks)
            fresh = np.setdiff1d(mesh, s)
            s = np.append(s, fresh)
            errors = np.append(errors, [self.levels([u])[1] for u in fresh])
            self._reduce(errors, s, tol, report)
            size = 2 * size - 1
        return float(errors.max(initial=0.0))

    def _reduce(
        self, errors: Float[Array, " n"], s: Float[Array, " n"], tol: float, report: Progress
    ) -> None:
        """Take snapshots at some of the points s until all errors are below tol."""
        last = max(_FINE, len(s))
        while errors.max(initial=0.0) > tol:
            done = int(np.count_nonzero(errors <= tol))
            report(f"lowest levels, {len(self.basis.snapshots)} snapshots", done, last)
            worst = int(np.argmax(errors))
            errors[worst] = self.levels([s[worst]])[1]
            if errors[worst] <= tol or errors[worst] < errors.max():
                continue
            size = self.basis.m
            a, b = float(self.schedule.A(s[worst])), float(self.schedule.B(s[worst]))
            self.basis.snapshot(a, b, 0.1 * tol)
            if self.basis.m == size or len(self.basis.snapshots) > _SNAPSHOTS:
                message = f"spectrum: rounding stops the search at s={s[worst]}; raise tol"
                raise NumericalError(message)


def ground_state(driver: Driver, a: float, b: float, *, tol: float = 1e-10) -> Float[Array, " n"]:
    """Return the ground state of a H_D + b H_P, with a residual below tol or rounding.

    It is real, with the sign that makes its sum positive.

    >>> from annealcam.qubo import SelectionProblem
    >>> from annealcam.annealing.levels.drivers import TransverseField
    >>> field = TransverseField(SelectionProblem([1.0], [[0.0]]), 1.0)
    >>> ground_state(field, 1.0, 0.0).round(6)
    array([0.707107, 0.707107])
    """
    basis = ReducedBasis(driver, 1)
    state = basis.vectors(a, b, basis.block)[1]
    if not basis.whole:
        state = lowest_states(driver, a, b, state, wanted=1, tol=tol).states
    ground = state[0] / np.linalg.norm(state[0])
    return ground if ground.sum() > 0 else -ground
