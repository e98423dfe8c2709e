"""Raw maps as pictures: resized, scaled, and blended over a photo."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.errors import ArgumentError

COLOURS = "inferno"  # perceptually uniform, also for colour-blind readers
NEGATIVE, POSITIVE = (0, 114, 178), (213, 94, 0)  # blue and vermillion of Okabe and Ito


def heatmap(raw: Float[Array, "h w"], size: tuple[int, int]) -> Float[Array, "height width"]:
    """Return a raw map resized bilinearly to (H, W) and divided by its maximum, in [0, 1].

    A map of zeros is returned as zeros.

    Raises:
        ArgumentError: `size` is not a pair of positive whole numbers.

    >>> heatmap(np.array([[0.0, 2.0]]), (1, 2))
    array([[0., 1.]], dtype=float32)
    """
    top = float(raw.max(initial=0.0))
    values = np.clip(_resized(raw / top if top > 0 else np.zeros_like(raw), size), 0.0, None)
    peak = values.max()
    return values / peak if peak > 0 else values


def signed_heatmap(raw: Float[Array, "h w"], size: tuple[int, int]) -> Float[Array, "height width"]:
    """Return a signed map resized bilinearly to (H, W) and divided by its largest size: in [-1, 1].

    Zero stays zero. A map of zeros is returned as zeros.

    Raises:
        ArgumentError: `size` is not a pair of positive whole numbers.

    >>> signed_heatmap(np.array([[-4.0, 2.0]]), (1, 2))
    array([[-1. ,  0.5]], dtype=float32)
    """
    largest = float(np.abs(raw).max(initial=0.0))
    values = _resized(raw / largest if largest > 0 else np.zeros_like(raw), size)
    peak = np.abs(values).max()
    return values / peak if peak > 0 else values


def _resized(raw: Float[Array, "h w"], size: tuple[int, int]) -> Float[Array, "height width"]:
    try:
        height, width = (whole("size", side, least=1) for side in size)
    except (TypeError, ValueError):
        raise ArgumentError(f"size={size!r}: give (height, width)") from None
    picture = Image.fromarray(raw.astype(np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def signed_cover(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return the opacity of signed values in [-1, 1]: 0 at zero and 1 at either end.

    It is a little above the size of the values, so that small ones are visible over a photo.

    >>> signed_cover(np.array([-1.0, 0.0, 0.25])).round(3).tolist()
    [1.0, 0.0, 0.33]
    """
    return np.abs(values) ** 0.8


def stretched(
    image: Float[Array, "3 height width"], *, side: int = 448
) -> UInt8[Array, "height2 width2 3"]:
    """Return a normalised image as a small picture, with its range stretched to 0 to 255.

    >>> stretched(np.array([[[-1.0, 1.0]]] * 3))[0].tolist()
    [[0, 0, 0], [255, 255, 255]]
    """
    low, high = float(image.min()), float(image.max())
    scaled = (image - low) / (high - low) if high > low else np.zeros_like(image)
    picture = Image.fromarray(np.round(255 * scaled.transpose(1, 2, 0)).astype(np.uint8))
    picture.thumbnail((side, side))
    return np.asarray(picture)


def overlay(raw: Float[Array, "h w"], photo: Image.Image, *, strength: float) -> Image.Image:
    """Return a raw map in colour over a photo; high values cover more of the photo."""
    import matplotlib

    heat = heatmap(raw, (photo.height, photo.width))
    colour = matplotlib.colormaps[COLOURS](heat)[..., :3]
    cover = strength * np.clip(0.35 + 0.65 * heat, 0, 1)[..., None]
    pixels = np.asarray(photo.convert("RGB")) / 255.0
    return Image.fromarray(np.round(255 * ((1 - cover) * pixels + cover * colour)).astype(np.uint8))


def signed_overlay(raw: Float[Array, "h w"], photo: Image.Image, *, strength: float) -> Image.Image:
    """Return a signed map over a photo in grey: vermillion where positive, blue where negative.

    The opacity is `strength` times `signed_cover`: 0 where the map is zero.
    """
    values = signed_heatmap(raw, (photo.height, photo.width))[..., None]
    colour = np.where(values > 0, np.array(POSITIVE), np.array(NEGATIVE))
    cover = strength * signed_cover(values)
    pixels = np.asarray(photo.convert("L").convert("RGB"), dtype=np.float64)
    return Image.fromarray(np.round((1 - cover) * pixels + cover * colour).astype(np.uint8))
