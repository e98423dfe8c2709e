"""What a network takes as a small array that can be stored and shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from annealcam._internal.heatmaps import resized_along
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.errors import ArgumentError

MOST_SIDE = 448  # pixels of an image
MOST_SLICES, MOST_PLANE = 64, 256  # slices of a volume, and pixels of their longer side
MOST_SAMPLES, MOST_CURVES = 4096, 12  # of a signal
COLOURS = 3


def stored_view(image: Float[Array, "channels length *more"], *, bands: Any = None) -> Array | None:
    """Return the input of a network as an array that is small enough to store.

    Images become (height, width, 3) in uint8 of at most 448 pixels: one or two channels in grey,
    three as they are, and three `bands` of more, each stretched over its own range. Volumes become
    (depth, height, width) in uint8, at most 64 slices of at most 256 pixels: the first channel, or
    the mean of three. Signals become (channels, length) in float32, at most 12 channels and 4096
    samples. None for inputs of other shapes.

    Raises:
        ArgumentError: `bands` are not three channels of the image.

    >>> stored_view(np.zeros((12, 8, 8))).shape, stored_view(np.zeros((1, 5, 8, 8))).shape
    ((8, 8, 3), (5, 8, 8))
    """
    if image.size == 0:
        return None
    if image.ndim == 2:
        return thinned(image[:MOST_CURVES])
    if image.ndim == 3:
        return _image(image, bands)
    return _volume(image) if image.ndim == 4 else None


def view_record(shape: Sequence[int], bands: Any = None) -> dict[str, Any]:
    """Return what `stored_view` shows of an input of some shape, as plain values.

    >>> view_record((12, 8, 8))
    {'input': [12, 8, 8], 'channels': [0, 1, 2]}
    """
    channels = shape[0] if len(shape) else 0
    if len(shape) == 2:
        shown = list(range(min(channels, MOST_CURVES)))
    elif len(shape) == 3 and (channels >= COLOURS or bands is not None):
        shown = _bands(channels, bands)
    elif channels == COLOURS:
        shown = [0, 1, 2]
    else:
        shown = [0]
    return {"input": [int(side) for side in shape], "channels": shown}


def stretched(
    image: Float[Array, "3 height width"], *, side: int = MOST_SIDE
) -> UInt8[Array, "height2 width2 3"]:
    """Return a normalised image as a small picture, with its range stretched to 0 to 255.

    >>> stretched(np.array([[[-1.0, 1.0]]] * 3))[0].tolist()
    [[0, 0, 0], [255, 255, 255]]
    """
    picture = Image.fromarray(_levels(image).transpose(1, 2, 0).copy())
    picture.thumbnail((side, side))
    return np.asarray(picture)


def thinned(signal: Float[Array, "channels length"]) -> Float[Array, "channels few"]:
    """Return a signal of at most 4096 samples: the least and the greatest one of each interval.

    The two are in the order in which they occur, so that no peak is lost. A shorter signal is
    returned as it is.

    >>> long = np.zeros((1, 10_000)); long[0, 5_000] = 7.0
    >>> thinned(long).shape, thinned(long).max()
    ((1, 4096), np.float32(7.0))
    """
    length = signal.shape[1]
    if length <= MOST_SAMPLES:
        return signal.astype(np.float32)
    count = MOST_SAMPLES // 2
    ends = [length * i // count for i in range(count + 1)]
    few = np.empty((len(signal), MOST_SAMPLES), dtype=np.float32)
    for i, (start, end) in enumerate(pairwise(ends)):
        part = signal[:, start:end]
        places = np.sort(np.stack([part.argmin(axis=1), part.argmax(axis=1)]), axis=0)
        few[:, 2 * i : 2 * i + 2] = np.take_along_axis(part, places.T, axis=1)
    return few


def _image(
    image: Float[Array, "channels height width"], bands: Any
) -> UInt8[Array, "height2 width2 3"]:
    if len(image) < COLOURS and bands is None:
        return stretched(np.repeat(image[:1], COLOURS, axis=0))
    if len(image) == COLOURS and bands is None:
        return stretched(image)
    levels = [_levels(image[band]) for band in _bands(len(image), bands)]
    return stretched(np.stack(levels).astype(np.float32))


def _bands(channels: int, bands: Any) -> list[int]:
    """Return three channels that exist; the first three where none are chosen."""
    if bands is None:
        return [0, 1, 2]
    try:
        chosen = [whole("bands", band) for band in bands]
    except TypeError:
        chosen = []
    if len(chosen) != COLOURS or max(chosen) >= channels:
        raise ArgumentError(
            f"bands={bands!r}: must be three channels, counted from 0, of the {channels}"
        )
    return chosen


def _volume(
    volume: Float[Array, "channels depth height width"],
) -> UInt8[Array, "depth2 height2 width2"]:
    voxels = volume.mean(axis=0) if len(volume) == COLOURS else volume[0]
    depth, height, width = voxels.shape
    if depth > MOST_SLICES:
        voxels = voxels[[original_index(i, MOST_SLICES, depth) for i in range(MOST_SLICES)]]
    values = voxels.astype(np.float32)
    scale = MOST_PLANE / max(height, width)
    if scale < 1:
        for axis, side in ((1, height), (2, width)):
            values = resized_along(values, axis, max(1, round(scale * side)))
    levels = _levels(values)
    # A last axis of three is that of the colours of an image.
    return np.repeat(levels, 2, axis=2) if levels.shape[2] == COLOURS else levels


def original_index(i: int, count: int, length: int) -> int:
    """Return the place in an axis of `length` values at the middle of the i-th of `count` parts.

    >>> [original_index(i, 4, 8) for i in range(4)], original_index(2, 8, 8)
    ([1, 3, 5, 7], 2)
    """
    return math.floor((2 * i + 1) * length / (2 * count))


def _levels(values: Float[Array, "*shape"]) -> UInt8[Array, "*shape"]:
    """Return values as levels from 0 to 255, their range stretched; NaN and infinity are 0."""
    finite = np.isfinite(values)
    known = values if finite.all() else values[finite]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if high <= low:
        return np.zeros(values.shape, dtype=np.uint8)
    with np.errstate(invalid="ignore"):
        scaled = (values - low) / (high - low)
    if known is not values:
        scaled = np.where(finite, scaled, 0.0)
    return np.round(255 * scaled).astype(np.uint8)
