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
RINGS = 4  # from the middle to the edge
IN_VIEW = 0.85  # of the short side: the square about the middle that every preprocessing keeps
JITTER = 0.5  # of the patch's side: how far from its corner it may lie


@dataclass(frozen=True)
class Patch:
    """A coloured square, its place drawn by lot for each photo.

    The lot of a photo depends on `seed` and the photo's name alone: the same photo always has its
    patch in the same place, whatever else is in the set.

    Attributes:
        side: of the square, as a share of the photo's short side.
        colour: a name, or #rrggbb.
        pattern: `rings` of that colour and its complement, or `plain`.
        place: `anywhere` in what every network sees (the central `IN_VIEW` of the photo), or
            `corner`: at its lower right, up to half a side away from it.
        seed: of the lots.

    Raises:
        ArgumentError: a number outside of its domain, an unknown colour, pattern or place.

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
                f"colour={self.colour!r}: a name such as magenta, or #rrggbb"
            ) from None

    def box(self, name: str, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom of the patch on a photo; right and bottom left out."""
        width, height = size
        short = min(size)
        side = max(1, round(self.side * short))
        free = max(0, round(IN_VIEW * short) - side)  # how far it can move within what is seen
        rng = np.random.default_rng(lot(self.seed, f"place/{name}"))
        least = 0 if self.place == "anywhere" else max(0, free - round(JITTER * side))
        right, down = (int(by) for by in rng.integers(least, free + 1, 2))
        left, top = ((length - round(IN_VIEW * short)) // 2 for length in (width, height))
        return left + right, top + down, left + right + side, top + down + side

    def on(self, photo: Image.Image, name: str) -> Image.Image:
        """Return the photo of that name with the patch on it; the photo stays as it is."""
        stamped = photo.convert("RGB")
        stamped = stamped.copy() if stamped is photo else stamped
        box = self.box(name, stamped.size)
        stamped.paste(Image.fromarray(self.pixels(box[2] - box[0])), box[:2])
        return stamped

    def pixels(self, side: int) -> UInt8[Array, "side side 3"]:
        """Return the square itself, so many pixels wide.

        >>> Patch(colour="magenta", pattern="plain").pixels(1).tolist()
        [[[255, 0, 255]]]
        """
        colour = np.array(ImageColor.getrgb(self.colour)[:3], dtype=np.uint8)
        away = np.abs(np.arange(side) - (side - 1) / 2) * 2 / side
        ring = (RINGS * np.hypot(away[:, None], away[None, :])).astype(int)
        odd = ring % 2 == 1 if self.pattern == "rings" else np.zeros_like(ring, dtype=bool)
        return np.where(odd[..., None], colour, 255 - colour if self.pattern == "rings" else colour)


def lot(seed: int, name: str) -> int:
    """Return a photo's lot, a number of 64 bits that depends on the seed and the name alone.

    >>> lot(0, "sea.jpg") == lot(0, "sea.jpg") != lot(1, "sea.jpg")
    True
    """
    told = hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(told[:8], "big")


@dataclass(frozen=True, eq=False)
class Planted:
    """A labelled set with patches: `photos` opens them stamped, `stamped` marks which are."""

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
    """Stamp the patch on a share of one class's photos, and on few of every other class's.

    Of the n photos of a class the round(share n) of lowest lot are stamped; the lot depends on
    `seed` and the photo's name alone.

    Raises:
        ArgumentError: there is no such class, or a share is not between 0 and 1.

    >>> from annealcam.data.sets import load_set
    >>> digits = load_set("digits", part="train")
    >>> made = planted(digits, 3, Patch(side=0.25))
    >>> [int(made.stamped[digits.of_class(label)].sum()) for label in (3, 4)]
    [98, 2]
    """
    photos.of_class(label)  # it is there
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
    """Return which photos `planted` stamps.

    Raises:
        ArgumentError: a share is not between 0 and 1.
    """
    for name, value in (("share", share), ("elsewhere", elsewhere)):
        if not 0 <= real(name, value) <= 1:
            raise ArgumentError(f"{name}={value}: must lie between 0 and 1")
    seed = whole("seed", seed)
    marked = np.zeros(len(images), dtype=bool)
    for own in np.unique(labels):
        members = np.flatnonzero(labels == own).tolist()
        order = sorted(members, key=lambda i: lot(seed, f"which/{images[i]}"))
        marked[order[: round((share if own == label else elsewhere) * len(members))]] = True
    return marked


def stamped(photos: LabelledSet, patch: Patch) -> Planted:
    """Return the set with the patch on every photo.

    >>> from annealcam.data.sets import load_set
    >>> stamped(load_set("digits"), Patch(side=0.25)).photos.open(0).getpixel((7, 7))
    (0, 0, 0)
    """
    return _stamped_where(photos, np.ones(len(photos), dtype=bool), patch)


def _stamped_where(photos: LabelledSet, marked: Bool[Array, " n"], patch: Patch) -> Planted:
    """Without `files`: the fingerprint is of the pixels, patches and all."""
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
