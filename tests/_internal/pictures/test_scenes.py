"""Each value of a map lies on the picture where the input has its place."""

import numpy as np
import pytest
from PIL import Image

from annealcam._internal.heatmaps import heatmap, overlay, signed_heatmap, signed_overlay
from annealcam._internal.pictures.scenes import (
    PhotoView,
    SignalView,
    VolumeView,
    view_of_result,
)
from annealcam._internal.pictures.views import stored_view, view_record

RNG = np.random.default_rng(0)
SHAPE = (6, 10, 8)
VOXELS = RNG.integers(0, 256, SHAPE, dtype=np.uint8)
MAP = RNG.random((3, 4, 5))


def part(array, box):
    left, top, right, bottom = box
    return array[top:bottom, left:right]


def enlarged(slice_, box):
    size = (box[2] - box[0], box[3] - box[1])
    return np.asarray(Image.fromarray(slice_).resize(size, Image.Resampling.NEAREST))


def test_the_heatmap_of_each_number_of_axes_is_interpolated_linearly():
    for grid, size in (((5,), (20,)), ((3, 4), (9, 12)), ((2, 3, 4), (6, 9, 8))):
        raw = RNG.random(grid)
        expected = raw
        for axis, side in enumerate(size):  # centres of cells and of pixels, continued at the ends
            at = (np.arange(side) + 0.5) * grid[axis] / side - 0.5
            expected = np.apply_along_axis(
                lambda row, at=at: np.interp(at, np.arange(len(row)), row), axis, expected
            )
        np.testing.assert_allclose(heatmap(raw, size), expected / expected.max(), atol=1e-6)


@pytest.mark.parametrize("small", [True, False])
def test_the_slices_are_those_through_the_maximum(small):
    view = VolumeView(VOXELS, SHAPE)
    depth, row, column = np.unravel_index(np.argmax(heatmap(MAP, SHAPE)), SHAPE)
    scene = view.scene(MAP, side=400, small=small)
    slices = (VOXELS[depth], VOXELS[:, row], VOXELS[:, :, column].T)
    picture = np.asarray(scene.picture)
    for box, slice_ in zip(scene.boxes, slices, strict=True):
        assert np.array_equal(part(picture, box)[..., 0], enlarged(slice_, box))
    heat, values = scene.heat(MAP), heatmap(MAP, SHAPE)
    assert heat.shape == picture.shape[:2]
    inside = np.zeros(heat.shape, dtype=bool)
    for box, slice_ in zip(
        scene.boxes, (values[depth], values[:, row], values[:, :, column].T), strict=True
    ):
        part(inside, box)[:] = True
        shown = part(heat, box)
        assert shown.max() == pytest.approx(1.0, abs=0.01)
        size = (box[2] - box[0], box[3] - box[1])
        own = Image.fromarray(slice_).resize(size, Image.Resampling.BILINEAR)
        assert np.array_equal(shown, np.asarray(own))
    assert np.array_equal(np.isfinite(heat), inside)
    assert (scene.above is None) == small


def test_the_mosaic_holds_each_slice_once_in_order():
    scene = VolumeView(VOXELS, SHAPE).mosaic(500)
    picture, heat = np.asarray(scene.picture)[..., 0], scene.heat(MAP)
    values = heatmap(MAP, SHAPE)
    assert len(scene.boxes) == len(VOXELS)
    covered = np.zeros(heat.shape, dtype=int)
    for slice_, value, box in zip(VOXELS, values, scene.boxes, strict=True):
        part(covered, box)[:] += 1
        assert np.array_equal(part(picture, box), enlarged(slice_, box))
        size = (box[2] - box[0], box[3] - box[1])
        own = Image.fromarray(value).resize(size, Image.Resampling.BILINEAR)
        assert np.array_equal(part(heat, box), np.asarray(own))
    assert np.array_equal(covered == 1, np.isfinite(heat))
    assert covered.max() == 1
    corners = [(top, left) for left, top, _, _ in scene.boxes]
    assert corners == sorted(corners)
    assert scene.picture.width <= 500


