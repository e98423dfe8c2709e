"""Maps over a photo: their colours are the colour map's, their opacity that of the overlay."""

import base64
import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

from annealcam._internal.heatmaps import COLOURS, heatmap, overlay
from annealcam.render.html.maps import (
    LEAST,
    SIDE,
    STRENGTH,
    colour_key,
    fitted,
    heat_picture,
    heat_uri,
)

RAW = np.random.default_rng(0).normal(size=(7, 5))


def decoded(uri):
    head, data = uri.split(",", 1)
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_pixels_are_the_colour_map_of_the_heatmap():
    pixels = np.asarray(heat_picture(RAW, (70, 50)).convert("RGBA"))
    level = np.round(255 * heatmap(RAW.clip(min=0), (70, 50))).astype(np.float64) / 255
    colours = np.round(255 * matplotlib.colormaps[COLOURS](level)[..., :3])
    assert np.array_equal(pixels[..., :3], colours)
    assert np.array_equal(pixels[..., 3], np.round(255 * (LEAST + (1 - LEAST) * level)))


def test_the_data_uri_holds_the_same_pixels():
    picture = decoded(heat_uri(RAW, 5 / 7))
    assert picture.size == (round(SIDE * 5 / 7), SIDE)
    own = heat_picture(RAW, picture.size[::-1]).convert("RGBA")
    assert np.array_equal(np.asarray(picture.convert("RGBA")), np.asarray(own))


def test_over_a_photo_it_is_the_overlay_of_the_other_reports():
    photo = Image.fromarray(np.random.default_rng(1).integers(0, 256, (56, 40, 3), dtype=np.uint8))
    heat = np.asarray(heat_picture(RAW, (56, 40)).convert("RGBA")) / 255.0
    cover = STRENGTH * heat[..., 3:]
    laid = 255 * ((1 - cover) * np.asarray(photo) / 255 + cover * heat[..., :3])
    other = np.asarray(overlay(RAW.clip(min=0), photo, strength=STRENGTH)).astype(float)
    assert np.abs(laid - other).max() < 3  # 256 levels


def test_a_map_of_nothing_has_one_colour():
    for raw in (np.zeros((3, 3)), -np.ones((3, 3))):
        assert len(np.unique(np.asarray(heat_picture(raw, (6, 6))))) == 1


def test_the_key_goes_from_zero_to_the_maximum():
    first, *_, last = colour_key().split(", ")
    assert first == f"rgb(0 0 4 / {LEAST:.2f})"
    assert last == "rgb(252 255 164 / 1.00)"


@pytest.mark.parametrize("aspect", [0.01, 0.5, 1.0, 1.7, 300.0])
def test_the_longer_side_is_kept(aspect):
    height, width = fitted(aspect, 100)
    assert max(height, width) == 100
    assert min(height, width) >= 1
