"""Where the objects are: masks and boxes of photos, found by name and seen as the network sees."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TypeAlias, TypeVar

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from annealcam._internal.types import Array
from annealcam.data.folders import SUFFIXES
from annealcam.errors import ArgumentError
from annealcam.metrics.localisation import box_mask
from annealcam.models.images import BUNDLED
from annealcam.models.preprocess import Preprocess

COLUMNS = ("photo", "left", "top", "right", "bottom")
Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom, in pixels of the photo
Where: TypeAlias = Path | Sequence[Box] | Bool[Array, "height width"]
_Entry = TypeVar("_Entry")


def find_masks(place: Path, photos: Sequence[str], root: Path) -> dict[str, Path | list[Box]]:
    """Return the mask's file, or the boxes, of each photo that has some.

    In a folder, a photo's mask has the photo's path (below `root`), or else its name, each without
    suffix. In a CSV file `photo,left,top,right,bottom`, `photo` is its path or its name; several
    lines are several boxes.

    Raises:
        ArgumentError: there is nothing, nothing fits a photo, a name fits several, a line is wrong.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("photo,left,top,right,bottom\\nsea.jpg,0,0,9,9\\n")
    ...     file.flush()
    ...     find_masks(Path(file.name), ["photos/sea.jpg"], Path("photos"))
    {'photos/sea.jpg': [(0, 0, 9, 9)]}
    """
    found: dict[str, Path | list[Box]]
    if place.is_dir():
        found = {**_matched(_files(place), photos, root, key=_without_suffix)}
    elif place.is_file():
        found = {**_matched(_boxes(place), photos, root, key=str)}
    else:
        raise ArgumentError(f"masks={str(place)!r}: neither a folder of masks nor a CSV of boxes")
    if not found:
        raise ArgumentError(
            f"masks={str(place)!r}: none for any of {len(photos)} photos; a mask is called as its "
            "photo, with any suffix"
        )
    return found


def mask_seen(
    preprocess: Callable[[Image.Image], Tensor], where: Where, photo: str, size: tuple[int, int]
) -> Bool[Array, "crop crop"] | None:
    """Return the object as the network sees it: resized (nearest pixel) and cut as the photo is.

    Args:
        preprocess: of the network.
        where: a file whose pixels are not 0 on the object, boxes, or a mask, of the whole photo.
        photo: its name, for what is told.
        size: width and height of the photo.

    Returns:
        None where nothing of the object is left in view, or there was none.

    Raises:
        ArgumentError: the mask has another size than the photo, a file is no image, a box reaches
            out of the photo, or the preprocessing does not tell how it cuts.

    >>> mask_seen(Preprocess(4, 2), [(0, 0, 2, 4)], "sea.jpg", (4, 4)).astype(int)
    array([[1, 0],
           [1, 0]])
    """
    if not isinstance(preprocess, Preprocess):
        raise ArgumentError(
            f"masks: how the model's own preprocessing ({type(preprocess).__name__}) cuts photos "
            "is not known; give the model one of annealcam.models.preprocess.Preprocess"
        )
    mask = _mask(where, photo, size)
    whole = Image.fromarray(np.where(mask, 255, 0).astype(np.uint8))
    view = replace(preprocess, interpolation="nearest").view(whole)
    seen = np.asarray(view)[..., 0] > 0
    return seen if seen.any() else None


def _mask(where: Where, photo: str, size: tuple[int, int]) -> Bool[Array, "height width"]:
    """The object in the whole photo."""
    width, height = size
    if isinstance(where, Path):
        return _read(where, photo, size)
    if isinstance(where, np.ndarray):
        if where.shape != (height, width):
            raise ArgumentError(
                f"masks: of shape {where.shape} for {photo}, which has {(height, width)}"
            )
        return where
    mask = np.zeros((height, width), dtype=bool)
    for box in where:
        try:
            mask |= box_mask((height, width), box)
        except ArgumentError as error:
            raise ArgumentError(f"masks: of {photo}, {error}") from None
    return mask


def _read(file: Path, photo: str, size: tuple[int, int]) -> Bool[Array, "height width"]:
    try:
        with Image.open(file) as opened:
            if sorted(opened.size) == sorted(size):  # before anything is decoded
                upright = ImageOps.exif_transpose(opened)
                if upright.size == size:
                    return _object(upright)
            width, height = opened.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = "not an image" if isinstance(error, UnidentifiedImageError) else error
        raise ArgumentError(f"masks: {file} cannot be read ({why})") from error
    raise ArgumentError(
        f"masks: {file} has {width} x {height} pixels and its photo {photo} {size[0]} x {size[1]}; "
        "give the mask at the photo's size"
    )


def _object(image: Image.Image) -> Bool[Array, "height width"]:
    """The pixels that are not 0: in any colour, or in number, and not wholly transparent."""
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        return pixels != 0
    has_alpha = image.getbands()[-1] == "A"
    colours = pixels[..., :-1] if has_alpha else pixels
    there = (colours != 0).any(axis=-1)
    return there & (pixels[..., -1] != 0) if has_alpha else there


def _matched(
    table: Mapping[str, _Entry], photos: Sequence[str], root: Path, *, key: Callable[[str], str]
) -> dict[str, _Entry]:
    """Each photo's entry: that of its path, or else the only one of its name."""
    keys = {photo: key(_below(photo, root)) for photo in photos}
    found = {photo: table[own] for photo, own in keys.items() if own in table}
    free = sorted(set(table) - set(keys.values()))
    named = {photo: PurePosixPath(own).name for photo, own in keys.items() if photo not in found}
    entries, wanted = Counter(PurePosixPath(own).name for own in free), Counter(named.values())
    by_name = {PurePosixPath(own).name: table[own] for own in free}
    for photo, name in named.items():
        if entries[name] and max(entries[name], wanted[name]) > 1:
            raise ArgumentError(
                f"masks: {entries[name]} called {name!r} for {wanted[name]} photos of that name, "
                f"as {photo}; call masks by the photos' paths below {root}"
            )
        if entries[name]:
            found[photo] = by_name[name]
    return found


def _below(photo: str, root: Path) -> str:
    """A photo's path below the folder of photos."""
    path = Path(photo.removeprefix(BUNDLED))
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _without_suffix(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _files(folder: Path) -> dict[str, Path]:
    """The images below a folder, by their paths without suffix."""
    found: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() not in SUFFIXES or not file.is_file():
            continue
        path = _without_suffix(file.relative_to(folder).as_posix())
        if path in found:
            raise ArgumentError(f"masks: {found[path]} and {file} are both of {path!r}; keep one")
        found[path] = file
    return found


def _boxes(file: Path) -> dict[str, list[Box]]:
    found: dict[str, list[Box]] = {}
    for number, row in _lines(file):
        try:
            left, top, right, bottom = (int(row[name]) for name in COLUMNS[1:])
        except (TypeError, ValueError):
            told = ",".join(str(row[name]) for name in COLUMNS)
            raise ArgumentError(
                f"masks={str(file)!r}: line {number}, {told!r}: four whole numbers of pixels wanted"
            ) from None
        found.setdefault(row["photo"], []).append((left, top, right, bottom))
    return found


def _lines(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened)
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                raise ArgumentError(
                    f"masks={str(file)!r}: its first line must name {','.join(COLUMNS)}"
                )
            for row in reader:
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ArgumentError(f"masks={str(file)!r}: cannot be read as CSV ({error})") from error
