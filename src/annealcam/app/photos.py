"""Uploaded photos: checked by their header, stored in memory as they are."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from annealcam.app.cache import Cache
from annealcam.app.limits import FORMATS, MAX_BYTES, MAX_PIXELS, MIB, STORED_PHOTOS
from annealcam.errors import ImageError
from annealcam.models.images import BUNDLED, load_image, load_photo

EXAMPLES = (
    "bundled:cup-and-cat", "skimage:chelsea", "skimage:coffee", "skimage:rocket",
    "skimage:astronaut",
)  # fmt: skip
MAX_NAME = 60  # characters


@dataclass(frozen=True)
class Photo:
    """A photo as uploaded; `token` is the digest of its bytes, or the name of an example."""

    token: str
    name: str
    data: bytes = b""

    def opened(self) -> Image.Image:
        """Return the photo upright and in RGB.

        Raises:
            ImageError: the photo is not JPEG, PNG or WebP, is damaged, or has too many pixels.
        """
        if self.token.startswith(BUNDLED):
            return load_photo(self.token)
        return load_image(
            io.BytesIO(self.data), max_pixels=MAX_PIXELS, formats=FORMATS, name=self.name
        )


class Photos:
    """The photos of all visitors by token; examples are always available.

    >>> photos = Photos()
    >>> photos["skimage:coffee"].opened().size
    (600, 400)
    """

    def __init__(self, capacity: int = STORED_PHOTOS) -> None:
        self._uploads: Cache[str, Photo] = Cache(capacity, lambda photo: len(photo.data))

    def add(self, data: bytes, name: str) -> Photo:
        """Store a photo and return it.

        Raises:
            ImageError: the photo has too many bytes or pixels, or cannot be read.
        """
        name = _plain(name)
        if len(data) > MAX_BYTES:
            raise ImageError(
                f"{name}: larger than {MAX_BYTES // MIB} MiB; save it in a smaller size"
            )
        photo = Photo(hashlib.sha256(data).hexdigest(), name, data)
        photo.opened()  # photos that cannot be opened are not stored
        self._uploads[photo.token] = photo
        return photo

    def __getitem__(self, token: str) -> Photo:
        if token in EXAMPLES:
            return Photo(token, token)
        photo = self._uploads.get(token)
        if photo is None:
            raise ImageError("photo: no longer stored; upload it again, or choose an example")
        return photo


def _plain(name: str) -> str:
    """Return the last part of a file name, without characters that cannot be printed."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(letter for letter in last if letter.isprintable()).strip()
    return printable[:MAX_NAME] or "photo"
