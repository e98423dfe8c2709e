"""LabelledSet: photos with their classes, opened one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int, Integer, UInt8
from PIL import Image

from annealcam._internal.storage.resumable import identity_hash
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.errors import ArgumentError, ImageError
from annealcam.models.images import load_image
from annealcam.models.photo_files import photo_sha256

_MOST_BYTES = 10**9  # above this size a fingerprint does not read the files


@dataclass(frozen=True, eq=False, repr=False)
class LabelledSet:
    """One part of a labelled set: names, classes and pictures of its photos.

    Attributes:
        name: name of the set, as for `load_set`.
        part: `train`, `validation`, `test`, `unseen` or `all`.
        classes: names of the classes; ImageNet's names for ImageNet's classes.
        images: a unique name for each photo, in a stable order.
        labels: (n,): number of the class of each photo.
        open: function that opens photo number i, upright RGB; it raises ImageError.
        files: files of the photos; empty if the photos are in an array.

    >>> from annealcam.data.sets import load_set
    >>> digits = load_set("digits")
    >>> digits.images[0], digits.classes[digits.labels[0]], digits.open(0).size
    ('digit-0000', '0', (8, 8))
    """

    name: str
    part: str
    classes: tuple[str, ...]
    images: tuple[str, ...]
    labels: Int[Array, " n"]
    open: Callable[[int], Image.Image]
    files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return short_repr(
            "LabelledSet", name=self.name, part=self.part, photos=len(self),
            classes=len(self.classes),
        )  # fmt: skip

    def of_class(self, label: int) -> Int[Array, " m"]:
        """Return the numbers of the photos of a class, in order.

        Raises:
            ArgumentError: there is no class of this number.
        """
        if not 0 <= label < len(self.classes):
            raise ArgumentError(
                f"label={label}: {self.name} has classes 0 to {len(self.classes) - 1}"
            )
        return np.flatnonzero(self.labels == label)

    def subset(self, numbers: Int[Array, " m"], *, part: str | None = None) -> LabelledSet:
        """Return these photos, in this order, with the same classes."""
        order = [int(i) for i in numbers]
        return replace(
            self,
            part=part or self.part,
            images=tuple(self.images[i] for i in order),
            labels=self.labels[order],
            open=partial(_open_subset, self.open, tuple(order)),
            files=tuple(self.files[i] for i in order) if self.files else (),
        )

    def first_photo(self) -> Image.Image:
        """Return the first photo that can be read.

        Raises:
            ImageError: no photo can be read.
        """
        for number in range(len(self)):
            with suppress(ImageError):
                return self.open(number)
        raise ImageError(f"data={self.name!r}: no photo can be read")

    def fingerprint(self) -> str:
        """Return a hash of the classes, names, labels and contents of the photos.

        `sha256:...` covers the bytes of the files, or the pixels of a set without files;
        `sha256-of-sizes:...` covers the sizes of the files instead, if they exceed 1 GB together.
        Unreadable files are hashed as such, so that a set with a broken photo has a fingerprint.
        """
        sizes = [_size(file) for file in self.files]
        if sum(sizes) > _MOST_BYTES:
            return f"sha256-of-sizes:{self._hash(sizes)}"
        if self.files:
            return f"sha256:{self._hash([_file_hash(file) for file in self.files])}"
        return f"sha256:{self._hash([_pixel_hash(self.open(i)) for i in range(len(self))])}"

    def _hash(self, contents: Sequence[int | str]) -> str:
        return identity_hash([self.classes, self.images, self.labels.tolist(), contents])


def set_of_files(
    name: str, part: str, classes: Sequence[str], photos: Iterable[tuple[str, int, Path]]
) -> LabelledSet:
    """Return a set of photos in files, given by name, label and file, sorted by name."""
    named = sorted(photos)
    files = tuple(file for _, _, file in named)
    return LabelledSet(
        name=name,
        part=part,
        classes=tuple(classes),
        images=tuple(image for image, _, _ in named),
        labels=np.array([label for _, label, _ in named], dtype=np.int64),
        open=partial(_open_file, files),
        files=files,
    )


def set_of_pixels(
    name: str,
    part: str,
    classes: Sequence[str],
    images: Sequence[str],
    labels: Integer[Array, " n"],
    pixels: UInt8[Array, "n h w *rgb"],
) -> LabelledSet:
    """Return a set of photos in one array, grey or RGB."""
    open_photo = partial(_open_pixels, pixels)
    return LabelledSet(
        name, part, tuple(classes), tuple(images), labels.astype(np.int64), open_photo
    )


def joined(sets: Sequence[LabelledSet], *, part: str) -> LabelledSet:
    """Return the photos of several parts of one set as one part; their names must differ."""
    return replace(
        sets[0],
        part=part,
        images=tuple(name for each in sets for name in each.images),
        labels=np.concatenate([each.labels for each in sets]),
        open=partial(_open_joined, tuple(sets)),
        files=tuple(file for each in sets for file in each.files),
    )


def _open_file(files: tuple[Path, ...], i: int) -> Image.Image:
    return load_image(files[i])


def _open_pixels(pixels: UInt8[Array, "n h w *rgb"], i: int) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[i])).convert("RGB")


def _open_subset(
    open_photo: Callable[[int], Image.Image], order: tuple[int, ...], i: int
) -> Image.Image:
    return open_photo(order[i])


def _open_joined(sets: tuple[LabelledSet, ...], i: int) -> Image.Image:
    for each in sets:
        if i < len(each):
            return each.open(i)
        i -= len(each)
    raise IndexError(i)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _file_hash(file: Path) -> str:
    if not file.is_file():  # a pipe or a device might never end
        return "unreadable"
    try:
        return photo_sha256(str(file))
    except ImageError:
        return "unreadable"


def _pixel_hash(image: Image.Image) -> str:
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()
