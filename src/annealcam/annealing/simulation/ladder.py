"""Runs with more and more steps, extrapolated until a tolerance is met.

Strang's splitting is symmetric, so a probability computed with N steps has an error in even powers
of 1 / N. The runs of a ladder, N = 2, 3, 4, 6, 8, 12, ... times a first number, are extrapolated by
Neville's scheme in 1 / N^2, up to order 8. The difference of the last two columns is the error of
the last but one, and bounds that of the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from statistics import median
from typing import Any

from annealcam.errors import NumericalError

_COLUMNS = 4
_DISTRIBUTION = 0.1  # F may agree by chance: its error is at least this share of the distribution's


@dataclass(frozen=True)
class Converged:
    """The result of a ladder.

    Attributes:
        probabilities: extrapolated probabilities of the states, or their summary.
        success: F, extrapolated.
        error: estimate of the error of F.
        distribution_error: estimate of the total variation distance from the exact distribution.
        multiple: number of steps of the last run, in units of the first number.
        runs: number of runs.
    """

    probabilities: Any
    success: Any
    error: Any
    distribution_error: Any
    multiple: int
    runs: int


def multiples() -> Iterator[int]:
    """Yield 2, 3, 4, 6, 8, 12, ...: every number is a half or a third larger than the previous."""
    power = 2
    while True:
        yield power
        yield power + power // 2
        power *= 2


def converge(
    run: Callable[[int], Any],
    success: Callable[[Any], Any],
    tol: float,
    *,
    floor: Callable[[int], float] = lambda _: 0.0,
    agreements: int = 1,
) -> Converged:
    """Run with more and more steps until the estimated error of F is below `tol`.

    For a batch, the errors of all its runs must be below `tol`. Arrays may be numpy's or torch's.

    Args:
        run: function that returns the probabilities (..., states) of a run, whose number of steps
            is a multiple of the first number; it raises if there are too many.
        success: function that returns F of probabilities.
        tol: bound on the estimated error of F; four times the rounding error if that is larger.
        floor: function that returns the rounding error of such a run, which is added.
        agreements: number of consecutive runs that must meet `tol`; with few states, one may by
            chance.

    Raises:
        NumericalError: rounding keeps the error above `tol`.
    """
    row: list[Any] = []
    finished: list[int] = []
    changes: list[tuple[Any, Any]] = []
    for multiple in multiples():
        row = _extrapolated(run(multiple), multiple, finished, row)
        finished.append(multiple)
        if len(row) < 3:
            continue
        change = row[-1] - row[-2]
        distribution = 0.5 * abs(change).sum(-1)
        changes.append((_larger(abs(success(change)), _DISTRIBUTION * distribution), distribution))
        rounding = floor(multiple)
        last = changes[-agreements:]
        if len(last) == agreements and all(_worst(e) <= max(tol, 4 * rounding) for e, _ in last):
            error, distribution = (
                reduce(_larger, part) + rounding for part in zip(*last, strict=True)
            )
            return Converged(
                row[-1], success(row[-1]), error, distribution, multiple, len(finished)
            )
        _refuse_standstill([_worst(e) for e, _ in changes], tol)
    raise AssertionError("multiples never end")


def _extrapolated(
    density: Any, multiple: int, finished: list[int], previous: list[Any]
) -> list[Any]:
    """Return the next row of Neville's scheme in 1 / N^2."""
    row = [density]
    for column, (coarser, value) in enumerate(zip(finished[::-1], previous, strict=False)):
        ratio = (multiple / coarser) ** 2
        row.append(row[column] + (row[column] - value) / (ratio - 1.0))
    return row[:_COLUMNS]


def _refuse_standstill(errors: list[float], tol: float) -> None:
    """Raise NumericalError if the last three runs, each worth a factor of ten, gained nothing."""
    if len(errors) < 6:
        return
    earlier, later = median(errors[-6:-3]), median(errors[-3:])
    if earlier < 1e-3 and later > 0.5 * earlier:
        raise NumericalError(
            f"tol={tol:g}: rounding leaves an error of F of about {min(errors):.0e}; "
            "increase tol, or use complex128"
        )


def _larger(a: Any, b: Any) -> Any:
    """Return the larger of two numbers, or of the entries of two arrays."""
    return 0.5 * (a + b + abs(a - b))


def _worst(error: Any) -> float:
    return float(error.max()) if hasattr(error, "max") else float(error)
