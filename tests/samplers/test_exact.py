"""The certified optimum against brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given

import annealcam as ac
from annealcam._internal import deadline
from annealcam.errors import ArgumentError
from annealcam.samplers.exact import enumeration as exact
from tests.problems import by_the_formula, problems, relu_problem


def brute_force(p):
    sizes = range(p.d + 1) if p.cardinality is None else [p.cardinality]
    chosen = [c for k in sizes for c in itertools.combinations(range(p.d), k)]
    return sorted(by_the_formula(p, np.isin(range(p.d), c)) for c in chosen)


@given(problems(cardinality=False))
def test_optimum_and_multiplicity(p):
    assert_is_optimum(p)


@given(problems(cardinality=True))
def test_optimum_of_a_cardinality(p):
    assert_is_optimum(p)


def assert_is_optimum(p):
    found, levels = ac.solve_exact(p), brute_force(p)
    assert found.energy == levels[0] == p.energy(found.n)
    assert found.multiplicity == levels.count(levels[0])
    assert found.proved
    assert found.lower_bound == found.energy
    if p.cardinality is not None:
        assert found.n.sum() == p.cardinality


@pytest.mark.parametrize("block", [0, 1, 3, 5])
@pytest.mark.parametrize("k", [None, 3])
def test_blocks_change_nothing(monkeypatch, block, k):
    p = relu_problem(9, cardinality=k)
    whole = ac.solve_exact(p)
    monkeypatch.setattr(exact, "_BLOCK", block)
    parts = ac.solve_exact(p)
    assert np.array_equal(whole.n, parts.n)
    assert parts.energy == pytest.approx(whole.energy, abs=1e-13)
    assert parts.multiplicity == whole.multiplicity


def test_every_tie_is_counted_across_blocks(monkeypatch):
    monkeypatch.setattr(exact, "_BLOCK", 2)
    p = ac.SelectionProblem(np.zeros(6), np.zeros((6, 6)))
    assert ac.solve_exact(p).multiplicity == 64
    twins = ac.SelectionProblem(np.ones(6), np.ones((6, 6)) - np.eye(6), beta=0.5)
    found = ac.solve_exact(twins)  # one map costs -1/2, two cost -1 + 1/2: both are optimal
    assert (found.energy, found.multiplicity) == (-0.5, 6 + 15)


def test_equal_maps_with_a_cardinality():
    p = ac.SelectionProblem(np.ones(8), np.ones((8, 8)) - np.eye(8), cardinality=3)
    assert ac.solve_exact(p).multiplicity == math.comb(8, 3)


def test_single_map_and_none():
    assert ac.solve_exact(ac.SelectionProblem([1.0], [[0.0]])).n.tolist() == [1]
    nothing = ac.solve_exact(ac.SelectionProblem([], np.zeros((0, 0))))
    assert (nothing.n.size, nothing.energy, nothing.proved) == (0, 0.0, True)


def test_d_24_is_within_reach():
    p = relu_problem(24)
    found = ac.solve_exact(p)
    for q in range(24):  # no single change is better
        n = found.n.copy()
        n[q] ^= 1
        assert p.energy(n) > found.energy - 1e-12


def test_time_limit_ends_the_search_honestly(monkeypatch):
    monkeypatch.setattr(exact, "_BLOCK", 2)
    clock = iter([0.0, 0.5, 0.9, 9.0])
    monkeypatch.setattr(deadline, "monotonic", lambda: next(clock))
    p = relu_problem(8)
    found = ac.solve_exact(p, time_limit=1.0)
    energies = p.energies()
    assert not found.proved
    assert found.energy == energies[: 3 * 4].min()  # three blocks of four states were seen
    assert found.lower_bound <= energies.min()


def test_time_that_ends_before_the_cardinality_is_met(monkeypatch):
    monkeypatch.setattr(exact, "_BLOCK", 2)
    clock = iter([0.0, 9.0])
    monkeypatch.setattr(deadline, "monotonic", lambda: next(clock))
    found = ac.solve_exact(relu_problem(8, cardinality=5), time_limit=1.0)
    assert (found.proved, found.n.sum()) == (False, 5)
    assert np.isfinite(found.energy)


def test_limits():
    with pytest.raises(ArgumentError, match="time_limit=0.0"):
        ac.solve_exact(relu_problem(2), time_limit=0.0)
