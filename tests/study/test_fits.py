"""Fitted exponentials: exact laws, scipy and brute force."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from annealcam.errors import ArgumentError
from annealcam.study.analysis.fits import fit_exponential


@given(st.floats(1e-3, 10), st.floats(-2, 2), st.integers(0, 1000))
def test_a_law_without_noise_is_found_exactly(a, b, seed):
    rng = np.random.default_rng(seed)
    d = rng.permutation([3.0, 4.0, 4.0, 7.0, 9.0, 14.0]).repeat(3)
    fit = fit_exponential(d, a * np.exp(-b * d), np.arange(18) // 3, resamples=50, seed=seed)
    assert fit.a == pytest.approx(a, rel=1e-9)
    assert (fit.b, fit.b_low, fit.b_high) == pytest.approx((b, b, b), abs=1e-10)
    assert (fit.images, fit.clusters) == (18, 6)


def test_the_fit_is_the_line_of_scipy_and_whole_clusters_are_drawn():
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(7), [1, 2, 3, 4, 5, 6, 7])
    d = rng.integers(4, 12, 7)[clusters].astype(float)
    y = 0.9 * np.exp(-0.3 * d + rng.normal(size=28) + rng.normal(size=7)[clusters])
    fit = fit_exponential(d, y, clusters, resamples=300, seed=11)
    line = stats.linregress(d, np.log(y))
    assert (fit.a, fit.b) == pytest.approx((np.exp(line.intercept), -line.slope))

    slopes = []
    for drawn in np.random.default_rng(11).integers(0, 7, (300, 7)):
        rows = np.concatenate([np.flatnonzero(clusters == c) for c in drawn])
        if len(set(d[rows])) > 1:
            slopes.append(-stats.linregress(d[rows], np.log(y[rows])).slope)
    assert (fit.b_low, fit.b_high) == pytest.approx(tuple(np.quantile(slopes, [0.025, 0.975])))


def test_names_of_clusters_and_copies_of_images_do_not_matter():
    rng = np.random.default_rng(5)
    d, clusters = np.array([4.0, 5.0, 5.0, 8.0]).repeat(2), np.arange(8) // 2
    y = np.exp(rng.normal(size=8) - d)
    fit = fit_exponential(d, y, clusters)
    copied = fit_exponential(np.tile(d, 3), np.tile(y, 3), np.tile(clusters, 3) + 100)
    for name in ("a", "b", "b_low", "b_high"):
        assert getattr(copied, name) == pytest.approx(getattr(fit, name))


def test_an_interval_knows_that_images_of_a_class_go_together():
    """Copies of an image within its class add nothing, as if they were independent they would."""
    rng = np.random.default_rng(6)
    d = np.arange(4.0, 14.0).repeat(20)
    noise = rng.normal(size=10).repeat(20)
    y = np.exp(-0.3 * d + noise)
    by_class = fit_exponential(d, y, np.arange(200) // 20)
    alone = fit_exponential(d, y, np.arange(200))
    assert by_class.b_high - by_class.b_low > 3 * (alone.b_high - alone.b_low)


def test_what_cannot_be_fitted():
    d, y = np.array([4.0, 4.0, 5.0, 6.0]), np.array([0.1, 0.2, 0.0, np.nan])
    fit = fit_exponential(d, y, np.arange(4))  # 0 and NaN have no logarithm: one d is left
    assert np.isnan([fit.a, fit.b, fit.b_low, fit.b_high]).all()
    assert (fit.images, fit.clusters) == (2, 2)
    one = fit_exponential(np.array([4.0, 5.0]), np.array([0.5, 0.25]), np.zeros(2, int))
    assert one.b == pytest.approx(np.log(2))
    assert np.isnan([one.b_low, one.b_high]).all()
    assert fit_exponential(d[:0], y[:0], np.zeros(0, int)).images == 0
    with pytest.raises(ArgumentError, match="resamples=0"):
        fit_exponential(d, y, np.arange(4), resamples=0)
