"""Bootstrap intervals of means, which several packages report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

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
