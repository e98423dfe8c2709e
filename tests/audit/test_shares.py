"""Shares on a mask and near the peak, against the energy of maps spread over pixels."""

import numpy as np
import pytest

from annealcam.audit.shares import mask_coverage, share_inside, share_near_peak
from annealcam.metrics.localisation import energy_inside


def test_the_share_on_a_mask_is_the_energy_of_the_map_spread_over_pixels():
    rng = np.random.default_rng(0)
    raw, mask = rng.random((4, 4)), rng.random((16, 16)) > 0.5
    spread = np.kron(raw, np.ones((4, 4)))
    expected = energy_inside(spread, mask)
    assert share_inside(raw, mask_coverage(mask, (4, 4))) == pytest.approx(expected, rel=1e-6)
    assert np.isnan(share_inside(np.zeros((4, 4)), mask_coverage(mask, (4, 4))))
    assert mask_coverage(np.ones((32, 32), dtype=bool), (7, 7)).min() == 1.0


def test_the_share_near_the_peak():
    raw = np.zeros((14, 14))
    raw[5, 5], raw[6, 6], raw[0, 13] = 2.0, 1.0, 1.0
    assert share_near_peak(raw[None, None])[0, 0] == pytest.approx(0.75)
    corner = np.zeros((14, 14))
    corner[0, 0] = corner[1, 1] = corner[3, 3] = 1.0
    assert share_near_peak(corner[None, None])[0, 0] == pytest.approx(2 / 3)
    assert np.isnan(share_near_peak(-np.ones((1, 1, 14, 14)))[0, 0])


def test_maps_without_positive_values_have_no_share():
    maps = np.zeros((1, 2, 7, 7), dtype=np.float32)
    maps[0, 1] = -1
    assert np.isnan(share_near_peak(maps)).all()
    assert np.isnan(share_inside(maps, np.ones((7, 7)))).all()


def test_the_window_around_the_peak_equals_brute_force():
    maps = np.random.default_rng(0).normal(size=(3, 5, 12, 17))
    shares = share_near_peak(maps)
    for (i, channel), share in np.ndenumerate(shares):
        positive = np.maximum(maps[i, channel], 0)
        y, x = np.unravel_index(positive.argmax(), positive.shape)
        window = positive[max(y - 1, 0) : y + 2, max(x - 2, 0) : x + 3]
        assert share == pytest.approx(window.sum() / positive.sum())
