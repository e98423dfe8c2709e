"""The number, length and schedule of anneals, checked before they are submitted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from annealcam._internal.text import short_repr
from annealcam._internal.validation import real, whole
from annealcam.errors import ArgumentError

Point = tuple[float, float]


@dataclass(frozen=True, repr=False)
class Controls:
    """The number of shots, and the annealing time or a schedule; without both, solver defaults.

    Args:
        shots: number of anneals, each measured once.
        annealing_time: length of one anneal in microseconds, s = t / annealing_time.
        anneal_schedule: points (t, s), t in microseconds from 0, s from 0 to 1; straight lines
            between them.

    Raises:
        ArgumentError: a value is invalid for every processor.

    >>> Controls(shots=100, anneal_schedule=[(0, 0), (10, 0.5), (60, 0.5), (70, 1)]).length
    70.0
    """

    shots: int = 1000
    annealing_time: float | None = None
    anneal_schedule: Any = None

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "shots", whole("shots", self.shots, least=1))
        if self.annealing_time is not None and self.anneal_schedule is not None:
            raise ArgumentError("annealing_time, anneal_schedule: give only one of them")
        if self.annealing_time is not None:
            set_field(self, "annealing_time", _positive("annealing_time", self.annealing_time))
        if self.anneal_schedule is not None:
            set_field(self, "anneal_schedule", _forward(_points(self.anneal_schedule)))

    def __repr__(self) -> str:
        points = self.anneal_schedule and f"{len(self.anneal_schedule)} points"
        return short_repr("Controls", shots=self.shots, annealing_time=self.annealing_time,
                          anneal_schedule=points)  # fmt: skip

    @property
    def length(self) -> float | None:
        """Length of one anneal in microseconds; None: the default of the solver."""
        return self.anneal_schedule[-1][0] if self.anneal_schedule else self.annealing_time

    def options(self, qpu: Any) -> dict[str, Any]:
        """Return the options of the processor's `sample`.

        Raises:
            ArgumentError: a value is outside of the limits in the solver's properties.

        Source: D-Wave, "Solver Parameters": anneal_schedule, annealing_time, num_reads; the slope
            is that of `DWaveSampler.validate_anneal_schedule`.
        """
        limits = qpu.properties
        _within("shots", self.shots, limits.get("num_reads_range"))
        options: dict[str, Any] = {"num_reads": self.shots}
        for name in ("annealing_time", "anneal_schedule"):
            value = getattr(self, name)
            if value is None:
                continue
            if name not in qpu.parameters:
                raise ArgumentError(f"{name}: not supported by this solver")
            options[name] = value
        if self.annealing_time is not None:
            _within("annealing_time", self.annealing_time, limits.get("annealing_time_range"))
        if self.anneal_schedule is not None:
            _limited(self.anneal_schedule, limits)
            options["anneal_schedule"] = [list(point) for point in self.anneal_schedule]
        _check_duration(self.shots, self.length, limits)
        return options


def _points(schedule: Any) -> tuple[Point, ...]:
    rows = schedule.tolist() if isinstance(schedule, np.ndarray) else schedule
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise ArgumentError(
            f"anneal_schedule: is a {type(schedule).__name__}; must be points (t, s), t in "
            "microseconds, unlike the schedules of `anneal`, which are functions A and B"
        )
    for row in rows:
        if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 2:
            raise ArgumentError(f"anneal_schedule: {row!r} is not a point (t, s)")
    name = "a number of anneal_schedule"
    points = tuple((real(name, t), real(name, s)) for t, s in rows)
    if not all(math.isfinite(number) for point in points for number in point):
        raise ArgumentError("anneal_schedule: holds NaN or infinity")
    return points


def _forward(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Return the points if they describe a run from s = 0 to s = 1."""
    if len(points) < 2:
        raise ArgumentError(f"anneal_schedule: {len(points)} points; must be two or more")
    times, fractions = zip(*points, strict=True)
    if fractions[0] == 1:
        raise ArgumentError(
            "anneal_schedule: starts at s = 1, but a reverse anneal needs an initial state, which "
            "is not supported; start at s = 0"
        )
    if (fractions[0], fractions[-1]) != (0, 1):
        raise ArgumentError(
            f"anneal_schedule: runs from s = {fractions[0]:g} to {fractions[-1]:g}; must be 0 to 1"
        )
    if times[0] != 0:
        raise ArgumentError(f"anneal_schedule: starts at t = {times[0]:g}; must be 0")
    for (t0, s0), (t1, s1) in pairwise(points):
        if t1 <= t0:
            raise ArgumentError(f"anneal_schedule: t = {t1:g} comes after {t0:g}; must ascend")
        if s1 < s0:
            raise ArgumentError(f"anneal_schedule: s falls from {s0:g} to {s1:g}; must not fall")
    return points


def _limited(points: tuple[Point, ...], limits: Mapping[str, Any]) -> None:
    most = limits.get("max_anneal_schedule_points")
    if most is not None and len(points) > most:
        raise ArgumentError(
            f"anneal_schedule: {len(points)} points; this solver takes {most} at most"
        )
    if limits.get("annealing_time_range") is None:
        return
    shortest, longest = limits["annealing_time_range"]
    if points[-1][0] > longest:
        raise ArgumentError(
            f"anneal_schedule: ends at t = {points[-1][0]:g}; this solver's longest anneal has "
            f"{longest:g} microseconds"
        )
    for (t0, s0), (t1, s1) in pairwise(points):
        slope = round((s1 - s0) / (t1 - t0), 10)  # rounded as D-Wave does
        if slope > 1 / shortest:
            raise ArgumentError(
                f"anneal_schedule: from t = {t0:g} to {t1:g} the slope is {slope:g} per "
                f"microsecond; this solver's steepest is {1 / shortest:g}"
            )


def _check_duration(shots: int, length: float | None, limits: Mapping[str, Any]) -> None:
    """Check that the anneals, without their readout, fit into one submission."""
    length = limits.get("default_annealing_time") if length is None else length
    longest = (limits.get("problem_run_duration_range") or [0, math.inf])[1]
    if length is not None and shots * length > longest:
        raise ArgumentError(
            f"shots={shots}: anneals of {length:g} microseconds take {shots * length:g}; this "
            f"solver runs for at most {longest:g}. Reduce the shots or the length of an anneal."
        )


def _positive(name: str, value: Any) -> float:
    number = real(name, value)
    if not 0 < number < math.inf:
        raise ArgumentError(f"{name}={value}: must be a number of microseconds above 0")
    return number


def _within(name: str, value: float, allowed: Sequence[float] | None) -> None:
    if allowed is not None and not allowed[0] <= value <= allowed[1]:
        raise ArgumentError(f"{name}={value}: this solver takes {allowed[0]:g} to {allowed[1]:g}")
