"""Bootstrap and permutation null: scipy, brute force over all labellings, and coverage."""

import itertools

import numpy as np
import pytest
from scipy import stats

from annealcam.errors import ArgumentError
from annealcam.metrics import resampling
from annealcam.metrics.overlap import class_histograms, off_diagonal_mean, overlap_matrix
from annealcam.metrics.resampling import (
    bootstrap_overlap,
    centred_interval,
    labelled_means,
    p_value,
    permutation_null,
)


def mean_overlap(votes, labels, classes=3):
    return off_diagonal_mean(overlap_matrix(class_histograms(votes, labels, classes)))


def selections(rng, sizes, maps=8, k=3):
    """Images that select k maps, each class with maps that it prefers."""
    votes = np.zeros((sum(sizes), maps))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    liking = rng.normal(size=(len(sizes), maps))
    score = liking[labels] + rng.normal(size=votes.shape)
    np.put_along_axis(votes, np.argsort(-score, axis=1)[:, :k], 1.0, axis=1)
    return votes, labels


def test_the_bootstrap_is_that_of_scipy():
    votes, labels = selections(np.random.default_rng(1), [5, 7, 4])
    samples = [np.flatnonzero(labels == c) for c in range(3)]

    def statistic(*drawn):
        return mean_overlap(votes[np.concatenate(drawn)], np.repeat([0, 1, 2], [5, 7, 4]))

    theirs = stats.bootstrap(
        samples, statistic, n_resamples=400, method="percentile", vectorized=False,
        random_state=np.random.default_rng(3),
    )  # fmt: skip
    ours = bootstrap_overlap(votes, labels, 3, resamples=400, seed=3)
    np.testing.assert_allclose(ours, theirs.bootstrap_distribution, rtol=1e-12)
    np.testing.assert_allclose(np.quantile(ours, [0.025, 0.975]), theirs.confidence_interval)


def test_resamples_may_be_cut_into_parts(monkeypatch):
    votes, labels = selections(np.random.default_rng(2), [5, 7, 4])
    whole = bootstrap_overlap(votes, labels, 3, resamples=50)
    null = permutation_null(votes, labels, 3, permutations=50)
    monkeypatch.setattr(resampling, "_NUMBERS_AT_ONCE", 500)
    np.testing.assert_array_equal(bootstrap_overlap(votes, labels, 3, resamples=50), whole)
    np.testing.assert_array_equal(permutation_null(votes, labels, 3, permutations=50), null)


def test_disjoint_and_identical_classes_have_no_spread():
    apart, same = np.eye(3)[[0, 0, 1, 1, 2, 2]], np.tile([1.0, 1.0, 0.0], (6, 1))
    labels = np.repeat([0, 1, 2], 2)
    assert (bootstrap_overlap(apart, labels, 3, resamples=20) == 0.0).all()
    np.testing.assert_allclose(bootstrap_overlap(same, labels, 3, resamples=20), 1.0, rtol=1e-15)


def test_resamples_without_two_voting_classes_are_unknown():
    votes, labels = np.array([[1.0], [0.0], [1.0]]), np.array([0, 0, 1])
    drawn = np.random.default_rng(0).integers(0, 2, (200, 2))
    silent = (drawn == 1).all(axis=1)
    means = bootstrap_overlap(votes, labels, 2, resamples=200)
    np.testing.assert_array_equal(np.isnan(means), silent)
    assert np.isnan(bootstrap_overlap(votes, labels * 0, 1, resamples=3)).all()
    assert np.isnan(centred_interval(0.5, np.full(3, np.nan))).all()


def test_the_null_is_that_of_all_labellings():
    votes, labels = selections(np.random.default_rng(4), [2, 2, 2], maps=4, k=2)
    every = np.array(list(itertools.permutations(labels)))
    exact = [mean_overlap(votes, labelling) for labelling in every]
    np.testing.assert_allclose(labelled_means(votes, every, 3), exact, rtol=1e-12)

    null = permutation_null(votes, labels, 3, permutations=20_000)
    values, shares = np.unique(np.round(exact, 9), return_counts=True)
    overlaps, counts = np.unique(np.round(null, 9), return_counts=True)
    np.testing.assert_allclose(overlaps, values)
    np.testing.assert_allclose(counts / 20_000, shares / len(exact), atol=0.015)


