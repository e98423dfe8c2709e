"""Scores and rankings: planted regularities rank first, and intervals equal a closed form."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from annealcam.audit.observations import METHODS, concatenate
from annealcam.audit.scores import class_dictionary, class_profiles, rank_classes, score_photos
from benchmarks.planted.patch import planted
from benchmarks.planted.revealed import place_of
from tests.audit.networks import greys, reader
from tests.audit.observed import PATCH, grey_observations, observed


@pytest.fixture(scope="module")
def clean_and_patched():
    return grey_observations()


@pytest.mark.parametrize("method", METHODS)
def test_with_masks_the_class_with_the_patch_ranks_first(clean_and_patched, method):
    clean, patched = clean_and_patched
    marked = planted(greys(), 0, PATCH, share=1.0, elsewhere=0.0).stamped
    observations = concatenate([clean, patched]).subset(np.arange(len(clean)) + len(clean) * marked)
    observations = replace(
        observations, coverage=1 - observations.coverage
    )  # the object: all but the patch
    values = score_photos(observations, "outside", classes=3, method=method)
    assert place_of(rank_classes(values, observations.labels, 3), 0) == 1
    np.testing.assert_allclose(values[observations.labels == 0], 1.0)


@pytest.mark.parametrize("method", METHODS)
def test_a_class_whose_regions_have_one_colour_ranks_first(clean_and_patched, method):
    patched = clean_and_patched[1]
    maps, views = {method: patched.maps[method].copy()}, patched.views.copy()
    rng = np.random.default_rng(0)
    for i in range(len(patched)):
        y, x = rng.integers(0, 32, 2)
        maps[method][i] = 0.0
        maps[method][i, y, x] = 1.0
        views[i] = rng.integers(0, 255, 3)
        if patched.labels[i] == 1:
            views[i, max(0, 2 * y - 20) : 2 * y + 22, max(0, 2 * x - 20) : 2 * x + 22] = 200
    observations = replace(patched, maps=maps, views=views)
    values = score_photos(observations, "sameness", classes=3, method=method)
    assert place_of(rank_classes(values, observations.labels, 3), 1) == 1
    assert (values[observations.labels == 1] == 1.0).all()
    assert (values[observations.labels != 1] < 1.0).all()


def test_sameness_by_hand(clean_and_patched):
    """Median distances of colours in units of the diagonal of the colour cube."""
    four = clean_and_patched[1].subset(np.arange(4))
    greys_of_four = np.array([0, 51, 102, 255], dtype=np.uint8)
    views = np.broadcast_to(greys_of_four[:, None, None, None], four.views.shape).copy()
    four = replace(four, labels=np.zeros(4, dtype=four.labels.dtype), views=views)
    values = score_photos(four, "sameness", classes=1)
    np.testing.assert_allclose(values, [0.6, 0.8, 0.6, 0.2], atol=1e-6)


def test_sameness_compares_a_square_of_three_fourteenths_around_the_peak(clean_and_patched):
    two = clean_and_patched[1].subset(np.arange(2))
    maps = np.zeros_like(two.maps["annealcam"])
    maps[:, 16, 16] = 1.0
    side = two.views.shape[1]
    peak = round(16.5 / maps.shape[1] * side)
    views = np.zeros_like(two.views)
    views[0, peak - 4 : peak + 4, peak - 4 : peak + 4] = 255  # the other one is black
    labels = np.zeros(2, dtype=two.labels.dtype)
    two = replace(two, labels=labels, views=views, maps={**two.maps, "annealcam": maps})
    white = (8 / (3 / 14 * side)) ** 2
    values = score_photos(two, "sameness", classes=1)
    np.testing.assert_allclose(values, 1 - white, atol=0.02)  # pixels and 255 steps


def test_foreign_counts_maps_that_respond_more_to_others(clean_and_patched):
    clean, _ = clean_and_patched
    network = reader(reads=False)  # its class `patched` rests on brightness, another class's map
    observations = observed(greys(), network)
    values = score_photos(observations, "foreign", classes=3)
    assert class_profiles(observations, 3).argmax(axis=1)[2] == 2
    assert (
        np.isnan(values[observations.labels == 0]).all()
        or (values[observations.labels == 0] == 1).all()
    )
    assert (values[observations.labels == 2] == 0).all()
    assert (score_photos(clean, "foreign", classes=3)[clean.labels == 2] == 0).all()


def test_nothing_depends_on_the_order_of_photos(clean_and_patched):
    _, patched = clean_and_patched
    mixed = patched.subset(np.random.default_rng(2).permutation(len(patched)))
    assert (class_dictionary(mixed, 3) == class_dictionary(patched, 3)).all()
    assert (class_profiles(mixed, 3) == class_profiles(patched, 3)).all()
    for score in ("outside", "sameness", "focus", "foreign"):
        one, other = (
            rank_classes(score_photos(each, score, classes=3), each.labels, 3)
            for each in (patched, mixed)
        )
        np.testing.assert_array_equal(
            [list(vars(s).values()) for s in one], [list(vars(s).values()) for s in other]
        )


@pytest.mark.parametrize(("photos", "positive"), [(30, 4), (30, 26), (40, 2), (40, 38)])
def test_the_interval_of_a_share_is_that_of_the_binomial_distribution(photos, positive):
    """Resampled means of zeros and ones are binomial: their 2.5 and 97.5 % quantiles are known."""
    values = (np.arange(photos) < positive).astype(float)
    low, high = binom.ppf([0.025, 0.975], photos, positive / photos) / photos
    for seed in range(3):
        (ranked,) = rank_classes(values, np.zeros(photos, dtype=int), 1, seed=seed)
        assert (ranked.photos, ranked.score) == (photos, positive / photos)
        assert (ranked.low, ranked.high) == (pytest.approx(low), pytest.approx(high))


def test_photos_and_classes_without_a_value_are_left_out():
    values, labels = np.array([np.nan, 2.0, np.nan, 1.0]), np.array([0, 1, 2, 1])
    first, *others = rank_classes(values, labels, 4)
    assert (first.label, first.photos, first.score) == (1, 2, 1.5)
    assert [ranked.label for ranked in others] == [0, 2, 3]
    assert all(np.isnan([r.score, r.low, r.high]).all() and r.photos == 0 for r in others)


def with_views(observations, views, peaks):
    """Return observations of one class, with these views and maps of 14 x 14 with these peaks."""
    maps = np.zeros((len(views), 14, 14))
    for raw, (row, column) in zip(maps, peaks, strict=True):
        raw[row, column] = 1.0
    few = observations.subset(np.arange(len(views)))
    return replace(
        few, views=views, maps={"annealcam": maps}, coverage=maps,
        labels=np.zeros(len(views), dtype=int),
    )  # fmt: skip


def test_sameness_is_the_median_distance_of_colours(clean_and_patched):
    levels = np.array([0, 51, 102, 255])
    views = np.broadcast_to(levels[:, None, None, None], (4, 64, 64, 3)).astype(np.uint8)
    observations = with_views(clean_and_patched[0], views, [(5, 5)] * 4)
    distances = np.abs(levels[:, None] - levels) / 255  # |(v, v, v)| = sqrt(3) v
    expected = [1 - np.median(np.delete(row, i)) for i, row in enumerate(distances)]
    values = score_photos(observations, "sameness", classes=1)
    np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_sameness_compares_squares_of_three_cells_of_fourteen(clean_and_patched):
    views = np.zeros((2, 64, 64, 3), dtype=np.uint8)
    views[0, :, 32:] = 255  # 7 cells of 14: a third of the square of 3 cells around 6.5
    observations = with_views(clean_and_patched[0], views, [(6, 6), (6, 6)])
    values = score_photos(observations, "sameness", classes=1)
    np.testing.assert_allclose(values, 1 - 1 / 3, atol=0.03)  # half a pixel at the edge


def test_foreign_is_a_share_of_positive_selected_contributions(clean_and_patched):
    few = clean_and_patched[0].subset(np.arange(2))
    observations = replace(
        few,
        labels=np.array([0, 1]),
        means=np.array([[2.0, 0.0, 1.0], [0.0, 2.0, 3.0]]),  # most for the classes 0, 1, 1
        selected=np.array([[True, True, True], [True, False, True]]),
        contributions=np.array([[3.0, 1.0, -5.0], [2.0, 7.0, 2.0]]),
    )
    values = score_photos(observations, "foreign", classes=2)
    np.testing.assert_allclose(values, [1 / 4, 2 / 4])
