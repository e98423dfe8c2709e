"""Maps of two classes: the same, opposite, unlike, and constant."""

import numpy as np
import pytest
from scipy import stats

from annealcam.errors import ArgumentError
from annealcam.metrics.sensitivity import class_sensitivity, other_classes

RNG = np.random.default_rng(0)
MAPS = RNG.random((5, 7, 7))


def test_the_same_map_in_any_scale_and_its_opposite():
    same = class_sensitivity(MAPS, 3 * MAPS + 1)
    assert np.allclose(same.rank_correlation, 1)
    assert np.allclose(same.top_overlap, 1)
    assert "does not tell" in same.verdict()
    opposite = class_sensitivity(MAPS, -MAPS)
    assert np.allclose(opposite.rank_correlation, -1)
    assert np.allclose(opposite.top_overlap, 0)
    assert "this map tells the classes apart" in opposite.verdict()


def test_rank_correlation_is_scipys():
    others = np.round(RNG.random((5, 7, 7)), 1)  # with ties
    found = class_sensitivity(MAPS, others)
    for i in range(5):
        expected = stats.spearmanr(MAPS[i].ravel(), others[i].ravel()).statistic
        assert found.rank_correlation[i] == pytest.approx(expected)


def test_constant_maps_have_no_rank_and_are_counted():
    flat = MAPS.copy()
    flat[1] = 0
    found = class_sensitivity(MAPS, flat)
    assert found.undefined == 1
    assert np.isnan(found.rank_correlation[1])
    assert "nothing can be compared" in class_sensitivity(flat[1:2], MAPS[1:2]).verdict()


def test_the_other_class():
    logits = np.array([[1.0, 5.0, 3.0, -2.0], [0.0, 1.0, 2.0, 3.0]])
    targets = np.array([1, 0])
    assert other_classes(logits, targets, which="next").tolist() == [2, 3]
    assert other_classes(logits, targets, which="least").tolist() == [3, 1]
    with pytest.raises(ArgumentError, match="one class only|of one class"):
        other_classes(logits[:, :1], np.array([0, 0]), which="next")
    with pytest.raises(ArgumentError, match="next or least"):
        other_classes(logits, targets, which="second")


def test_maps_of_other_images():
    with pytest.raises(ArgumentError, match="two of each image"):
        class_sensitivity(MAPS, MAPS[:4])
    with pytest.raises(ArgumentError, match="two of each image"):
        class_sensitivity(MAPS[:0], MAPS[:0])
