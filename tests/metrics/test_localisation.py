"""Hand-made maps on hand-made masks: perfect, inverted, constant, random."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from annealcam.errors import ArgumentError
from annealcam.metrics.localisation import best_iou, box_mask, energy_inside, pointing_game

MASK = box_mask((6, 8), (2, 1, 6, 4))
AREA = 12 / 48


def test_a_perfect_map_and_an_inverted_one():
    perfect, inverted = MASK.astype(float), 1.0 - MASK
    assert (pointing_game(perfect, MASK), energy_inside(perfect, MASK)) == (1.0, 1.0)
    assert best_iou(perfect, MASK) == 1.0
    assert (pointing_game(inverted, MASK), energy_inside(inverted, MASK)) == (0.0, 0.0)
    assert best_iou(inverted, MASK) == pytest.approx(AREA)


def test_a_constant_map_has_the_masks_share_of_the_area():
    flat = np.full(MASK.shape, 0.3)
    for metric in (pointing_game, energy_inside, best_iou):
        assert metric(flat, MASK) == pytest.approx(AREA)


def test_a_map_of_nothing_lies_nowhere():
    assert np.isnan(energy_inside(np.zeros(MASK.shape), MASK))


@given(arrays(np.float64, (6, 8), elements=st.integers(0, 9).map(float)), st.floats(0.1, 9))
def test_scale_does_not_matter_and_iou_is_brute_force(map_, scale):
    for metric in (pointing_game, energy_inside, best_iou):
        assert metric(scale * map_, MASK) == pytest.approx(metric(map_, MASK), nan_ok=True)
    brute = max(((map_ >= t) & MASK).sum() / ((map_ >= t) | MASK).sum() for t in np.unique(map_))
    assert best_iou(map_, MASK) == pytest.approx(brute)


@pytest.mark.parametrize("metric", [pointing_game, energy_inside, best_iou])
def test_what_cannot_be(metric):
    map_ = np.ones(MASK.shape)
    with pytest.raises(ArgumentError, match="resize one of them"):
        metric(map_[:3], MASK)
    with pytest.raises(ArgumentError, match="empty"):
        metric(map_, np.zeros(MASK.shape, dtype=bool))
    with pytest.raises(ArgumentError, match="NaN"):
        metric(map_ * np.nan, MASK)


def test_negative_maps_have_no_energy():
    with pytest.raises(ArgumentError, match="negative pixels"):
        energy_inside(-np.ones(MASK.shape), MASK)


@pytest.mark.parametrize("box", [(0, 0, 9, 1), (3, 3, 3, 4), (-1, 0, 2, 2)])
def test_boxes_outside_or_empty(box):
    with pytest.raises(ArgumentError, match="box="):
        box_mask((6, 8), box)
