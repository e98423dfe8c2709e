"""Maps over a photo: their colours are the colour map's, their opacity that of the overlay."""

import base64
import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

from annealcam._internal.heatmaps import (
    LEAST,
    NEGATIVE,
    POSITIVE,
    heatmap,
    overlay,
    signed_heatmap,
    signed_overlay,
)
from annealcam._internal.pictures.scenes import PhotoView, fitted
from annealcam.render.html.maps import (
    SIDE,
    STRENGTH,
    colour_key,
    heat_layer,
    heat_uri,
    page_scene,
    signed_key,
    signed_layer,
    signed_uri,
)

COLOURS = "inferno"
RAW = np.random.default_rng(0).normal(size=(7, 5))


def decoded(uri):
    head, data = uri.split(",", 1)
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_pixels_are_the_colour_map_of_the_heatmap():
    pixels = np.asarray(heat_layer(heatmap(RAW.clip(min=0), (70, 50))).convert("RGBA"))
    level = np.round(255 * heatmap(RAW.clip(min=0), (70, 50))).astype(np.float64) / 255
    colours = np.round(255 * matplotlib.colormaps[COLOURS](level)[..., :3])
    assert np.array_equal(pixels[..., :3], colours)
    assert np.array_equal(pixels[..., 3], np.round(255 * (LEAST + (1 - LEAST) * level)))


def test_the_data_uri_holds_the_same_pixels():
    scene = page_scene(PhotoView(Image.new("RGB", (50, 70))))
    picture = decoded(heat_uri(scene, RAW))
    assert picture.size == (round(SIDE * 5 / 7), SIDE)
    own = heat_layer(heatmap(RAW.clip(min=0), picture.size[::-1])).convert("RGBA")
    assert np.array_equal(np.asarray(picture.convert("RGBA")), np.asarray(own))


def test_over_a_photo_it_is_the_overlay_of_the_other_reports():
    photo = Image.fromarray(np.random.default_rng(1).integers(0, 256, (56, 40, 3), dtype=np.uint8))
    heat = np.asarray(heat_layer(heatmap(RAW.clip(min=0), (56, 40))).convert("RGBA")) / 255.0
    cover = STRENGTH * heat[..., 3:]
    laid = 255 * ((1 - cover) * np.asarray(photo) / 255 + cover * heat[..., :3])
    other = np.asarray(overlay(RAW.clip(min=0), photo, strength=STRENGTH)).astype(float)
    assert np.abs(laid - other).max() < 3  # 256 levels


def test_a_map_of_nothing_has_one_colour():
    for raw in (np.zeros((3, 3)), -np.ones((3, 3))):
        assert len(np.unique(np.asarray(heat_layer(heatmap(raw.clip(min=0), (6, 6)))))) == 1


def test_the_key_goes_from_zero_to_the_maximum():
    first, *_, last = colour_key().split(", ")
    assert first == f"rgb(0 0 4 / {LEAST:.2f})"
    assert last == "rgb(252 255 164 / 1.00)"


@pytest.mark.parametrize("aspect", [0.01, 0.5, 1.0, 1.7, 300.0])
def test_the_longer_side_is_kept(aspect):
    height, width = fitted(aspect, 100)
    assert max(height, width) == 100
    assert min(height, width) >= 1


def test_signed_maps_keep_sign_zero_and_scale():
    raw = np.array([[-3.0, 0.0, 1.5]])
    assert signed_heatmap(raw, (1, 3)).tolist() == [[-1.0, 0.0, 0.5]]
    assert np.allclose(signed_heatmap(-raw, (8, 24)), -signed_heatmap(raw, (8, 24)))
    assert np.allclose(signed_heatmap(9 * RAW, (14, 10)), signed_heatmap(RAW, (14, 10)), atol=1e-6)
    assert np.abs(signed_heatmap(RAW, (70, 50))).max() == 1.0
    assert not signed_heatmap(np.zeros((2, 2)), (4, 4)).any()
    positive = RAW.clip(min=0)  # without a negative value it is the plain heatmap
    assert np.allclose(signed_heatmap(positive, (14, 10)), heatmap(positive, (14, 10)), atol=1e-6)


def test_signed_pictures_have_two_colours_and_the_opacity_of_the_size():
    pixels = np.asarray(signed_layer(signed_heatmap(RAW, (70, 50))).convert("RGBA"))
    values = np.round(127 + 127 * signed_heatmap(RAW, (70, 50))) - 127
    assert np.array_equal(pixels[values > 0][:, :3], np.tile(POSITIVE, ((values > 0).sum(), 1)))
    assert np.array_equal(pixels[values < 0][:, :3], np.tile(NEGATIVE, ((values < 0).sum(), 1)))
    assert np.allclose(pixels[..., 3], 255 * np.abs(values / 127) ** 0.8, atol=0.51)
    assert not pixels[values == 0][:, 3].any()
    scene = page_scene(PhotoView(Image.new("RGB", (50, 70))))
    assert decoded(signed_uri(scene, RAW)).size == (round(SIDE * 5 / 7), SIDE)


def test_over_a_grey_photo_a_signed_map_is_its_overlay():
    photo = Image.fromarray(np.random.default_rng(1).integers(0, 256, (56, 40, 3), dtype=np.uint8))
    heat = np.asarray(signed_layer(signed_heatmap(RAW, (56, 40))).convert("RGBA")) / 255.0
    cover = STRENGTH * heat[..., 3:]
    grey = np.asarray(photo.convert("L").convert("RGB"))
    laid = 255 * ((1 - cover) * grey / 255 + cover * heat[..., :3])
    other = np.asarray(signed_overlay(RAW, photo, strength=STRENGTH)).astype(float)
    assert np.abs(laid - other).max() < 8  # 127 levels of each sign


def test_the_signed_key_goes_from_blue_over_nothing_to_vermillion():
    stops = signed_key().split(", ")
    assert stops[0] == "rgb(0 114 178 / 1.00)"
    assert stops[len(stops) // 2] == "rgb(0 114 178 / 0.00)"
    assert stops[-1] == "rgb(213 94 0 / 1.00)"
