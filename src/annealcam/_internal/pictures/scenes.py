"""Photos, volumes and signals as pictures, and the places of a map's values on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from annealcam._internal.heatmaps import (
    coloured,
    heatmap,
    signed_coloured,
    signed_heatmap,
)
from annealcam._internal.pictures.curves import curve_picture, plot_box
from annealcam._internal.pictures.views import COLOURS, original_index
from annealcam._internal.pictures.volumes import (
    lettered,
    lines_through,
    orthogonal_layout,
    tiled_layout,
)
from annealcam._internal.types import Array

GREY = 138  # in place of an input that is not known
SIDE = 448  # pixels of a picture's longer side
Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture of an input, and the places of a map's values on it.

    Attributes:
        picture: the input without any map.
        shape: the size to which maps are resized before they are placed.
        place: from a map of that size to values (height, width), NaN where the map has none.
        above: what lies above the map, such as a curve; None for nothing.
        boxes: the parts (left, top, right, bottom) of the picture where the map has values.
    """

    picture: Image.Image
    shape: tuple[int, ...]
    place: Callable[[Float[Array, "*shape"]], Float[Array, "height width"]]
    above: Image.Image | None = None
    boxes: tuple[Box, ...] = ()

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.picture.width / self.picture.height

    def heat(self, raw: Float[Array, "*grid"]) -> Float[Array, "height width"]:
        """Return a map in [0, 1] where it lies on the picture; negative values become zero."""
        return self.place(heatmap(raw.clip(min=0), self.shape))

    def signed_heat(self, raw: Float[Array, "*grid"]) -> Float[Array, "height width"]:
        """Return a signed map in [-1, 1] where it lies on the picture."""
        return self.place(signed_heatmap(raw, self.shape))

    def bare(self) -> Image.Image:
        """Return the picture without a map, with what lies above it."""
        return self._covered(self.picture)

    def overlay(self, raw: Float[Array, "*grid"], *, strength: float) -> Image.Image:
        """Return the picture with a map in colour."""
        return self._covered(coloured(self.heat(raw), self.picture, strength=strength))

    def signed_overlay(self, raw: Float[Array, "*grid"], *, strength: float) -> Image.Image:
        """Return the picture in grey with a signed map: vermillion above zero, blue below."""
        return self._covered(
            signed_coloured(self.signed_heat(raw), self.picture, strength=strength)
        )

    def _covered(self, picture: Image.Image) -> Image.Image:
        if self.above is None:
            return picture
        below = picture.convert("RGBA")
        below.alpha_composite(self.above)
        return below.convert("RGB")


@dataclass(frozen=True, eq=False)
class PhotoView:
    """An image, or the part of a photo that a network sees."""

    picture: Image.Image
    note: str = ""
    blank: bool = False
    noun: str = "photo"
    caption = ""

    def scene(
        self,
        _raw: Float[Array, "h w"] | None = None,
        *,
        side: int | None = None,
        small: bool = False,  # noqa: ARG002 as the other views
    ) -> Scene:
        """Return the picture; with `side`, its longer side has that many pixels."""
        picture = self.picture
        if side is not None:
            size = fitted(picture.width / picture.height, side)
            picture = picture.resize(size[::-1])
        shape = (picture.height, picture.width)
        return Scene(picture, shape, lambda values: values, boxes=((0, 0, *picture.size),))


