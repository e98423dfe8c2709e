"""Uncertainty of an overlap: resampled images of the same classes, and shuffled labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int, Num

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.errors import ArgumentError
from annealcam.metrics.overlap import checked_votes, normalised

_NUMBERS_AT_ONCE = 4_000_000  # of 8 bytes each, in each of the few arrays of a part


def bootstrap_overlap(
    votes: Num[Array, "images maps"],
    labels: Int[Array, " images"],
    classes: int,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Float[Array, " resamples"]:
    """Return the off-diagonal mean overlap of resampled images, drawn with replacement by class.

    `rng.integers(0, n_c, (resamples, n_c))` draws the images of one class after the other. Equal
    seeds and labels draw the same images for any votes, so that differences are paired. Resamples
    with fewer than two classes that vote are NaN. A class of one image is always drawn as it is,
    so its spread is unknown.

    Raises:
        ArgumentError: as for `class_histograms`, or `resamples` is below 1.

    Source: Efron 1979.

    >>> votes, labels = np.array([[1, 0], [1, 1], [0, 1], [0, 1]]), np.array([0, 0, 1, 1])
    >>> bootstrap_overlap(votes, labels, 2, resamples=3).round(3)
    array([0.707, 0.577, 0.   ])
    """
    votes, labels = checked_votes(votes, labels, classes)
    whole("resamples", resamples, least=1)
    rng = np.random.default_rng(seed)
    groups = [votes[labels == c] for c in range(classes) if (labels == c).any()]
    drawn = [rng.integers(0, len(g), (resamples, len(g))) for g in groups]
    means = np.full(resamples, np.nan)
    for part in _parts(resamples, len(groups) * votes.shape[1]):
        sums = [_times_drawn(d[part]) @ g for d, g in zip(drawn, groups, strict=True)]
        means[part] = _off_diagonal_means(np.stack(sums, axis=1))
    return means


def permutation_null(
    votes: Num[Array, "images maps"],
    labels: Int[Array, " images"],
    classes: int,
    *,
    permutations: int = 1000,
    seed: int = 0,
) -> Float[Array, " permutations"]:
    """Return the off-diagonal mean overlap under labels that are shuffled among the images.

    This is the distribution of the overlap if maps were independent of classes, for the same number
    of images. Images without votes are left out.

    Raises:
        ArgumentError: as for `class_histograms`, or `permutations` is below 1.

    >>> votes, labels = np.eye(2)[[0, 0, 1, 1]], np.array([0, 0, 1, 1])
    >>> sorted(set(permutation_null(votes, labels, 2).round(9).tolist()))
    [0.0, 1.0]
    """
    votes, labels = checked_votes(votes, labels, classes)
    whole("permutations", permutations, least=1)
    voting = votes.any(axis=1)
    votes, labels = votes[voting][:, votes.any(axis=0)], labels[voting]
    rng = np.random.default_rng(seed)
    means = np.empty(permutations)
    for part in _parts(permutations, classes * max(votes.shape)):
        shuffled = rng.permuted(np.tile(labels, (part.stop - part.start, 1)), axis=1)
        means[part] = labelled_means(votes, shuffled, classes)
    return means


def labelled_means(
    votes: Float[Array, "images maps"], labellings: Int[Array, "many images"], classes: int
) -> Float[Array, " many"]:
    """Return the off-diagonal mean overlap for each of many labellings of the same images.

    >>> labelled_means(np.eye(2), np.array([[0, 1], [1, 0]]), 2)
    array([0., 0.])
    """
    member = labellings[:, None, :] == np.arange(classes)[:, None]
    sums = member.reshape(-1, votes.shape[0]).astype(np.float64) @ votes
    return _off_diagonal_means(sums.reshape(len(labellings), classes, votes.shape[1]))


def p_value(estimate: float, null: Float[Array, " permutations"]) -> float:
    """Return the probability of an overlap this low or lower under shuffled labels.

    p = (1 + number of null <= estimate) / (1 + number of null)

    The estimate counts as one of the labellings, so p is never 0, and valid for any number of them.

    >>> p_value(0.1, np.array([0.3, 0.4, 0.5]))
    0.25
    """
    null = null[~np.isnan(null)]
    # The overlaps of equal labellings may differ in their last bits.
    return float((1 + (null <= estimate + 1e-12).sum()) / (1 + len(null)))


def centred_interval(
    estimate: float, resampled: Float[Array, " resamples"], confidence: float = 0.95
) -> tuple[float, float]:
    """Return the bootstrap interval of an overlap, or of a difference of overlaps.

    [q_low - b, q_high - b],   b = mean(resampled) - estimate,   q = quantiles of the resampled

    A resample has fewer different images than the sample, so its histograms have fewer maps and
    overlap less: most or all resampled values lie below the estimate, and the plain percentile
    interval may not contain it. For the same reason the estimate lies below the overlap of
    infinitely many images, by an amount that b does not measure. In simulations (10 classes of 5
    or 20 images, k = 4 of 16 maps, k = 1 of 16, k = 26 of 1280) nominal 95 % intervals contained
    *that* overlap in 0-42 % of samples (percentile), 0-97 % (reflected, 2 estimate - q) and 0-76 %
    (BCa). None of them is reliable.

    The images do determine the expected overlap of this many images a class, and selectors are
    compared by that. The interval shifted by b contained it in 85-98 % of samples (percentile
    0-81 %, reflected 0-78 %, BCa 0-78 %), least often for 5 images, since the variance of n
    resampled images is (n - 1) / n that of n new ones. The interval holds for these classes and
    this network only; b shows how strongly the overlap still depends on the number of images.

    Raises:
        ArgumentError: `confidence` is not between 0 and 1.

    >>> [round(end, 3) for end in centred_interval(0.5, np.linspace(0.3, 0.5, 101))]
    [0.405, 0.595]
    """
    if not 0 < confidence < 1:
        raise ArgumentError(f"confidence={confidence}: must lie between 0 and 1, such as 0.95.")
    resampled = resampled[~np.isnan(resampled)]
    if not len(resampled):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail]) - (resampled.mean() - estimate)
    # Rounding or a strong skew must not exclude the estimate.
    return min(float(low), estimate), max(float(high), estimate)


def _times_drawn(drawn: Int[Array, "many images"]) -> Float[Array, "many images"]:
    """Return the number of times that each image was drawn."""
    many, images = drawn.shape
    cells = drawn + images * np.arange(many)[:, None]
    return np.bincount(cells.ravel(), minlength=many * images).reshape(many, images).astype(float)


def _off_diagonal_means(sums: Float[Array, "many classes maps"]) -> Float[Array, " many"]:
    """Use sum_{c != c'} r_c r_c' = (sum_c r_c)^2 - sum_c r_c^2 at each map instead of all pairs.

    The difference is taken for each map, so that classes without a common map give exactly 0.
    """
    roots = np.sqrt(normalised(sums))
    both = (roots.sum(axis=1) ** 2 - (roots**2).sum(axis=1)).sum(axis=-1)
    present = (sums.sum(axis=-1) > 0).sum(axis=-1)
    pairs = np.where(present > 1, present * (present - 1), np.nan)
    return np.clip(both / pairs, 0.0, 1.0)


def _parts(many: int, numbers: int) -> Iterator[slice]:
    size = max(1, _NUMBERS_AT_ONCE // max(numbers, 1))
    for start in range(0, many, size):
        yield slice(start, min(start + size, many))
