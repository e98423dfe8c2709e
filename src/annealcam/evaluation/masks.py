"""Masks and boxes of the objects in photos, matched by name and cropped like the photos."""

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

from annealcam._internal.text import shorten
from annealcam._internal.types import Array
from annealcam.data.folders import SUFFIXES
from annealcam.errors import ArgumentError
from annealcam.metrics.localisation import box_mask
from annealcam.models.images import without_prefix
from annealcam.models.photo_files import content_of, libraries_quiet, readable_formats
from annealcam.models.preprocess import Preprocess

COLUMNS = ("photo", "left", "top", "right", "bottom")
Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom, in pixels of the photo
Where: TypeAlias = Path | Sequence[Box] | Bool[Array, "height width"]
_Entry = TypeVar("_Entry")


def find_masks(place: Path, photos: Sequence[str], root: Path) -> dict[str, Path | list[Box]]:
    """Return the mask's file, or the boxes, of each photo that has any.

    In a folder of masks, a mask has the path of its photo below `root`, or else the photo's name,
    both without suffix. In a CSV file with the columns `photo,left,top,right,bottom`, `photo` is
    the photo's path or name; a photo with several lines has several boxes.

    Raises:
        ArgumentError: the place does not exist, no mask matches a photo, a name matches several
            photos, or a line of the file is invalid.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("photo,left,top,right,bottom\\nsea.jpg,0,0,9,9\\n")
    ...     file.flush()
    ...     find_masks(Path(file.name), ["photos/sea.jpg"], Path("photos"))
    {'photos/sea.jpg': [(0, 0, 9, 9)]}
    """
    masks: dict[str, Path | list[Box]]
    if place.is_dir():
        masks = {**_matched(_files(place), photos, root, key=_without_suffix)}
    elif place.is_file():
        masks = {**_matched(_boxes(place), photos, root, key=str)}
    else:
        raise ArgumentError(f"masks={str(place)!r}: neither a folder of masks nor a CSV of boxes")
    if not masks:
        raise ArgumentError(
            f"masks={str(place)!r}: none for any of {len(photos)} photos. A mask has the name of "
            "its photo, with any suffix."
        )
    return masks


def mask_in_view(
    preprocess: Callable[[Image.Image], Tensor], where: Where, photo: str, size: tuple[int, int]
) -> Bool[Array, "crop crop"] | None:
    """Return the mask of the object, resized (nearest pixel) and cropped like the photo.

    Args:
        preprocess: of the network.
        where: the object in the whole photo: a file whose pixels are non-zero on it, boxes, or a
            mask.
        photo: its name, for messages.
        size: width and height of the photo.

    Returns:
        The mask in the network's view; None if no part of an object is in view.

    Raises:
        ArgumentError: the mask and the photo differ in size, a file is not an image, a box extends
            beyond the photo, or the preprocessing is not a `Preprocess`, so that its crop is
            unknown.

    >>> mask_in_view(Preprocess(4, 2), [(0, 0, 2, 4)], "sea.jpg", (4, 4)).astype(int)
    array([[1, 0],
           [1, 0]])
    """
    if not isinstance(preprocess, Preprocess):
        raise ArgumentError(
            f"masks: the crop of the model's preprocessing ({type(preprocess).__name__}) is "
            "unknown; give the model an annealcam.models.preprocess.Preprocess"
        )
    mask = _mask(where, photo, size)
    whole = Image.fromarray(np.where(mask, 255, 0).astype(np.uint8))
    in_view = np.asarray(replace(preprocess, interpolation="nearest").fit(whole)) > 0
    return in_view if in_view.any() else None


def _mask(where: Where, photo: str, size: tuple[int, int]) -> Bool[Array, "height width"]:
    """Return the mask of the object in the whole photo."""
    width, height = size
    if isinstance(where, Path):
        return _read(where, photo, size)
    if isinstance(where, np.ndarray):
        if where.shape != (height, width):
            raise ArgumentError(
                f"masks: of shape {where.shape} for {photo}, which has {(height, width)}; give the "
                "mask at the photo's size"
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
        with libraries_quiet(), Image.open(content_of(file), formats=readable_formats()) as opened:
            if sorted(opened.size) == sorted(size):  # before anything is decoded
                upright = ImageOps.exif_transpose(opened)
                if upright.size == size:
                    return _object(upright)
            width, height = opened.size
    except Exception as error:  # of whatever kind a damaged file provokes
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else error
        raise ArgumentError(f"masks: {file} cannot be read ({reason})") from error
    raise ArgumentError(
        f"masks: {file} has {width} x {height} pixels and its photo {photo} {size[0]} x {size[1]}; "
        "give the mask at the photo's size"
    )


def _object(image: Image.Image) -> Bool[Array, "height width"]:
    """Return which pixels are non-zero in any colour, or in value, and not fully transparent."""
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        return pixels != 0
    has_alpha = image.getbands()[-1] == "A"
    colours = pixels[..., :-1] if has_alpha else pixels
    coloured = (colours != 0).any(axis=-1)
    return coloured & (pixels[..., -1] != 0) if has_alpha else coloured


def _matched(
    table: Mapping[str, _Entry], photos: Sequence[str], root: Path, *, key: Callable[[str], str]
) -> dict[str, _Entry]:
    """Return each photo's entry: that of its path, or else the only one of its name."""
    keys = {photo: key(_below(photo, root)) for photo in photos}
    matches = {photo: table[path] for photo, path in keys.items() if path in table}
    free = sorted(set(table) - set(keys.values()))
    names = {p: PurePosixPath(path).name for p, path in keys.items() if p not in matches}
    entries, photos_of = Counter(PurePosixPath(path).name for path in free), Counter(names.values())
    by_name = {PurePosixPath(path).name: table[path] for path in free}
    for photo, name in names.items():
        if entries[name] and max(entries[name], photos_of[name]) > 1:
            raise ArgumentError(
                f"masks: {entries[name]} named {name!r} for {photos_of[name]} photos of that name, "
                f"such as {photo}; name masks by the photos' paths below {root}"
            )
        if entries[name]:
            matches[photo] = by_name[name]
    return matches


def _below(photo: str, root: Path) -> str:
    """Return a photo's path below the folder of photos."""
    path = Path(without_prefix(photo))
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _without_suffix(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _files(folder: Path) -> dict[str, Path]:
    """Return the images below a folder, by their paths without suffix."""
    files: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() not in SUFFIXES or not file.is_file():
            continue
        path = _without_suffix(file.relative_to(folder).as_posix())
        if path in files:
            raise ArgumentError(f"masks: {files[path]} and {file} are both of {path!r}; keep one")
        files[path] = file
    return files


def _boxes(file: Path) -> dict[str, list[Box]]:
    boxes: dict[str, list[Box]] = {}
    for number, row in _lines(file):
        try:
            left, top, right, bottom = (int(row[name]) for name in COLUMNS[1:])
        except (TypeError, ValueError):
            line = shorten(",".join(str(row[name]) for name in COLUMNS), 100)
            raise ArgumentError(
                f"masks={str(file)!r}: line {number}, {line!r}: must have four whole numbers of "
                "pixels"
            ) from None
        boxes.setdefault(row["photo"], []).append((left, top, right, bottom))
    return boxes


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
