"""Stored views hold the input's own values, and record what they leave out."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from annealcam._internal.pictures.views import (
    MOST_CURVES,
    MOST_PLANE,
    MOST_SAMPLES,
    MOST_SLICES,
    original_index,
    stored_view,
    stretched,
    thinned,
    view_record,
)
from annealcam.errors import ArgumentError

RNG = np.random.default_rng(0)


def levels(values):
    low, high = values.min(), values.max()
    return np.round(255 * (values - low) / (high - low)).astype(np.uint8)


def test_grey_is_repeated_and_stretched():
    grey = RNG.normal(size=(1, 9, 7)).astype(np.float32)
    view = stored_view(grey)
    assert np.array_equal(view, np.repeat(levels(grey[0])[..., None], 3, axis=2))
    assert view_record(grey.shape) == {"input": [1, 9, 7], "channels": [0]}
    two = np.concatenate([grey, 5 + grey])  # the first of two channels
    assert np.array_equal(stored_view(two), view)
    assert view_record(two.shape)["channels"] == [0]


def test_three_channels_share_their_range_and_bands_do_not():
    photo = RNG.normal(size=(3, 8, 6)).astype(np.float32)
    assert np.array_equal(stored_view(photo), levels(photo).transpose(1, 2, 0))
    many = np.concatenate([photo * [[[1]], [[9]], [[50]]], photo]).astype(np.float32)
    view = stored_view(many)
    for colour in range(3):
        assert np.array_equal(view[..., colour], levels(many[colour]))
    chosen = stored_view(many, bands=(5, 0, 3))
    assert np.array_equal(chosen[..., 1], levels(many[0]))
    assert np.array_equal(chosen[..., 2], levels(many[3]))
    assert view_record(many.shape, (5, 0, 3))["channels"] == [5, 0, 3]
    one = stored_view(photo, bands=(0, 0, 2))
    assert np.array_equal(one[..., 1], levels(photo[0]))
    for odd in ((5, 0, 99), (0, 1), (0, 1, -1), 3, "abc", (0, 1, None)):
        with pytest.raises(ArgumentError, match="bands"):
            stored_view(many, bands=odd)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_black(odd):
    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    image[0, 1, 1] = odd
    assert stored_view(image)[1, 1].tolist() == [0, 0, 0]
    assert stored_view(image).max() == 255
    assert not stored_view(np.full((1, 3, 4), odd)).any()


def test_a_volume_keeps_its_voxels_and_thins_the_rest():
    volume = RNG.normal(size=(2, 5, 9, 7)).astype(np.float32)
    assert np.array_equal(stored_view(volume), levels(volume[0]))
    video = RNG.normal(size=(3, 5, 9, 7)).astype(np.float32)
    assert np.array_equal(stored_view(video), levels(video.mean(axis=0)))
    deep = RNG.normal(size=(1, 100, 4, 6)).astype(np.float32)
    places = [original_index(i, MOST_SLICES, 100) for i in range(MOST_SLICES)]
    assert np.array_equal(stored_view(deep), levels(deep[0, places]))
    assert len(set(places)) == MOST_SLICES
    assert stored_view(np.zeros((1, 2, 10, 2 * MOST_PLANE))).shape == (2, 5, MOST_PLANE)
    assert stored_view(np.zeros((1, 4, 5, 3))).shape == (4, 5, 6)  # three are colours
    assert view_record(volume.shape)["channels"] == [0]
    assert view_record(video.shape)["channels"] == [0, 1, 2]


@given(st.integers(1, 20_000), st.integers(0, 2**32 - 1))
def test_a_thinned_signal_keeps_every_extreme(length, seed):
    signal = np.random.default_rng(seed).normal(size=(2, length)).astype(np.float32)
    few = thinned(signal)
    assert few.shape == (2, min(length, MOST_SAMPLES))
    assert np.array_equal(few.max(axis=1), signal.max(axis=1))
    assert np.array_equal(few.min(axis=1), signal.min(axis=1))
    if length <= MOST_SAMPLES:
        assert np.array_equal(few, signal)


def test_few_channels_of_a_signal_are_kept():
    signal = RNG.normal(size=(40, 30)).astype(np.float32)
    assert np.array_equal(stored_view(signal), signal[:MOST_CURVES])
    assert view_record(signal.shape)["channels"] == list(range(MOST_CURVES))


@pytest.mark.parametrize("shape", [(1, 2, 2, 2, 2), (3, 0, 4), (0, 4)])
def test_other_inputs_have_no_view(shape):
    assert stored_view(np.zeros(shape)) is None
    assert view_record(shape)["input"] == list(shape)


def test_large_images_become_small_ones():
    assert stretched(np.zeros((3, 500, 900))).shape == (249, 448, 3)
