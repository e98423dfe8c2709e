"""Runs with more and more steps, extrapolated until a tolerance is met: any simulator, any array.

kernels/ladder.py derives the scheme, and contains its rule and its numbers. There whole ladders of
state vectors that fit into the caches run in compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.annealing.kernels.ladder import (
    COLUMNS,
    CONVERGED,
    DISTANCE,
    ERROR,
    STANDING,
    judge,
    multiple,
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
        agreements: 1 if one run suffices while the series converges fast; otherwise 2.

    Raises:
        NumericalError: rounding keeps the error above `tol`.
    """
    row: list[Any] = []
    finished: list[int] = []
    errors = None  # of all runs of a batch
    for steps in multiples():
        row = _extrapolated(run(steps), steps, finished, row)
        finished.append(steps)
        if len(row) < 3:
            continue
        changes = _changes(row, success)
        many = changes.reshape(*changes.shape[:2], -1)
        new = np.empty((many.shape[2], 2, 1))
        errors = new if errors is None else np.concatenate([errors, new], axis=2)
        results, rounding = np.empty((many.shape[2], 4)), floor(steps)
        states = [
            judge(many[..., i].copy(), errors[i], rounding, tol, agreements, results[i])
            for i in range(len(results))
        ]
        if all(state == CONVERGED for state in states):
            error, distance = (
                _like(results[:, column].reshape(changes.shape[2:]), row[-1])
                for column in (ERROR, DISTANCE)
            )
            return Converged(row[-1], success(row[-1]), error, distance, steps, len(finished))
        if STANDING in states:
            raise standstill(float(results[states.index(STANDING), ERROR]), tol)
    raise AssertionError("multiples never end")


def _changes(
    row: list[Any], success: Callable[[Any], Any]
) -> Float[Array, "changes F_and_distribution *batch"]:
    """Return the change of F, and of the distribution, from each column of a row to the next."""
    parts = []
    for coarser, finer in pairwise(row):
        change = finer - coarser
        parts.append([_in_numpy(abs(success(change))), _in_numpy(0.5 * abs(change).sum(-1))])
    return np.array(parts, dtype=np.float64)


def _in_numpy(values: Any) -> Any:
    return values.cpu().numpy() if hasattr(values, "cpu") else values


def _like(values: Float[Array, "*batch"], density: Any) -> Any:
    """Return numbers as an array of the library of a density; one alone as a number."""
    if not values.ndim:
        return float(values)
    return density.new_tensor(values) if hasattr(density, "new_tensor") else values


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