def test_images_without_votes_keep_out_of_the_null():
    votes, labels = selections(np.random.default_rng(5), [3, 3, 3])
    more, padded = np.vstack([votes, np.zeros((4, 8))]), np.append(labels, [0, 0, 0, 0])
    np.testing.assert_array_equal(
        permutation_null(more, padded, 3, permutations=30),
        permutation_null(votes, labels, 3, permutations=30),
    )


def test_p_values_are_uniform_where_labels_mean_nothing():
    labels, p = np.repeat([0, 1, 2], 4), []
    for seed in range(400):
        votes = np.random.default_rng(seed).exponential(size=(12, 6))
        null = permutation_null(votes, labels, 3, permutations=99, seed=seed + 1)
        p.append(p_value(mean_overlap(votes, labels), null))
    spread = np.array(p) - np.random.default_rng(0).uniform(0, 0.01, 400)  # between the hundredths
    assert stats.kstest(spread, "uniform").pvalue > 0.05
    assert np.mean(np.array(p) <= 0.05) < 0.08


def test_p_values_count_equals_and_the_estimate_itself():
    assert p_value(0.3, np.array([0.1, 0.3, 0.5, np.nan])) == 3 / 4
    assert p_value(0.0, np.full(99, 0.5)) == 0.01


def test_centred_interval_is_the_percentile_interval_less_the_bias():
    resampled = np.random.default_rng(0).normal(0.4, 0.05, 5000)
    low, high = np.quantile(resampled, [0.05, 0.95])
    shifted = np.array([low, high]) - resampled.mean() + 0.6
    np.testing.assert_allclose(centred_interval(0.6, resampled, 0.9), shifted)
    assert centred_interval(0.2, np.full(9, 0.1)) == pytest.approx((0.2, 0.2))
    with pytest.raises(ArgumentError, match="confidence=95"):
        centred_interval(0.6, resampled, 95)


def test_centred_interval_holds_the_expected_overlap_where_the_percentile_interval_does_not():
    """The reason for it: few images of each class, as in the paper's study, or fewer."""
    sizes, runs, liking = [5] * 6, 150, np.random.default_rng(9).normal(size=(6, 16))
    estimates, intervals, plain = [], [], []
    for seed in range(runs):
        rng = np.random.default_rng([8, seed])
        labels = np.repeat(np.arange(6), sizes)
        score = liking[labels] + rng.normal(size=(30, 16))
        votes = np.zeros((30, 16))
        np.put_along_axis(votes, np.argsort(-score, axis=1)[:, :4], 1.0, axis=1)
        estimates.append(mean_overlap(votes, labels, 6))
        resampled = bootstrap_overlap(votes, labels, 6, resamples=300, seed=seed)
        intervals.append(centred_interval(estimates[-1], resampled))
        plain.append(np.quantile(resampled, [0.025, 0.975]))
    expected = np.mean(estimates)

    def held(bounds, value):
        low, high = np.transpose(bounds)
        return np.mean((low <= value) & (value <= high))

    assert held(intervals, expected) > 0.8
    assert held(plain, expected) < 0.6
    assert held(plain, np.array(estimates)) < 0.9  # often it does not even hold its own estimate
    assert held(intervals, np.array(estimates)) == 1.0


@pytest.mark.parametrize(
    ("measure", "option"), [(bootstrap_overlap, "resamples"), (permutation_null, "permutations")]
)
def test_numbers_of_resamples_are_checked(measure, option):
    with pytest.raises(ArgumentError, match=f"{option}=0: must be 1 or more"):
        measure(np.eye(2), np.array([0, 1]), 2, **{option: 0})