@dataclass(frozen=True, eq=False)
class VolumeView:
    """A volume in grey, shown as three slices through a map's maximum and as a mosaic.

    `lengths` are those of the three axes of the network's input, in which slices are counted.
    """

    voxels: UInt8[Array, "depth height width"]
    lengths: tuple[int, int, int]
    note: str = ""
    blank: bool = False
    noun = "volume"
    caption = (
        "Three slices through the place where the explanation is largest; the lines are where they "
        "cut each other. Slices, rows and columns are counted from 0."
    )

    def scene(
        self,
        raw: Float[Array, "*grid"] | None = None,
        *,
        side: int | None = None,
        small: bool = False,
    ) -> Scene:
        """Return the three slices through the maximum of a map, or through the middle.

        The slice across the depth has rows downwards and columns to the right; that across the
        columns, to its right, shares the rows, and that across the rows, below it, the columns.

        Args:
            raw: the map.
            side: pixels of the longer side, at most.
            small: leave out the names of the axes.
        """
        shape = self.voxels.shape
        at = self.place_of(raw)
        layout = orthogonal_layout(shape, side or SIDE, named=not small)
        voxels = [_across(self.voxels, axis, at[axis]) for axis in range(3)]
        picture = layout.filled(voxels, background=0 if small else 255)

        def place(values: Float[Array, "depth height width"]) -> Float[Array, "height2 width2"]:
            return layout.placed([_across(values, axis, at[axis]) for axis in range(3)])

        above = None
        if not small:
            counted = [
                original_index(i, n, length)
                for i, n, length in zip(at, shape, self.lengths, strict=True)
            ]
            above = lettered(layout, counted, named=True)
            lines_through(above, layout, at, shape)
        return Scene(picture, shape, place, above, layout.boxes)

    def place_of(self, raw: Float[Array, "*grid"] | None) -> tuple[int, int, int]:
        """Return where a map is largest, as (depth, row, column); without a map, the middle."""
        shape = self.voxels.shape
        if raw is None or not raw.size or raw.max() <= 0:
            return tuple(side // 2 for side in shape)
        flat = int(np.argmax(heatmap(raw, shape)))
        return tuple(map(int, np.unravel_index(flat, shape)))  # type: ignore[return-value]

    @property
    def mosaic_caption(self) -> str:
        """What the mosaic shows, in one sentence."""
        count, depth = len(self.voxels), self.lengths[0]
        which = f"All {count} slices" if count == depth else f"{count} of {depth} slices"
        return f"{which} across the depth, with the explanation; each with its number."

    def mosaic(self, width: int) -> Scene:
        """Return all slices across the depth, row by row, each with its number."""
        depth, height, wide = self.voxels.shape
        layout = tiled_layout(depth, height, wide, width)
        numbers = [original_index(i, depth, self.lengths[0]) for i in range(depth)]
        above = lettered(layout, numbers, named=False)
        return Scene(
            layout.filled(list(self.voxels), background=255), self.voxels.shape, layout.placed,
            above, layout.boxes,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class SignalView:
    """A signal, shown as curves over a map in colour; `length` is that of the network's input."""

    values: Float[Array, "channels few"]
    length: int
    note: str = ""
    blank: bool = False
    axis: str = "sample"
    noun = "signal"
    caption = "The map is the background of the curve."

    def scene(
        self,
        _raw: Float[Array, "*grid"] | None = None,
        *,
        side: int | None = None,
        small: bool = False,
    ) -> Scene:
        """Return the curves; `small` leaves out the axes."""
        width, height = side or SIDE, self._height(side or SIDE, small)
        left, top, right, bottom = box = plot_box(width, height, bare=small)

        def place(values: Float[Array, " columns"]) -> Float[Array, "height width"]:
            whole = np.full((height, width), np.nan, dtype=np.float32)
            whole[top:bottom, left:right] = values
            return whole

        above = curve_picture(
            self.values, self.length, (width, height), box, bare=small, axis=self.axis
        )
        white = Image.new("RGB", (width, height), "white")
        return Scene(white, (right - left,), place, above, (box,))

    def _height(self, width: int, small: bool) -> int:
        lanes = max(1, len(self.values))
        return max(round(0.42 * width), (6 if small else 22) * lanes + (0 if small else 60))


View = PhotoView | VolumeView | SignalView


def view_of_result(
    stored: Array | None, grid: Sequence[int], record: Mapping[str, Any] | None
) -> View:
    """Return the view of a stored input, or a blank one for maps whose axes it does not have.

    Args:
        stored: the view of an `Explanation`.
        grid: the shape of its maps.
        record: what `view_record` returned; None for older results.
    """
    axes = 0 if stored is None else _axes(stored)
    if stored is None or axes != len(grid):
        note = (
            ""
            if stored is None
            else f"The input has {axes} axes and the maps have {len(grid)}: "
            "the maps are shown alone."
        )
        return _blank(grid, note)
    sides = tuple(record["input"][1:]) if record else None
    note = _note(record)
    if axes == 1:
        return SignalView(stored, sides[0] if sides else stored.shape[1], note)
    if axes == 2:
        many = record is not None and record["input"][0] != COLOURS
        noun = "image" if many else "photo"
        return PhotoView(Image.fromarray(np.asarray(stored)), note, noun=noun)
    return VolumeView(stored, sides or stored.shape, note)


def fitted(aspect: float, side: int) -> tuple[int, int]:
    """Return (H, W) of a picture whose longer side has `side` pixels.

    >>> fitted(2.0, 256), fitted(0.5, 256)
    ((128, 256), (256, 128))
    """
    height, width = side / max(aspect, 1.0), side * min(aspect, 1.0)
    return max(1, round(height)), max(1, round(width))


def _across(values: Array, axis: int, index: int) -> Array:
    """Return a slice of a volume; that across the columns with the depth to the right."""
    part = np.take(values, index, axis=axis)
    return part.T if axis == 2 else part


def _axes(stored: Array) -> int:
    """Return the number of axes of the input of which this is the view."""
    if stored.ndim == 2:
        return 1
    return 2 if stored.shape[-1] == COLOURS else 3


def _blank(grid: Sequence[int], note: str) -> View:
    """Return a grey view over which maps can be shown where the input is not known."""
    if len(grid) == 1:
        return SignalView(
            np.zeros((0, 1), dtype=np.float32), grid[0], note, blank=True, axis="cell of the map"
        )
    if len(grid) == 3:
        zoom = max(1, math.ceil(64 / max(grid)))
        voxels = np.full([zoom * side for side in grid], GREY, dtype=np.uint8)
        return VolumeView(voxels, tuple(grid), note, blank=True)  # type: ignore[arg-type]
    size = fitted(grid[1] / grid[0], SIDE)
    return PhotoView(Image.new("RGB", size[::-1], (GREY, 143, 150)), note, blank=True)


def _note(record: Mapping[str, Any] | None) -> str:
    """Return which channels of an input are shown; empty where all of them are."""
    if not record:
        return ""
    channels, shown = record["input"][0], record["channels"]
    if channels == len(shown):
        grey = channels == 1 and len(record["input"]) == 3
        return "The input has one channel, shown in grey." if grey else ""
    if len(record["input"]) == 2:
        return f"The first {len(shown)} of {channels} channels are shown."
    if len(shown) == COLOURS:
        red, green, blue = shown
        return (
            f"The input has {channels} channels: {red}, {green} and {blue} are shown as red, green "
            "and blue, each over its own range."
        )
    return f"Channel {shown[0]} of {channels} is shown, in grey."
