"""Maps of two classes, or of a selection and the evidence: the same, opposite, unlike, zero."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.spatial import distance

from annealcam.errors import ArgumentError
from annealcam.metrics.sensitivity import (
    _ranks,
    between_images,
    class_sensitivity,
    fidelity,
    other_classes,
    rank_correlation,
    top_overlap,
)

RNG = np.random.default_rng(0)
MAPS = RNG.random((5, 7, 7))


def test_the_same_map_in_any_scale_and_its_opposite():
    same = class_sensitivity(MAPS, 3 * MAPS + 1)
    assert np.allclose(same.rank_correlation, 1)
    assert np.allclose(same.top_overlap, 1)
    assert "does not distinguish" in same.verdict()
    opposite = class_sensitivity(MAPS, -MAPS)
    assert np.allclose(opposite.rank_correlation, -1)
    assert np.allclose(opposite.top_overlap, 0)
    assert "this map distinguishes the classes" in opposite.verdict()


def test_rank_correlation_is_scipys():
    others = np.round(RNG.random((5, 7, 7)), 1)  # with ties
    sensitivity = class_sensitivity(MAPS, others)
    for i in range(5):
        expected = stats.spearmanr(MAPS[i].ravel(), others[i].ravel()).statistic
        assert sensitivity.rank_correlation[i] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("order", "rho", "verdict"),
    [([3, 2, 1, 4, 5], 0.6, "does not distinguish"), ([3, 2, 1, 5, 4], 0.5, "map distinguishes")],
)
def test_maps_count_as_the_same_above_a_correlation_of_one_half(order, rho, verdict):
    """rho = 1 - sum of squared differences of ranks / 20, of five pixels."""
    one, other = np.array([[[1.0, 2.0, 3.0, 4.0, 5.0]], [order]], dtype=float)[:, None]
    sensitivity = class_sensitivity(one, other)
    assert sensitivity.rank_correlation == pytest.approx([rho])
    assert verdict in sensitivity.verdict()


def test_constant_maps_have_no_rank_and_are_counted():
    flat = MAPS.copy()
    flat[1] = 0
    sensitivity = class_sensitivity(MAPS, flat)
    assert sensitivity.undefined == 1
    assert np.isnan(sensitivity.rank_correlation[1])
    assert "nothing can be compared" in class_sensitivity(flat[1:2], MAPS[1:2]).verdict()


def test_the_other_class():
    logits = np.array([[1.0, 5.0, 3.0, -2.0], [0.0, 1.0, 2.0, 3.0]])
    targets = np.array([1, 0])
    assert other_classes(logits, targets, which="next").tolist() == [2, 3]
    assert other_classes(logits, targets, which="least").tolist() == [3, 1]
    for excluded in ([2], [0, 2], [3, 1]):
        for which, best in (("next", np.nanargmax), ("least", np.nanargmin)):
            left = logits.astype(float).copy()
            left[:, excluded] = np.nan
            left[[0, 1], targets] = np.nan
            found = other_classes(logits, targets, which=which, excluded=excluded)
            assert found.tolist() == best(left, axis=1).tolist()
    with pytest.raises(ArgumentError, match="no class to compare with, besides the target and"):
        other_classes(logits, targets, which="next", excluded=[0, 1, 2, 3])
    with pytest.raises(ArgumentError, match="one class only"):
        other_classes(logits[:, :1], np.array([0, 0]), which="next")
    with pytest.raises(ArgumentError, match="'next' or 'least'"):
        other_classes(logits, targets, which="second")


def test_maps_of_other_images():
    with pytest.raises(ArgumentError, match="two maps of each image"):
        class_sensitivity(MAPS, MAPS[:4])
    with pytest.raises(ArgumentError, match="two maps of each image"):
        class_sensitivity(MAPS[:0], MAPS[:0])


def test_ranks_agree_with_scipy_and_ignore_scale_and_monotone_change():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, (2, 5, 6, 6)).astype(float)
    expected = [stats.spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(rank_correlation(a, b), expected)
    np.testing.assert_allclose(rank_correlation(np.exp(3 * a), b), expected)
    np.testing.assert_array_equal(top_overlap(a, b), top_overlap(7 * a, b**3 + 1))


@given(hnp.arrays(np.float64, st.integers(1, 20), elements=st.integers(-2, 2).map(float)))
def test_ranks_are_scipys(pixels):
    assert np.array_equal(_ranks(pixels), stats.rankdata(pixels))


def test_between_images_is_the_mean_over_pairs():
    maps = np.random.default_rng(1).random((4, 3, 3))
    pairs = [(i, j) for i in range(4) for j in range(i)]
    rhos = [stats.spearmanr(maps[i].ravel(), maps[j].ravel()).statistic for i, j in pairs]
    assert between_images(maps) == pytest.approx(np.mean(rhos))
    assert between_images(maps[:1]) is None


def test_overlap_of_the_top_pixels_in_closed_form():
    """Tops of 2 pixels of 40 that share one: 1 pixel of the 3 that either holds."""
    a, b = np.zeros((2, 1, 4, 10))
    a[0, 0, :2] = b[0, 0, 1:3] = [3.0, 2.0]
    assert top_overlap(a, b).tolist() == [1 / 3]
    assert top_overlap(a, b, share=0.1).tolist() == [1.0]  # of 4: both hold the first four
    assert top_overlap(a, b, share=0.075).tolist() == [1.0]
    assert top_overlap(a[:, ::-1], b).tolist() == [0.0]


def test_fidelity_is_one_for_the_evidence_itself_and_the_cosine_between():
    evidence = RNG.normal(size=(7, 7))
    positive = evidence.clip(0)
    assert fidelity(3 * positive, evidence) == pytest.approx(1.0)
    assert fidelity(-positive, evidence) == pytest.approx(-1.0)
    assert fidelity(evidence, evidence, signed=True) == pytest.approx(1.0)
    half = np.where(np.arange(7) < 3, positive, 0.0)  # a part of G+ alone: |part| / |G+|
    assert fidelity(half, evidence) == pytest.approx(
        np.linalg.norm(half) / np.linalg.norm(positive)
    )
    for drawn in RNG.normal(size=(5, 7, 7)):
        expected = 1 - distance.cosine(drawn.ravel(), positive.ravel())
        assert fidelity(1e200 * drawn, evidence) == pytest.approx(expected, abs=1e-12)


def test_fidelity_has_no_value_for_a_zero_map():
    assert np.isnan(fidelity(np.zeros((2, 2)), np.ones((2, 2))))
    assert np.isnan(fidelity(np.ones((2, 2)), -np.ones((2, 2))))
    assert fidelity(np.ones((2, 2)), -np.ones((2, 2)), signed=True) == pytest.approx(-1.0)
    with pytest.raises(ArgumentError, match=r"shapes \(2, 2\) and \(2, 3\)"):
        fidelity(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ArgumentError, match="NaN or infinity"):
        fidelity(np.ones((2, 2)), np.full((2, 2), np.nan))
