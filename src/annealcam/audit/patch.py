"""A coloured patch on a photo: the shortcut that an audit has to find."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageColor

from annealcam._internal.types import Array
from annealcam._internal.validation import one_of, real, whole
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
