"""The convex relaxation against scipy's solution of it, enumeration, and its symmetries."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.optimize import minimize

import annealcam as ac
from annealcam.errors import ArgumentError
from annealcam.qubo.evidence import EvidenceProblem
from annealcam.samplers.relaxation import relax


def problem(seed, d=9, k=3, positions=5):
    rng = np.random.default_rng(seed)
    g = rng.normal(size=(d, positions)) + 0.3
    return EvidenceProblem.from_maps(g, np.maximum(g.sum(axis=0), 0) + 1e-3, cardinality=k).problem


def convex_energy(p, x):
    matrix = p.quadratic + np.diag(p.diagonal)
    return 0.5 * x @ matrix @ x + (p.linear - 0.5 * p.diagonal) @ x


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_the_bound_is_below_every_selection_and_above_none_by_much(seed, k):
    p = problem(seed, k=k)
    found = relax(p)
    energies = [
        p.energy(np.isin(np.arange(p.d), s).astype(int)) for s in combinations(range(p.d), k)
    ]
    tolerance = 1e-6 * np.abs(p.linear).max()
    assert found.lower_bound <= min(energies) + tolerance
    assert (found.x >= 0).all()
    assert (found.x <= 1).all()
    assert found.x.sum() == pytest.approx(k)
    assert convex_energy(p, found.x) - found.lower_bound <= 1e-3 * np.abs(p.linear).max()


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_is_the_minimum_that_scipy_finds(seed):
    p = problem(seed, d=7, k=3)
    expected = minimize(
        lambda x: convex_energy(p, x), np.full(7, 3 / 7), bounds=[(0, 1)] * 7, method="SLSQP",
        constraints={"type": "eq", "fun": lambda x: x.sum() - 3}, options={"ftol": 1e-14},
    ).fun  # fmt: skip
    assert relax(p).lower_bound == pytest.approx(expected, rel=1e-4)


def test_a_permutation_of_the_maps_permutes_the_relaxation():
    p = problem(3)
    order = np.random.default_rng(0).permutation(p.d)
    other = ac.SelectionProblem(
        p.h[order], p.J[np.ix_(order, order)], beta=p.beta, cardinality=3,
        diagonal=p.diagonal[order],
    )  # fmt: skip
    a, b = relax(p), relax(other)
    assert a.lower_bound == pytest.approx(b.lower_bound, rel=1e-4)
    assert sorted(order[b.most_promising(4)]) == a.most_promising(4).tolist()


def test_without_couplings_the_best_maps_are_the_most_promising():
    h = np.array([0.1, 1.0, 0.5, 0.9])
    p = ac.SelectionProblem(h, np.zeros((4, 4)), beta=0.5, cardinality=2, diagonal=np.zeros(4))
    found = relax(p)
    assert found.most_promising(3).tolist() == [1, 2, 3]
    assert found.lower_bound == pytest.approx(-0.95)


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (ac.SelectionProblem([1.0, 0.5], np.zeros((2, 2))), "has no cardinality"),
        (ac.SelectionProblem([1.0, 0.5], [[0, -9.0], [-9.0, 0]], cardinality=1), "has no diago"),
    ],
)
def test_problems_without_a_relaxation_are_refused(p, text):
    with pytest.raises(ArgumentError, match=text):
        relax(p)
