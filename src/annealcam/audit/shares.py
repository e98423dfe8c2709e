"""Shares of the positive mass of a map: on a mask, and near the map's peak."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from annealcam._internal.types import Array


def mask_coverage(mask: Bool[Array, "height width"], size: tuple[int, int]) -> Float[Array, "h w"]:
    """Return the share of each cell of a map of `size` that a mask covers.

    If each cell is spread evenly over its pixels, the share of a map's mass on the mask is
    sum(map * coverage) / sum(map).

    >>> mask_coverage(np.array([[True, True, True, False]]), (1, 2))
    array([[1. , 0.5]], dtype=float32)
    """
    picture = Image.fromarray(mask.astype(np.float32))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BOX))


def share_inside(
    maps: Float[Array, "... h w"], coverage: Float[Array, "... h w"]
) -> Float[Array, "..."]:
    """Return the share of each map's positive mass on the covered cells; NaN without such mass.

    sum_ij max(f_ij, 0) coverage_ij / sum_ij max(f_ij, 0)

    >>> float(share_inside(np.array([[1.0, 3.0]]), np.array([[0.0, 0.5]])))
    0.375
    """
    positive = np.maximum(maps, 0.0).astype(np.float64)
    return _share((positive * coverage).sum(axis=(-2, -1)), positive.sum(axis=(-2, -1)))


def share_near_peak(maps: Float[Array, "n maps h w"]) -> Float[Array, "n maps"]:
    """Return the share of each map's positive mass in a window around its peak; NaN without mass.

    The window extends a tenth of the map's side, in whole cells, in every direction from the peak:
    3 x 3 cells of 14 x 14.

    >>> float(share_near_peak(np.eye(5)[None, None])[0, 0])
    0.2
    """
    positive = np.maximum(maps, 0.0).astype(np.float64)
    n, channels, h, w = positive.shape
    down, along = round(h / 10), round(w / 10)  # cells to either side of the peak
    y, x = np.divmod(positive.reshape(n, channels, -1).argmax(axis=-1), w)
    sums = np.zeros((n, channels, h + 1, w + 1))
    sums[..., 1:, 1:] = positive.cumsum(axis=-2).cumsum(axis=-1)
    rows, columns = np.arange(n)[:, None], np.arange(channels)[None, :]

    def mass_above_left(i: Int[Array, "n maps"], j: Int[Array, "n maps"]) -> Array:
        return sums[rows, columns, i, j]

    top, bottom = np.maximum(y - down, 0), np.minimum(y + down + 1, h)
    left, right = np.maximum(x - along, 0), np.minimum(x + along + 1, w)
    window = (
        mass_above_left(bottom, right) - mass_above_left(top, right)
        - mass_above_left(bottom, left) + mass_above_left(top, left)
    )  # fmt: skip
    return _share(window, sums[..., -1, -1])


def _share(part: Any, total: Any) -> Float[Array, "..."]:
    return np.where(total > 0, part / np.where(total > 0, total, 1.0), np.nan)
