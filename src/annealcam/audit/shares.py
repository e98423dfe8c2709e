"""Shares of a map: what lies on a mask, and what lies about the map's peak."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from annealcam._internal.types import Array


def cells(mask: Bool[Array, "height width"], size: tuple[int, int]) -> Float[Array, "h w"]:
    """Return what share of each cell of a map a mask covers.

    The share of a map's mass on the mask, each cell spread evenly, is then sum(map * cells) /
    sum(map).

    >>> cells(np.array([[True, True, True, False]]), (1, 2))
    array([[1. , 0.5]], dtype=float32)
    """
    shades = Image.fromarray(mask.astype(np.float32))
    return np.asarray(shades.resize((size[1], size[0]), Image.Resampling.BOX))


def mass_inside(
    maps: Float[Array, "... h w"], cover: Float[Array, "... h w"]
) -> Float[Array, "..."]:
    """Return the share of each map's positive mass that lies where `cover` says; NaN for none.

    sum_ij max(f_ij, 0) cover_ij / sum_ij max(f_ij, 0)

    >>> float(mass_inside(np.array([[1.0, 3.0]]), np.array([[0.0, 0.5]])))
    0.375
    """
    positive = np.maximum(maps, 0.0).astype(np.float64)
    total = positive.sum(axis=(-2, -1))
    on = (positive * cover).sum(axis=(-2, -1))
    return np.where(total > 0, on / np.where(total > 0, total, 1.0), np.nan)


def about_peak(maps: Float[Array, "n maps h w"]) -> Float[Array, "n maps"]:
    """Return the share of each map's positive mass in a small window about its peak; NaN for none.

    It reaches a tenth of the map's side, in whole cells, to every side of it (3 x 3 of 14 x 14).

    >>> float(about_peak(np.eye(5)[None, None])[0, 0])
    0.2
    """
    positive = np.maximum(maps, 0.0).astype(np.float64)
    n, channels, h, w = positive.shape
    down, along = round(h / 10), round(w / 10)  # cells to either side of the peak
    y, x = np.divmod(positive.reshape(n, channels, -1).argmax(axis=-1), w)
    sums = np.zeros((n, channels, h + 1, w + 1))
    sums[..., 1:, 1:] = positive.cumsum(axis=-2).cumsum(axis=-1)
    rows, columns = np.arange(n)[:, None], np.arange(channels)[None, :]

    def upto(i: Int[Array, "n maps"], j: Int[Array, "n maps"]) -> Float[Array, "n maps"]:
        return sums[rows, columns, i, j]

    top, bottom = np.maximum(y - down, 0), np.minimum(y + down + 1, h)
    left, right = np.maximum(x - along, 0), np.minimum(x + along + 1, w)
    near = upto(bottom, right) - upto(top, right) - upto(bottom, left) + upto(top, left)
    total = sums[..., -1, -1]
    return np.where(total > 0, near / np.where(total > 0, total, 1.0), np.nan)
