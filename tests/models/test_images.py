"""Photos of every kind that people have."""

import os

import numpy as np
import pytest
from PIL import Image

from annealcam.errors import ImageError
from annealcam.models.images import load_image, load_input, load_photo, to_rgb
from tests.models.cup_and_cat import cup_and_cat

RAMP = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(8, 8)


def levels(image):
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "I;16", "I", "CMYK", "1"])
def test_every_mode_becomes_the_same_rgb(tmp_path, mode):
    grey = Image.fromarray(RAMP)
    path = tmp_path / ("x.tif" if mode in ("CMYK", "I") else "x.png")
    if mode == "I":
        Image.fromarray(RAMP.astype(np.int32) * 257).save(path)
    elif mode == "I;16":
        Image.fromarray(RAMP.astype(np.uint16) * 257).save(path)
    elif mode == "CMYK":
        grey.convert("RGB").convert("CMYK").save(path)
    else:
        grey.convert("RGB").convert(mode, palette=Image.Palette.ADAPTIVE).save(path)
    found = load_image(path)
    assert (found.mode, found.size) == ("RGB", (8, 8))
    expected = levels(grey.convert("1").convert("RGB") if mode == "1" else grey.convert("RGB"))
    assert np.abs(levels(found) - expected).max() <= (8 if mode == "P" else 1)


def test_transparency_is_laid_over_white(tmp_path):
    pixels = np.zeros((2, 2, 4), dtype=np.uint8)
    pixels[0, 0] = [10, 20, 30, 255]
    pixels[1, 1] = [0, 0, 0, 51]
    Image.fromarray(pixels).save(tmp_path / "x.png")
    found = levels(load_image(tmp_path / "x.png"))
    assert found[0, 0].tolist() == [10, 20, 30]
    assert found[0, 1].tolist() == [255, 255, 255]
    assert found[1, 1].tolist() == [204, 204, 204]


def test_palette_with_a_transparent_colour(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), mode="P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "x.png", transparency=0)
    assert levels(load_image(tmp_path / "x.png")).tolist() == [[[255, 255, 255], [0, 0, 255]]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path, orientation):
    image = Image.fromarray(np.repeat(RAMP[:, :4], 2, axis=0)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "x.png", exif=exif)
    flips = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    upright = image.transpose(flips[orientation]) if orientation in flips else image
    assert np.array_equal(levels(load_image(tmp_path / "x.png")), levels(upright))


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("L", (4, 4), value) for value in (0, 255)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert levels(load_image(tmp_path / "x.gif")).max() == 0


def test_truncated_and_foreign_files(tmp_path):
    path = tmp_path / "x.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ImageError, match=r"x\.jpg: cannot be read"):
        load_image(path)
    path.write_text("no image")
    with pytest.raises(ImageError, match="not an image"):
        load_image(path)
    path.write_bytes(b"")
    with pytest.raises(ImageError, match="not an image"):
        load_image(path)
    with pytest.raises(ImageError, match="cannot be read"):
        load_image(tmp_path)
    with pytest.raises(ImageError, match="No such file"):
        load_image(tmp_path / "none.jpg")


def test_tiff_of_16_bits_that_counts_darkness(tmp_path):
    """PhotometricInterpretation 0: white is zero."""
    image = Image.fromarray(RAMP.astype(np.uint16) * 257)
    image.save(tmp_path / "x.tif", tiffinfo={262: 0})
    stored = Image.open(tmp_path / "x.tif")
    assert stored.tag_v2[262] == 0
    raw = np.asarray(stored).astype(int)
    expected = np.round((65535 - raw) / 257)
    assert np.abs(levels(load_image(tmp_path / "x.tif"))[..., 0] - expected).max() <= 1


def test_size_is_checked_before_decoding(tmp_path):
    Image.new("1", (3000, 2000)).save(tmp_path / "x.png")
    with pytest.raises(ImageError, match=r"3000 x 2000 pixels; at most 1000000"):
        load_image(tmp_path / "x.png", max_pixels=1_000_000)
    assert load_image(tmp_path / "x.png").size == (3000, 2000)


def test_a_bomb_far_beyond_pillows_own_limit(tmp_path, monkeypatch):
    Image.new("1", (3000, 2000)).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ImageError, match="too many pixels"):
        load_image(tmp_path / "x.png")


@pytest.mark.parametrize("ending", ["png", "npy", "tif"])
def test_a_pipe_is_not_waited_for(tmp_path, ending):
    pipe = tmp_path / f"x.{ending}"
    os.mkfifo(pipe)
    with pytest.raises(ImageError, match="is no ordinary file; save it as one"):
        load_input(str(pipe), bands=True)


def test_floating_point_pixels_have_no_white():
    with pytest.raises(ImageError, match="floating-point"):
        to_rgb(Image.fromarray(np.zeros((2, 2), dtype=np.float32)))
    with pytest.raises(ImageError, match="outside 0 to 65535"):
        to_rgb(Image.fromarray(np.full((2, 2), 70_000, dtype=np.int32)))


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_bundled_photos_are_those_of_scikit_image(name):
    data = pytest.importorskip("skimage.data")
    np.testing.assert_array_equal(np.asarray(load_photo(f"skimage:{name}")), getattr(data, name)())


def test_the_photo_of_two_subjects_is_made_of_bundled_ones():
    difference = np.abs(
        np.asarray(load_photo("bundled:cup-and-cat"), dtype=float) - np.asarray(cup_and_cat())
    )
    assert difference.mean() < 3  # of JPEG


@pytest.mark.parametrize("name", ["skimage:eagle", "bundled:chelsea", "bundled:../x"])
def test_a_photo_that_is_not_bundled(name):
    with pytest.raises(ImageError, match="bundled:cup-and-cat, skimage:astronaut, skimage:chelsea"):
        load_photo(name)
