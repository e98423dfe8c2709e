"""The fewest rows, against all subsets."""

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from annealcam.sets.sorting import fewest_by_sorting
from tests.sets.linear import every_set, fewest_by_trial


@st.composite
def linear_heads(draw, values):
    d, classes = draw(st.integers(1, 10)), draw(st.integers(2, 5))
    effects = draw(arrays(np.float64, (d, classes), elements=values))
    return effects, draw(arrays(np.float64, classes, elements=values))


def gains_of(effects, none):
    """Return gains and margins of the predicted class over all others, and the competitors."""
    z = none + effects.sum(axis=0)
    c = int(z.argmax())
    others = np.delete(np.arange(len(z)), c)
    return effects[:, [c]] - effects[:, others], z[c] - z[others], c, others


def check(effects, none):
    gains, margins, c, others = gains_of(effects, none)
    found = fewest_by_sorting(gains, margins)
    least = fewest_by_trial(effects, none, c, others)
    assert found.proved
    if least is None:
        assert found.rows is None
        return
    assert len(found.rows) == least
    excess = gains[found.rows].sum(axis=0) - margins
    of_size = every_set(len(effects))[:, :, None] * gains
    of_size = of_size[every_set(len(effects)).sum(axis=1) == least].sum(axis=1)
    assert excess.max() > 0
    assert np.isclose(excess.max(), (of_size - margins).max())


@given(linear_heads(st.integers(-4, 4)))
def test_integer_effects_with_ties(head):
    check(*head)


@given(linear_heads(st.floats(-4, 4, width=16)))
def test_fractions(head):
    check(*head)


def test_fifteen_maps_and_all_competitors():
    rng = np.random.default_rng(0)
    sizes = []
    for _ in range(10):
        effects = rng.normal(0.1, 1.0, (15, 6))
        effects[:, 0] += 0.6
        check(effects, rng.normal(size=6))
        gains, margins, *_ = gains_of(effects, np.zeros(6))
        sizes.append(len(fewest_by_sorting(gains, margins).rows))
    assert 1 < np.mean(sizes) < 15


def test_the_nearest_competitor_need_not_be_the_one_that_takes_over():
    gains = np.array([[0.1, 3.0], [0.1, 0.0], [0.1, 0.0]])
    assert fewest_by_sorting(gains, np.array([0.25, 2.0])).rows.tolist() == [0]
    assert fewest_by_sorting(gains[:, :1], np.array([0.25])).rows.tolist() == [0, 1, 2]


def test_a_tie_is_no_flip():
    gains, margins = np.array([[2.0], [1.0]]), np.array([2.0])
    assert fewest_by_sorting(gains, margins).rows.tolist() == [0, 1]
    assert fewest_by_sorting(gains, np.array([3.0])) == (None, True)
    assert fewest_by_sorting(gains, np.array([0.0])).rows.tolist() == [0]
    assert fewest_by_sorting(gains, np.array([-0.5])).rows.tolist() == []


def test_within_the_error_of_an_excess_nothing_is_proved():
    gains = np.array([[2.0], [1.0]])
    assert fewest_by_sorting(gains, np.array([1.999]), slack=0.01).rows.tolist() == [0, 1]
    assert not fewest_by_sorting(gains, np.array([1.999]), slack=0.01).proved
    assert not fewest_by_sorting(gains, np.array([2.001]), slack=0.01).proved
    assert fewest_by_sorting(gains, np.array([2.02]), slack=0.01).proved
    assert fewest_by_sorting(gains, np.array([2.995]), slack=0.01) == (None, False)
    assert fewest_by_sorting(gains, np.array([3.02]), slack=0.01) == (None, True)
