"""The strongest photos of every channel: what sorting all of them gives; boxes against scipy."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import ndimage

from annealcam.atlas.peaks import NO_PHOTO, StrongestPhotos, peak_boxes


def of_all(maps, top, numbers=None, batch=3):
    """The strongest of maps (n, channels, h, w), batch by batch."""
    numbers = np.arange(len(maps)) if numbers is None else numbers
    strongest = StrongestPhotos.none(maps.shape[1], top)
    for i in range(0, len(maps), batch):
        few = maps[i : i + batch]
        strongest = strongest.with_batch(
            few.max((2, 3)).T, few.mean((2, 3)).T, numbers[i : i + batch],
            lambda images, channels, few=few: few[images, channels],
        )  # fmt: skip
    return strongest


def some_maps(seed, n=11, levels=4):
    """Maps of few levels: peaks tie, means tie, some are zero all over."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, levels, (n, 5, 2, 3)).astype(np.float32) * (
        rng.random((n, 5, 1, 1)) < 0.7
    )


@given(seed=st.integers(0, 10**6), top=st.integers(1, 12), batch=st.integers(1, 12))
def test_they_equal_those_of_sorting_all_photos(seed, top, batch):
    maps = some_maps(seed)
    strongest = of_all(maps, top, batch=batch)
    for channel in range(maps.shape[1]):
        channel_maps = maps[:, channel]
        rank = [
            (-channel_maps[i].max(), -channel_maps[i].mean(), i)
            for i in range(len(channel_maps))
            if channel_maps[i].max() > 0
        ]
        expected = [i for _, _, i in sorted(rank)][:top]
        assert strongest.photos[channel][strongest.taken[channel]].tolist() == expected
        assert strongest.peaks[channel, : len(expected)].tolist() == [
            channel_maps[i].max() for i in expected
        ]
        boxes = peak_boxes(channel_maps[expected]) if expected else np.zeros((0, 4))
        np.testing.assert_array_equal(strongest.boxes[channel, : len(expected)], boxes)


@given(seed=st.integers(0, 10**6), cut=st.integers(1, 10))
def test_parts_give_the_same_in_any_order(seed, cut):
    maps, numbers = some_maps(seed), np.arange(11)
    one, other = of_all(maps[:cut], 4), of_all(maps[cut:], 4, numbers[cut:])
    expected = of_all(maps, 4)
    for strongest in (one.joined(other), other.joined(one)):
        assert np.array_equal(strongest.photos, expected.photos)
        assert np.array_equal(strongest.peaks, expected.peaks)
        taken = expected.taken
        assert np.array_equal(strongest.boxes[taken], expected.boxes[taken])


@given(seed=st.integers(0, 10**6), n=st.integers(1, 4), h=st.integers(1, 6), w=st.integers(1, 6))
def test_boxes_are_those_of_the_connected_part_that_holds_the_peak(seed, n, h, w):
    maps = np.random.default_rng(seed).random((n, h, w)).astype(np.float32)
    for values, box in zip(maps, peak_boxes(maps), strict=True):
        parts, _ = ndimage.label(values >= values.max() / 2)
        peak = np.unravel_index(values.argmax(), values.shape)
        rows, columns = ndimage.find_objects((parts == parts[peak]).astype(int))[0]
        expected = (columns.start / w, rows.start / h, columns.stop / w, rows.stop / h)
        assert box == pytest.approx(expected)


def test_maps_that_are_never_positive_excite_nothing():
    strongest = of_all(-np.ones((4, 2, 3, 3), dtype=np.float32), 3)
    assert not strongest.taken.any()
    assert (strongest.photos == NO_PHOTO).all()
    assert strongest.numbers() == set()


def test_of_equal_peaks_the_map_that_is_higher_on_average_comes_first():
    maps = np.zeros((3, 1, 2, 2), dtype=np.float32)  # as ReLU6 saturates
    maps[0, 0, 0, 0], maps[1, 0], maps[2, 0, 0] = 6, 6, 6
    assert of_all(maps, 3).photos.tolist() == [[1, 2, 0]]
