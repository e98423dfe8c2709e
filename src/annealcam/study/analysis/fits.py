"""Exponential fits, with intervals that allow for dependent images of a class."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam._internal.validation import whole


@dataclass(frozen=True)
class ExponentialFit:
    """y ~ a exp(-b d), with a 95 % interval of b; NaN where the data do not determine a value."""

    a: float
    b: float
    b_low: float
    b_high: float
    images: int
    clusters: int


def fit_exponential(
    d: Float[Array, " n"],
    y: Float[Array, " n"],
    clusters: Int[Array, " n"],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> ExponentialFit:
    """Fit an exponential to positive numbers by least squares on their logarithm.

    log y ~ log a - b d;   the interval: 2.5 % and 97.5 % of b over resampled clusters

    On the logarithm every d has equal weight although y falls over decades, and a exp(-b d) is the
    geometric mean of y. Images of a class share h and d, so whole clusters are drawn with
    replacement; with about ten clusters such an interval is somewhat too narrow. Values that are
    not above 0 are left out. A fit needs two distinct d, and an interval two clusters.

    Raises:
        ArgumentError: resamples is below 1.

    >>> d = np.array([4.0, 5.0, 7.0, 8.0])
    >>> fit = fit_exponential(d, 0.9 * np.exp(-0.35 * d), np.arange(4))
    >>> round(fit.a, 9), round(fit.b, 9), round(fit.b_low, 9)
    (0.9, 0.35, 0.35)
    """
    whole("resamples", resamples, least=1)
    used = (y > 0) & np.isfinite(y) & np.isfinite(d)
    d, y, (names, clusters) = d[used], y[used], np.unique(clusters[used], return_inverse=True)
    if len(np.unique(d)) < 2:
        return ExponentialFit(nan, nan, nan, nan, len(d), len(names))
    middle = d.mean()  # centred sums lose no digits by cancellation
    sums = _sums(d - middle, np.log(y), clusters, len(names))
    b = -_slopes(sums.sum(axis=0)[None])[0]
    a = np.exp(np.log(y).mean() + b * middle)
    drawn = np.random.default_rng(seed).integers(0, len(names), (resamples, len(names)))
    b_low, b_high = _interval(-_slopes(sums[drawn].sum(axis=1))) if len(names) > 1 else (nan, nan)
    return ExponentialFit(float(a), float(b), b_low, b_high, len(d), len(names))


def _sums(
    x: Float[Array, " n"], z: Float[Array, " n"], clusters: Int[Array, " n"], many: int
) -> Float[Array, "clusters sums"]:
    """n, x, z, x x and x z of each cluster: the sums that determine a straight line."""
    terms = (np.ones_like(x), x, z, x * x, x * z)
    return np.stack([np.bincount(clusters, term, minlength=many) for term in terms], axis=1)


def _slopes(sums: Float[Array, "many 5"]) -> Float[Array, " many"]:
    """The slope of each least squares line; NaN where all x are equal."""
    n, x, z, xx, xz = sums.T
    spread = n * xx - x * x
    flat = spread <= 1e-9 * n * xx
    return np.where(flat, nan, (n * xz - x * z) / np.where(flat, 1.0, spread))


def _interval(b: Float[Array, " resamples"]) -> tuple[float, float]:
    known = b[~np.isnan(b)]
    if not len(known):
        return nan, nan
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
