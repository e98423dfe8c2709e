"""From the scores of single images to a table of means, intervals and paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from annealcam._internal.statistics import mean_interval
from annealcam._internal.types import Array

RESAMPLES = 2000


@dataclass(frozen=True)
class Line:
    """One method by one metric, over the images where the metric has a value.

    `low` and `high` bound the 95 % bootstrap interval of the mean; `minus_first` is the mean
    difference from the first method on the same images, with an interval of its own. `missing`
    counts the images without a value. Values that need more images are None. `null` is the
    `overlap` under shuffled classes; it is None for the other metrics.
    """

    method: str
    metric: str
    images: int
    missing: int
    mean: float | None
    low: float | None
    high: float | None
    minus_first: float | None
    minus_first_low: float | None
    minus_first_high: float | None
    null: float | None = None


def table_of(
    scores: Mapping[str, Mapping[str, Sequence[float] | Float[Array, " n"]]], *, seed: int = 0
) -> list[Line]:
    """Return a line for each method and metric, from scores[method][metric] of all images.

    The bootstrap draws whole images, the same ones for all methods, so that differences are
    paired. NaN marks a score without a value; it is counted as missing and never averaged.

    >>> table_of({"a": {"x": [1.0, 3.0]}, "b": {"x": [1.0, float("nan")]}})[1].missing
    1
    """
    first = next(iter(scores), "")
    lines = []
    for method, metrics in scores.items():
        for metric, values in metrics.items():
            column = np.asarray(values, dtype=np.float64)
            reference = np.asarray(scores[first].get(metric, column * np.nan), dtype=np.float64)
            valid = np.isfinite(column)
            difference = (None, None, None) if method == first else _mean(column - reference, seed)
            lines.append(
                Line(method, metric, int(valid.sum()), int((~valid).sum()), *_mean(column, seed),
                     *difference)
            )  # fmt: skip
    return lines


def _mean(values: Float[Array, " n"], seed: int) -> tuple[float | None, float | None, float | None]:
    """Return the mean of the finite values with its bootstrap interval."""
    finite = values[np.isfinite(values)]
    if len(finite) < 2:
        return (float(finite[0]) if len(finite) else None), None, None
    return float(finite.mean()), *mean_interval(finite, seed=seed, resamples=RESAMPLES)
