"""Signals as curves on a transparent picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from PIL import Image

from annealcam._internal.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[int, int, int, int]
LEFT, RIGHT, TOP, BOTTOM = 56, 10, 8, 40  # pixels around a plot
DPI = 100
INK = "#16191d"


def plot_box(width: int, height: int, *, bare: bool) -> Box:
    """Return the ends (left, top, right, bottom) of the plot on a picture, in pixels."""
    if bare:
        return 0, 0, width, height
    return LEFT, TOP, width - RIGHT, height - BOTTOM


def curve_picture(
    values: Float[Array, "channels few"],
    length: int,
    size: tuple[int, int],
    box: Box,
    *,
    bare: bool,
    axis: str,
) -> Image.Image:
    """Return the curves of a signal with their axes, on a transparent ground.

    Several channels lie above each other, the first on top, each over its own range.

    Args:
        values: the signal, possibly of fewer samples than the network's input.
        length: number of samples of the input; sample j is drawn at j.
        size: width and height of the picture, in pixels.
        box: the plot on it.
        bare: draw no axes.
        axis: what is counted on the horizontal axis.
    """
    from matplotlib.figure import Figure

    (width, height), (left, top, right, bottom) = size, box
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    figure.patch.set_alpha(0.0)
    axes = figure.add_axes(
        (left / width, 1 - bottom / height, (right - left) / width, (bottom - top) / height)
    )
    axes.patch.set_alpha(0.0)
    channels, few = values.shape
    x = (np.arange(few) + 0.5) * length / few - 0.5
    for lane, curve in enumerate(values):
        y = curve if channels == 1 else channels - 1 - lane + 0.9 * _unit(curve)
        axes.plot(x, y, color=INK, linewidth=1.1 if few < 2000 else 0.7)
    axes.set_xlim(-0.5, length - 0.5)
    if bare:
        axes.set_axis_off()
    else:
        _name_axes(axes, channels, axis)
    stream = io.BytesIO()
    figure.savefig(stream, format="rgba", dpi=DPI)
    return Image.frombytes("RGBA", size, stream.getvalue())


def _unit(curve: Float[Array, " few"]) -> Float[Array, " few"]:
    """Return a curve between -1/2 and 1/2; a constant one is 0."""
    known = curve[np.isfinite(curve)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    return (curve - low) / (high - low) - 0.5 if high > low else np.zeros_like(curve)


def _name_axes(axes: Axes, channels: int, axis: str) -> None:
    axes.tick_params(labelsize=8, color=INK, labelcolor=INK, width=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(axis, fontsize=9, color=INK, labelpad=2)
    if channels == 1:
        axes.set_ylabel("value", fontsize=9, color=INK, labelpad=1)
        axes.locator_params(axis="y", nbins=4)
    elif channels:
        axes.set_yticks(range(channels), [str(c) for c in reversed(range(channels))])
        axes.set_ylabel("channel", fontsize=9, color=INK, labelpad=1)
        axes.set_ylim(-0.6, channels - 0.4)
    else:
        axes.set_yticks([])
