"""Schedules by name, as a command line gives them."""

from __future__ import annotations

import re
from typing import Any

from annealcam.annealing.schedules.schedule import SCHEDULES, Schedule
from annealcam.errors import ArgumentError, suggest

_KNOWN = f"{', '.join(SCHEDULES)}, FILE.csv; then +pause:AT:LENGTH or +reverse:TURN:BITS[:HOLD]"


def named(name: Any) -> Schedule:
    """Return the schedule of a name; see `schedule_of`.

    Raises:
        ArgumentError: no schedule has that name, or a number in it is out of range.
        ScheduleError: the file cannot be read.

    >>> named("reverse:0.5:101")
    Schedule('linear+reverse:0.5:101', 2 pieces)
    """
    if not isinstance(name, str):
        raise ArgumentError(f"schedule={name!r}: a Schedule, or a name: {_KNOWN}")
    base, *changes = re.split(r"(?:^|\+)(?=pause:|reverse:)", name)
    schedule = _base(base or "linear", name)
    for change in changes:
        schedule = _changed(schedule, change, name)
    return schedule


def _base(base: str, name: str) -> Schedule:
    if base in SCHEDULES:
        return SCHEDULES[base]
    if base.lower().endswith(".csv"):
        from annealcam.annealing.schedules.dwave import read_schedule

        return read_schedule(base)
    if re.match("adiabatic(:|$)", base):
        raise ArgumentError(f"schedule={name!r}: needs the problem; see locally_adiabatic")
    near = suggest(base, [*SCHEDULES, "pause", "reverse"])
    raise ArgumentError(f"schedule={name!r}: one of {_KNOWN}{near}")


def _changed(schedule: Schedule, change: str, name: str) -> Schedule:
    kind, *values = change.split(":")
    try:
        if kind == "pause":
            at, length = map(float, values)
            return schedule.paused(at, length)
        turn, bits, *hold = values
        if not re.fullmatch("[01]+", bits) or len(hold) > 1:
            raise ArgumentError(f"{change}: BITS are 0 and 1, one for each qubit")
        return schedule.reverse(
            list(map(int, bits)), float(turn), hold=float(hold[0] if hold else 0)
        )
    except ArgumentError as error:
        raise ArgumentError(f"schedule={name!r}: {error}") from None
    except ValueError:
        form = {"pause": "pause:AT:LENGTH", "reverse": "reverse:TURN:BITS[:HOLD]"}[kind]
        raise ArgumentError(f"schedule={name!r}: {change!r} is not of the form {form}") from None
