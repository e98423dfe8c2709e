"""Similarity of maps: of one image's maps of two classes, and of a map with the evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import finite_array
from annealcam.errors import ArgumentError

ALIKE = 0.5  # rank correlation above which two maps count as the same; our own choice


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Similarity of each image's maps of two classes.

    `rank_correlation` is Spearman's, in [-1, 1], and `top_overlap` the IoU of the top 5 % of the
    pixels, in [0, 1]. Lower is better: the map that explains a class should differ from the map of
    another class. Both are NaN where one of the maps is constant; `undefined` counts these images.
    """

    rank_correlation: Float[Array, " n"]
    top_overlap: Float[Array, " n"]

    __repr__ = repr_with("rank_correlation", "top_overlap", "undefined")

    @property
    def undefined(self) -> int:
        """Number of images with a constant map."""
        return int(np.isnan(self.rank_correlation).sum())

    def verdict(self) -> str:
        """State in a sentence whether these maps distinguish the two classes."""
        if self.undefined == len(self.rank_correlation):
            return "a map is constant: nothing can be compared"
        mean = float(np.nanmean(self.rank_correlation))
        verdict = (
            "does not distinguish the classes" if mean > ALIKE else "distinguishes the classes"
        )
        return f"this map {verdict} (rank correlation {mean:.2f})"


def class_sensitivity(maps: Float[Array, " n *grid"], others: Float[Array, "..."]) -> Sensitivity:
    """Compare the maps of one class with those of another class, for the same images.

    rho = Spearman(map of class c, map of class c')

    Raises:
        ArgumentError: the maps differ in number or size, or there are none.

    Pixels are ranked by a stable sort, so that the top pixels of sparse maps are defined too.

    Source: docs/metrics.md.

    >>> one = np.array([[[0.0, 1.0, 2.0]]])
    >>> class_sensitivity(one, 5 * one).verdict()
    'this map does not distinguish the classes (rank correlation 1.00)'
    """
    if maps.shape != others.shape or len(maps) == 0:
        raise ArgumentError(
            f"maps and others have shapes {maps.shape} and {others.shape}: "
            "give two maps of each image, of at least one image."
        )
    return Sensitivity(rank_correlation(maps, others), top_overlap(maps, others))


def other_classes(
    logits: Float[Array, "n classes"],
    targets: Int[Array, " n"],
    *,
    which: str,
    excluded: Sequence[int] = (),
) -> Int[Array, " n"]:
    """Return the most likely class besides the target, or the least likely class, of each image.

    Classes in `excluded` are left out.

    Raises:
        ArgumentError: `which` is neither `next` nor `least`, or there is no other class.

    >>> other_classes(np.array([[3.0, 1.0, 2.0]]), np.array([0]), which="next")
    array([2])
    """
    if which not in ("next", "least"):
        raise ArgumentError(f"which={which!r}: must be 'next' or 'least'.")
    if logits.shape[1] < 2:
        raise ArgumentError("logits has one class only: there is no other class to compare with.")
    sign = -1.0 if which == "next" else 1.0
    cost = sign * logits.astype(np.float64)
    cost[np.arange(len(logits)), targets] = np.inf
    cost[:, list(excluded)] = np.inf
    if np.isinf(cost).all(axis=1).any():
        raise ArgumentError(
            f"logits: there is no class to compare with, besides the target and {list(excluded)}."
        )
    return np.argmin(cost, axis=1)


def fidelity(
    map_: Float[Array, "*grid"], evidence: Float[Array, "..."], *, signed: bool = False
) -> float:
    """Return the cosine of a drawn map with the positive evidence map.

    <L, G+> / (|L| |G+|) with G+ = ReLU(G), in [-1, 1], higher is better

    The evidence map G is the sum of the contribution maps of all feature maps; L is usually the sum
    of those of a selection. The result is NaN where one of them is zero.

    Args:
        map_: the drawn map L.
        evidence: the evidence map G of the same layer.
        signed: whether to compare with G itself, negative evidence included.

    Raises:
        ArgumentError: the maps differ in size, or one of them is not finite.

    Source: docs/metrics.md.

    >>> fidelity(np.array([[3.0, 4.0]]), np.array([[1.0, -9.0]]))
    0.6
    """
    map_, evidence = finite_array("map_", map_), finite_array("evidence", evidence)
    if map_.shape != evidence.shape:
        raise ArgumentError(
            f"map_ and evidence have shapes {map_.shape} and {evidence.shape}: give maps of one "
            "layer."
        )
    drawn, ideal = (_scaled(values) for values in (map_, evidence if signed else evidence.clip(0)))
    norms = float(np.linalg.norm(drawn) * np.linalg.norm(ideal))
    return float(np.clip((drawn * ideal).sum() / norms, -1.0, 1.0)) if norms else math.nan


