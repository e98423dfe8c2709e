"""Class sensitivity: how far one image's maps of two classes are the same map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.errors import ArgumentError
from annealcam.metrics._likeness import ALIKE, rank_correlation, top_overlap


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """How like each image's map of one class is to that of another.

    `rank_correlation` is Spearman's, in [-1, 1], and `top_overlap` the IoU of the top 5 % of the
    pixels, in [0, 1]; lower is better: a map that explains a class should differ from another
    class's. NaN where one of the two maps is constant; `undefined` counts those.
    """

    rank_correlation: Float[Array, " n"]
    top_overlap: Float[Array, " n"]

    @property
    def undefined(self) -> int:
        """Number of images of which a map is constant."""
        return int(np.isnan(self.rank_correlation).sum())

    def verdict(self) -> str:
        """Say in a sentence whether these maps tell the two classes apart."""
        if self.undefined == len(self.rank_correlation):
            return "a map is constant: nothing can be compared"
        mean = float(np.nanmean(self.rank_correlation))
        told = "does not tell the classes apart" if mean > ALIKE else "tells the classes apart"
        return f"this map {told} (rank correlation {mean:.2f})"


def class_sensitivity(maps: Float[Array, "n h w"], others: Float[Array, "..."]) -> Sensitivity:
    """Compare the maps of one class with those of another, of the same images.

    rho = Spearman(map of class c, map of class c')

    Raises:
        ArgumentError: the maps differ in number or size, or there are none.

    Source: docs/metrics.md; the top pixels by a stable rank, so that sparse maps are compared too.

    >>> one = np.array([[[0.0, 1.0, 2.0]]])
    >>> class_sensitivity(one, 5 * one).verdict()
    'this map does not tell the classes apart (rank correlation 1.00)'
    """
    if maps.shape != others.shape or len(maps) == 0:
        raise ArgumentError(f"maps, others: {maps.shape} and {others.shape}; two of each image")
    return Sensitivity(rank_correlation(maps, others), top_overlap(maps, others))


def other_classes(
    logits: Float[Array, "n classes"], targets: Int[Array, " n"], *, which: str
) -> Int[Array, " n"]:
    """Return, for each image, the likeliest class besides the target, or the least likely one.

    Raises:
        ArgumentError: `which` is neither `next` nor `least`, or there is one class only.

    >>> other_classes(np.array([[3.0, 1.0, 2.0]]), np.array([0]), which="next")
    array([2])
    """
    if which not in ("next", "least"):
        raise ArgumentError(f"which={which!r}: next or least")
    if logits.shape[1] < 2:
        raise ArgumentError("logits: of one class; there is no other to compare with")
    sign = -1.0 if which == "next" else 1.0
    cost = sign * logits.astype(np.float64)
    cost[np.arange(len(logits)), targets] = np.inf
    return np.argmin(cost, axis=1)
