"""What a schedule is given, checked at the door; and that its run starts and ends as runs do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from annealcam._internal.types import Array
from annealcam._internal.validation import real
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from annealcam.annealing.schedules.schedule import Schedule

_SMALL = 0.1  # the most that the problem may have of the driver's strength where a run starts
_GONE = 0.01  # the most that the driver may have left of its largest strength where a run ends
_ROUNDING = 1e-9  # of the largest value: how far below zero a fit may dip


def numbers(name: str, values: ArrayLike) -> Float[Array, "..."]:
    """Return a read-only copy in float64.

    Raises:
        ArgumentError: these are no numbers, or not finite.
    """
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name}: not an array of numbers ({error})") from None
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name}: holds NaN or infinity")
    array.setflags(write=False)
    return array


def check_course(name: str, u: Float[Array, "..."]) -> None:
    """Raise ArgumentError unless u increases from 0 to 1."""
    if u.ndim != 1 or u.size < 2:
        raise ArgumentError(f"{name}: of shape {u.shape}; two points or more, from 0 to 1")
    if u[0] != 0 or u[-1] != 1:
        raise ArgumentError(f"{name}: goes from {u[0]:g} to {u[-1]:g}; must go from 0 to 1")
    if not (np.diff(u) > 0).all():
        at = int(np.argmin(np.diff(u) > 0)) + 1
        raise ArgumentError(f"{name}: does not increase at point {at} ({u[at]:g})")


def selection(initial: ArrayLike) -> Int[Array, " d"]:
    """Return a selection as a read-only array of 0 and 1."""
    n = numbers("initial", initial)
    if n.ndim != 1 or not ((n == 0) | (n == 1)).all():
        raise ArgumentError(
            "initial: a row of 0 and 1, one for each qubit; spins are n = (s + 1)/2"
        )
    n = n.astype(np.int8)
    n.setflags(write=False)
    return n


def fraction(name: str, value: Any, *, below_one: bool = False) -> float:
    """Return a number in [0, 1], or [0, 1)."""
    number = real(name, value)
    if not (0 <= number < 1 or (number == 1 and not below_one)):
        raise ArgumentError(f"{name}={value}: from 0 to {'below ' if below_one else ''}1")
    return number


def checked(schedule: Schedule) -> Schedule:
    """Return the schedule if A and B are never negative, and start and end as a run must.

    Forward: from the driver, B(0) <= 0.1 A(0) (annealers start with a B that is small but not 0).
    Reverse: with the driver gone. Both end with the driver gone, A(1) <= 0.01 max A, and B(1) > 0.
    """
    u = (
        schedule.breaks[:-1, None] + np.diff(schedule.breaks)[:, None] * np.arange(32) / 32
    ).ravel()
    u = np.append(u, 1.0)
    A, B = schedule.A(u), schedule.B(u)
    for name, values in (("A", A), ("B", B)):
        if values.min() < -_ROUNDING * np.abs(values).max():
            raise ArgumentError(f"{name}: negative at u={u[np.argmin(values)]:g}")
    if schedule.initial is None and not (A[0] > 0 and B[0] <= _SMALL * A[0]):
        raise ArgumentError(
            f"schedule {schedule.name!r}: starts with A={A[0]:g}, B={B[0]:g}; it must start with "
            "the driver, B(0) <= 0.1 A(0); from a given selection: reverse(initial, turn)"
        )
    if schedule.initial is not None and A[0] > _GONE * A.max():
        raise ArgumentError(f"schedule {schedule.name!r}: a reverse run starts without the driver")
    if not (B[-1] > 0 and A[-1] <= _GONE * A.max()):
        raise ArgumentError(
            f"schedule {schedule.name!r}: ends with A={A[-1]:g}, B={B[-1]:g}; it must end with the "
            "problem alone, A(1) <= 0.01 max A and B(1) > 0"
        )
    return schedule
