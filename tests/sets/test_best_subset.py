"""The best k rows: bound, optimum and proof, against all subsets."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax

from annealcam.sets.best_subset import best_subset, relax
from annealcam.sets.kernels.subsets import visit
from tests.sets.linear import best_by_trial, every_set


@st.composite
def heads(draw):
    d, classes = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    elements = st.floats(-6, 6, width=16) if draw(st.booleans()) else st.integers(-3, 3)
    effects = draw(arrays(np.float64, (d, classes), elements=elements))
    none = draw(arrays(np.float64, classes, elements=elements))
    return effects, none, draw(st.integers(0, classes - 1)), draw(st.integers(1, d))


@given(heads())
def test_the_optimum_is_found_and_proved(head):
    effects, none, target, k = head
    best, optimum = best_subset(*head), best_by_trial(*head)
    logits = none + effects[best.rows].sum(axis=0)
    assert len(set(best.rows.tolist())) == k
    assert best.log_probability == pytest.approx(log_softmax(logits)[target], abs=1e-9)
    assert best.proved
    assert best.log_probability == pytest.approx(optimum, abs=1e-9)
    assert best.bound >= optimum


@given(heads())
def test_the_bound_holds_without_a_proof(head):
    best, optimum = best_subset(*head, work=0), best_by_trial(*head)
    assert best.log_probability <= optimum + 1e-9
    assert best.bound >= optimum - 1e-12


@given(heads(), st.integers(1, 4))
def test_every_tangent_lies_above_all_sets_of_its_size(head, steps):
    effects, none, target, k = head
    relative, start = effects - effects[:, [target]], none - none[target]
    tangent = relax(relative, start, np.arange(k), steps=steps)
    sets = every_set(len(effects))
    sets = sets[sets.sum(axis=1) == k]
    values = log_softmax(none + sets @ effects, axis=1)[:, target]
    assert (values <= tangent.base + sets @ tangent.gradient + 1e-9).all()
    assert values.max() <= tangent.bound + 1e-12
    assert tangent.n.sum() == pytest.approx(k)
    assert ((tangent.n >= 0) & (tangent.n <= 1)).all()


def test_a_bound_strictly_between_the_optimum_and_certainty():
    rng = np.random.default_rng(3)
    gaps = []
    for _ in range(20):
        effects = rng.normal(size=(14, 4))
        effects[:, 0] += 0.2
        best = best_subset(effects, np.zeros(4), 0, 4)
        assert best.log_probability == pytest.approx(best_by_trial(effects, np.zeros(4), 0, 4))
        gaps.append(best.bound - best.log_probability)
        assert best.bound < 0
    assert 1e-4 < np.max(gaps) < 0.2


def test_hundreds_of_maps_are_proved():
    rng = np.random.default_rng(1)
    effects = rng.exponential(size=(300, 1)) * rng.normal(0.0, 0.3, (300, 100))
    best = best_subset(effects, np.zeros(100), 7, 5)
    assert best.proved
    assert 0 <= best.bound - best.log_probability < 0.1


def test_the_tree_alone_finds_the_optimum_from_the_worst_start():
    """With a useless tangent it visits every set."""
    rng = np.random.default_rng(5)
    effects = rng.normal(size=(11, 3))
    effects -= effects[:, [1]]
    members = np.arange(4)
    best, done = visit(effects, np.zeros(3), np.zeros(12), 0.0, members, -np.inf, 0.0, 10**6)
    assert done
    assert best == pytest.approx(best_by_trial(effects, np.zeros(3), 1, 4))
    assert log_softmax(effects[members].sum(axis=0))[1] == pytest.approx(best)
    _, done = visit(effects, np.zeros(3), np.zeros(12), 0.0, members, -np.inf, 0.0, 100)
    assert not done


def test_logits_that_are_far_apart():
    effects = np.array([[0.0, 900.0, -900.0], [0.0, -900.0, 900.0], [0.0, 1.0, 2.0]])
    best = best_subset(effects, np.array([0.0, -900.0, 900.0]), 0, 2)
    assert best.log_probability == best_by_trial(effects, np.array([0.0, -900.0, 900.0]), 0, 2)
    assert best.proved
