"""Maps as transparent pictures to lay over a photo."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from annealcam._internal.heatmaps import (
    COLOURS,
    NEGATIVE,
    POSITIVE,
    heatmap,
    signed_cover,
    signed_heatmap,
)
from annealcam._internal.types import Array
from annealcam.render.html.page import picture_uri

SIDE = 256  # pixels of a map's longer side; the browser enlarges it smoothly
PHOTO_SIDE = 448
LEAST = 0.35  # opacity where the map is zero; it is 1 where the map is largest
STRENGTH = 0.65  # initial opacity of the whole map, as in `Explanation.overlay`
STOPS = 12  # of the gradient of the colour key


def heat_picture(raw: Float[Array, "h w"], size: tuple[int, int]) -> Image.Image:
    """Return a raw map as a picture of size (H, W) whose palette has colours and opacities.

    Negative values become zero, and the map is divided by its maximum. With opacity `STRENGTH`
    over a photo it equals `annealcam._internal.heatmaps.overlay`.

    >>> heat_picture(np.array([[0.0, 1.0]]), (1, 2)).convert("RGBA").getpixel((0, 0))
    (0, 0, 4, 89)
    """
    levels = np.round(255 * heatmap(raw.clip(min=0), size)).astype(np.uint8)
    picture = Image.fromarray(levels).convert("P")
    colours, opacity = _palette()
    picture.putpalette(colours.tobytes())
    picture.info["transparency"] = opacity.tobytes()
    return picture


def heat_uri(raw: Float[Array, "h w"], aspect: float) -> str:
    """Return a raw map as a lossless data URI, `aspect` times as wide as high."""
    return picture_uri(heat_picture(raw, fitted(aspect, SIDE)), quality=None)


def signed_picture(raw: Float[Array, "h w"], size: tuple[int, int]) -> Image.Image:
    """Return a signed map as a picture of size (H, W): blue below zero, vermillion above.

    The opacity is 0 where the map is zero and 1 where it is largest, of either sign. Drawn with
    `STRENGTH` over a grey photo it equals `annealcam._internal.heatmaps.signed_overlay`.

    >>> picture = signed_picture(np.array([[-1.0, 1.0]]), (1, 2)).convert("RGBA")
    >>> picture.getpixel((0, 0)), picture.getpixel((1, 0))
    ((0, 114, 178, 255), (213, 94, 0, 255))
    """
    values = signed_heatmap(raw, size)
    picture = Image.fromarray(np.round(127 + 127 * values).astype(np.uint8)).convert("P")
    colours = [NEGATIVE] * 127 + [POSITIVE] * 129
    picture.putpalette(bytes(part for colour in colours for part in colour))
    opacity = 255 * signed_cover(np.minimum((np.arange(256) - 127) / 127, 1.0))
    picture.info["transparency"] = np.round(opacity).astype(np.uint8).tobytes()
    return picture


def signed_uri(raw: Float[Array, "h w"], aspect: float) -> str:
    """Return a signed map as a lossless data URI, `aspect` times as wide as high."""
    return picture_uri(signed_picture(raw, fitted(aspect, SIDE)), quality=None)


def fitted(aspect: float, side: int) -> tuple[int, int]:
    """Return (H, W) of a picture whose longer side has `side` pixels.

    >>> fitted(2.0, 256), fitted(0.5, 256)
    ((128, 256), (256, 128))
    """
    height, width = side / max(aspect, 1.0), side * min(aspect, 1.0)
    return max(1, round(height)), max(1, round(width))


def colour_key() -> str:
    """Return the colours from 0 to a map's maximum as stops of a CSS gradient."""
    colours, opacity = _palette()
    stops = [
        f"rgb({' '.join(map(str, colours[i]))} / {opacity[i] / 255:.2f})"
        for i in np.linspace(0, 255, STOPS).astype(int)
    ]
    return ", ".join(stops)


def signed_key() -> str:
    """Return the colours from the most negative to the most positive value as CSS stops."""
    values = np.linspace(-1.0, 1.0, 2 * STOPS + 1)
    stops = [
        f"rgb({' '.join(map(str, POSITIVE if value > 0 else NEGATIVE))} / {cover:.2f})"
        for value, cover in zip(values, signed_cover(values), strict=True)
    ]
    return ", ".join(stops)


@cache
def _palette() -> tuple[UInt8[Array, "256 3"], UInt8[Array, " 256"]]:
    import matplotlib

    values = np.arange(256) / 255
    colours = np.round(255 * matplotlib.colormaps[COLOURS](values)[:, :3]).astype(np.uint8)
    opacity = np.round(255 * (LEAST + (1 - LEAST) * values)).astype(np.uint8)
    return colours, opacity