@pytest.mark.parametrize("small", [True, False])
def test_the_background_of_a_curve_is_the_heatmap(small):
    raw = RNG.normal(size=9)
    scene = SignalView(RNG.normal(size=(2, 60)).astype(np.float32), 60).scene(raw, small=small)
    (box,) = scene.boxes
    width = box[2] - box[0]
    for drawn, values in (
        (scene.heat(raw), heatmap(raw.clip(min=0), (width,))),
        (scene.signed_heat(raw), signed_heatmap(raw, (width,))),
    ):
        rows = part(drawn, box)
        assert np.array_equal(rows, np.tile(values, (len(rows), 1)))
        assert np.isfinite(drawn).sum() == rows.size
    assert small == (rows.shape == drawn.shape)


def test_a_peak_of_a_signal_is_drawn_where_the_axis_has_it():
    signal = np.zeros((1, 100), dtype=np.float32)
    signal[0, 30] = 1.0
    scene = SignalView(signal, 100).scene()
    left, top, right, _ = scene.boxes[0]
    ink = np.asarray(scene.above)[top : top + 20, left + 3 : right, 3].sum(axis=0)
    peak = 3 + np.average(np.arange(len(ink)), weights=ink) + 0.5
    assert peak == pytest.approx((30 + 0.5) / 100 * (right - left), abs=1.0)


def test_over_a_photo_the_scene_is_the_overlay():
    photo = Image.fromarray(RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    raw = RNG.normal(size=(3, 4))
    scene = PhotoView(photo).scene(raw)
    own, signed = scene.overlay(raw, strength=0.5), scene.signed_overlay(raw, strength=0.5)
    assert np.array_equal(own, overlay(raw.clip(min=0), photo, strength=0.5))
    assert np.array_equal(signed, signed_overlay(raw, photo, strength=0.5))
    assert scene.bare() is photo


SHAPES = {"photo": ((3, 9, 7), (3, 4)), "volume": ((1, 70, 9, 7), (3, 4, 2)),
          "signal": ((2, 5000), (6,))}  # fmt: skip


@pytest.mark.parametrize("noun", SHAPES)
def test_a_stored_input_is_shown_as_what_it_is(noun):
    shape, grid = SHAPES[noun]
    stored = stored_view(RNG.normal(size=shape).astype(np.float32))
    view = view_of_result(stored, grid, view_record(shape))
    assert (view.noun, view.blank) == (noun, False)
    assert view_of_result(stored, grid, None).noun == noun  # an older result
    raw = RNG.random(grid)
    for small in (True, False):
        drawn = view.scene(raw, side=300, small=small).overlay(raw, strength=0.5)
        assert abs(max(drawn.size) - 300) <= 2
    if noun == "volume":
        assert view.lengths == (70, 9, 7)
        assert view.mosaic_caption.startswith("64 of 70 slices")
    if noun == "signal":
        assert view.length == 5000


@pytest.mark.parametrize("noun", SHAPES)
@pytest.mark.parametrize("other", SHAPES)
def test_maps_of_other_axes_than_the_input_are_shown_alone(noun, other):
    shape, grid = SHAPES[noun][0], SHAPES[other][1]
    stored = stored_view(np.ones(shape))
    view = view_of_result(stored, grid, view_record(shape))
    assert view.noun == other
    assert view.blank == (noun != other)
    assert ("shown alone" in view.note) == view.blank
    nothing = np.zeros(grid)
    assert view.scene(nothing).signed_overlay(nothing, strength=0.5).size
    assert view_of_result(None, grid, None).blank


def test_a_note_names_the_channels_that_are_shown():
    def note(shape, grid):
        return view_of_result(stored_view(np.zeros(shape)), grid, view_record(shape)).note

    assert note((3, 4, 4), (2, 2)) == ""
    assert note((1, 4, 4), (2, 2)) == "The input has one channel, shown in grey."
    assert "12 channels: 0, 1 and 2 are shown as red, green and blue" in note((12, 4, 4), (2, 2))
    assert note((2, 4, 4, 4), (2, 2, 2)) == "Channel 0 of 2 is shown, in grey."
    assert note((1, 4, 4, 4), (2, 2, 2)) == ""
    assert note((20, 9), (3,)) == "The first 12 of 20 channels are shown."
