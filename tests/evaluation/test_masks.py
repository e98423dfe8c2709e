"""Masks and boxes: found by name, and seen through the photo's own geometry."""

import numpy as np
import pytest
from PIL import Image

from annealcam.errors import ArgumentError
from annealcam.evaluation.masks import find_masks, mask_in_view
from annealcam.metrics.localisation import box_mask
from annealcam.models.preprocess import Preprocess

LINE = "photo,left,top,right,bottom\n"


def save(file, pixels, mode=None):
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels, dtype=np.uint8))
    (image if mode is None else image.convert(mode)).save(file)
    return file


def test_a_folder_by_path_or_else_by_name(tmp_path):
    save(tmp_path / "masks" / "cat" / "1.png", np.ones((2, 2)))
    save(tmp_path / "masks" / "2.gif", np.ones((2, 2)))
    (tmp_path / "masks" / "notes.txt").write_text("no mask")
    root = tmp_path / "photos"
    photos = [str(root / name) for name in ("cat/1.jpg", "dog/1.jpg", "dog/2.jpg", "dog/3.jpg")]
    found = find_masks(tmp_path / "masks", photos, root)
    assert found == {
        photos[0]: tmp_path / "masks" / "cat" / "1.png",
        photos[2]: tmp_path / "masks" / "2.gif",
    }


def test_a_csv_by_path_or_else_by_name(tmp_path):
    file = tmp_path / "boxes.csv"
    file.write_text(LINE + "cat/1.jpg,0,0,2,2\n2.jpg,1,1,3,3\n2.jpg,4,4,5,5\n", "utf-8-sig")
    found = find_masks(file, ["p/cat/1.jpg", "p/dog/1.jpg", "p/2.jpg"], tmp_path.__class__("p"))
    assert found == {"p/cat/1.jpg": [(0, 0, 2, 2)], "p/2.jpg": [(1, 1, 3, 3), (4, 4, 5, 5)]}


def test_a_bundled_photo_has_a_mask_too(tmp_path):
    mask = save(tmp_path / "chelsea.png", np.ones((2, 2)))
    assert find_masks(tmp_path, ["skimage:chelsea"], tmp_path) == {"skimage:chelsea": mask}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name,x\n1.jpg,3\n", "must name photo,left,top,right,bottom"),
        (LINE + "1.jpg,0,0,2.5,2\n", "line 2, '1.jpg,0,0,2.5,2': must have four whole"),
        (LINE + "1.jpg,0,0,2\n", "line 2, .* must have four whole"),
        (LINE, "none for any of 1 photos"),
    ],
)
def test_wrong_boxes(tmp_path, text, complaint):
    (tmp_path / "boxes.csv").write_text(text)
    with pytest.raises(ArgumentError, match=complaint):
        find_masks(tmp_path / "boxes.csv", ["1.jpg"], tmp_path)


