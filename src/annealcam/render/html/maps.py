"""Maps as transparent pictures to lay over a photo."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from annealcam._internal.heatmaps import (
    LEAST,
    NEGATIVE,
    POSITIVE,
    palette,
    signed_cover,
)
from annealcam._internal.pictures.scenes import PhotoView, Scene, View
from annealcam._internal.types import Array
from annealcam.render.html.page import picture_uri

SIDE = 256  # pixels of a map's longer side; the browser enlarges it smoothly
PHOTO_SIDE = 448
STRENGTH = 0.65  # initial opacity of the whole map, as in `Explanation.overlay`
STOPS = 12  # of the gradient of the colour key


def page_scene(
    view: View, raw: Float[Array, "*grid"] | None = None, *, small: bool = False
) -> Scene:
    """Return the scene of a map on a page; `small` is without the names of axes."""
    return view.scene(raw, side=SIDE if isinstance(view, PhotoView) else PHOTO_SIDE, small=small)


def heat_layer(values: Float[Array, "h w"]) -> Image.Image:
    """Return values in [0, 1] as a picture whose palette has colours and opacities.

    Where they are NaN the picture is transparent. With opacity `STRENGTH` over a photo it equals
    `annealcam._internal.heatmaps.coloured`.

    >>> heat_layer(np.array([[0.0, 1.0]])).convert("RGBA").getpixel((0, 0))
    (0, 0, 4, 89)
    """
    colours, opacity = _palette()
    known = np.isfinite(values)
    levels = np.round(255 * np.where(known, values, 0.0)).astype(np.uint8)
    if not known.all():
        levels = np.where(known, np.maximum(levels, 1), 0).astype(np.uint8)
        opacity = np.concatenate([[0], opacity[1:]]).astype(np.uint8)
    picture = Image.fromarray(levels).convert("P")
    picture.putpalette(colours.tobytes())
    picture.info["transparency"] = opacity.tobytes()
    return picture


def heat_uri(scene: Scene, raw: Float[Array, "*grid"]) -> str:
    """Return a raw map as it lies on a scene, as a lossless data URI."""
    return picture_uri(heat_layer(scene.heat(raw)), quality=None)


def signed_layer(values: Float[Array, "h w"]) -> Image.Image:
    """Return values in [-1, 1] as a picture: blue below zero, vermillion above.

    The opacity is 0 where a value is zero or NaN, and 1 where it is 1 or -1. Drawn with
    `STRENGTH` over a grey photo it equals `annealcam._internal.heatmaps.signed_coloured`.

    >>> picture = signed_layer(np.array([[-1.0, 1.0]])).convert("RGBA")
    >>> picture.getpixel((0, 0)), picture.getpixel((1, 0))
    ((0, 114, 178, 255), (213, 94, 0, 255))
    """
    levels = np.round(127 + 127 * np.nan_to_num(values)).astype(np.uint8)
    picture = Image.fromarray(levels).convert("P")
    colours = [NEGATIVE] * 127 + [POSITIVE] * 129
    picture.putpalette(bytes(part for colour in colours for part in colour))
    opacity = 255 * signed_cover(np.minimum((np.arange(256) - 127) / 127, 1.0))
    picture.info["transparency"] = np.round(opacity).astype(np.uint8).tobytes()
    return picture


def signed_uri(scene: Scene, raw: Float[Array, "*grid"]) -> str:
    """Return a signed map as it lies on a scene, as a lossless data URI."""
    return picture_uri(signed_layer(scene.signed_heat(raw)), quality=None)


def photo_uri(picture: Image.Image) -> str:
    """Return the picture of an input as a small data URI."""
    small = picture.convert("RGB")
    small.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    return picture_uri(small)


def above_uri(scene: Scene) -> str:
    """Return what lies above the maps of a scene, as a data URI; empty where there is nothing."""
    return "" if scene.above is None else picture_uri(scene.above, quality=None)


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
    colours = np.round(255 * palette()).astype(np.uint8)
    opacity = np.round(255 * (LEAST + (1 - LEAST) * np.arange(256) / 255)).astype(np.uint8)
    return colours, opacity
