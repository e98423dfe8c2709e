"""Bootstrap intervals: the same resamples by hand, and the normal limit."""

import numpy as np
import pytest

from annealcam._internal.statistics import mean_interval


@pytest.mark.parametrize("n", [2, 3, 50])
def test_resamples_by_hand(n):
    values = np.random.default_rng(n).normal(size=n)
    drawn = np.random.default_rng([7, n]).integers(0, n, (300, n))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    assert mean_interval(values, seed=[7, n], resamples=300) == (low, high)


def test_of_many_values_it_is_the_normal_interval():
    values = np.random.default_rng(0).exponential(size=4000)
    low, high = mean_interval(values, seed=1, resamples=4000)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=half / 10)


def test_of_one_value_it_has_no_width():
    assert mean_interval(np.array([3.0]), seed=0) == (3.0, 3.0)
