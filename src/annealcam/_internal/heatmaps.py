"""Raw maps as pictures: resized, scaled, and blended over a photo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.errors import ArgumentError

NEGATIVE, POSITIVE = (0, 114, 178), (213, 94, 0)  # blue and vermillion of Okabe and Ito
LEAST = 0.35  # opacity where a map is zero, as a part of that where it is largest
DIMMED = 0.45  # brightness of the part of a photo that the network did not see
AXES = {1: "(length,)", 2: "(height, width)", 3: "(depth, height, width)"}
Box = tuple[float, float, float, float]


def heatmap(raw: Float[Array, "*grid"], size: Sequence[int]) -> Float[Array, "*size"]:
    """Return a raw map resized linearly along each axis and divided by its maximum, in [0, 1].

    The grid has 1, 2 or 3 axes, and `size` has as many numbers. A map of zeros is returned as
    zeros.

    Raises:
        ArgumentError: `size` is not one positive whole number for each axis.

    >>> heatmap(np.array([[0.0, 2.0]]), (1, 2))
    array([[0., 1.]], dtype=float32)
    """
    top = float(raw.max(initial=0.0))
    values = np.clip(_resized(raw / top if top > 0 else np.zeros_like(raw), size), 0.0, None)
    peak = values.max()
    return values / peak if peak > 0 else values


def signed_heatmap(raw: Float[Array, "*grid"], size: Sequence[int]) -> Float[Array, "*size"]:
    """Return a signed map resized linearly and divided by its largest size, in [-1, 1].

    Zero stays zero. A map of zeros is returned as zeros.

    Raises:
        ArgumentError: `size` is not one positive whole number for each axis.

    >>> signed_heatmap(np.array([[-4.0, 2.0]]), (1, 2))
    array([[-1. ,  0.5]], dtype=float32)
    """
    largest = float(np.abs(raw).max(initial=0.0))
    values = _resized(raw / largest if largest > 0 else np.zeros_like(raw), size)
    peak = np.abs(values).max()
    return values / peak if peak > 0 else values


def _resized(raw: Float[Array, "*grid"], size: Sequence[int]) -> Float[Array, "*size"]:
    try:
        sides = [whole("size", side, least=1) for side in size]
    except (TypeError, ValueError):
        sides = []
    if len(sides) != raw.ndim:
        raise ArgumentError(f"size={size!r}: give {AXES.get(raw.ndim, 'one number for each axis')}")
    values = raw.astype(np.float32)
    for axis in reversed(range(raw.ndim)):
        values = resized_along(values, axis, sides[axis])
    return values


def resized_along(
    values: Float[Array, "*grid"], axis: int, count: int, part: tuple[float, float] | None = None
) -> Float[Array, "*resized"]:
    """Return an array with one axis resized to `count` values by linear interpolation.

    Args:
        values: the array, in float32.
        axis: the axis.
        count: number of values that it gets.
        part: the ends of the part of the axis that is resized, in cells from its start; they may
            lie outside, where the outermost values continue. Default: the whole axis.

    >>> resized_along(np.array([0.0, 4.0], dtype=np.float32), 0, 4).tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    low, high = part if part is not None else (0.0, float(values.shape[axis]))
    rows = np.moveaxis(values, axis, -1)
    before, after = (max(0, math.ceil(b)) for b in (-low, high - values.shape[axis]))
    if before or after:
        rows = np.pad(rows, [(0, 0)] * (values.ndim - 1) + [(before, after)], mode="edge")
    flat = np.ascontiguousarray(rows.reshape(-1, rows.shape[-1]))
    box = (low + before, 0, high + before, len(flat))
    picture = Image.fromarray(flat).resize((count, len(flat)), Image.Resampling.BILINEAR, box=box)
    return np.moveaxis(np.asarray(picture).reshape(*rows.shape[:-1], count), -1, axis)


