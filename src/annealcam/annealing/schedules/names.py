"""Schedules by name, as on the command line."""

from __future__ import annotations

import re
from typing import Any

from annealcam.annealing.schedules.dwave import WORKBOOKS, read_schedule
from annealcam.annealing.schedules.schedule import SCHEDULES, Schedule
from annealcam.errors import ArgumentError, suggest

_KNOWN = f"{', '.join(SCHEDULES)}, FILE.csv; then +pause:AT:LENGTH or +reverse:TURN:BITS[:HOLD]"
_FORMS = {"pause": "pause:AT:LENGTH", "reverse": "reverse:TURN:BITS[:HOLD]"}


def schedule_of(name: Any) -> Schedule:
    """Return the schedule of a name; a `Schedule` is returned as it is.

    A name is `linear` (A = 1 - u, B = u), `quadratic` (the squares of both) or a FILE.csv (see
    `read_schedule`). It may be followed by `+pause:AT:LENGTH` or `+reverse:TURN:BITS[:HOLD]`, where
    character p of BITS is n_p. Alone, `pause:...` and `reverse:...` change the linear schedule.

    Raises:
        ArgumentError: no schedule has that name, or a number in it is out of range.
        ScheduleError: the file cannot be read.

    >>> schedule_of("linear").A(0.25)
    array(0.75)
    >>> schedule_of("quadratic+pause:0.5:0.2").B([0.4, 0.6])
    array([0.25, 0.25])
    >>> schedule_of("reverse:0.5:101")
    Schedule('linear+reverse:0.5:101', 2 pieces)
    """
    if isinstance(name, Schedule):
        return name
    if not isinstance(name, str):
        raise ArgumentError(f"schedule={name!r}: must be a Schedule or a name: {_KNOWN}")
    base, *changes = re.split(r"(?:^|\+)(?=pause:|reverse:)", name)
    schedule = _base(base or "linear", name)
    for change in changes:
        schedule = _changed(schedule, change, name)
    return schedule


def _base(base: str, name: str) -> Schedule:
    if base in SCHEDULES:
        return SCHEDULES[base]
    if base.lower().endswith((".csv", *WORKBOOKS)):
        return read_schedule(base)
    if re.match("adiabatic(:|$)", base):
        raise ArgumentError(f"schedule={name!r}: depends on the problem; use locally_adiabatic")
    near = suggest(base, [*SCHEDULES, "pause", "reverse"])
    raise ArgumentError(f"schedule={name!r}: must be one of {_KNOWN}{near}")


def _changed(schedule: Schedule, change: str, name: str) -> Schedule:
    kind, *values = change.split(":")
    try:
        if kind == "pause":
            at, length = map(float, values)
            return schedule.paused(at, length)
        turn, bits, *hold = values
        if not re.fullmatch("[01]+", bits) or len(hold) > 1:
            raise ArgumentError(f"{change}: BITS must be 0 or 1 for each qubit")
        return schedule.reverse(
            list(map(int, bits)), float(turn), hold=float(hold[0] if hold else 0)
        )
    except ArgumentError as error:
        raise ArgumentError(f"schedule={name!r}: {error}") from None
    except ValueError:
        message = f"schedule={name!r}: {change!r} must have the form {_FORMS[kind]}"
        raise ArgumentError(message) from None
