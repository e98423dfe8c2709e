"""Overlap of classes in the maps that their predictions rest on: the Bhattacharyya coefficient.

An image votes for the maps of its selection, and a class has the histogram of its images' votes.
Few votes spread over many maps overlap little even with votes of the same class: compare an overlap
with the split-half overlap within classes, and with baselines of the same number of maps k.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int, Num
from numpy.typing import ArrayLike

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.errors import ArgumentError


def class_histograms(
    votes: Num[Array, "images maps"], labels: Int[Array, " images"], classes: int
) -> Float[Array, "classes maps"]:
    """Return the distribution of the votes of each class's images over the maps.

    p_c(a) = sum_{images of c} vote(a) / sum_{images of c, maps} vote

    A vote is 1 for a selected map and 0 for any other, or a weight of 0 or more. Images without
    votes do not count; a class without votes has a row of zeros.

    Raises:
        ArgumentError: votes are negative or not finite, or labels do not match them.

    >>> votes = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
    >>> class_histograms(votes, np.array([0, 0, 1]), 2).round(3)
    array([[0.667, 0.333, 0.   ],
           [0.   , 0.   , 1.   ]])
    """
    votes, labels = checked_votes(votes, labels, classes)
    return normalised(np.stack([votes[labels == c].sum(axis=0) for c in range(classes)]))


def bhattacharyya(p: ArrayLike, q: ArrayLike) -> float:
    """Return the overlap of two distributions: 1 if they are equal, 0 if they are disjoint.

    B = sum_a sqrt(p(a) q(a))

    Source: Bhattacharyya 1943.

    >>> bhattacharyya([0.5, 0.5], [1.0, 0.0])
    0.7071067811865476
    """
    return float(np.sqrt(np.asarray(p, float) * np.asarray(q, float)).sum())


def overlap_matrix(p: Float[Array, "classes maps"]) -> Float[Array, "classes classes"]:
    """Return the overlap of every pair of classes.

    B_cc' = sum_a sqrt(p_c(a) p_c'(a))

    The diagonal is 1. The overlaps of a class without votes (a row of zeros) are NaN.

    >>> overlap_matrix(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 0.0]])).round(3)
    array([[1.   , 0.707,   nan],
           [0.707, 1.   ,   nan],
           [  nan,   nan,   nan]])
    """
    roots = np.sqrt(p)
    matrix = np.minimum(roots @ roots.T, 1.0)
    np.fill_diagonal(matrix, 1.0)
    voteless = p.sum(axis=1) == 0
    matrix[voteless] = matrix[:, voteless] = np.nan
    return matrix


def off_diagonal_mean(matrix: Float[Array, "classes classes"]) -> float:
    """Return the mean overlap of two different classes; NaN if there are fewer than two.

    mean_{c != c'} B_cc', over the classes that have votes

    >>> off_diagonal_mean(np.array([[1.0, 0.2], [0.2, 1.0]]))
    0.2
    """
    pairs = _pairs(matrix)
    return float(pairs.mean()) if len(pairs) else math.nan


def zero_share(matrix: Float[Array, "classes classes"], threshold: float = 0.0) -> float:
    """Return the share of pairs of classes that overlap less than the threshold.

    With a threshold of 0, the share of pairs that have no map in common. NaN for fewer than two
    classes.

    >>> zero_share(np.array([[1.0, 0.0, 0.3], [0.0, 1.0, 0.004], [0.3, 0.004, 1.0]]), 0.005)
    0.6666666666666666
    """
    pairs = _pairs(matrix)
    few = pairs < threshold if threshold > 0 else pairs == 0
    return float(few.mean()) if len(pairs) else math.nan


def split_half_overlap(
    votes: Num[Array, "images maps"],
    labels: Int[Array, " images"],
    classes: int,
    *,
    halves: int = 200,
    seed: int = 0,
) -> Float[Array, " classes"]:
    """Return the mean overlap of one half of a class's images with the other half.

    mean over halves (A, A') of the images of c of  sum_a sqrt(p_A(a) p_A'(a))

    All splits are used if there are at most `halves` of them, else that many random ones. NaN for a
    class with fewer than two images that vote. Two classes that overlap as much as the halves of
    one class cannot be distinguished.

    Raises:
        ArgumentError: as for `class_histograms`, or `halves` is below 1.

    >>> split_half_overlap(np.array([[1, 0], [1, 0], [0, 1], [0, 1]]), np.zeros(4, int), 1)
    array([0.66666667])
    """
    votes, labels = checked_votes(votes, labels, classes)
    whole("halves", halves, least=1)
    rng = np.random.default_rng(seed)
    voting = votes.any(axis=1)
    return np.array(
        [_self_overlap(votes[voting & (labels == c)], halves, rng) for c in range(classes)]
    )


def _self_overlap(
    votes: Float[Array, "images maps"], halves: int, rng: np.random.Generator
) -> float:
    if len(votes) < 2:
        return math.nan
    size = len(votes) // 2
    if math.comb(len(votes), size) <= halves:
        first = np.array(list(combinations(range(len(votes)), size)))
    else:
        first = rng.permuted(np.tile(np.arange(len(votes)), (halves, 1)), axis=1)[:, :size]
    member = np.zeros((len(first), len(votes)))
    np.put_along_axis(member, first, 1.0, axis=1)
    p, q = normalised(member @ votes), normalised((1.0 - member) @ votes)
    return float(np.minimum(np.sqrt(p * q).sum(axis=1), 1.0).mean())


def normalised(sums: Float[Array, "*many maps"]) -> Float[Array, "*many maps"]:
    """Return votes divided by their sum over maps; zeros if there are none.

    >>> normalised(np.array([[1.0, 3.0], [0.0, 0.0]]))
    array([[0.25, 0.75],
           [0.  , 0.  ]])
    """
    total = sums.sum(axis=-1, keepdims=True)
    return sums / np.where(total > 0, total, 1.0)


def checked_votes(
    votes: Num[Array, "images maps"], labels: Int[Array, " images"], classes: int
) -> tuple[Float[Array, "images maps"], Int[Array, " images"]]:
    """Return votes as floats with their labels, after checking both.

    Raises:
        ArgumentError: votes are negative or not finite, or labels do not match them.

    >>> checked_votes(np.eye(2, dtype=int), np.array([0, 1]), 2)[0].dtype
    dtype('float64')
    """
    whole("classes", classes, least=1)
    votes, labels = np.asarray(votes, dtype=np.float64), np.asarray(labels)
    if votes.ndim != 2 or labels.shape != votes.shape[:1]:
        raise ArgumentError(
            f"labels has shape {labels.shape} and votes {votes.shape}: give a label for each image."
        )
    if not (np.isfinite(votes).all() and (votes >= 0).all()):
        raise ArgumentError("votes must be finite and 0 or more: leave negative weights out.")
    if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
        raise ArgumentError(
            f"labels lie in {labels.min()} to {labels.max()}: they must lie in 0 to {classes - 1}."
        )
    return votes, labels


def _pairs(matrix: Float[Array, "classes classes"]) -> Float[Array, " pairs"]:
    pairs = matrix[~np.eye(len(matrix), dtype=bool)]
    return pairs[~np.isnan(pairs)]
