"""Grid pointing: closed forms, cells between positions, and sharpness against a search."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import entropy

import annealcam as ac
from annealcam.errors import ArgumentError
from annealcam.metrics.grids import (
    cell_shares,
    effective_positions,
    grid_pointing,
    sharpened,
    single_map_grid_pointing,
)


def random_maps(seed, shape=(6, 6)):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("side", [1, 2, 3])
def test_a_map_in_its_cell_scores_one_and_a_uniform_map_the_level_of_chance(side):
    for cell in range(side**2):
        row, column = divmod(cell, side)
        inside = np.zeros((6, 6))
        step = 6 // side
        inside[row * step : (row + 1) * step, column * step : (column + 1) * step] = 0.3
        assert grid_pointing(inside, cell, side=side) == 1.0
        assert grid_pointing(np.ones((6, 6)), cell, side=side) == pytest.approx(1 / side**2)
        if side > 1:
            assert grid_pointing(inside, (cell + 1) % side**2, side=side) == 0.0


def test_half_of_the_map_in_its_cell_and_negative_values_do_not_count():
    map_ = np.zeros((4, 4))
    map_[0, 0], map_[3, 3], map_[1, 1], map_[0, 3] = 2.0, 2.0, -7.0, -1.0
    assert [grid_pointing(map_, cell) for cell in range(4)] == [0.5, 0.0, 0.0, 0.5]


def test_positions_on_an_edge_count_by_area():
    assert cell_shares(np.array([[0.0, 0, 0], [0, 5, 0], [0, 0, 0]])).tolist() == [[0.25] * 2] * 2
    map_ = np.zeros((3, 3))
    map_[0, 1], map_[2, 2] = 1.0, 3.0
    assert cell_shares(map_).tolist() == [[0.125, 0.125], [0.0, 0.75]]


@pytest.mark.parametrize(("shape", "side"), [((7, 7), 2), ((15, 15), 2), ((5, 8), 3), ((17, 4), 4)])
def test_cells_are_those_of_the_map_at_a_divisible_resolution(shape, side):
    """Each position repeated side times in both directions makes cells end where positions do."""
    map_ = random_maps(1, shape)
    fine = np.maximum(map_, 0).repeat(side, axis=0).repeat(side, axis=1)
    blocks = fine.reshape(side, shape[0], side, shape[1]).sum(axis=(1, 3))
    assert cell_shares(map_, side=side) == pytest.approx(blocks / blocks.sum(), abs=1e-14)


@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(3, 12),
    width=st.integers(3, 12),
    scale=st.floats(1e-300, 1e300),
    side=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_shares_sum_to_one_and_follow_symmetries(seed, height, width, scale, side):
    map_ = random_maps(seed, (height, width))
    map_[0, 0] = abs(map_[0, 0])  # something positive
    shares = cell_shares(map_, side=side)
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)
    assert cell_shares(map_ * scale, side=side) == pytest.approx(shares, rel=1e-9, abs=1e-12)
    assert cell_shares(map_.T, side=side) == pytest.approx(shares.T, abs=1e-12)
    assert cell_shares(map_[::-1], side=side) == pytest.approx(shares[::-1], abs=1e-12)


def test_a_map_without_positive_values_has_no_score():
    assert math.isnan(grid_pointing(-np.ones((2, 2)), 0))
    assert math.isnan(grid_pointing(np.ones((2, 2)), 0, sharpness_of=np.zeros((2, 2))))
    assert math.isnan(effective_positions(np.zeros((2, 2))))


def test_effective_positions_are_the_exponential_of_scipys_entropy():
    map_ = random_maps(2)
    expected = np.exp(entropy(np.maximum(map_, 0).ravel()))
    assert effective_positions(map_) == pytest.approx(expected, rel=1e-13)
    assert effective_positions(np.full((3, 5), 0.2)) == pytest.approx(15.0)
    assert effective_positions(7e200 * map_) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_equal_sharpness_is_that_of_a_search_over_powers(seed):
    map_, reference = random_maps(seed), random_maps(100 + seed) ** 3
    wanted = np.exp(entropy(np.maximum(reference, 0).ravel()))
    powers = np.linspace(0, 30, 300_001)
    positive = map_[map_ > 0]
    p = np.exp(np.log(positive / positive.max())[:, None] * powers[::100])
    coarse = powers[::100][np.abs(np.exp(entropy(p)) - wanted).argmin()]
    near = powers[np.abs(powers - coarse) <= 0.01]
    p = np.exp(np.log(positive / positive.max())[:, None] * near)
    best = near[np.abs(np.exp(entropy(p)) - wanted).argmin()]
    result = sharpened(map_, effective_positions(reference))
    assert effective_positions(result) == pytest.approx(wanted, rel=1e-10)
    assert result == pytest.approx(np.maximum(map_ / map_.max(), 0) ** best, abs=3e-4)
    expected = grid_pointing(np.maximum(map_, 0) ** best, 3)
    assert grid_pointing(map_, 3, sharpness_of=reference) == pytest.approx(expected, abs=3e-4)


def test_a_reference_of_equal_sharpness_changes_nothing():
    map_ = random_maps(4)
    assert grid_pointing(map_, 1, sharpness_of=map_[::-1]) == pytest.approx(grid_pointing(map_, 1))
    squared = np.maximum(map_, 0) ** 2
    assert grid_pointing(map_, 1, sharpness_of=squared) == pytest.approx(grid_pointing(squared, 1))


def test_sharpness_ends_at_the_positive_positions_and_at_the_maxima():
    map_ = np.array([[1.0, 2.0], [2.0, -3.0]])
    assert sharpened(map_, 4.0).tolist() == [[1.0, 1.0], [1.0, 0.0]]
    assert sharpened(map_, 1.0).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert sharpened(-map_.clip(0), 1.0).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    close = np.array([[1.0, 1.0 - 1e-12]])  # the power is about 1e12
    assert effective_positions(sharpened(close, 1.5)) == pytest.approx(1.5, rel=1e-6)


def test_single_maps_are_averaged_and_those_without_a_positive_part_left_out():
    g = np.stack([*random_maps(6, (3, 6, 6)), -np.ones((6, 6))])
    expected = np.mean([grid_pointing(map_, 2) for map_ in g[:3]])
    assert single_map_grid_pointing(g, 2) == pytest.approx(expected)
    assert math.isnan(single_map_grid_pointing(g[3:], 2))
    whole = grid_pointing(g[:3].sum(axis=0), 2)
    assert whole != pytest.approx(expected, abs=1e-3)  # the sum is another quantity


def test_the_names_are_public():
    script = "import annealcam as ac, sys; ac.metrics; print('torch' in sys.modules); "
    script += "print(ac.metrics.grid_pointing.__name__)"  # ac.metrics needs no import of its own
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "grid_pointing"]
    assert ac.metrics.grid_pointing is grid_pointing
    assert ac.metrics.single_map_grid_pointing is single_map_grid_pointing


def test_what_cannot_be():
    map_ = np.ones((3, 4))
    with pytest.raises(ArgumentError, match="cell=4: a grid of 2 x 2 has cells 0 to 3"):
        grid_pointing(map_, 4)
    with pytest.raises(ArgumentError, match="cell=-1: must be 0 or more"):
        grid_pointing(map_, -1)
    with pytest.raises(ArgumentError, match="side=0: must be 1 or more"):
        grid_pointing(map_, 0, side=0)
    with pytest.raises(ArgumentError, match="3 x 4 positions, too few for a grid of 4 x 4"):
        grid_pointing(map_, 0, side=4)
    with pytest.raises(ArgumentError, match=r"shape \(4, 3\) and the map \(3, 4\)"):
        grid_pointing(map_, 0, sharpness_of=map_.T)
    with pytest.raises(ArgumentError, match="NaN or infinity"):
        grid_pointing(map_ * np.nan, 0)
    with pytest.raises(ArgumentError, match="NaN or infinity"):
        grid_pointing(map_, 0, sharpness_of=map_ * np.inf)
    with pytest.raises(ArgumentError, match="positions=0.0: must be above 0"):
        sharpened(map_, 0.0)
