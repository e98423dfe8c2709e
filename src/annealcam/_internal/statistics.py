"""Intervals of means, which several packages report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array


def mean_interval(
    values: Float[Array, " n"],
    *,
    seed: int | Sequence[int],
    resamples: int = 2000,
    quantiles: tuple[float, float] = (0.025, 0.975),
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean of at least one value.

    Source: Efron 1979.

    >>> mean_interval(np.array([1.0, 2.0, 3.0]), seed=0)
    (1.0, 3.0)
    """
    from scipy.stats import bootstrap

    if len(values) == 1:
        return float(values[0]), float(values[0])
    resampled = bootstrap(
        (values.astype(np.float64),), np.mean, n_resamples=resamples, method="percentile",
        rng=np.random.default_rng(seed),
    ).bootstrap_distribution  # fmt: skip
    low, high = np.quantile(resampled, quantiles)
    return float(low), float(high)


def clustered_interval(
    values: Float[Array, " n"], clusters: Int[Array, " n"], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the t interval of a mean of values that depend on each other within a cluster.

    m -+ t sqrt(sum_c e_c^2 / (C (C - 1))),   e_c = n_c (m_c - m) C / n,   t of C - 1 degrees

    With as many values in each of the C clusters, it is Student's interval of the mean of the
    clusters' means m_c, and with one value in each, of the mean m of the values. It is NaN for
    fewer than two clusters, whose spread is unknown.

    Source: Cochran 1977, Sampling Techniques, section 9A (ratio of cluster totals to sizes).

    >>> values = np.array([1.0, 3.0, 5.0, 5.0])
    >>> low, high = clustered_interval(values, np.array([0, 0, 1, 1]))
    >>> round(low, 2), round(high, 2)
    (-15.56, 22.56)
    """
    from scipy.stats import t

    _, clusters = np.unique(clusters, return_inverse=True)
    many = int(clusters.max(initial=-1)) + 1
    if many < 2:
        return float("nan"), float("nan")
    mean = values.mean()
    away = np.bincount(clusters, values - mean) * many / len(values)
    error = np.sqrt((away**2).sum() / (many * (many - 1)))
    half = float(t.ppf(0.5 + confidence / 2.0, many - 1) * error)
    return float(mean) - half, float(mean) + half
