"""Timing for all benchmarks: measurements in turn, rows with goals, and their table and JSON."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba

Call = Callable[[], Any]
_SHORT = 0.01  # seconds; shorter calls are repeated, so that the clock is accurate enough


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: median and minimum of several measurements."""

    median: float
    minimum: float
    runs: int

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        return cls(statistics.median(seconds), min(seconds), len(seconds))

    def divided(self, many: int) -> Timing:
        """Return the timing of one problem, if a call solves many."""
        return Timing(self.median / many, self.minimum / many, self.runs)


@dataclass(frozen=True)
class Goal:
    """A bound that must be met (`at_least`; None for any result), and a more ambitious one."""

    at_least: float | None
    reach_for: float | None = None
    unit: str = "x"  # "x" for a ratio, which should be large; "s" and "GB" should be small

    def verdict(self, value: float) -> str:
        """Return `reach for`, `at least` or `missed`."""
        sign = 1 if self.unit == "x" else -1
        if self.reach_for is not None and sign * (value - self.reach_for) >= 0:
            return "reach for"
        met = self.at_least is None or sign * (value - self.at_least) >= 0
        return "at least" if met else "missed"


@dataclass(frozen=True)
class Row:
    """One line of the table. A goal applies to a ratio, a time or a memory."""

    what: str
    ours: Timing
    peer: str = ""
    theirs: Timing | None = None
    goal: Goal | None = None
    note: str = ""
    memory_gb: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.theirs.median / self.ours.median if self.theirs else None

    @property
    def ratio_of_minima(self) -> float | None:
        return self.theirs.minimum / self.ours.minimum if self.theirs else None

    def judged(self) -> tuple[float, float]:
        """Return the value to which the goal applies: by medians, and by minima."""
        assert self.goal is not None
        if self.goal.unit == "GB":
            assert self.memory_gb is not None
            return self.memory_gb, self.memory_gb
        if self.goal.unit == "s":
            return self.ours.median, self.ours.minimum
        assert self.ratio is not None
        assert self.ratio_of_minima is not None
        return self.ratio, self.ratio_of_minima

    def verdicts(self) -> tuple[str, str]:
        """Return whether the goal is reached: by medians, and by minima."""
        if self.goal is None:
            return "", ""
        by_medians, by_minima = self.judged()
        return self.goal.verdict(by_medians), self.goal.verdict(by_minima)

    def as_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {"what": self.what, "note": self.note, "runs": self.ours.runs}
        row |= {"ours_s": self.ours.median, "ours_least_s": self.ours.minimum}
        if self.theirs:
            row |= {"peer": self.peer, "peer_runs": self.theirs.runs}
            row |= {"peer_s": self.theirs.median, "peer_least_s": self.theirs.minimum}
            row |= {"ratio": self.ratio, "ratio_of_minima": self.ratio_of_minima}
        if self.memory_gb is not None:
            row["memory_gb"] = self.memory_gb
        if self.goal:
            row |= {"at_least": self.goal.at_least, "reach_for": self.goal.reach_for}
            row |= {"goal_unit": self.goal.unit}
            row["reached"], row["reached_by_minima"] = self.verdicts()
        return row


def timed(call: Call, number: int = 1) -> float:
    """Return the seconds of one call, from several calls in a row."""
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number


def side_by_side(ours: Call, peer: Call, runs: int) -> tuple[Timing, Timing]:
    """Time two calls in turn, so that both run under the same load, after a warm-up of both."""
    numbers = [_enough(call) for call in (ours, peer)]
    pairs = [(timed(ours, numbers[0]), timed(peer, numbers[1])) for _ in range(runs)]
    mine, theirs = zip(*pairs, strict=True)
    return Timing.of(list(mine)), Timing.of(list(theirs))


def alone(call: Call, runs: int) -> Timing:
    """Time one call after a warm-up."""
    number = _enough(call)
    return Timing.of([timed(call, number) for _ in range(runs)])


def _enough(call: Call) -> int:
    """Return the number of calls in a measurement that is long enough, after a warm-up."""
    call()
    return max(1, math.ceil(_SHORT / max(timed(call), 1e-7)))


def seconds(value: float) -> str:
    """Return a time with three digits and its unit.

    >>> seconds(0.0123), seconds(7200.0), seconds(4.5e-5)
    ('12.3 ms', '7200 s', '45 µs')
    """
    units = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
    factor, unit = next((pair for pair in units if value >= pair[0]), units[-1])
    scaled = value / factor
    return f"{scaled:.0f} {unit}" if scaled >= 100 else f"{scaled:.3g} {unit}"


def use_one_thread() -> None:
    """Limit numba to one thread, and exit unless BLAS is limited too, as `make bench` does.

    Several BLAS threads make the peers slower on a busy machine, not faster.
    """
    numba.set_num_threads(1)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        if os.environ.get(name) != "1":
            raise SystemExit(f"set {name}=1 before the start (`make bench` does)")


def print_heading(title: str) -> None:
    print(
        f"\n{title:46} {'ours':>8} {'least':>8} {'peer':>8} {'least':>8} "
        f"{'ratio':>8} {'minima':>8} {'at least':>9} {'reach for':>9}  reached"
    )


def print_row(row: Row) -> None:
    cells = [row.ours.median, row.ours.minimum]
    cells += [row.theirs.median, row.theirs.minimum] if row.theirs else []
    times = " ".join(f"{seconds(cell):>8}" for cell in cells).ljust(35)
    ratios = f"{row.ratio:>8.4g} {row.ratio_of_minima:>8.4g}" if row.theirs else " " * 17
    goals = [row.goal.at_least, row.goal.reach_for] if row.goal else [None, None]
    unit = row.goal.unit if row.goal else ""
    bounds = " ".join(f"{'' if g is None else f'{g:g} {unit}':>9}" for g in goals)
    by_medians, by_minima = row.verdicts()
    verdict = by_medians + (f" ({by_minima} by minima)" if by_minima != by_medians else "")
    print(f"{row.what:46} {times} {ratios} {bounds}  {verdict}", flush=True)
    about = [row.note, f"peer: {row.peer}" if row.peer else ""]
    if any(about):
        print("    " + " | ".join(part for part in about if part), flush=True)
