"""Means and intervals, against scipy and by hand."""

import numpy as np
import pytest
from scipy import stats

from annealcam.evaluation.table import table_of

SCORES = np.random.default_rng(4).normal(size=(2, 30))


def test_intervals_are_scipys():
    a, b = SCORES
    first, second = table_of({"a": {"x": a}, "b": {"x": b}}, seed=5)
    for line, values in ((first, a), (second, b)):
        found = stats.bootstrap(
            (values,), np.mean, method="percentile", n_resamples=2000, batch=2000,
            rng=np.random.default_rng(5),
        ).confidence_interval  # fmt: skip
        assert (line.mean, line.images, line.missing) == (pytest.approx(values.mean()), 30, 0)
        assert (line.low, line.high) == pytest.approx((found.low, found.high))
    assert second.minus_first == pytest.approx((b - a).mean())
    assert first.minus_first is None


def test_differences_are_paired():
    a = SCORES[0]
    _, second = table_of({"a": {"x": a}, "b": {"x": a + 1}})
    assert (second.minus_first_low, second.minus_first_high) == pytest.approx((1.0, 1.0))
    assert second.high - second.low > 0.1


def test_what_has_no_value_is_counted():
    lines = table_of({"a": {"x": [np.nan, np.nan], "y": [2.0, np.nan]}})
    assert [(line.mean, line.images, line.missing) for line in lines] == [
        (None, 0, 2), (2.0, 1, 1)
    ]  # fmt: skip
    assert lines[1].low is None


def test_a_metric_that_the_first_method_lacks():
    _, line = table_of({"a": {"x": [1.0, 2.0]}, "b": {"y": [1.0, 2.0]}})
    assert line.mean == 1.5
    assert line.minus_first is None


def test_differences_from_gradcam_are_paired_too():
    a, b = SCORES
    lines = table_of({"a": {"x": a}, "gradcam": {"x": b}, "c": {"x": b + 2}}, null=0.25)
    assert lines[0].minus_gradcam == pytest.approx((a - b).mean())
    assert lines[0].minus_gradcam_low < lines[0].minus_gradcam < lines[0].minus_gradcam_high
    assert lines[1].minus_gradcam is None
    assert lines[1].minus_first == pytest.approx((b - a).mean())
    assert (lines[2].minus_gradcam_low, lines[2].minus_gradcam_high) == pytest.approx((2.0, 2.0))
    assert {line.null for line in lines} == {0.25}
    assert table_of({"a": {"x": a}})[0].minus_gradcam is None
