"""The photos themselves: opened again where the very data of the study can be found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from annealcam.data.sets import load_set
from annealcam.errors import AnnealcamError, ImageError
from annealcam.study.pages.found import Found

if TYPE_CHECKING:
    from annealcam.data.labelled import LabelledSet

SIDE, THUMB = 320, 144  # pixels at most, of a photo on its page and of a thumbnail
TINY = 64  # pixels, up to which each is to be seen


@dataclass(frozen=True, eq=False)
class Album:
    """The data's photos by name, or the reason why there are none, short and in full.

    The full reason names folders, which are nobody's business but the reader's who makes the pages.
    """

    shown: LabelledSet | None
    numbers: dict[str, int]
    reason: str = ""
    detail: str = ""

    def photo(self, name: str) -> Image.Image | None:
        """Return a photo, or None where it cannot be had."""
        if self.shown is None or name not in self.numbers:
            return None
        try:
            return self.shown.open(self.numbers[name])
        except ImageError:
            return None


def open_album(found: Found, root: str | None) -> Album:
    """Return the photos of a study, if the data are there and are those that it saw."""
    data = found.study.data
    try:
        shown = load_set(data.name, part=data.part, root=root or data.root or None)
        if shown.fingerprint() != found.data_hash:
            why = "the data that are found are others than those of the study"
            return Album(None, {}, why, f"data={data.name!r}: {why}")
    except AnnealcamError as error:
        return Album(None, {}, "the data were not found when this was made", str(error))
    return Album(shown, {name: i for i, name in enumerate(shown.images)})


def smaller(photo: Image.Image, side: int) -> Image.Image:
    """Return a photo of at most `side` pixels; a smaller one as it is.

    >>> smaller(Image.new("RGB", (400, 200)), 100).size
    (100, 50)
    """
    copy = photo.convert("RGB")
    copy.thumbnail((side, side))
    return copy


def write_thumbnail(photo: Image.Image, file: Path) -> None:
    """Write a photo's thumbnail: without loss where it is small anyway."""
    small = smaller(photo, THUMB)
    small.save(file, "webp", lossless=max(small.size) <= TINY, quality=78, method=4)
