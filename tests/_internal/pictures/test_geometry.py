"""A map lies over the part of a photo that the network saw, wherever the photo comes from."""

import numpy as np
import pytest
from PIL import Image

from annealcam._internal.heatmaps import DIMMED, overlay
from annealcam._internal.pictures.geometry import geometry_record, part_of_photo
from annealcam.models.preprocess import Preprocess

RNG = np.random.default_rng(0)
SIZES = [(320, 213), (213, 320), (256, 256), (500, 97), (97, 500), (1000, 40), (8, 8), (301, 455)]
WAYS = [
    Preprocess(), Preprocess(232, 224), Preprocess(20, 20), Preprocess(None, (28, 40)),
    Preprocess((256, 300), 224), Preprocess(24, (20, 30)),
]  # fmt: skip


def ramps(width, height):
    """A photo whose red is the place from left to right, and whose green is that downwards."""
    x = np.tile(np.linspace(0, 255, width), (height, 1))
    y = np.tile(np.linspace(0, 255, height)[:, None], (1, width))
    return Image.fromarray(np.round(np.stack([x, y, 0 * x], axis=2)).astype(np.uint8))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", WAYS)
def test_the_box_holds_what_the_network_sees(how, size):
    """A ramp, resized and cropped, has the values of its places in the box."""
    width, height = size
    x = np.tile(np.linspace(0.0, 1.0, width, dtype=np.float32), (height, 1))
    left, top, right, bottom = how.box(width, height)
    for ramp, low, high, side, axis in (
        (x, left, right, width, 1),
        (np.tile(np.linspace(0, 1, height, dtype=np.float32)[:, None], (1, width)), top, bottom,
         height, 0),
    ):  # fmt: skip
        seen = np.asarray(how.fit(Image.fromarray(ramp)))
        count = seen.shape[axis]
        places = low + (np.arange(count) + 0.5) * (high - low) / count  # in pixels of the photo
        reach = 1 + (high - low) / count  # of the interpolation
        known = (places > reach) & (places < side - reach)
        values = np.moveaxis(seen, axis, 0)[known, seen.shape[1 - axis] // 2]
        np.testing.assert_allclose(values, (places[known] - 0.5) / (side - 1), atol=0.2 / side)
    assert geometry_record(how, Image.new("RGB", size)) == {
        "geometry": {"photo": list(size), "box": list(how.box(*size))}
    }


@pytest.mark.parametrize("size", SIZES)
def test_the_large_view_is_the_box(size):
    how = Preprocess()
    photo = ramps(*size)
    large, small = how.large_view(photo, 224), how.view(photo)
    assert np.abs(np.asarray(large, dtype=float) - np.asarray(small)).mean() < 3


def test_a_box_of_the_whole_photo_changes_nothing():
    photo = Image.fromarray(RNG.integers(0, 256, (53, 71, 3), dtype=np.uint8))
    raw = RNG.random((7, 5))
    whole = overlay(raw, photo, strength=0.6, box=(0.0, 0.0, 71.0, 53.0))
    assert np.array_equal(whole, overlay(raw, photo, strength=0.6))


def test_outside_of_the_box_the_photo_is_dimmed_and_has_no_colour():
    photo = Image.fromarray(RNG.integers(0, 256, (50, 80, 3), dtype=np.uint8))
    raw = RNG.random((4, 4))
    drawn = np.asarray(overlay(raw, photo, strength=0.6, box=(15.0, 0.0, 65.0, 50.0)))
    pixels = np.asarray(photo)
    inner = overlay(raw, photo.crop((15, 0, 65, 50)), strength=0.6)
    assert np.array_equal(drawn[:, 15:65], np.asarray(inner))
    for part in (np.s_[:, :15], np.s_[:, 65:]):
        np.testing.assert_allclose(drawn[part], DIMMED * pixels[part], atol=0.51)


def test_a_box_between_pixels_or_beyond_the_photo():
    photo, raw = Image.new("RGB", (40, 40)), np.eye(2)
    for box in ((3.3, 2.7, 36.9, 35.1), (-5.0, -5.0, 45.0, 45.0), (10.2, 10.2, 10.4, 10.4)):
        drawn = overlay(raw, photo, strength=1.0, box=box)
        inside = np.asarray(drawn).sum(axis=2) > 0
        centres = np.arange(40) + 0.5
        across = (centres > box[0]) & (centres < box[2])
        down = (centres > box[1]) & (centres < box[3])
        assert np.array_equal(inside, down[:, None] & across)


KNOWN = {"photo": [320, 200], "box": [60.0, 0.0, 260.0, 200.0]}


@pytest.mark.parametrize(
    ("size", "preprocess", "recorded", "view", "box", "doubt"),
    [
        ((320, 200), None, KNOWN, (7, 7), (60, 0, 260, 200), ""),
        ((160, 100), None, KNOWN, (7, 7), (30, 0, 130, 100), ""),  # a smaller copy
        ((224, 224), None, KNOWN, (7, 7), None, ""),  # what the network saw
        ((300, 900), None, KNOWN, (7, 7), None, "stretched"),
        ((512, 256), Preprocess(), KNOWN, (7, 7), Preprocess().box(512, 256), ""),
        ((512, 256), lambda photo: photo, KNOWN, (7, 7), None, "no method `box`"),
        ((300, 300), None, None, (448, 448), None, ""),
        ((300, 301), None, None, (448, 448), None, ""),
        ((300, 200), None, None, (448, 448), None, "Pass preprocess="),
        ((300, 200), None, None, None, None, ""),
    ],
)
def test_the_part_of_a_photo(size, preprocess, recorded, view, box, doubt):
    own, text = part_of_photo(size, preprocess, recorded, view)
    assert own == (None if box is None else pytest.approx(box))
    assert doubt in text
    assert bool(text) == bool(doubt)


def test_what_has_no_geometry():
    assert geometry_record(lambda photo: photo, Image.new("RGB", (3, 3))) == {}
    assert geometry_record(Preprocess(), np.zeros((1, 4))) == {}