def _scaled(values: Float[Array, "*grid"]) -> Float[Array, "*grid"]:
    """Return the map with a largest absolute value of 1, so that squares stay in range."""
    largest = float(np.abs(values).max(initial=0.0))
    return values / largest if largest else values


def rank_correlation(
    a: Float[Array, " n *grid"], b: Float[Array, " n *grid"]
) -> Float[Array, " n"]:
    """Return Spearman's rank correlation of each pair of maps, with mean ranks for ties.

    rho = Pearson(ranks of a, ranks of b), in [-1, 1]; NaN where a map is constant or not finite

    >>> a = np.array([[[1.0, 2.0, 9.0]]])
    >>> rank_correlation(a, -a)
    array([-1.])
    """
    first, second = _standard_ranks(a), _standard_ranks(b)
    rho = np.clip((first * second).sum(axis=1), -1.0, 1.0)
    return np.where(_flat(a) | _flat(b), np.nan, rho)


def top_overlap(
    a: Float[Array, " n *grid"], b: Float[Array, " n *grid"], share: float = 0.05
) -> Float[Array, " n"]:
    """Return the IoU of the top pixels of each pair of maps, a share of all pixels by stable rank.

    |top a and top b| / |top a or top b|, in [0, 1]; NaN where a map is constant or not finite

    >>> a = np.eye(4)[:, None]
    >>> top_overlap(a, a[[0, 1, 3, 2]])
    array([1., 1., 0., 0.])
    """
    pixels = a[0].size
    count = math.ceil(share * pixels)
    first, second = _top(a, count), _top(b, count)
    both = (first & second).sum(axis=1)
    return np.where(_flat(a) | _flat(b), np.nan, both / (2 * count - both))


def between_images(maps: Float[Array, " n *grid"]) -> float | None:
    """Return the mean rank correlation of different images' maps; None below two defined maps.

    >>> between_images(np.array([[[1.0, 2.0]], [[2.0, 1.0]], [[0.0, 0.0]]]))
    -1.0
    """
    ranks = _standard_ranks(maps)[~_flat(maps)]
    n = len(ranks)
    # The sum over all pairs of unit vectors is |their sum|^2 - n.
    return float(((ranks.sum(axis=0) ** 2).sum() - n) / (n * (n - 1))) if n > 1 else None


def mean_of_defined(values: Float[Array, "rows n"]) -> Float[Array, " rows"]:
    """Return the mean of each row without its NaN entries; NaN for a row of NaN.

    >>> mean_of_defined(np.array([[1.0, np.nan], [np.nan, np.nan]]))
    array([ 1., nan])
    """
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(axis=1)
    return np.where(defined.any(axis=1), total / np.maximum(defined.sum(axis=1), 1), np.nan)


def _standard_ranks(maps: Float[Array, " n *grid"]) -> Float[Array, "n pixels"]:
    """Ranks of the pixels, with a mean of 0 and a norm of 1."""
    pixels = np.nan_to_num(maps).reshape(len(maps), -1)
    ranks = np.array([_ranks(row) for row in pixels]).reshape(pixels.shape)
    ranks -= ranks.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(ranks, axis=1, keepdims=True)
    return ranks / np.where(norm > 0, norm, 1.0)


def _ranks(pixels: Float[Array, " pixels"]) -> Float[Array, " pixels"]:
    """Return ranks from 1, the mean rank where pixels are equal.

    `scipy.stats.rankdata` is the same, but importing it takes a second.
    """
    _, group, sizes = np.unique(pixels, return_inverse=True, return_counts=True)
    last: Float[Array, " groups"] = np.cumsum(sizes).astype(np.float64)
    return (last - (sizes - 1) / 2)[group]


def _flat(maps: Float[Array, " n *grid"]) -> Bool[Array, " n"]:
    """Whether the pixels of a map cannot be ranked."""
    pixels = maps.reshape(len(maps), -1)
    return (pixels == pixels[:, :1]).all(axis=1) | ~np.isfinite(pixels).all(axis=1)


def _top(maps: Float[Array, " n *grid"], count: int) -> Bool[Array, "n pixels"]:
    order = np.argsort(-maps.reshape(len(maps), -1), axis=1, kind="stable")[:, :count]
    top = np.zeros((len(maps), maps[0].size), dtype=bool)
    np.put_along_axis(top, order, True, axis=1)
    return top
