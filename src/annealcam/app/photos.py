"""Photos that visitors bring: checked by their header, kept in memory as they came."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from annealcam.app.limits import FORMATS, KEPT_PHOTOS, MAX_BYTES, MAX_PIXELS, MIB
from annealcam.app.shelf import Shelf
from annealcam.errors import ImageError
from annealcam.models.images import BUNDLED, load_image, load_photo

EXAMPLES = ("chelsea", "coffee", "rocket", "astronaut")
MOST_NAME = 60


@dataclass(frozen=True)
class Photo:
    """A photo as it came. `token` is the digest of its bytes; an example's is its name."""

    token: str
    name: str
    data: bytes = b""

    def opened(self) -> Image.Image:
        """Return it upright and RGB.

        Raises:
            ImageError: it is no JPEG, PNG or WebP, is damaged, or has too many pixels.
        """
        if self.token.startswith(BUNDLED):
            return load_photo(self.token)
        return load_image(
            io.BytesIO(self.data), max_pixels=MAX_PIXELS, formats=FORMATS, name=self.name
        )


class Photos:
    """All photos of all visitors, found by token; examples are always there.

    >>> photos = Photos()
    >>> photos["skimage:coffee"].opened().size
    (600, 400)
    """

    def __init__(self, most: int = KEPT_PHOTOS) -> None:
        self._shelf: Shelf[str, Photo] = Shelf(most, size_of=lambda photo: len(photo.data))

    def take(self, data: bytes, name: str) -> Photo:
        """Keep a photo, if it is one that can be explained.

        Raises:
            ImageError: it is too large, in bytes or pixels, or cannot be read.
        """
        name = _plain(name)
        if len(data) > MAX_BYTES:
            raise ImageError(f"{name}: over {MAX_BYTES // MIB} MiB; save it smaller")
        photo = Photo(hashlib.sha256(data).hexdigest(), name, data)
        photo.opened()  # what cannot be shown is not kept
        self._shelf[photo.token] = photo
        return photo

    def __getitem__(self, token: str) -> Photo:
        if token in {BUNDLED + name for name in EXAMPLES}:
            return Photo(token, token)
        photo = self._shelf.get(token)
        if photo is None:
            raise ImageError("photo: no longer kept; drop it again, or pick an example")
        return photo


def _plain(name: str) -> str:
    """The last part of a file's name, without what cannot be printed."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter for letter in last if letter.isprintable()).strip()
    return kept[:MOST_NAME] or "photo"
