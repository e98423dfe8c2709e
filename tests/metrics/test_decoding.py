"""Decodability: selections that determine the class, do not, or only by their candidates."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from annealcam.errors import ArgumentError
from annealcam.metrics.decoding import _check, _folds, _rotated, decodability

LABELS = np.repeat(np.arange(3), 20)


def candidates_of_a_class(share=0.0, seed=0):
    """Each class has 6 of 18 maps as its own candidates; a share of images has all 18."""
    of_the_class = np.repeat(np.eye(3, dtype=bool), 6, axis=1)[LABELS]
    return of_the_class | (np.random.default_rng(seed).random(60) < share)[:, None]


def drawn(candidates, k, seed=0):
    keys = np.where(candidates, np.random.default_rng(seed).random(candidates.shape), 2.0)
    return keys.argsort(axis=1).argsort(axis=1) < k


def test_a_map_for_each_class_tells_all_where_the_candidates_tell_nothing():
    everything = np.ones((60, 3), dtype=bool)
    accuracy = decodability(np.eye(3, dtype=bool)[LABELS], everything, LABELS)
    assert accuracy.selection.all()
    assert accuracy.both.all()
    assert accuracy.candidates.mean() == pytest.approx(1 / 3)
    assert accuracy.chance == pytest.approx(1 / 3)
    assert accuracy.gain == pytest.approx(2 / 3)
    assert accuracy.p_value == pytest.approx(1 / 21)
    assert accuracy.blind.mean() == pytest.approx(1 / 3, abs=0.12)


def test_a_blind_selection_tells_what_its_candidates_tell_and_no_more():
    candidates = candidates_of_a_class()
    accuracy = decodability(drawn(candidates, 2, seed=9), candidates, LABELS)
    assert accuracy.selection.mean() > 0.95  # looks like disentangled classes, and is built in
    assert accuracy.gain == 0.0
    assert abs(accuracy.blind_gain) < 0.05
    assert accuracy.p_value > 0.05


def test_a_blind_selection_from_common_candidates_tells_nothing():
    everything = np.ones((60, 12), dtype=bool)
    accuracy = decodability(drawn(everything, 4, seed=1), everything, LABELS)
    assert accuracy.selection.mean() == pytest.approx(1 / 3, abs=0.2)
    assert accuracy.interval("selection")[0] <= 1 / 3 + 0.1
    low, high = accuracy.interval("blind_gain")
    assert low <= accuracy.blind_gain <= high


def test_what_is_selected_tells_more_than_unsure_candidates():
    candidates = candidates_of_a_class(share=0.7)
    of_the_class = candidates_of_a_class()
    accuracy = decodability(drawn(of_the_class, 3), candidates, LABELS)
    assert accuracy.selection.mean() > accuracy.candidates.mean()
    assert accuracy.gain > 0.2
    assert accuracy.interval("gain")[0] > 0
    assert accuracy.blind_gain > 0.2


def test_maps_permuted_or_repeated_and_classes_renamed_change_nothing():
    candidates = candidates_of_a_class(share=0.4)
    selected = drawn(candidates, 2)
    one = decodability(selected, candidates, LABELS, draws=2)
    order = np.random.default_rng(3).permutation(18)
    other = decodability(selected[:, order], candidates[:, order], LABELS * 10 + 7, draws=2)
    for name in ("selection", "candidates", "both"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name))
    unused = np.zeros((60, 500), dtype=bool)  # more maps than images
    wide = decodability(
        np.hstack([selected, unused]), np.hstack([candidates, unused]), LABELS, draws=2
    )
    np.testing.assert_allclose(one.both, wide.both)


def test_more_maps_than_images_are_rotated_without_a_change():
    from sklearn.linear_model import LogisticRegression

    maps = np.random.default_rng(0).random((60, 200)) < 0.2
    few = _rotated(maps)
    assert few.shape == (60, 60)
    plain, rotated = (
        LogisticRegression(max_iter=1000, tol=1e-8).fit(x[::2], LABELS[::2]).predict_proba(x[1::2])
        for x in (maps.astype(float), few)
    )
    np.testing.assert_allclose(plain, rotated, atol=1e-4)


def test_equal_seeds_give_equal_bits():
    candidates = candidates_of_a_class(share=0.4)
    one, two = (decodability(drawn(candidates, 2), candidates, LABELS, draws=3) for _ in range(2))
    np.testing.assert_array_equal(one.blind, two.blind)
    assert one.interval() == two.interval()


def test_empty_selections_are_read_as_the_most_frequent_class():
    candidates = np.ones((60, 4), dtype=bool)
    labels = np.repeat([0, 1], [40, 20])
    accuracy = decodability(np.zeros((60, 4), dtype=bool), candidates, labels)
    assert accuracy.selection.mean() == pytest.approx(accuracy.chance) == pytest.approx(2 / 3)


def test_predictions_are_those_of_a_plain_logistic_regression():
    """Without ties an image counts as 0 or 1; regularisation with C = 1, not with another C."""
    rng = np.random.default_rng(4)
    labels = np.arange(90) % 3
    selected = rng.random((90, 8)) < 0.25 + 0.3 * rng.random((3, 8))[labels]
    fold_of = _folds(labels, 5, 0)
    expected = {C: np.zeros(90) for C in (0.5, 1.0, 2.0)}
    for C, correct in expected.items():
        for fold in range(5):
            held_out = fold_of == fold
            model = LogisticRegression(C=C, max_iter=1000, tol=1e-8)
            model.fit(selected[~held_out], labels[~held_out])
            correct[held_out] = model.predict(selected[held_out]) == labels[held_out]
    accuracy = decodability(selected, np.ones_like(selected), labels, draws=1)
    np.testing.assert_array_equal(accuracy.selection, expected[1.0])
    assert not np.array_equal(expected[1.0], expected[0.5])
    assert not np.array_equal(expected[1.0], expected[2.0])


@pytest.mark.parametrize(
    ("match", "options"),
    [
        ("1 class", {"labels": np.zeros(60, dtype=int)}),
        ("folds=5: class 1 has 1 images", {"labels": (np.arange(60) == 3).astype(int)}),
        ("Image 2 selects", {"candidates": np.arange(60)[:, None] + np.zeros((60, 18)) != 2}),
        ("folds=1", {"folds": 1}),
        ("draws=0", {"draws": 0}),
    ],
)
def test_bad_input(match, options):
    candidates = candidates_of_a_class()
    arguments = {"selected": drawn(candidates, 2), "candidates": candidates, "labels": LABELS}
    with pytest.raises(ArgumentError, match=match):
        decodability(**arguments | options)


def test_shapes_that_do_not_fit():
    maps = np.ones((60, 3), dtype=bool)
    for candidates, labels in ((maps, LABELS[:-1]), (maps[:, :2], LABELS)):
        with pytest.raises(ArgumentError, match="a label for each image"):
            _check(maps, candidates, labels, 5)


def test_classes_that_are_equally_likely_share_the_credit():
    accuracy = decodability(np.zeros((60, 4), bool), np.ones((60, 4), bool), LABELS, draws=1)
    np.testing.assert_allclose(accuracy.candidates, 1 / 3)
    np.testing.assert_allclose(accuracy.selection, 1 / 3)


def test_figures_that_are_not_known_and_wild_confidence():
    accuracy = decodability(np.eye(3, dtype=bool)[LABELS], np.ones((60, 3), bool), LABELS, draws=1)
    with pytest.raises(ArgumentError, match="of='gains'"):
        accuracy.interval("gains")
    with pytest.raises(ArgumentError, match="confidence=95"):
        accuracy.interval(confidence=95)
