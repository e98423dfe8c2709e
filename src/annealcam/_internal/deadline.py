"""Time limits: a clock that stands still during compilation, and work in slices."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any

from annealcam._internal.progress import PAUSE, ProgressOption
from annealcam._internal.validation import real
from annealcam.errors import ArgumentError

SLICE = 0.05  # seconds between two checks of the clock and of Ctrl-C
FIRST = 300_000  # units of work in the first slice: a few milliseconds at most
_compiled = threading.local()


def working_seconds() -> float:
    """Return a clock in seconds that stands still while this thread compiles numerical loops."""
    return monotonic() - compiling_seconds()


def compiling_seconds() -> float:
    """Return the seconds that this thread has spent on compilation so far."""
    return float(getattr(_compiled, "seconds", 0.0))


def add_compiling_seconds(seconds: float) -> None:
    """Leave a time out of `working_seconds` of this thread."""
    _compiled.seconds = compiling_seconds() + seconds


class TimeIsUpError(Exception):
    """A time limit ends what is not worth finishing; the search that has the limit catches it."""


@dataclass(frozen=True)
class Deadline:
    """The time at which a search ends, by `working_seconds`.

    >>> Deadline().passed, Deadline.after(60).passed, Deadline.after(60).share(0.0).passed
    (False, False, True)
    """

    end: float = inf
    tick: Callable[[], None] | None = None  # called again and again while a search works

    @classmethod
    def after(cls, seconds: Any, argument: str = "time_limit") -> Deadline:
        """Return the end of a time limit that begins now; None: unlimited.

        Raises:
            ArgumentError: the time limit is no number above 0.
        """
        if seconds is None:
            return cls()
        number = real(argument, seconds)
        if not number > 0:
            raise ArgumentError(
                f"{argument}={number}: must be a number of seconds above 0, or None for no limit"
            )
        return cls(working_seconds() + number)

    def reporting(self, description: str, progress: ProgressOption) -> Deadline:
        """Return a deadline whose work calls `progress`, a few times in a second.

        It is called with the description, the seconds since now, and those until the end; the
        latter are 0 if there is no limit.
        """
        if not callable(progress):
            return self
        began, total = working_seconds(), 0 if self.end == inf else max(1, round(self.left))
        last = began - PAUSE

        def tick() -> None:
            nonlocal last
            now = working_seconds()
            if now - last >= PAUSE:
                last = now
                progress(f"{description}, {now - began:.0f} s", int(now - began), total)

        return Deadline(self.end, tick)

    @property
    def left(self) -> float:
        """Seconds that are left; negative if it has passed."""
        return self.end - working_seconds()

    @property
    def passed(self) -> bool:
        """Whether time is up."""
        return self.left <= 0

    def check(self) -> None:
        """Raise TimeIsUpError if time is up."""
        self.work_goes_on()
        if self.passed:
            raise TimeIsUpError

    def share(self, fraction: float) -> Deadline:
        """Return the deadline after this share of the time that is left."""
        if self.end == inf:
            return self
        return Deadline(self.end - (1.0 - fraction) * self.left, self.tick)

    def work_goes_on(self) -> None:
        """Call `tick`, if there is one."""
        if self.tick is not None:
            self.tick()


NEVER = Deadline()


def run_in_slices(step: Callable[[int], bool], deadline: Deadline) -> bool:
    """Call `step` with amounts of work until it returns True or time is up; return which.

    The amounts are adapted to the speed of the machine, so that a slice takes about `SLICE`. A
    slice is not begun if one as long as the last would end later than half of itself after the
    deadline. Ctrl-C is noticed between two slices.

    >>> run_in_slices(lambda work: True, Deadline())
    True
    """
    work, taken = float(FIRST), 0.0
    while (left := deadline.left) > taken / 2:
        began = working_seconds()
        deadline.work_goes_on()
        if step(int(work)):
            return True
        taken = working_seconds() - began
        aim = min(SLICE, max(left - taken, 1e-3))
        work = min(max(work * min(max(aim / max(taken, 1e-9), 0.1), 10.0), 1.0), 1e15)
    return False
