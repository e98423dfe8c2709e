"""Localisation: whether a map lies where a mask or a box says that the object is."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from annealcam._internal.types import Array
from annealcam.errors import ArgumentError


def pointing_game(map_: Float[Array, "h w"], mask: Bool[Array, "..."]) -> float:
    """Return the share of the map's largest pixels that lie on the object; 1 is best, 0 worst.

    |argmax and mask| / |argmax|; the largest is mostly one pixel, and a tie counts by its share.

    Raises:
        ArgumentError: the mask has another size than the map, or is empty.

    Source: Zhang et al. 2016, "Top-down neural attention by excitation backprop".

    >>> pointing_game(np.array([[0.0, 2.0]]), np.array([[False, True]]))
    1.0
    """
    _check(map_, mask)
    return float(mask[map_ == map_.max()].mean())


def energy_inside(map_: Float[Array, "h w"], mask: Bool[Array, "..."]) -> float:
    """Return the share of a map's sum that lies on the object; in [0, 1], higher is better.

    sum of the map on the mask / sum of the map; the mask's share of the area for a constant map.
    NaN for a map that is zero all over: it lies nowhere.

    Raises:
        ArgumentError: the mask has another size than the map or is empty, or the map is negative.

    Source: Wang et al. 2020, "Score-CAM", section 4.3.

    >>> energy_inside(np.array([[1.0, 3.0]]), np.array([[False, True]]))
    0.75
    """
    _check(map_, mask)
    if map_.min() < 0:
        raise ArgumentError("map: has negative pixels; give it after its ReLU")
    total = float(map_.sum())
    return float(map_[mask].sum()) / total if total > 0 else float("nan")


def best_iou(map_: Float[Array, "h w"], mask: Bool[Array, "..."]) -> float:
    """Return the IoU of mask and thresholded map, at the best threshold; in (0, 1], higher better.

    max over t of |{map >= t} and mask| / |{map >= t} or mask|, t all values of the map. At the
    lowest t everything is marked, so no map has less than the mask's share of the area.

    Raises:
        ArgumentError: the mask has another size than the map, or is empty.

    Source: Choe et al. 2020, "Evaluating weakly supervised object localization methods right".

    >>> best_iou(np.array([[3.0, 2.0, 0.0]]), np.array([[True, True, False]]))
    1.0
    """
    _check(map_, mask)
    values, on = map_.ravel(), mask.ravel()
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(on[order])
    marked = np.arange(1, len(values) + 1)
    last = np.append(np.diff(values[order]) != 0, True)  # equal pixels are marked together
    return float((hits / (on.sum() + marked - hits))[last].max())


def box_mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> Bool[Array, "h w"]:
    """Return the mask of a box (left, top, right, bottom), its right and bottom edges left out.

    Raises:
        ArgumentError: the box is empty, or reaches out of the image.

    >>> box_mask((2, 3), (1, 0, 3, 1)).astype(int)
    array([[0, 1, 1],
           [0, 0, 0]])
    """
    left, top, right, bottom = box
    height, width = size
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ArgumentError(f"box={box}: not within an image of {width} x {height}, or empty")
    mask = np.zeros(size, dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


def _check(map_: Float[Array, "..."], mask: Bool[Array, "..."]) -> None:
    if map_.shape != mask.shape or map_.ndim != 2:
        raise ArgumentError(
            f"mask: of shape {mask.shape}, the map has {map_.shape}; resize one of them"
        )
    if not mask.any():
        raise ArgumentError("mask: empty; there is no object to find")
    if not np.isfinite(map_).all():
        raise ArgumentError("map: holds NaN or infinity")
