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
    counts the images without a value. Values that need more images are None. `null` is the value by
    chance of the metrics that have one: `overlap` under shuffled classes, and grid pointing of a
    uniform map. `minus_gradcam` is the mean difference from Grad-CAM, where that is compared too
    (None for `overlap`). For grid pointing, grids take the place of images.
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
    minus_gradcam: float | None = None
    minus_gradcam_low: float | None = None
    minus_gradcam_high: float | None = None


def table_of(
    scores: Mapping[str, Mapping[str, Sequence[float] | Float[Array, " n"]]],
    *,
    seed: int = 0,
    null: float | None = None,
) -> list[Line]:
    """Return a line for each method and metric, from scores[method][metric] of all images.

    The bootstrap draws whole images, the same ones for all methods, so that differences are
    paired. NaN marks a score without a value; it is counted as missing and never averaged. `null`
    is the value by chance of all these metrics.

    >>> table_of({"a": {"x": [1.0, 3.0]}, "b": {"x": [1.0, float("nan")]}})[1].missing
    1
    """
    first = next(iter(scores), "")
    lines = []
    for method, metrics in scores.items():
        for metric, values in metrics.items():
            column = np.asarray(values, dtype=np.float64)
            valid = np.isfinite(column)
            minus_first, minus_gradcam = (
                (None, None, None)
                if method == reference or reference not in scores
                else _mean(column - _column(scores[reference], metric, column), seed)
                for reference in (first, "gradcam")
            )
            lines.append(
                Line(method, metric, int(valid.sum()), int((~valid).sum()), *_mean(column, seed),
                     *minus_first, null, *minus_gradcam)
            )  # fmt: skip
    return lines


def _column(
    metrics: Mapping[str, Sequence[float] | Float[Array, " n"]],
    metric: str,
    like: Float[Array, " n"],
) -> Float[Array, " n"]:
    """Return the scores by a metric; NaN if there are none."""
    return np.asarray(metrics.get(metric, like * np.nan), dtype=np.float64)


def _mean(values: Float[Array, " n"], seed: int) -> tuple[float | None, float | None, float | None]:
    """Return the mean of the finite values with its bootstrap interval."""
    finite = values[np.isfinite(values)]
    if len(finite) < 2:
        return (float(finite[0]) if len(finite) else None), None, None
    return float(finite.mean()), *mean_interval(finite, seed=seed, resamples=RESAMPLES)
