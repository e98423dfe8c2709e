"""Localisation: whether a map lies on the object that a mask or a box marks.

Maps of photos have two axes; those of signals and volumes, with one or three, take masks of their
own shape.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from annealcam._internal.types import Array
from annealcam.errors import ArgumentError


def pointing_game(map_: Float[Array, "*grid"], mask: Bool[Array, "..."]) -> float:
    """Return the share of the map's largest pixels that lie on the object.

    |argmax and mask| / |argmax|, in [0, 1], higher is better; a tie of pixels counts by its share

    Raises:
        ArgumentError: the mask is empty or has another size than the map.

    Source: Zhang et al. 2016, "Top-down neural attention by excitation backprop".

    >>> pointing_game(np.array([[0.0, 2.0]]), np.array([[False, True]]))
    1.0
    """
    _check(map_, mask)
    return float(mask[map_ == map_.max()].mean())


def energy_inside(map_: Float[Array, "*grid"], mask: Bool[Array, "..."]) -> float:
    """Return the share of a map's sum that lies on the object.

    sum of the map on the mask / sum of the map, in [0, 1], higher is better

    A constant map gives the mask's share of the area, a map of zeros NaN.

    Raises:
        ArgumentError: the mask is empty or has another size than the map, or the map has negative
            pixels.

    Source: Wang et al. 2020, "Score-CAM", section 4.3.

    >>> energy_inside(np.array([[1.0, 3.0]]), np.array([[False, True]]))
    0.75
    """
    _check(map_, mask)
    if map_.min() < 0:
        raise ArgumentError("The map has negative pixels: apply a ReLU to it first.")
    total = float(map_.sum())
    return float(map_[mask].sum()) / total if total > 0 else float("nan")


def best_iou(map_: Float[Array, "*grid"], mask: Bool[Array, "..."]) -> float:
    """Return the IoU of the mask and the thresholded map at the best threshold.

    max over t of |{map >= t} and mask| / |{map >= t} or mask|, in (0, 1], higher is better

    The thresholds t are all values of the map. The lowest t marks every pixel, so no map scores
    less than the mask's share of the area.

    Raises:
        ArgumentError: the mask is empty or has another size than the map.

    Source: Choe et al. 2020, "Evaluating weakly supervised object localization methods right".

    >>> best_iou(np.array([[3.0, 2.0, 0.0]]), np.array([[True, True, False]]))
    1.0
    """
    _check(map_, mask)
    values, on_object = map_.ravel(), mask.ravel()
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(on_object[order])
    marked = np.arange(1, len(values) + 1)
    last = np.append(np.diff(values[order]) != 0, True)  # a threshold marks equal pixels together
    return float((hits / (on_object.sum() + marked - hits))[last].max())


def box_mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> Bool[Array, "h w"]:
    """Return the mask of a box (left, top, right, bottom), without its right and bottom edges.

    Raises:
        ArgumentError: the box is empty or extends beyond the image.

    >>> box_mask((2, 3), (1, 0, 3, 1)).astype(int)
    array([[0, 1, 1],
           [0, 0, 0]])
    """
    left, top, right, bottom = box
    height, width = size
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ArgumentError(f"box={box} is empty or extends beyond the {width} x {height} image.")
    mask = np.zeros(size, dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


def _check(map_: Float[Array, "..."], mask: Bool[Array, "..."]) -> None:
    if map_.shape != mask.shape or not map_.ndim:
        raise ArgumentError(
            f"The mask has shape {mask.shape} and the map {map_.shape}: resize one of them."
        )
    if not mask.any():
        raise ArgumentError("The mask is empty: mark at least one pixel of the object.")
    if not np.isfinite(map_).all():
        raise ArgumentError("The map holds NaN or infinity.")
