"""A coloured patch, and labelled sets with that patch stamped on most photos of one class."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image, ImageColor

from annealcam._internal.types import Array
from annealcam._internal.validation import one_of, real, whole
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ArgumentError

PLACES = ("anywhere", "corner")
PATTERNS = ("rings", "plain")
RINGS = 4  # from centre to edge
IN_VIEW = 0.85  # share of the short side: the central square that every preprocessing keeps
JITTER = 0.5  # largest distance of the patch from the corner, in sides of the patch


@dataclass(frozen=True)
class Patch:
    """A coloured square whose place is drawn at random for each photo.

    The place depends on `seed` and the photo's name alone, so that a photo always has its patch in
    the same place, whatever else is in the set.

    Attributes:
        side: side of the square as a share of the photo's short side.
        colour: name of a colour, or #rrggbb.
        pattern: `rings` of the colour and its complement, or `plain`.
        place: `anywhere` in the central `IN_VIEW` of the photo, which every preprocessing keeps,
            or `corner`: at its lower right, up to half a side away.
        seed: seed of the places.

    Raises:
        ArgumentError: a number is out of range, or colour, pattern or place is unknown.

    >>> Patch(side=0.25).box("sea.jpg", (8, 8))
    (3, 2, 5, 4)
    """

    side: float = 0.15
    colour: str = "magenta"
    pattern: str = "rings"
    place: str = "anywhere"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < real("side", self.side) <= IN_VIEW / 2:
            raise ArgumentError(f"side={self.side}: must lie between 0 and {IN_VIEW / 2}")
        one_of("place", self.place, PLACES)
        one_of("pattern", self.pattern, PATTERNS)
        whole("seed", self.seed)
        try:
            ImageColor.getrgb(self.colour)
        except ValueError:
            raise ArgumentError(
                f"colour={self.colour!r}: must be a name such as magenta, or #rrggbb"
            ) from None

    def box(self, name: str, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the patch on a photo, the last two exclusive."""
        width, height = size
        short = min(size)
        side = max(1, round(self.side * short))
        free = max(0, round(IN_VIEW * short) - side)  # range of its places
        rng = np.random.default_rng(lot(self.seed, f"place/{name}"))
        least = 0 if self.place == "anywhere" else max(0, free - round(JITTER * side))
        right, down = (int(by) for by in rng.integers(least, free + 1, 2))
        left, top = ((length - round(IN_VIEW * short)) // 2 for length in (width, height))
        return left + right, top + down, left + right + side, top + down + side

    def on(self, photo: Image.Image, name: str) -> Image.Image:
        """Return a copy of the photo with the patch on it."""
        stamped = photo.convert("RGB")
        stamped = stamped.copy() if stamped is photo else stamped
        box = self.box(name, stamped.size)
        stamped.paste(Image.fromarray(self.pixels(box[2] - box[0])), box[:2])
        return stamped

    def pixels(self, side: int) -> UInt8[Array, "side side 3"]:
        """Return the pixels of the square, `side` pixels wide.

        >>> Patch(colour="magenta", pattern="plain").pixels(1).tolist()
        [[[255, 0, 255]]]
        """
        colour = np.array(ImageColor.getrgb(self.colour)[:3], dtype=np.uint8)
        away = np.abs(np.arange(side) - (side - 1) / 2) * 2 / side
        ring = (RINGS * np.hypot(away[:, None], away[None, :])).astype(int)
        odd = ring % 2 == 1 if self.pattern == "rings" else np.zeros_like(ring, dtype=bool)
        return np.where(odd[..., None], colour, 255 - colour if self.pattern == "rings" else colour)


def lot(seed: int, name: str) -> int:
    """Return a pseudo-random number of 64 bits that depends on seed and name alone.

    >>> lot(0, "sea.jpg") == lot(0, "sea.jpg") != lot(1, "sea.jpg")
    True
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")


@dataclass(frozen=True, eq=False)
class Planted:
    """A labelled set with a shortcut: `photos` opens stamped photos, `stamped` is their mask."""

    photos: LabelledSet
    stamped: Bool[Array, " n"]
    patch: Patch


def planted(
    photos: LabelledSet,
    label: int,
    patch: Patch,
    *,
    share: float = 0.9,
    elsewhere: float = 0.02,
    seed: int = 0,
) -> Planted:
    """Return the set with the patch on a share of one class's photos, and on few of all others.

    Of the n photos of a class the round(share n) with the lowest `lot` are stamped. Nothing is
    written: photos are stamped when they are opened.

    Raises:
        ArgumentError: there is no such class, or a share is not between 0 and 1.

    >>> from annealcam.data.sets import load_set
    >>> digits = load_set("digits", part="train")
    >>> collection = planted(digits, 3, Patch(side=0.25))
    >>> [int(collection.stamped[digits.of_class(label)].sum()) for label in (3, 4)]
    [98, 2]
    """
    photos.of_class(label)  # raises for an unknown class
    marked = planted_rows(
        photos.images, photos.labels, label, share=share, elsewhere=elsewhere, seed=seed
    )
    return _stamped_where(photos, marked, patch)


def planted_rows(
    images: Sequence[str],
    labels: Int[Array, " n"],
    label: int,
    *,
    share: float,
    elsewhere: float,
    seed: int,
) -> Bool[Array, " n"]:
    """Return the mask of the photos that `planted` stamps.

    Raises:
        ArgumentError: a share is not between 0 and 1.
    """
    for name, value in (("share", share), ("elsewhere", elsewhere)):
        if not 0 <= real(name, value) <= 1:
            raise ArgumentError(f"{name}={value}: must lie between 0 and 1")
    seed = whole("seed", seed)
    marked = np.zeros(len(images), dtype=bool)
    for other in np.unique(labels):
        members = np.flatnonzero(labels == other).tolist()
        order = sorted(members, key=lambda i: lot(seed, f"which/{images[i]}"))
        marked[order[: round((share if other == label else elsewhere) * len(members))]] = True
    return marked


def stamped(photos: LabelledSet, patch: Patch) -> Planted:
    """Return the set with the patch on every photo.

    >>> from annealcam.data.sets import load_set
    >>> stamped(load_set("digits"), Patch(side=0.25)).photos.open(0).getpixel((7, 7))
    (0, 0, 0)
    """
    return _stamped_where(photos, np.ones(len(photos), dtype=bool), patch)


def _stamped_where(photos: LabelledSet, marked: Bool[Array, " n"], patch: Patch) -> Planted:
    """Return the set without `files`, so that the fingerprint covers the stamped pixels."""
    opened = partial(
        _open, photos.open, photos.images, frozenset(np.flatnonzero(marked).tolist()), patch
    )
    return Planted(replace(photos, open=opened, files=()), marked, patch)


def _open(
    clean: Callable[[int], Image.Image],
    images: tuple[str, ...],
    marked: frozenset[int],
    patch: Patch,
    i: int,
) -> Image.Image:
    photo = clean(i)
    return patch.on(photo, images[i]) if i in marked else photo
