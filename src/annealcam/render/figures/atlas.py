"""Figures of an atlas: the portrait of one channel, and the usual maps of a class."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from PIL import Image

from annealcam._internal.types import Array
from annealcam.atlas.atlas import Atlas, Portrait, Region, around
from annealcam.errors import ArgumentError
from annealcam.render.figures.sheets import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    empty_sheet,
    open_frame,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_REGIONS = 9  # of a channel that are shown
MOST_CLASSES = 12  # bars
IN_A_ROW = 7  # regions of each map of a class
VEIL = 0.6  # share of its darkness that a picture keeps outside of a region
MOST_LETTERS = 17  # of the name of a class above a region
_WORDS = 26  # characters in a line beside a row


def channel_sheet(atlas: Atlas, channel: int) -> Figure:
    """Return the portrait of one channel: its top regions, its profile and its selections.

    The first row shows the regions of largest activation, the second row the whole photos, pale
    outside of each region. Below is a bar for each class, or for the `MOST_CLASSES` classes of
    largest mean activation.

    Raises:
        ArgumentError: the layer has no such channel.
        OutputError: the pictures cannot be read.
    """
    portrait = atlas.portrait(channel)
    shown = _classes(portrait)
    bars = 0.6 + 0.2 * len(shown)
    figure = empty_sheet(_channel_title(atlas, portrait), width=11.0, height=3.0 + bars)
    grid = figure.add_gridspec(3, MOST_REGIONS, height_ratios=[1.05, 1.05, bars])
    pictures = zip(atlas.crops(channel), atlas.photos(channel), portrait.regions, strict=True)
    for place, (crop, photo, region) in enumerate(list(pictures)[:MOST_REGIONS]):
        above, below = (figure.add_subplot(grid[row, place]) for row in (0, 1))
        _picture(above, crop, _within(region, around(region.box)))
        _picture(below, photo, region.box)
        above.set_title(_under(atlas, region), fontsize=7, parse_math=False)
    if not portrait.regions:
        nothing = figure.add_subplot(grid[:2, :])
        nothing.set_axis_off()
        nothing.text(
            0,
            0.5,
            "No photo excites this channel: its activation is never above zero.",
            fontsize=10,
        )
    left, right = figure.add_subplot(grid[2, :5]), figure.add_subplot(grid[2, 5:])
    names = [atlas.classes[label] for label in shown]
    _bars(
        left, portrait.profile[shown], names, "mean activation over the photos of the class", BLUE
    )
    _bars(
        right,
        100 * portrait.selected[shown],
        [],
        "selected for % of the photos of the class",
        ORANGE,
    )
    right.set_xlim(0, 100)
    return figure


def class_sheet(atlas: Atlas, label: int | str, *, most: int = 8) -> Figure:
    """Return the usual maps of a class in rows, the most often selected first.

    Raises:
        ArgumentError: there is no such class, or no map is selected for it.
        OutputError: the pictures cannot be read.
    """
    number = atlas.label_of(label)
    usual = atlas.usual(number, most=most)
    if not usual:
        raise ArgumentError(
            f"class={atlas.classes[number]!r}: no map is selected for any of its "
            f"{atlas.counts[number]} photos"
        )
    figure = empty_sheet(_class_title(atlas, number), width=11.0, height=0.9 + 1.3 * len(usual))
    grid = figure.add_gridspec(len(usual), 1 + IN_A_ROW, width_ratios=[1.75] + [1.0] * IN_A_ROW)
    for row, channel in enumerate(usual):
        portrait = atlas.portrait(channel)
        _row_title(figure.add_subplot(grid[row, 0]), portrait, number)
        crops = zip(atlas.crops(channel), portrait.regions, strict=True)
        for place, (crop, region) in enumerate(list(crops)[:IN_A_ROW]):
            axes = figure.add_subplot(grid[row, 1 + place])
            _picture(axes, crop, _within(region, around(region.box)))
            matches = region.label == number
            colour, weight = (BLACK, "bold") if matches else ("0.35", "normal")
            axes.set_title(
                shorten(atlas.classes[region.label], MOST_LETTERS), fontsize=7, color=colour,
                weight=weight, pad=2, parse_math=False,
            )  # fmt: skip
    return figure


def _channel_title(atlas: Atlas, portrait: Portrait) -> str:
    photos = int(atlas.counts.sum())
    return (
        (
            f"Map {portrait.channel} of {atlas.channels} responds to {portrait.responds_to()}  ·  "
            f"{atlas.model}, layer {atlas.layer}, {photos} photos of {atlas.data}"
        )
        .replace("responds to mostly:", "responds mostly to")
        .replace("to only:", "only to")
    )


def _class_title(atlas: Atlas, label: int) -> str:
    return (
        f"The usual maps of {atlas.classes[label]!r}, and the photos that excite them most  ·  "
        f"{atlas.model}, layer {atlas.layer}, {atlas.counts[label]} of {atlas.counts.sum()} photos "
        f"of {atlas.data}"
    )


def _row_title(axes: Axes, portrait: Portrait, label: int) -> None:
    axes.set_axis_off()
    axes.text(0, 0.86, f"map {portrait.channel}", fontsize=10, weight="bold", va="center")
    axes.text(0, 0.62, f"selected for {portrait.selected[label]:.0%}", fontsize=8.5, va="center")
    axes.barh([0.46], [1.0], height=0.07, color="0.9")
    axes.barh([0.46], [portrait.selected[label]], height=0.07, color=ORANGE)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    words = "\n".join(wrap(portrait.responds_to(), _WORDS)[:3])
    axes.text(0, 0.33, words, fontsize=8, color="0.25", va="top", parse_math=False)


def _picture(axes: Axes, picture: Image.Image, box: tuple[float, float, float, float]) -> None:
    """Draw a picture, pale outside of a box with an outline visible on dark and on light."""
    from matplotlib.patches import Rectangle

    width, height = picture.size
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    pixels = np.asarray(picture).astype(np.float64)
    inside = np.zeros((height, width), dtype=bool)
    inside[round(top) : round(bottom), round(left) : round(right)] = True
    pixels[~inside] = 255 - VEIL * (255 - pixels[~inside])
    axes.imshow(np.round(pixels).astype(np.uint8))
    axes.set_axis_off()
    corner = max(left, 1.0) - 0.5, max(top, 1.0) - 0.5  # the outline stays within the picture
    size = min(right, width - 1.0) - 0.5 - corner[0], min(bottom, height - 1.0) - 0.5 - corner[1]
    for colour, thickness in (("black", 2.2), ("white", 1.0)):
        axes.add_patch(Rectangle(corner, *size, fill=False, ec=colour, lw=thickness))


def _within(
    region: Region, crop: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Return a region's box as fractions of its crop."""
    side = crop[2] - crop[0]
    left, top, right, bottom = (
        (place - start) / side for place, start in zip(region.box, crop[:2] * 2, strict=True)
    )
    return left, top, right, bottom


def _classes(portrait: Portrait) -> list[int]:
    """Return the classes with bars: all in order, or the ones of largest mean activation."""
    count = len(portrait.classes)
    if count <= MOST_CLASSES:
        return list(range(count))
    largest = np.argsort(-portrait.profile, kind="stable")[:MOST_CLASSES]
    return [int(label) for label in largest]


def _bars(
    axes: Axes, values: Float[Array, " shown"], names: list[str], what: str, colour: str
) -> None:
    open_frame(axes)
    places = np.arange(len(values))
    axes.barh(places, values, color=colour, height=0.7)
    axes.set_yticks(
        places, [shorten(str(name), 22) for name in names] or [""] * len(values), fontsize=8
    )
    axes.set_xlabel(what, fontsize=8.5)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.invert_yaxis()
    if not values.any():
        axes.set_xlim(0, 1)


def _under(atlas: Atlas, region: Region) -> str:
    return f"{shorten(atlas.classes[region.label], MOST_LETTERS)}\npeak {region.peak:.3g}"
