"""Runs with more and more steps, extrapolated until a tolerance is met: any simulator, any array.

kernels/ladder.py derives the scheme, and contains its rule and its numbers. There whole ladders of
state vectors that fit into the caches run in compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import count
from typing import Any

import numpy as np

from annealcam.annealing.kernels.ladder import (
    COLUMNS,
    CONVERGED,
    DISTRIBUTION,
    STANDING,
    multiple,
    verdict,
)
from annealcam.errors import NumericalError


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
    """Return 2, 3, 4, 6, 8, 12, ...: every number is a half or a third larger than the previous."""
    return map(multiple, count())


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
    errors: list[float] = []  # the worst of a batch
    for steps in multiples():
        row = _extrapolated(run(steps), steps, finished, row)
        finished.append(steps)
        if len(row) < 3:
            continue
        change = row[-1] - row[-2]
        distribution = 0.5 * abs(change).sum(-1)
        changes.append((_larger(abs(success(change)), DISTRIBUTION * distribution), distribution))
        errors.append(_worst(changes[-1][0]))
        rounding = floor(steps)
        state = verdict(np.array(errors), rounding, tol, agreements)
        if state == CONVERGED:
            error, distribution = (
                reduce(_larger, part) + rounding
                for part in zip(*changes[-agreements:], strict=True)
            )
            return Converged(row[-1], success(row[-1]), error, distribution, steps, len(finished))
        if state == STANDING:
            raise standstill(min(errors), tol)
    raise AssertionError("multiples never end")


def standstill(error: float, tol: float) -> NumericalError:
    """Return the exception for a ladder whose error of F no longer falls."""
    return NumericalError(
        f"tol={tol:g}: rounding leaves an error of F of about {error:.0e}; "
        "increase tol, or use complex128"
    )


def _extrapolated(
    density: Any, multiple: int, finished: list[int], previous: list[Any]
) -> list[Any]:
    """Return the next row of Neville's scheme in 1 / N^2."""
    row = [density]
    for column, (coarser, value) in enumerate(zip(finished[::-1], previous, strict=False)):
        ratio = (multiple / coarser) ** 2
        row.append(row[column] + (row[column] - value) / (ratio - 1.0))
    return row[:COLUMNS]


def _larger(a: Any, b: Any) -> Any:
    """Return the larger of two numbers, or of the entries of two arrays."""
    return 0.5 * (a + b + abs(a - b))


def _worst(error: Any) -> float:
    return float(error.max()) if hasattr(error, "max") else float(error)