def signed_cover(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return the opacity of signed values in [-1, 1]: 0 at zero and 1 at either end.

    It is a little above the size of the values, so that small ones are visible over a photo.

    >>> signed_cover(np.array([-1.0, 0.0, 0.25])).round(3).tolist()
    [1.0, 0.0, 0.33]
    """
    return np.abs(values) ** 0.8


def overlay(
    raw: Float[Array, "h w"], photo: Image.Image, *, strength: float, box: Box | None = None
) -> Image.Image:
    """Return a raw map in colour over a photo; high values cover more of the photo.

    Args:
        raw: the map.
        photo: an image of any size.
        strength: opacity of the colours where the map is largest, 0 to 1.
        box: the ends (left, top, right, bottom) of the part of the photo that the map belongs to,
            in pixels; the rest of the photo is dimmed. Default: the whole photo.
    """
    if box is None:
        return coloured(heatmap(raw, (photo.height, photo.width)), photo, strength=strength)
    return coloured(_unfolded(raw, photo, box), photo, strength=strength, outside=DIMMED)


def _unfolded(
    raw: Float[Array, "h w"], photo: Image.Image, box: Box
) -> Float[Array, "height width"]:
    """Return the heatmap over a whole photo: NaN where a pixel's centre lies outside the box."""
    top = float(raw.max(initial=0.0))
    values = (raw / top if top > 0 else np.zeros_like(raw)).clip(min=0).astype(np.float32)
    inside: list[slice] = []
    for axis, side in enumerate((photo.height, photo.width)):
        low, high = box[1 - axis], box[3 - axis]
        first, last = max(0, math.ceil(low - 0.5)), min(side, math.ceil(high - 0.5))
        inside.append(slice(first, max(first, last)))
        if last <= first:
            return np.full((photo.height, photo.width), np.nan, dtype=np.float32)
        cells = raw.shape[axis] / (high - low)
        part = (cells * (first - low), cells * (last - low))
        values = resized_along(values, axis, last - first, part)
    whole_photo = np.full((photo.height, photo.width), np.nan, dtype=np.float32)
    whole_photo[tuple(inside)] = values / values.max() if values.max() > 0 else values
    return whole_photo


@cache
def palette() -> Float[Array, "256 3"]:
    """Return the colours from 0 to 1, perceptually uniform also for colour-blind readers.

    Source: N. Smith and S. van der Walt, `inferno` of matplotlib (CC0), which is not imported.

    >>> palette()[0].tolist()
    [0.001462, 0.000466, 0.013866]
    """
    return np.loadtxt(Path(__file__).with_name("inferno.txt"))


def coloured(
    heat: Float[Array, "height width"],
    photo: Image.Image,
    *,
    strength: float,
    outside: float = 1.0,
) -> Image.Image:
    """Return a heatmap in colour over a picture of its size; `outside` dims it where it is NaN."""
    known = np.isfinite(heat)
    values = np.where(known, heat, 0.0)
    colour = palette()[(256 * values).clip(0, 255).astype(int)]
    cover = strength * np.clip(LEAST + (1 - LEAST) * values, 0, 1)[..., None]
    pixels = np.asarray(photo.convert("RGB")) / 255.0
    blended = np.where(known[..., None], (1 - cover) * pixels + cover * colour, outside * pixels)
    return Image.fromarray(np.round(255 * blended).astype(np.uint8))


def signed_overlay(raw: Float[Array, "h w"], photo: Image.Image, *, strength: float) -> Image.Image:
    """Return a signed map over a photo in grey: vermillion where positive, blue where negative.

    The opacity is `strength` times `signed_cover`: 0 where the map is zero.
    """
    values = signed_heatmap(raw, (photo.height, photo.width))
    return signed_coloured(values, photo, strength=strength)


def signed_coloured(
    values: Float[Array, "height width"], photo: Image.Image, *, strength: float
) -> Image.Image:
    """Return values in [-1, 1] over a picture of their size in grey; NaN has no colour."""
    values = np.nan_to_num(values)[..., None]
    colour = np.where(values > 0, np.array(POSITIVE), np.array(NEGATIVE))
    cover = strength * signed_cover(values)
    pixels = np.asarray(photo.convert("L").convert("RGB"), dtype=np.float64)
    return Image.fromarray(np.round((1 - cover) * pixels + cover * colour).astype(np.uint8))
