"""Uploads are judged by their header, in bytes and in pixels, before anything is decoded."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageFile

from annealcam.app import photos as photos_module
from annealcam.app.limits import MAX_BYTES, MAX_PIXELS
from annealcam.app.photos import EXAMPLES, Photos
from annealcam.errors import ImageError
from tests.app.helpers import as_bytes, picture, png_of_size


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_photo_is_found_again_as_it_came(kind):
    photos = Photos()
    data = as_bytes(picture(), kind)
    photo = photos.add(data, "cat.x")
    assert photos[photo.token].data == data
    expected = Image.open(io.BytesIO(data)).convert("RGB")
    assert np.array_equal(np.asarray(photo.opened()), np.asarray(expected))


def test_too_many_pixels_are_refused_before_any_is_decoded(monkeypatch):
    def load(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    for width, height in ((30_000, 30_000), (MAX_PIXELS // 1000 + 1, 1000), (2**31 - 1, 2**31 - 1)):
        with pytest.raises(ImageError, match="big.png: .*pixels; at most 25000000"):
            Photos().add(png_of_size(width, height), "big.png")


def test_too_many_bytes_are_refused_before_they_are_looked_at(monkeypatch):
    monkeypatch.setattr(photos_module, "load_image", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(ImageError, match="long.jpg: larger than 10 MiB"):
        Photos().add(bytes(MAX_BYTES + 1), "long.jpg")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"these are words, not pixels", "not an image"),
        (b"", "not an image"),
        (as_bytes(picture(), "GIF"), "not an image \\(JPEG, PNG, WEBP are read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (as_bytes(picture())[:60], "cannot be read"),
    ],
)
def test_what_is_no_photo_is_refused_by_name(data, message):
    with pytest.raises(ImageError, match=f"^a.png: {message}"):
        Photos().add(data, "/home/someone/a.png")


def test_damaged_notes_in_a_photo_are_no_crash(monkeypatch):
    def transpose(_):
        raise struct.error("required argument is not an integer")

    monkeypatch.setattr("annealcam.models.images.ImageOps.exif_transpose", transpose)
    with pytest.raises(ImageError, match="a.jpg: cannot be read"):
        Photos().add(as_bytes(picture(), "JPEG"), "a.jpg")


def test_names_are_names_and_no_places():
    photos = Photos()
    names = ("../../etc/passwd", "C:\\x\\y.png", "a\nb\x00.png", "", "n" * 500)
    kept = [photos.add(as_bytes(picture()), name).name for name in names]
    assert kept == ["passwd", "y.png", "ab.png", "photo", "n" * 60]


def test_old_uploads_give_way_and_say_so():
    one, two = as_bytes(picture(30, 30)), as_bytes(picture(31, 31))
    photos = Photos(capacity=len(two) + 10)
    first = photos.add(one, "one.png")
    photos.add(two, "two.png")
    with pytest.raises(ImageError, match="no longer stored; upload it again"):
        _ = photos[first.token]
    assert photos["skimage:chelsea"].opened().size == (451, 300)


def test_only_listed_examples_are_opened_by_name():
    assert len(EXAMPLES) == 5
    for token in ("skimage:lfw_subset", "/etc/passwd", "skimage:../x", ""):
        with pytest.raises(ImageError, match="no longer stored"):
            _ = Photos()[token]
