"""How fast the driver goes and the problem comes: A and B over the fraction u = t / tau of a run.

Every schedule is a plain value: pieces of cubic polynomials between breaks. So compiled code can
evaluate any of them, steps can end where a schedule has a kink, and a result can store it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam.annealing.schedules import pieces as _pieces
from annealcam.annealing.schedules.pieces import Function
from annealcam.annealing.schedules.schedule_checks import (
    check_course,
    checked,
    fraction,
    numbers,
    selection,
)
from annealcam.errors import ArgumentError

FEW_PIECES = 64  # steps may well end at the breaks of so many pieces of a fit,
FEW_ROWS = 257  # and of a table, whose pieces meet less smoothly
_SHARP = 1e-6  # pieces as short as this were needed at a kink


@dataclass(frozen=True, eq=False, repr=False)
class Schedule:
    """The two functions of H = A(u) H_D + B(u) H_QUBO, over u = t / tau in [0, 1].

    On piece i, between breaks[i] and breaks[i + 1], A(u) = sum_j driver[i, j] (u - breaks[i])^j,
    and so for B with `problem`. `smooth` says that the pieces only approximate one smooth function:
    then steps need not end at the breaks. `energy_unit` and `time_unit` are empty for numbers
    without a unit. `initial` is the selection that a reverse run starts from.

    Made from numbers as here, a schedule need not start with the driver: see `of` and `from_table`.

    Raises:
        ArgumentError: the breaks do not go from 0 to 1, or something is not finite.

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

    def __post_init__(self) -> None:
        for field in ("breaks", "driver", "problem"):
            object.__setattr__(self, field, numbers(field, getattr(self, field)))
        check_course("breaks", self.breaks)
        for field in ("driver", "problem"):
            if getattr(self, field).shape != (self.breaks.size - 1, 4):
                raise ArgumentError(f"{field}: four coefficients for each of the pieces")
        if self.initial is not None:
            object.__setattr__(self, "initial", selection(self.initial))

    def __repr__(self) -> str:
        unit = f", energies in {self.energy_unit}" if self.energy_unit else ""
        return f"Schedule({self.name!r}, {len(self.driver)} pieces{unit})"

    @classmethod
    def of(cls, A: Function, B: Function, *, name: str = "custom") -> Schedule:
        """Return the schedule of any two functions of u in [0, 1], followed to 1e-11.

        Raises:
            ArgumentError: a function is not finite, is negative, or needs over 4096 pieces; A and B
                do not start with the driver and end with the problem.

        >>> s = Schedule.of(lambda u: np.cos(np.pi * u / 2), lambda u: np.sin(np.pi * u / 2))
        >>> float(s.A(1 / 3).round(9)), float(s.B(1 / 3).round(9))
        (0.866025404, 0.5)
        """
        breaks, (driver, problem) = _pieces.fitted({"A": A, "B": B})
        smooth = len(driver) > FEW_PIECES and float(np.diff(breaks).min()) > _SHARP
        return checked(cls(name, breaks, driver, problem, smooth=smooth))

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
        """Return the schedule through a table: straight between its points, or smooth (PCHIP).

        Raises:
            ArgumentError: u does not increase from 0 to 1; lengths differ; a value is negative or
                not finite; A and B do not start with the driver and end with the problem.

        Source: Fritsch, Butland 1984 (monotone cubics), by scipy.

        >>> Schedule.from_table([0.0, 0.5, 1.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]).A(0.75)
        array(0.5)
        """
        laid = {"linear": _pieces.linear, "smooth": _pieces.smooth}
        through = laid[one_of("interpolation", interpolation, laid)]
        breaks = numbers("u", u)
        check_course("u", breaks)
        columns = {"A": numbers("A", A), "B": numbers("B", B)}
        for column, values in columns.items():
            if values.shape != breaks.shape:
                raise ArgumentError(f"{column}: of shape {values.shape}, but u of {breaks.shape}")
        driver, problem = (through(breaks, values) for values in columns.values())
        smooth = breaks.size > FEW_ROWS
        return checked(cls(name, breaks, driver, problem, smooth, energy_unit, time_unit))

    def A(self, u: ArrayLike) -> Float[Array, "*n"]:
        """Strength of the driver at u.

        >>> LINEAR.A([0.0, 0.25, 1.0])
        array([1.  , 0.75, 0.  ])
        """
        return self._at(self.driver, u)

    def B(self, u: ArrayLike) -> Float[Array, "*n"]:
        """Strength of the problem at u.

        >>> QUADRATIC.B(0.5)
        array(0.25)
        """
        return self._at(self.problem, u)

    def dA(self, u: ArrayLike) -> Float[Array, "*n"]:
        """dA / du; at a kink, that of the later piece.

        >>> QUADRATIC.dA([0.0, 0.5])
        array([-2., -1.])
        """
        return self._at(_pieces.derivative(self.driver), u)

    def dB(self, u: ArrayLike) -> Float[Array, "*n"]:
        """dB / du; at a kink, that of the later piece.

        >>> LINEAR.dB([0.0, 0.5])
        array([1., 1.])
        """
        return self._at(_pieces.derivative(self.problem), u)

    def _at(self, pieces: Float[Array, "pieces 4"], u: ArrayLike) -> Float[Array, "*n"]:
        u = np.asarray(u, dtype=np.float64)
        piece = np.clip(np.searchsorted(self.breaks, u, side="right") - 1, 0, len(pieces) - 1)
        x, c = u - self.breaks[piece], pieces[piece]
        return np.asarray(c[..., 0] + x * (c[..., 1] + x * (c[..., 2] + x * c[..., 3])))

    def warped(self, points: Sequence[tuple[float, float]], *, name: str | None = None) -> Schedule:
        """Return A(s(u)) and B(s(u)) for straight lines s(u) through the points (u, s).

        This is D-Wave's `anneal_schedule` over the fraction u of the whole time.

        Raises:
            ArgumentError: u does not increase from 0 to 1, s leaves [0, 1], or the run would not
                start with the driver and end with the problem.

        >>> LINEAR.warped([(0, 0), (0.2, 0.5), (1, 1)]).B([0.2, 0.6])
        array([0.5 , 0.75])
        """
        return checked(self._warped(points, name or f"{self.name}, warped"))

    def _warped(self, points: Sequence[tuple[float, float]], name: str) -> Schedule:
        table = numbers("points", points)
        if table.ndim != 2 or table.shape[1] != 2:
            raise ArgumentError(f"points: of shape {table.shape}; pairs (u, s)")
        u, s = table.T
        check_course("points: u", u)
        if not ((s >= 0) & (s <= 1)).all():
            raise ArgumentError("points: s leaves the interval from 0 to 1")
        breaks, (driver, problem) = _pieces.composed(self.breaks, (self.driver, self.problem), u, s)
        return replace(self, name=name, breaks=breaks, driver=driver, problem=problem, smooth=False)

    def paused(self, at: float, length: float) -> Schedule:
        """Return the same schedule, held where it is at `at` for the fraction `length` of the run.

        Raises:
            ArgumentError: `at` is not in [0, 1], or `length` not in [0, 1).

        >>> LINEAR.paused(0.5, 0.2).B([0.2, 0.4, 0.6, 0.8])
        array([0.25, 0.5 , 0.5 , 0.75])
        """
        at, length = fraction("at", at), fraction("length", length, below_one=True)
        rest = at * (1 - length)
        points = {0.0: 0.0, rest: at, rest + length: at, 1.0: 1.0}
        return self._warped(sorted(points.items()), f"{self.name}+pause:{at}:{length}")

    def reverse(self, initial: ArrayLike, turn: float, *, hold: float = 0.0) -> Schedule:
        """Return a run from the selection `initial` at s = 1, back to s = turn, and to 1 again.

        The middle fraction `hold` of the run stays at the turning point.

        Raises:
            ArgumentError: `initial` holds other values than 0 and 1; `turn` or `hold` is not in
                [0, 1); the schedule is a reverse one already.

        >>> LINEAR.reverse([1, 0, 1], 0.4).A([0.0, 0.25, 0.5, 1.0])
        array([0. , 0.3, 0.6, 0. ])
        """
        if self.initial is not None:
            raise ArgumentError(f"schedule {self.name!r}: runs in reverse already")
        turn, hold = (fraction(*a, below_one=True) for a in (("turn", turn), ("hold", hold)))
        n = selection(initial)
        points = {0.0: 1.0, (1 - hold) / 2: turn, (1 + hold) / 2: turn, 1.0: 1.0}
        name = f"{self.name}+reverse:{turn}:{''.join(map(str, n))}" + (f":{hold}" if hold else "")
        return replace(self._warped(sorted(points.items()), name), initial=n)


