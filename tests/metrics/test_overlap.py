"""Overlap of classes: closed forms, brute force, and what must not matter."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from annealcam.errors import ArgumentError
from annealcam.metrics.overlap import (
    bhattacharyya,
    class_histograms,
    off_diagonal_mean,
    overlap_matrix,
    split_half_overlap,
    zero_share,
)

MAPS = 5


@st.composite
def ballots(draw, classes=3):
    """Votes of images of up to three classes: sets of maps or weights, empty ones among them."""
    n = draw(st.integers(classes, 10))
    number = st.sampled_from([0.0, 0.0, 1.0, 0.25, 3.0])
    votes = draw(arrays(np.float64, (n, MAPS), elements=number))
    labels = draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    return votes, labels


def matrix_of(votes, labels, classes=3):
    return overlap_matrix(class_histograms(votes, labels, classes))


def by_the_formula(votes, labels, classes=3):
    """The mean over pairs of classes, by loops over images and maps."""
    histograms = []
    for c in range(classes):
        sums = [sum(v[a] for v in votes[labels == c]) for a in range(MAPS)]
        if sum(sums) > 0:
            histograms.append([s / sum(sums) for s in sums])
    pairs = list(itertools.permutations(histograms, 2))
    if not pairs:
        return math.nan
    return sum(sum(math.sqrt(x * y) for x, y in zip(p, q, strict=True)) for p, q in pairs) / len(
        pairs
    )


def test_identical_classes_overlap_by_1_and_disjoint_ones_by_0():
    one = np.array([[1, 1, 0, 0], [1, 0, 0, 0]])
    same = matrix_of(np.vstack([one, one]), np.array([0, 0, 1, 1]), 2)
    apart = matrix_of(np.vstack([one, one[:, ::-1]]), np.array([0, 0, 1, 1]), 2)
    np.testing.assert_allclose(same, np.ones((2, 2)), rtol=1e-15)
    np.testing.assert_array_equal(apart, np.eye(2))
    assert off_diagonal_mean(same) == pytest.approx(1.0, abs=1e-15)
    assert (off_diagonal_mean(apart), zero_share(apart)) == (0.0, 1.0)


@given(st.floats(0, 1), st.floats(0, 1))
def test_bernoulli_distributions_have_their_closed_form(p, q):
    expected = math.sqrt(p * q) + math.sqrt((1 - p) * (1 - q))
    assert bhattacharyya([p, 1 - p], [q, 1 - q]) == pytest.approx(expected, rel=1e-14)


def test_overlap_is_1_minus_the_squared_hellinger_distance_of_scipy():
    p = np.random.default_rng(0).dirichlet(np.full(16, 0.3), size=6)
    hellinger_squared = cdist(np.sqrt(p), np.sqrt(p), "sqeuclidean") / 2
    np.testing.assert_allclose(overlap_matrix(p), 1 - hellinger_squared, atol=1e-14)


@given(ballots())
def test_the_mean_is_that_of_the_loops(ballot):
    expected = by_the_formula(*ballot)
    assert off_diagonal_mean(matrix_of(*ballot)) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(ballots(), st.permutations(range(3)))
def test_names_of_classes_do_not_matter(ballot, order):
    votes, labels = ballot
    order = np.array(order)
    renamed = matrix_of(votes, order[labels])
    np.testing.assert_allclose(renamed[np.ix_(order, order)], matrix_of(votes, labels), atol=1e-14)


@given(ballots(), st.permutations(range(MAPS)))
def test_order_of_maps_does_not_matter(ballot, order):
    votes, labels = ballot
    np.testing.assert_allclose(
        matrix_of(votes[:, order], labels), matrix_of(votes, labels), atol=1e-14
    )


@given(ballots(), st.integers(2, 4))
def test_images_that_come_several_times_change_nothing(ballot, times):
    votes, labels = ballot
    again = matrix_of(np.tile(votes, (times, 1)), np.tile(labels, times))
    np.testing.assert_allclose(again, matrix_of(votes, labels), atol=1e-14)


@given(ballots())
def test_images_without_votes_count_as_nothing(ballot):
    votes, labels = ballot
    more = np.vstack([votes, np.zeros((3, MAPS))])
    padded = np.append(labels, [0, 1, 2])
    np.testing.assert_array_equal(matrix_of(more, padded), matrix_of(votes, labels))
    np.testing.assert_array_equal(
        split_half_overlap(more, padded, 3), split_half_overlap(votes, labels, 3)
    )


def test_a_class_without_votes_is_left_out():
    votes, labels = np.array([[1, 0], [1, 1], [0, 0]]), np.array([0, 1, 2])
    assert off_diagonal_mean(matrix_of(votes, labels)) == pytest.approx(math.sqrt(0.5))
    one = matrix_of(votes[:1], labels[:1])
    assert math.isnan(off_diagonal_mean(one))
    assert math.isnan(zero_share(one, 0.1))


def test_zero_pairs_are_those_below_the_threshold():
    matrix = np.array([[1.0, 0.0, 0.004], [0.0, 1.0, 0.005], [0.004, 0.005, 1.0]])
    assert zero_share(matrix) == pytest.approx(1 / 3)
    assert zero_share(matrix, 0.005) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("a", "b"), [(2, 2), (1, 3), (4, 4)])
def test_halves_of_two_kinds_of_images_have_their_closed_form(a, b):
    """a images vote for one map and b for another: a half of them is hypergeometric."""
    n = a + b
    size, expected = n // 2, 0.0
    for i in range(max(0, size - b), min(a, size) + 1):
        chance = math.comb(a, i) * math.comb(b, size - i) / math.comb(n, size)
        expected += chance * bhattacharyya(
            [i / size, 1 - i / size], [(a - i) / (n - size), 1 - (a - i) / (n - size)]
        )
    votes = np.eye(2)[[0] * a + [1] * b]
    [exact] = split_half_overlap(votes, np.zeros(n, int), 1)
    assert exact == pytest.approx(expected, abs=1e-14)
    if n == 8:  # 70 splits: random ones instead
        [sampled] = split_half_overlap(np.tile(votes, (2, 1)), np.zeros(16, int), 1, halves=4000)
        [other] = split_half_overlap(np.tile(votes, (2, 1)), np.zeros(16, int), 1, halves=20000)
        assert sampled == pytest.approx(other, abs=0.01)


def test_like_images_overlap_with_themselves_and_single_ones_say_nothing():
    votes, labels = np.eye(3)[[0, 0, 0, 1, 2]], np.array([0, 0, 0, 1, 1])
    np.testing.assert_allclose(split_half_overlap(votes, labels, 3), [1.0, 0.0, np.nan])
    np.testing.assert_array_equal(split_half_overlap(votes[:1], labels[:1], 1), [np.nan])


@pytest.mark.parametrize(
    ("votes", "labels", "message"),
    [
        (np.array([[-1.0, 2.0]]), np.array([0]), "votes must be finite and 0 or more"),
        (np.array([[np.nan, 2.0]]), np.array([0]), "votes must be finite"),
        (np.ones((2, 2)), np.array([0, 3]), "labels lie in 0 to 3: they must lie in 0 to 2"),
    ],
)
def test_votes_that_are_none(votes, labels, message):
    with pytest.raises(ArgumentError, match=message):
        class_histograms(votes, labels, 3)
