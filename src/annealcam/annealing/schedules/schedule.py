"""Annealing schedules: the strengths A and B of driver and problem over the fraction u = t / tau.

Every schedule is a plain value, cubic polynomials between breaks. Compiled code can therefore
evaluate any schedule, steps can end where it has a kink, and a result can store it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from annealcam._internal.types import Array
from annealcam._internal.validation import finite_array, one_of, real
from annealcam.annealing.schedules.pieces import (
    Function,
    composed,
    derivative,
    fitted,
    linear_pieces,
    roughness,
    smooth_pieces,
)
from annealcam.errors import ArgumentError

# With at most this many breaks, steps end at each of them; beyond, the pieces count as one smooth
# curve. The pieces of a table meet less smoothly than those of a fitted function, and those of a
# rough one, whose every second row is not where the others lead, never count as one.
FEW_PIECES, FEW_ROWS = 64, 257
_ROUGH = 5e-4
_SHARP = 1e-6  # a fit with pieces as short as this has a kink there
_SMALL = 0.1  # largest B / A at the start of a forward run
_GONE = 0.01  # largest A at the end of a run, as a share of the largest A
_ROUNDING = 1e-9  # depth to which a fit may dip below zero, as a share of its largest value


@dataclass(frozen=True, eq=False, repr=False)
class Schedule:
    """The two functions of H = A(u) H_D + B(u) H_QUBO, over u = t / tau in [0, 1].

    A(u) = sum_j driver[i, j] (u - breaks[i])^j   for breaks[i] <= u < breaks[i + 1], and B likewise

    The constructor takes any coefficients; `of` and `from_table` also check that a run starts with
    the driver and ends with the problem. Two schedules are equal only if they are the same object.

    Args:
        name: shown in results.
        breaks: ends of the pieces, ascending from 0 to 1, (pieces + 1,).
        driver: coefficients of A, (pieces, 4).
        problem: coefficients of B, (pieces, 4).
        smooth: whether the pieces approximate one smooth function, so that steps need not end at
            the breaks.
        energy_unit: unit of A and B; empty for plain numbers.
        time_unit: unit of tau; empty for 1 / energy.
        initial: the selection from which a reverse run starts, (d,); None for a forward run.

    Raises:
        ArgumentError: the breaks do not ascend from 0 to 1, a shape is wrong, or a number is not
            finite.

    >>> late = Schedule("late", [0.0, 0.5, 1.0], [[1, 0, 0, 0], [1, -2, 0, 0]], [[0, 2, 0, 0]] * 2)
    >>> late.A([0.25, 0.75])
    array([1. , 0.5])
    """

    name: str
    breaks: Float[Array, " breaks"]
    driver: Float[Array, "pieces 4"]
    problem: Float[Array, "pieces 4"]
    smooth: bool = False
    energy_unit: str = ""
    time_unit: str = ""
    initial: Int[Array, " d"] | None = None

    def __init__(
        self,
        name: str,
        breaks: ArrayLike,
        driver: ArrayLike,
        problem: ArrayLike,
        smooth: bool = False,
        energy_unit: str = "",
        time_unit: str = "",
        initial: ArrayLike | None = None,
    ) -> None:
        ends = finite_array("breaks", breaks)
        _check_ascending("breaks", ends)
        curves = {
            "driver": finite_array("driver", driver),
            "problem": finite_array("problem", problem),
        }
        for curve, coefficients in curves.items():
            if coefficients.shape != (ends.size - 1, 4):
                raise ArgumentError(
                    f"{curve}: must have four coefficients for each of {ends.size - 1} pieces, "
                    f"not the shape {coefficients.shape}"
                )
        fields = {
            "name": name,
            "breaks": ends,
            **curves,
            "smooth": smooth,
            "energy_unit": energy_unit,
            "time_unit": time_unit,
            "initial": None if initial is None else _selection(initial),
        }
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    def __repr__(self) -> str:
        name = self.name if len(self.name) <= 80 else f"{self.name[:77]}..."
        unit = f", energies in {self.energy_unit}" if self.energy_unit else ""
        return f"Schedule({name!r}, {len(self.driver)} pieces{unit})"

    @classmethod
    def of(cls, A: Function, B: Function, *, name: str = "custom") -> Schedule:
        """Return the schedule of any two functions of u in [0, 1], fitted to a relative 1e-11.

        Raises:
            ArgumentError: a function is not finite, is negative, or needs over 4096 pieces; or the
                run does not start with the driver and end with the problem.

        >>> s = Schedule.of(lambda u: np.cos(np.pi * u / 2), lambda u: np.sin(np.pi * u / 2))
        >>> float(s.A(1 / 3).round(9)), float(s.B(1 / 3).round(9))
        (0.866025404, 0.5)
        """
        breaks, (driver, problem) = fitted({"A": A, "B": B})
        no_kink = len(driver) > FEW_PIECES and float(np.diff(breaks).min()) > _SHARP
        return _checked(cls(name, breaks, driver, problem, smooth=no_kink))

    @classmethod
    def from_table(
        cls,
        u: ArrayLike,
        A: ArrayLike,
        B: ArrayLike,
        *,
        interpolation: str = "linear",
        name: str = "table",
        energy_unit: str = "",
        time_unit: str = "",
    ) -> Schedule:
        """Return the schedule through the points (u, A) and (u, B) of a table.

        Args:
            u: ascending from 0 to 1, (points,).
            A: strength of the driver at each u, (points,).
            B: strength of the problem at each u, (points,).
            interpolation: `linear` (straight lines) or `smooth` (monotone cubics, PCHIP).
            name: shown in results.
            energy_unit: unit of A and B; empty for plain numbers.
            time_unit: unit of tau; empty for 1 / energy.

        Raises:
            ArgumentError: u does not ascend from 0 to 1; lengths differ; a value is negative or not
                finite; or the run does not start with the driver and end with the problem.

        Source: Fritsch, Butland 1984 (monotone cubics), from scipy.

        >>> Schedule.from_table([0.0, 0.5, 1.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]).A(0.75)
        array(0.5)
        """
        methods = {"linear": linear_pieces, "smooth": smooth_pieces}
        interpolate = methods[one_of("interpolation", interpolation, methods)]
        breaks = finite_array("u", u)
        _check_ascending("u", breaks)
        columns = {"A": finite_array("A", A), "B": finite_array("B", B)}
        for column, values in columns.items():
            if values.shape != breaks.shape:
                raise ArgumentError(f"{column}: has the shape {values.shape}, but u {breaks.shape}")
        driver, problem = (interpolate(breaks, values) for values in columns.values())
        smooth = breaks.size > FEW_ROWS and all(
            roughness(interpolate, breaks, values) <= _ROUGH for values in columns.values()
        )
        return _checked(cls(name, breaks, driver, problem, smooth, energy_unit, time_unit))

    def A(self, u: ArrayLike) -> Float[Array, "*n"]:
        """Return the strength of the driver at u.

        >>> LINEAR.A([0.0, 0.25, 1.0])
        array([1.  , 0.75, 0.  ])
        """
        return self._at(self.driver, u)

    def B(self, u: ArrayLike) -> Float[Array, "*n"]:
        """Return the strength of the problem at u.

        >>> QUADRATIC.B(0.5)
        array(0.25)
        """
        return self._at(self.problem, u)

    def dA(self, u: ArrayLike) -> Float[Array, "*n"]:
        """Return dA / du; at a kink, that of the later piece.

        >>> QUADRATIC.dA([0.0, 0.5])
        array([-2., -1.])
        """
        return self._at(derivative(self.driver), u)

    def dB(self, u: ArrayLike) -> Float[Array, "*n"]:
        """Return dB / du; at a kink, that of the later piece.

        >>> LINEAR.dB([0.0, 0.5])
        array([1., 1.])
        """
        return self._at(derivative(self.problem), u)

    def _at(self, pieces: Float[Array, "pieces 4"], u: ArrayLike) -> Float[Array, "*n"]:
        u = np.asarray(u, dtype=np.float64)
        piece = np.clip(np.searchsorted(self.breaks, u, side="right") - 1, 0, len(pieces) - 1)
        x, c = u - self.breaks[piece], pieces[piece]
        return np.asarray(c[..., 0] + x * (c[..., 1] + x * (c[..., 2] + x * c[..., 3])))

    def warped(self, points: ArrayLike, *, name: str | None = None) -> Schedule:
        """Return the schedule A(s(u)), B(s(u)) for straight lines s(u) through the points (u, s).

        This is D-Wave's `anneal_schedule`, with times as fractions u of the whole run.

        Raises:
            ArgumentError: u does not ascend from 0 to 1, an s is not in [0, 1], or the run would
                not start with the driver and end with the problem.

        >>> LINEAR.warped([(0, 0), (0.2, 0.5), (1, 1)]).B([0.2, 0.6])
        array([0.5 , 0.75])
        """
        return _checked(self._warped(points, name or f"{self.name}, warped"))

    def _warped(self, points: ArrayLike, name: str) -> Schedule:
        table = finite_array("points", points)
        if table.ndim != 2 or table.shape[1] != 2:
            raise ArgumentError(f"points: must be pairs (u, s), not of shape {table.shape}")
        u, s = table.T
        _check_ascending("points: u", u)
        if not ((s >= 0) & (s <= 1)).all():
            raise ArgumentError("points: every s must be between 0 and 1")
        breaks, (driver, problem) = composed(self.breaks, (self.driver, self.problem), u, s)
        return replace(self, name=name, breaks=breaks, driver=driver, problem=problem, smooth=False)

    def paused(self, at: float, length: float) -> Schedule:
        """Return this schedule with a pause at s = `at`, for the fraction `length` of the run.

        Raises:
            ArgumentError: `at` is not in [0, 1], or `length` not in [0, 1).

        >>> LINEAR.paused(0.5, 0.2).B([0.2, 0.4, 0.6, 0.8])
        array([0.25, 0.5 , 0.5 , 0.75])
        """
        at, length = _fraction("at", at), _fraction("length", length, below_one=True)
        rest = at * (1 - length)
        points = {0.0: 0.0, rest: at, rest + length: at, 1.0: 1.0}
        return self._warped(sorted(points.items()), f"{self.name}+pause:{at}:{length}")

    def reverse(self, initial: ArrayLike, turn: float, *, hold: float = 0.0) -> Schedule:
        """Return the reverse run from a selection at s = 1 back to s = `turn`, and to s = 1 again.

        The run stays at the turning point for its middle fraction `hold`.

        Raises:
            ArgumentError: `initial` has other values than 0 and 1; `turn` or `hold` is not in
                [0, 1); or the schedule is already a reverse one.

        >>> LINEAR.reverse([1, 0, 1], 0.4).A([0.0, 0.25, 0.5, 1.0])
        array([0. , 0.3, 0.6, 0. ])
        """
        if self.initial is not None:
            raise ArgumentError(f"schedule {self.name!r}: is already a reverse schedule")
        turn, hold = (_fraction(*a, below_one=True) for a in (("turn", turn), ("hold", hold)))
        n = _selection(initial)
        points = {0.0: 1.0, (1 - hold) / 2: turn, (1 + hold) / 2: turn, 1.0: 1.0}
        name = f"{self.name}+reverse:{turn}:{''.join(map(str, n))}" + (f":{hold}" if hold else "")
        return replace(self._warped(sorted(points.items()), name), initial=n)


def _check_ascending(name: str, u: Float[Array, "..."]) -> None:
    """Raise ArgumentError unless u increases from 0 to 1."""
    if u.ndim != 1 or u.size < 2:
        raise ArgumentError(f"{name}: must have two or more points, not the shape {u.shape}")
    if u[0] != 0 or u[-1] != 1:
        raise ArgumentError(f"{name}: must go from 0 to 1, not from {u[0]:g} to {u[-1]:g}")
    if not (np.diff(u) > 0).all():
        at = int(np.argmin(np.diff(u) > 0)) + 1
        raise ArgumentError(f"{name}: must increase, but does not at point {at} ({u[at]:g})")


def _selection(initial: ArrayLike) -> Int[Array, " d"]:
    """Return a selection as a read-only array of 0 and 1."""
    n = finite_array("initial", initial)
    if n.ndim != 1 or not ((n == 0) | (n == 1)).all():
        raise ArgumentError(
            "initial: must be 0 or 1 for each qubit; convert spins by n = (s + 1) / 2"
        )
    n = n.astype(np.int8)
    n.setflags(write=False)
    return n


def _fraction(name: str, value: Any, *, below_one: bool = False) -> float:
    """Return a number in [0, 1], or [0, 1)."""
    number = real(name, value)
    if not (0 <= number < 1 or (number == 1 and not below_one)):
        bound = "0 or more, and below 1" if below_one else "between 0 and 1"
        raise ArgumentError(f"{name}={value}: must be {bound}")
    return number


def _checked(schedule: Schedule) -> Schedule:
    """Return the schedule, or raise ArgumentError if no run can follow it.

    A and B may not be negative. A forward run starts with the driver, B(0) <= 0.1 A(0), since
    annealers start with a small B; a reverse run starts without it, A(0) <= 0.01 max A. Both end
    with the problem alone, A(1) <= 0.01 max A and B(1) > 0.
    """
    width = np.diff(schedule.breaks)[:, None]
    u = np.append((schedule.breaks[:-1, None] + width * np.arange(32) / 32).ravel(), 1.0)
    A, B = schedule.A(u), schedule.B(u)
    for name, values in (("A", A), ("B", B)):
        if values.min() < -_ROUNDING * np.abs(values).max():
            raise ArgumentError(f"{name}: is negative at u={u[np.argmin(values)]:g}")
    if schedule.initial is None and not (A[0] > 0 and B[0] <= _SMALL * A[0]):
        raise ArgumentError(
            f"schedule {schedule.name!r}: starts with A={A[0]:g}, B={B[0]:g}; it must start with "
            "the driver, B(0) <= 0.1 A(0). To start from a selection, use reverse(initial, turn)"
        )
    if schedule.initial is not None and A[0] > _GONE * A.max():
        raise ArgumentError(
            f"schedule {schedule.name!r}: starts with A={A[0]:g}; a reverse run must start without "
            "the driver"
        )
    if not (B[-1] > 0 and A[-1] <= _GONE * A.max()):
        raise ArgumentError(
            f"schedule {schedule.name!r}: ends with A={A[-1]:g}, B={B[-1]:g}; it must end with the "
            "problem alone, A(1) <= 0.01 max A and B(1) > 0"
        )
    return schedule


def _one_piece(name: str, driver: list[float], problem: list[float]) -> Schedule:
    return Schedule(name, np.array([0.0, 1.0]), np.array([driver]), np.array([problem]))


# The schedule A = 1 - u, B = u.
LINEAR = _one_piece("linear", [1.0, -1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0])
# The schedule A = (1 - u)^2, B = u^2.
QUADRATIC = _one_piece("quadratic", [1.0, -2.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0])
# The built-in schedules by name.
SCHEDULES = {"linear": LINEAR, "quadratic": QUADRATIC}
