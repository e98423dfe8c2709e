"""How alike two maps rank their pixels, for many pairs at once."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float

from annealcam._internal.types import Array

ALIKE = 0.5  # our own bound: maps that rank pixels more alike than this are called alike


def rank_correlation(a: Float[Array, "n h w"], b: Float[Array, "n h w"]) -> Float[Array, " n"]:
    """Return Spearman's rank correlation of each pair of maps, ties at their mean rank.

    rho = Pearson(ranks of a, ranks of b), in [-1, 1]; NaN where one is constant or not finite

    >>> a = np.array([[[1.0, 2.0, 9.0]]])
    >>> rank_correlation(a, -a)
    array([-1.])
    """
    first, second = _standard_ranks(a), _standard_ranks(b)
    rho = np.clip((first * second).sum(axis=1), -1.0, 1.0)
    return np.where(_flat(a) | _flat(b), np.nan, rho)


def top_overlap(
    a: Float[Array, "n h w"], b: Float[Array, "n h w"], share: float = 0.05
) -> Float[Array, " n"]:
    """Return the IoU of the top pixels of each pair of maps, `share` of them by stable rank.

    |top a and top b| / |top a or top b|, in [0, 1]; NaN where one is constant or not finite

    >>> a = np.eye(4)[:, None]
    >>> top_overlap(a, a[[0, 1, 3, 2]])
    array([1., 1., 0., 0.])
    """
    pixels = a[0].size
    count = math.ceil(share * pixels)
    first, second = _top(a, count), _top(b, count)
    both = (first & second).sum(axis=1)
    return np.where(_flat(a) | _flat(b), np.nan, both / (2 * count - both))


def between(maps: Float[Array, "n h w"]) -> float | None:
    """Return the mean rank correlation of the maps of different images; None if none has one.

    >>> between(np.array([[[1.0, 2.0]], [[2.0, 1.0]], [[0.0, 0.0]]]))
    -1.0
    """
    ranks = _standard_ranks(maps)[~_flat(maps)]
    n = len(ranks)
    # All pairs without a loop: |sum of unit vectors|^2 less their n squares.
    return float(((ranks.sum(axis=0) ** 2).sum() - n) / (n * (n - 1))) if n > 1 else None


def mean_of_defined(values: Float[Array, "rows n"]) -> Float[Array, " rows"]:
    """Return the mean of each row's numbers, NaN left out; NaN for a row without any.

    >>> mean_of_defined(np.array([[1.0, np.nan], [np.nan, np.nan]]))
    array([ 1., nan])
    """
    there = ~np.isnan(values)
    total = np.where(there, values, 0.0).sum(axis=1)
    return np.where(there.any(axis=1), total / np.maximum(there.sum(axis=1), 1), np.nan)


def _standard_ranks(maps: Float[Array, "n h w"]) -> Float[Array, "n pixels"]:
    """Ranks with a mean of 0 and a norm of 1."""
    from scipy.stats import rankdata

    ranks = rankdata(np.nan_to_num(maps).reshape(len(maps), -1), axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(ranks, axis=1, keepdims=True)
    return ranks / np.where(norm > 0, norm, 1.0)


def _flat(maps: Float[Array, "n h w"]) -> Bool[Array, " n"]:
    """Whether a map has nothing to rank."""
    pixels = maps.reshape(len(maps), -1)
    return (pixels == pixels[:, :1]).all(axis=1) | ~np.isfinite(pixels).all(axis=1)


def _top(maps: Float[Array, "n h w"], count: int) -> Bool[Array, "n pixels"]:
    order = np.argsort(-maps.reshape(len(maps), -1), axis=1, kind="stable")[:, :count]
    top = np.zeros((len(maps), maps[0].size), dtype=bool)
    np.put_along_axis(top, order, True, axis=1)
    return top
