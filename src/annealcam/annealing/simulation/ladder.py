"""The step of a run, chosen from a tolerance: more and more steps, extrapolated, until it holds.

Strang's splitting is symmetric, so a probability computed with N steps has an error in even powers
of 1 / N. The runs of a ladder, N = 2, 3, 4, 6, 8, 12, ... times a first number, are extrapolated by
Neville's scheme in 1 / N^2, to order 8 at most. What the last column changes is the error of the
column before it, which is the larger one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from statistics import median
from typing import Any

from annealcam.errors import NumericalError

_COLUMNS = 4
_DISTRIBUTION = 0.1  # share of the distribution's change asked of F too, which may agree by chance


@dataclass(frozen=True)
class Converged:
    """What a ladder ends with: extrapolated probabilities, F, and the estimates of their errors."""

    probabilities: Any
    success: Any
    error: Any
    distribution_error: Any
    multiple: int
    runs: int


def multiples() -> Iterator[int]:
    """Yield 2, 3, 4, 6, 8, 12, ...: each number half or a third larger than the one before."""
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
    """Climb the ladder until the error of F is estimated below `tol` (of all runs, for a batch).

    Works on numpy's and torch's arrays alike.

    Args:
        run: the probabilities (..., states) after so many times the first number of steps; it
            raises where that would never end.
        success: F of probabilities.
        tol: bound on the estimated error of F, or four times what rounding leaves if that is more.
        floor: error of rounding after so many times the first number of steps; it is added.
        agreements: so many rungs in a row must hold. Where there are few states two may agree by
            chance.

    Raises:
        NumericalError: rounding keeps the error above `tol`.
    """
    before: list[Any] = []
    done: list[int] = []
    changes: list[tuple[Any, Any]] = []
    for multiple in multiples():
        row = _extrapolated(run(multiple), multiple, done, before)
        done.append(multiple)
        before = row
        if len(row) < 3:
            continue
        change = row[-1] - row[-2]
        distribution = 0.5 * abs(change).sum(-1)
        changes.append((_larger(abs(success(change)), _DISTRIBUTION * distribution), distribution))
        rounding = floor(multiple)
        lately = changes[-agreements:]
        if len(lately) == agreements and all(
            _worst(e) <= max(tol, 4 * rounding) for e, _ in lately
        ):
            error, distribution = (
                reduce(_larger, part) + rounding for part in zip(*lately, strict=True)
            )
            return Converged(row[-1], success(row[-1]), error, distribution, multiple, len(done))
        _refuse_standstill([_worst(e) for e, _ in changes], tol)
    raise AssertionError("multiples never end")


def _extrapolated(density: Any, multiple: int, done: list[int], before: list[Any]) -> list[Any]:
    """The next row of Neville's scheme in 1 / N^2."""
    row = [density]
    for column, (coarser, old) in enumerate(zip(done[::-1], before, strict=False)):
        ratio = (multiple / coarser) ** 2
        row.append(row[column] + (row[column] - old) / (ratio - 1.0))
    return row[:_COLUMNS]


def _refuse_standstill(errors: list[float], tol: float) -> None:
    """Raise NumericalError where three more rungs, worth factors of ten each, brought nothing."""
    if len(errors) < 6:
        return
    earlier, lately = median(errors[-6:-3]), median(errors[-3:])
    if earlier < 1e-3 and lately > 0.5 * earlier:
        raise NumericalError(
            f"tol={tol:g}: rounding leaves an error of F of about {min(errors):.0e}; "
            "give a larger tol, or complex128"
        )


def _larger(a: Any, b: Any) -> Any:
    """The larger of two numbers, or of two arrays' entries."""
    return 0.5 * (a + b + abs(a - b))


def _worst(error: Any) -> float:
    return float(error.max()) if hasattr(error, "max") else float(error)