def _one_piece(name: str, driver: list[float], problem: list[float]) -> Schedule:
    return Schedule(name, np.array([0.0, 1.0]), np.array([driver]), np.array([problem]))


LINEAR = _one_piece("linear", [1.0, -1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0])
QUADRATIC = _one_piece("quadratic", [1.0, -2.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0])
SCHEDULES = {"linear": LINEAR, "quadratic": QUADRATIC}


def schedule_of(name: str | Schedule) -> Schedule:
    """Return the schedule that a name stands for, or the schedule itself.

    `linear` (A = 1 - u, B = u), `quadratic` (their squares), or a FILE.csv (see `read_schedule`);
    then, if wanted, `+pause:AT:LENGTH` or `+reverse:TURN:BITS[:HOLD]`, where character p of BITS is
    n_p. Alone, `pause:...` and `reverse:...` change the linear schedule.

    Raises:
        ArgumentError: no schedule has that name, or a number in it is out of range.
        ScheduleError: the file cannot be read.

    >>> schedule_of("linear").A(0.25)
    array(0.75)
    >>> schedule_of("quadratic+pause:0.5:0.2").B([0.4, 0.6])
    array([0.25, 0.25])
    """
    if isinstance(name, Schedule):
        return name
    from annealcam.annealing.schedules.schedule_names import named

    return named(name)
