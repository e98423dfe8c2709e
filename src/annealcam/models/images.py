"""Photos from files of any common format, as upright 8-bit RGB."""

from __future__ import annotations

import io
import os
import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from annealcam.errors import ArgumentError, ImageError

MAX_PIXELS = 100_000_000


BUNDLED = "skimage:"


def load_photo(name: str) -> Image.Image:
    """Return the photo of a file, or one that scikit-image bundles (`skimage:chelsea`).

    Raises:
        ImageError: the file cannot be read, or no such photo is bundled.

    >>> load_photo("skimage:chelsea").size
    (451, 300)
    """
    if not name.startswith(BUNDLED):
        return load_image(name)
    import skimage.data

    offline = ("astronaut", "chelsea", "coffee", "rocket")
    wanted = name.removeprefix(BUNDLED)
    if wanted not in offline:
        raise ImageError(f"{name}: not bundled; one of {', '.join(BUNDLED + o for o in offline)}")
    return Image.fromarray(getattr(skimage.data, wanted)())


def photos_in(place: Path) -> list[str]:
    """Return a photo, or all files below a folder in the order of their names.

    Raises:
        ArgumentError: the folder is empty.

    >>> photos_in(Path("photo.jpg"))
    ['photo.jpg']
    """
    if not place.is_dir():
        return [str(place)]
    files = sorted(str(file) for file in place.rglob("*") if file.is_file())
    if not files:
        raise ArgumentError(f"photos={str(place)!r}: an empty folder")
    return files


def load_image(
    source: str | os.PathLike[str] | io.BytesIO,
    *,
    max_pixels: int = MAX_PIXELS,
    formats: tuple[str, ...] | None = None,
    name: str | None = None,
) -> Image.Image:
    """Return the photo in a file, upright and RGB.

    The size is checked before anything is decoded. EXIF rotation is applied, transparency is
    laid over white, 16-bit grey is scaled to 8 bits, an animation gives its first frame.

    Args:
        source: a path, or a file in memory.
        max_pixels: width times height may be no more.
        formats: Pillow's names of those that are read, such as JPEG; None reads what it can.
        name: how errors call it; None takes the path.

    Raises:
        ImageError: no such file, not an image, truncated, too many pixels, or floating point.
    """
    path = name or (os.fspath(source) if isinstance(source, str | os.PathLike) else "image")
    readable = ", ".join(formats or ("JPEG", "PNG", "WebP", "TIFF", "..."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our limit decides
            with Image.open(source, formats=formats) as opened:
                _refuse_huge(opened, path, max_pixels)
                opened.load()
                upright = ImageOps.exif_transpose(opened)
                return to_rgb(upright, name=path, inverted=_white_is_zero(opened))
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not an image ({readable} are read)") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: too many pixels; at most {max_pixels}; scale it down") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ImageError(f"{path}: cannot be read ({reason})") from error


def _refuse_huge(image: Image.Image, path: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"{path}: {width} x {height} pixels; at most {max_pixels} in all; scale it down"
        )


def _white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF of 16 bits counts darkness (Pillow turns round those of 8 bits only)."""
    tags = getattr(image, "tag_v2", {})
    return image.mode.startswith("I") and tags.get(262) == 0


def to_rgb(image: Image.Image, *, name: str = "image", inverted: bool = False) -> Image.Image:
    """Return an image of any mode as 8-bit RGB; `inverted` 16-bit levels are turned round.

    Raises:
        ImageError: pixels are floating point or beyond 16 bits, so that white is undefined.

    >>> to_rgb(Image.new("RGBA", (1, 1), (0, 0, 0, 0))).getpixel((0, 0))
    (255, 255, 255)
    >>> to_rgb(Image.new("I;16", (1, 1), 65535)).getpixel((0, 0))
    (255, 255, 255)
    """
    if image.mode.startswith("I"):
        levels = np.asarray(image)
        if levels.size and (levels.min() < 0 or levels.max() > 65535):
            raise ImageError(f"{name}: pixels outside 0 to 65535; save it as an 8-bit image")
        levels = 65535 - levels.astype(np.int64) if inverted else levels
        image = Image.fromarray(np.round(levels / 257.0).astype(np.uint8))
    if image.mode == "F":
        raise ImageError(f"{name}: floating-point pixels; save it as an 8-bit image")
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(white, rgba)
    return image.convert("RGB")
