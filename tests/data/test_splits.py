"""Parts: disjoint, whole, stratified, and decided by the seed and the names alone."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, strategies as st

from annealcam.data.labelled import set_of_pixels
from annealcam.data.sets import load_set
from annealcam.data.splits import DIVIDED, HELD_OUT, divide, draw_per_class
from annealcam.errors import ArgumentError

PARTS = ("train", "validation", "test")


def of_counts(counts):
    """A set of one-pixel photos, so many of each class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    classes, names = (
        [f"class-{i}" for i in range(len(counts))],
        [f"{i:03d}" for i in range(len(labels))],
    )
    return set_of_pixels(
        "s", "all", classes, names, labels, np.zeros((len(labels), 1, 1), np.uint8)
    )


@given(st.lists(st.integers(3, 60), min_size=1, max_size=4), st.integers(0, 2**40))
def test_every_photo_is_in_one_part_and_every_class_in_each(counts, seed):
    whole = of_counts(counts)
    parts = {part: divide(whole, part, seed=seed) for part in PARTS}
    assert sorted(name for part in parts.values() for name in part.images) == list(whole.images)
    for label, n in enumerate(counts):
        held = max(1, round(n / 5))
        expected = [n - 2 * held, held, held]
        assert [len(parts[part].of_class(label)) for part in PARTS] == expected
    for part in parts.values():
        assert list(part.images) == sorted(part.images)
        assert part.classes == whole.classes


def test_a_part_depends_on_the_seed_and_the_names_alone():
    whole = load_set("digits", part="all")
    backwards = whole.subset(np.arange(len(whole))[::-1])
    for part in PARTS:
        here = load_set("digits", part=part, seed=3)
        assert set(divide(backwards, part, seed=3).images) == set(here.images)
        assert load_set("digits", part=part, seed=4).images != here.images


def test_a_class_more_moves_no_photo():
    fewer, more = of_counts([20, 20]), of_counts([20, 20, 20])
    same = [name for name in divide(more, "test").images if name in fewer.images]
    assert tuple(same) == divide(fewer, "test").images


def test_a_photo_less_moves_few():
    whole = of_counts([100])
    before = set(divide(whole, "test").images)
    after = set(divide(whole.subset(np.arange(1, 100)), "test").images)
    assert len(before ^ after) <= 2


def test_lots_are_even():
    """Over many seeds a photo is in `test` a fifth of the time."""
    whole = of_counts([10])
    drawn = [divide(whole, "test", seed=seed).images for seed in range(1000)]
    times = np.unique(np.concatenate(drawn), return_counts=True)[1]
    assert len(times) == 10
    assert (abs(times - 200) < 5 * np.sqrt(1000 * 0.2 * 0.8)).all()


def test_a_tenth_of_train_is_held_out_where_the_set_has_a_test_part():
    divided = {part: divide(of_counts([50, 2]), part, held=HELD_OUT) for part in PARTS[:2]}
    assert [np.bincount(d.labels).tolist() for d in divided.values()] == [[45, 1], [5, 1]]


@pytest.mark.parametrize(("held", "enough"), [(DIVIDED, 3), (HELD_OUT, 2)])
def test_too_few_photos_to_divide_are_refused(held, enough):
    divided = partial(divide, part="train", held=held)
    assert len(divided(of_counts([5, enough]))) > 0
    with pytest.raises(
        ArgumentError, match=f"class 'class-1' has {enough - 1} photos, .* {enough}"
    ):
        divided(of_counts([5, enough - 1]))


def test_the_digits_parts_never_change():
    """Networks that were fitted on `train` must not meet its photos in `test` later."""
    first = {part: load_set("digits", part=part).images[:3] for part in PARTS}
    assert first == {
        "train": ("digit-0002", "digit-0003", "digit-0004"),
        "validation": ("digit-0001", "digit-0008", "digit-0009"),
        "test": ("digit-0000", "digit-0005", "digit-0006"),
    }


def test_few_photos_are_the_same_few():
    digits = load_set("digits")
    five, ten = draw_per_class(digits, 5), draw_per_class(digits, 10)
    assert set(five.images) < set(ten.images)
    assert (np.bincount(five.labels) == 5).all()
    assert draw_per_class(digits, None) is digits
