"""How fast the driver goes and the problem comes: A(s) and B(s) over s = t / tau."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float

from annealcam._checks import one_of
from annealcam._types import Array


@dataclass(frozen=True)
class Schedule:
    """The two functions of H(s) = A(s) H_D + B(s) H_QUBO, on arrays of s in [0, 1]."""

    name: str
    driver: Callable[[Float[Array, "*n"]], Float[Array, "*n"]]
    problem: Callable[[Float[Array, "*n"]], Float[Array, "*n"]]


LINEAR = Schedule("linear", driver=lambda s: 1.0 - s, problem=lambda s: s)
SCHEDULES = {"linear": LINEAR}


def schedule_of(name: str | Schedule) -> Schedule:
    """Return the schedule of that name: `linear`, A = 1 - s and B = s.

    Raises:
        ArgumentError: no schedule has that name.

    >>> import numpy as np
    >>> schedule_of("linear").driver(np.array([0.0, 0.25, 1.0]))
    array([1.  , 0.75, 0.  ])
    """
    if isinstance(name, Schedule):
        return name
    return SCHEDULES[one_of("schedule", name, SCHEDULES)]
