"""The overlap of predicted classes is that of `annealcam.metrics`, on the votes of the photos."""

import numpy as np
import pytest

from annealcam.evaluation.set_overlap import PERMUTATIONS, overlap_lines
from annealcam.evaluation.table import RESAMPLES
from annealcam.metrics.overlap import class_histograms, off_diagonal_mean, overlap_matrix
from annealcam.metrics.resampling import bootstrap_overlap, centred_interval, permutation_null

TARGETS = [7, 3, 7, 3, 9, 3, 7, 9, 1]  # 1 stands alone
LABELS = np.array([1, 0, 1, 0, 2, 0, 1, 2])


def chosen(seed):
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(12, size=4, replace=False)) for _ in TARGETS]


def votes(maps):
    found = np.zeros((len(LABELS), 12))
    for i, own in enumerate(maps[: len(LABELS)]):
        found[i, own] = 1
    return found[:, found.any(axis=0)]


def drawn(maps, seed):
    return bootstrap_overlap(votes(maps), LABELS, 3, resamples=RESAMPLES, seed=seed)


def test_by_the_metrics_own_functions():
    a, b = chosen(0), chosen(1)
    (first, second), reason = overlap_lines({"a": a, "b": b}, TARGETS, seed=5)
    assert reason is None
    means = [
        off_diagonal_mean(overlap_matrix(class_histograms(votes(m), LABELS, 3))) for m in (a, b)
    ]
    for line, maps, mean in zip((first, second), (a, b), means, strict=True):
        assert (line.metric, line.images, line.missing) == ("overlap", 8, 1)
        assert line.mean == pytest.approx(mean)
        low, high = centred_interval(mean, drawn(maps, 5))
        assert (line.low, line.high) == pytest.approx((max(low, 0), min(high, 1)))
        null = permutation_null(votes(maps), LABELS, 3, permutations=PERMUTATIONS, seed=5)
        assert line.null == pytest.approx(null.mean())
    assert first.minus_first is None
    assert second.minus_first == pytest.approx(means[1] - means[0])
    expected = centred_interval(means[1] - means[0], drawn(b, 5) - drawn(a, 5))
    assert (second.minus_first_low, second.minus_first_high) == pytest.approx(expected)


def test_closed_forms():
    apart = [np.array([int(t)]) for t in TARGETS]
    alike = [np.array([4, 5])] * len(TARGETS)
    (one, other), _ = overlap_lines({"apart": apart, "alike": alike}, TARGETS)
    assert (one.mean, other.mean, other.null, other.minus_first) == pytest.approx((0, 1, 1, 1))


def test_intervals_end_at_one():
    maps = [np.array([channel]) for channel in (0, 0, 1, 0, 1, 1)]
    targets = [0, 0, 0, 1, 1, 1]
    (line,), _ = overlap_lines({"a": maps}, targets, seed=3)
    shares = np.eye(2)[np.concatenate(maps)]
    resampled = bootstrap_overlap(shares, np.array(targets), 2, resamples=RESAMPLES, seed=3)
    low, high = centred_interval(line.mean, resampled)
    assert low < line.mean < 1 < high
    assert (line.low, line.high) == (pytest.approx(low), 1.0)


def test_a_method_without_maps_and_a_photo_without_votes():
    maps = chosen(0)
    maps[2] = np.array([], dtype=np.int64)
    (none, some), reason = overlap_lines({"floor": [None] * 9, "a": maps}, TARGETS)
    assert (none.mean, none.images, none.missing) == (None, 0, 9)
    assert (some.images, some.missing, some.minus_first) == (7, 2, None)
    assert reason is None
    empty = [np.array([], dtype=np.int64)] * 9
    assert overlap_lines({"a": empty}, TARGETS)[0][0].mean is None


def test_too_few_classes():
    (line,), reason = overlap_lines({"a": chosen(0)[:4]}, [2, 2, 2, 5])
    assert (line.mean, line.images, line.missing) == (None, 0, 4)
    assert reason == (
        "overlap: no value; it needs two predicted classes of two photos each "
        "(here 3 of class 2, 1 of class 5)"
    )