def test_wrong_places(tmp_path):
    with pytest.raises(ArgumentError, match="neither a folder of masks nor a CSV"):
        find_masks(tmp_path / "nothing", ["1.jpg"], tmp_path)
    (tmp_path / "boxes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArgumentError, match="cannot be read as CSV"):
        find_masks(tmp_path / "boxes.csv", ["1.jpg"], tmp_path)


def test_names_that_fit_several(tmp_path):
    save(tmp_path / "1.png", np.ones((2, 2)))
    with pytest.raises(ArgumentError, match="1 named '1' for 2 photos.*paths below p"):
        find_masks(tmp_path, ["p/cat/1.jpg", "p/dog/1.jpg"], tmp_path.__class__("p"))
    save(tmp_path / "1.gif", np.ones((2, 2)))
    with pytest.raises(ArgumentError, match="both of '1'; keep one"):
        find_masks(tmp_path, ["1.jpg"], tmp_path)


@pytest.mark.parametrize("size", [(30, 20), (20, 33), (24, 24), (5, 90)])
def test_the_geometry_is_that_of_the_photo(size):
    """A photo that is white on the object is, without smoothing, the object that is seen."""
    rng = np.random.default_rng([*size])
    mask = rng.random(size[::-1]) < 0.5
    how = Preprocess(16, 12, (0.0,) * 3, (1.0,) * 3, "nearest")
    photo = Image.fromarray(np.where(mask, 255, 0).astype(np.uint8))
    assert np.array_equal(mask_in_view(how, mask, "a.png", size), how(photo)[0].numpy() > 0.5)
    smooth = Preprocess(16, 12)  # smooths photos, never masks
    assert np.array_equal(mask_in_view(smooth, mask, "a.png", size), how(photo)[0].numpy() > 0.5)


def test_boxes_are_one_object():
    boxes, how = [(0, 0, 2, 3), (4, 1, 6, 6)], Preprocess(6, 6)
    expected = box_mask((6, 6), boxes[0]) | box_mask((6, 6), boxes[1])
    assert np.array_equal(mask_in_view(how, boxes, "a.png", (6, 6)), expected)


def test_nothing_left():
    how = Preprocess(10, 10)
    assert mask_in_view(how, [(0, 0, 4, 10)], "a.png", (30, 10)) is None  # beside what is cut out
    assert mask_in_view(how, np.zeros((10, 30), bool), "a.png", (30, 10)) is None


@pytest.mark.parametrize(
    ("pixels", "mode"),
    [
        ([[0, 1], [0, 255]], "L"),
        ([[0, 255], [0, 255]], "1"),
        ([[[0, 0, 0], [0, 0, 7]], [[0, 0, 0], [9, 0, 0]]], None),
        ([[[9, 9, 9, 0], [9, 9, 9, 1]], [[9, 9, 9, 0], [9, 9, 9, 255]]], None),
        ([[[0, 0, 0, 255], [1, 0, 0, 255]], [[0, 0, 0, 255], [1, 0, 0, 255]]], None),
    ],
)
def test_pixels_that_are_the_object(tmp_path, pixels, mode):
    file = save(tmp_path / "m.png", pixels, mode)
    seen = mask_in_view(Preprocess(2, 2), file, "a.jpg", (2, 2))
    assert seen.tolist() == [[False, True], [False, True]]


def test_a_palette_counts_by_number(tmp_path):
    image = Image.fromarray(np.array([[0, 3], [0, 1]], dtype=np.uint8), mode="P")
    image.putpalette([255, 255, 255, 0, 0, 0, 9, 9, 9, 0, 0, 0])
    image.save(tmp_path / "m.png")
    seen = mask_in_view(Preprocess(2, 2), tmp_path / "m.png", "a.jpg", (2, 2))
    assert seen.tolist() == [[False, True], [False, True]]


def test_a_mask_that_lies_on_its_side_as_its_photo_does(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # turned by a quarter
    stored = np.array([[0, 0, 0], [255, 255, 255]], dtype=np.uint8)
    Image.fromarray(stored).save(tmp_path / "m.png", exif=exif)
    seen = mask_in_view(Preprocess(2, 2), tmp_path / "m.png", "a.jpg", (2, 3))
    assert seen.tolist() == [[True, False]] * 2


def test_masks_that_do_not_fit(tmp_path):
    how = Preprocess(4, 4)
    file = save(tmp_path / "m.png", np.ones((4, 5)))
    with pytest.raises(ArgumentError, match="m.png has 5 x 4 pixels and its photo a.jpg 9 x 9"):
        mask_in_view(how, file, "a.jpg", (9, 9))
    with pytest.raises(ArgumentError, match=r"m.png has 5 x 4 pixels and its photo a.jpg 4 x 5"):
        mask_in_view(how, file, "a.jpg", (4, 5))
    with pytest.raises(ArgumentError, match=r"of shape \(2, 2\) for a.jpg"):
        mask_in_view(how, np.ones((2, 2), bool), "a.jpg", (9, 9))
    with pytest.raises(ArgumentError, match="of a.jpg, box=.*beyond the 9 x 9 image"):
        mask_in_view(how, [(0, 0, 10, 3)], "a.jpg", (9, 9))
    (tmp_path / "m.png").write_bytes(b"no")
    with pytest.raises(ArgumentError, match="m.png cannot be read .not an image"):
        mask_in_view(how, file, "a.jpg", (9, 9))
    with pytest.raises(ArgumentError, match="preprocessing .function. is unknown"):
        mask_in_view(lambda photo: photo, file, "a.jpg", (9, 9))
