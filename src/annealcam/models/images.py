"""Photos from files of any common format, as upright 8-bit RGB, and arrays of other inputs."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageOps, UnidentifiedImageError

from annealcam._internal.storage.reading import array_header
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.errors import AnnealcamError, ImageError
from annealcam.models.photo_files import (
    ARRAYS,
    TIFF,
    content_of,
    libraries_quiet,
    photo_sha256,
    readable_formats,
)

MAX_PIXELS = 100_000_000
ANY_FILE = 16_000_000  # pixels that a file of any length may have, since an even image is short
MOST_PER_BYTE = 10_000  # pixels beyond that; even images of one bit have fewer
MAX_VALUES = 2**28  # of an array: 1 GB in float32
MAX_PAGES = 10_000  # of a TIFF


@dataclass(frozen=True, eq=False, repr=False)
class ArrayInput:
    """An input that is no photo: an image of any channels, a volume, a signal.

    Attributes:
        values: channels first, then one, two or three axes; 8-bit values scaled to 0 to 1, others
            as they are.
        name: of the file, for messages.
        is_picture: whether it is resized and cropped as photos are; otherwise it has the size of
            the network's input already.
    """

    values: Float[Array, "*channels_and_grid"]
    name: str
    is_picture: bool = False

    def __repr__(self) -> str:
        return short_repr("ArrayInput", name=self.name, values=self.values)


def load_input(name: str, *, bands: bool = False) -> Image.Image | ArrayInput:
    """Return the photo of a file as `load_photo` does, or the array of `.npy` or `.npz`.

    Args:
        name: a file, or a photo that is bundled.
        bands: read a TIFF as the array of its bands, of which there may be any number.

    Raises:
        ImageError: the file cannot be read, or holds anything but finite real numbers.

    >>> load_input("skimage:chelsea").size
    (451, 300)
    """
    ending = Path(name).suffix.lower()
    if ending in ARRAYS:
        return ArrayInput(_real(_reading(_read_npy, name), name), name)
    if bands and ending in TIFF:
        return ArrayInput(_real(_reading(_read_bands, name), name), name, is_picture=True)
    return load_photo(name)


def _reading(read: Callable[[io.BytesIO, str], Array], name: str) -> Array:
    content = content_of(name)
    try:
        return read(content, name)
    except AnnealcamError:
        raise
    except Exception as error:  # of whatever kind a damaged file provokes
        raise ImageError(f"{name}: cannot be read as an array ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """Return what an error of a reader states, on one line."""
    reason = getattr(error, "strerror", None) or str(error)
    return " ".join(reason.split())[:200] or type(error).__name__


def _read_npy(file: io.BytesIO, name: str) -> Array:
    if Path(name).suffix.lower() == ".npy":
        return _read_array(file, name)
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if len(names) != 1:
            held = ", ".join(n.removesuffix(".npy") for n in names[:9])
            raise ImageError(
                f"{name}: holds {len(names)} arrays ({held}); save the network's input alone"
            )
        with archive.open(names[0]) as member:
            return _read_array(cast(io.BufferedIOBase, member), name)


def _read_array(file: io.BufferedIOBase, name: str) -> Array:
    """Read an array after its size in the header is checked; nothing is unpickled."""
    shape, in_columns, dtype = array_header(file)
    _refuse_odd(shape, dtype, name)
    count = int(np.prod(shape, dtype=np.int64))
    data = file.read(count * dtype.itemsize)
    values = np.frombuffer(data, dtype=dtype, count=count)
    return values.reshape(shape, order="F" if in_columns else "C")


def _read_bands(stream: io.BytesIO, name: str) -> Array:
    """Read the bands of a TIFF, channels first: samples of its pixels, or pages of one size."""
    import tifffile

    with libraries_quiet(), tifffile.TiffFile(stream, name=os.path.basename(name)) as file:
        if len(file.pages) > MAX_PAGES:  # counted first: a chain of pages may lead back to itself
            raise ImageError(f"{name}: has {len(file.pages)} pages; at most {MAX_PAGES} are read")
        series = file.series[0]
        _refuse_odd(series.shape, np.dtype(series.dtype), name)
        values, axes = np.asarray(series.asarray()), series.axes
    if "Y" not in axes or "X" not in axes or values.ndim > 3:
        raise ImageError(
            f"{name}: has axes {axes} of shape {values.shape}; height, width and bands are read; "
            "save it as .npy"
        )
    if values.ndim == 2:
        return values[None]
    band = 3 - axes.index("Y") - axes.index("X")
    return np.moveaxis(values, band, 0)


def _refuse_odd(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "biuf":
        raise ImageError(f"{name}: holds values of type {dtype}; save real numbers")
    if not 1 <= len(shape) <= 4:
        raise ImageError(
            f"{name}: has shape {shape}; an input has channels first, then one to three axes"
        )
    count = 1
    for side in shape:
        count *= side
    if not 1 <= count <= MAX_VALUES:
        raise ImageError(f"{name}: has shape {shape}; 1 to {MAX_VALUES} values are read")


def _real(values: Array, name: str) -> Array:
    """Return float32, 8-bit values scaled to 0 to 1 as torchvision does."""
    with np.errstate(over="ignore"):  # refused below
        scaled = values.astype(np.float32)
    if values.dtype == np.uint8:
        scaled /= np.float32(255)
    if not np.isfinite(scaled).all():
        raise ImageError(f"{name}: contains NaN or infinity (in float32); replace them")
    return scaled


BUNDLED = ("bundled:", "skimage:")  # how names of bundled photos begin
_PHOTOS = {
    "bundled:cup-and-cat": "cup-and-cat.jpg",
    "skimage:astronaut": "astronaut.png",
    "skimage:chelsea": "chelsea.png",
    "skimage:coffee": "coffee.png",
    "skimage:rocket": "rocket.jpg",
}


def without_prefix(name: str) -> str:
    """Return the name of a file as it is, and that of a bundled photo without its prefix.

    >>> without_prefix("skimage:chelsea"), without_prefix("photos/cat.jpg")
    ('chelsea', 'photos/cat.jpg')
    """
    return name.split(":", 1)[1] if name.startswith(BUNDLED) else name


def load_photo(name: str) -> Image.Image:
    """Return the photo of a file, or a bundled one (`bundled:cup-and-cat`, `skimage:chelsea`).

    Raises:
        ImageError: the file cannot be read, or no such photo is bundled.

    >>> load_photo("skimage:chelsea").size
    (451, 300)
    """
    if not name.startswith(BUNDLED):
        return load_image(name)
    if name not in _PHOTOS:
        raise ImageError(f"{name}: not bundled; one of {', '.join(_PHOTOS)}")
    return load_image(Path(__file__).parent / "photos" / _PHOTOS[name])


def digest_of(name: str) -> str:
    """Return the SHA-256 of a photo's file, or of the pixels of a bundled photo.

    Raises:
        ImageError: the file cannot be read, or no such photo is bundled.
    """
    if name.startswith(BUNDLED):
        return hashlib.sha256(load_photo(name).tobytes()).hexdigest()
    return photo_sha256(name)


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
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source) if name is None else name
        source = content_of(source, name)
    return _decoded(source, name or "image", max_pixels, formats)


def _decoded(
    content: io.BytesIO, name: str, max_pixels: int, formats: tuple[str, ...] | None
) -> Image.Image:
    readable = ", ".join(formats or ("JPEG", "PNG", "WebP", "TIFF", "..."))
    try:
        with (
            libraries_quiet(),  # about sizes, where our limit decides, and about odd tags
            Image.open(content, formats=formats or readable_formats()) as image,
        ):
            refuse_huge(image.size, name, max_pixels, size_of_file=len(content.getbuffer()))
            image.load()
            upright = ImageOps.exif_transpose(image)
            return to_rgb(upright, name=name, inverted=_white_is_zero(image))
    except AnnealcamError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: not an image ({readable} are read)") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: too many pixels; at most {max_pixels}; scale it down") from error
    except Exception as error:  # of whatever kind a damaged file provokes
        raise ImageError(f"{name}: cannot be read ({_reason(error)})") from error


def refuse_huge(
    size: tuple[int, int], path: str, max_pixels: int = MAX_PIXELS, *, size_of_file: int
) -> None:
    """Refuse more pixels than are read, or than the bytes of a file can hold.

    Raises:
        ImageError: there are too many pixels.
    """
    width, height = size
    if width * height > max_pixels:
        raise ImageError(
            f"{path}: {width} x {height} pixels; at most {max_pixels} in all; scale it down"
        )
    if width * height > max(ANY_FILE, MOST_PER_BYTE * size_of_file):
        raise ImageError(
            f"{path}: {width} x {height} pixels in {size_of_file} bytes; its header is damaged"
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
