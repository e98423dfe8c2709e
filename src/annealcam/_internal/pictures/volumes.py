"""Slices of a volume beside each other in one picture, with the names of their axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from annealcam._internal.heatmaps import resized_along
from annealcam._internal.types import Array

Box = tuple[int, int, int, int]
LEAST_DEPTH = 0.4  # of the longer side of a slice: volumes of few slices are stretched
LETTERS, INK, QUIET = 14, (22, 25, 29, 255), (255, 255, 255, 120)
MARGIN, GAP = 20, 3  # pixels
NAMES = ("depth", "row", "column")


@dataclass(frozen=True)
class Layout:
    """The boxes (left, top, right, bottom) of some slices on a picture of size (width, height)."""

    size: tuple[int, int]
    boxes: tuple[Box, ...]

    def filled(self, slices: Sequence[UInt8[Array, "_ _"]], *, background: int) -> Image.Image:
        """Return the picture with a grey slice in each box; pixels are repeated, not smoothed."""
        picture = Image.new("L", self.size, background)
        for (left, top, right, bottom), part in zip(self.boxes, slices, strict=True):
            size = (right - left, bottom - top)
            larger = size[0] >= part.shape[1] and size[1] >= part.shape[0]
            how = Image.Resampling.NEAREST if larger else Image.Resampling.BOX
            shown = Image.fromarray(np.ascontiguousarray(part)).resize(size, how)
            picture.paste(shown, (left, top))
        return picture.convert("RGB")

    def placed(
        self, slices: Sequence[Float[Array, "_ _"]] | Float[Array, "slices height width"]
    ) -> Float[Array, "height2 width2"]:
        """Return a map's values with a slice in each box, resized linearly; NaN between them."""
        whole = np.full(self.size[::-1], np.nan, dtype=np.float32)
        for (left, top, right, bottom), part in zip(self.boxes, slices, strict=True):
            rows = resized_along(part.astype(np.float32), 1, right - left)
            whole[top:bottom, left:right] = resized_along(rows, 0, bottom - top)
        return whole


def orthogonal_layout(shape: Sequence[int], side: int, *, named: bool) -> Layout:
    """Return the boxes of the slices across depth, rows and columns, the first at the upper left.

    That across the columns lies to the right of it and shares its rows, that across the rows lies
    below it and shares its columns. `named` leaves room for the names of the axes.
    """
    depth, height, width = shape
    thick = max(depth, LEAST_DEPTH * max(height, width))
    edge, gap = (MARGIN, 2 * MARGIN) if named else (0, GAP)
    scale = max((side - 2 * edge - gap) / (max(height, width) + thick), 1e-9)
    rows, columns, deep = (max(1, round(scale * n)) for n in (height, width, thick))
    left, top = edge, edge
    right, low = left + columns + gap, top + rows + gap
    boxes = (
        (left, top, left + columns, top + rows),
        (left, low, left + columns, low + deep),
        (right, top, right + deep, top + rows),
    )
    return Layout((right + deep + edge, low + deep + edge), boxes)


def tiled_layout(count: int, height: int, width: int, room: int) -> Layout:
    """Return the boxes of all slices across the depth, row by row, at most `room` pixels wide."""
    columns = min(count, max(1, round(math.sqrt(2.0 * count * height / width))))
    scale = (room - GAP * (columns - 1)) / (columns * width)
    wide, high = max(1, int(scale * width)), max(1, int(scale * height))
    boxes = []
    for i in range(count):
        left, top = (i % columns) * (wide + GAP), (i // columns) * (high + GAP)
        boxes.append((left, top, left + wide, top + high))
    right, low = columns * (wide + GAP) - GAP, -(-count // columns) * (high + GAP) - GAP
    return Layout((right, low), tuple(boxes))


def lettered(layout: Layout, numbers: Sequence[int], *, named: bool) -> Image.Image:
    """Return the letters of a layout on a transparent picture.

    `named`: the places of three slices and the names of the axes. Otherwise the number of each
    slice in its corner.
    """
    above = Image.new("RGBA", layout.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(above)
    if not named:
        font = ImageFont.load_default(11)
        for (left, top, right, _), number in zip(layout.boxes, numbers, strict=True):
            text = str(number)
            if draw.textlength(text, font=font) + 4 <= right - left:
                draw.text(
                    (left + 3, top + 1), text, fill="white", font=font, stroke_width=1,
                    stroke_fill="black",
                )  # fmt: skip
        return above
    font = ImageFont.load_default(LETTERS)
    ways = (("row", "column"), ("depth", "column"), ("row", "depth"))
    for axis, ((left, top, _, bottom), (down, across)) in enumerate(
        zip(layout.boxes, ways, strict=True)
    ):
        title = f"{NAMES[axis]} {numbers[axis]}"
        draw.text((left, top - 3), title, fill=INK, font=font, anchor="ls")
        if axis != 0:
            draw.text((left, bottom + 2), across, fill=INK, font=font, anchor="lt")
        if axis != 2:
            _upright(above, down, left - MARGIN + 2, top, font)
    return above


def lines_through(
    above: Image.Image, layout: Layout, at: Sequence[int], shape: Sequence[int]
) -> None:
    """Draw where the three slices cut each other."""
    draw = ImageDraw.Draw(above)
    ways = ((1, 2), (0, 2), (1, 0))  # the axes downwards and to the right in each box
    for (left, top, right, bottom), (down, across) in zip(layout.boxes, ways, strict=True):
        x = left + round((at[across] + 0.5) / shape[across] * (right - left))
        y = top + round((at[down] + 0.5) / shape[down] * (bottom - top))
        draw.line((x, top, x, bottom - 1), fill=QUIET)
        draw.line((left, y, right - 1, y), fill=QUIET)


def _upright(picture: Image.Image, text: str, left: int, top: int, font: Any) -> None:
    """Write a text from below upwards, its end at the top."""
    box = font.getbbox(text)
    letters = Image.new("RGBA", (math.ceil(box[2]) + 2, math.ceil(box[3]) + 2), (0, 0, 0, 0))
    ImageDraw.Draw(letters).text((0, 0), text, fill=INK, font=font)
    turned = letters.rotate(90, expand=True)
    picture.alpha_composite(turned, (max(0, left), max(0, top)))
