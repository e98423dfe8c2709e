"""Local search: no flip and no swap improves what it finds; it mostly is the optimum."""

import itertools

import numpy as np
import pytest

import annealcam as ac
from annealcam.errors import ArgumentError
from annealcam.samplers.heuristics import tabu
from annealcam.samplers.local import local_search, local_search_many
from tests.problems import evidence_problem, relu_problem


def neighbours(problem, n):
    d = problem.d
    if problem.cardinality is None:
        for p in range(d):
            yield n ^ np.eye(d, dtype=np.int8)[p]
    for p, q in itertools.product(np.flatnonzero(n), np.flatnonzero(1 - n)):
        yield n ^ np.eye(d, dtype=np.int8)[p] ^ np.eye(d, dtype=np.int8)[q]


@pytest.mark.parametrize("k", [None, 1, 5, 30])
@pytest.mark.parametrize("kicks", [0, 20])
def test_it_is_a_minimum_of_flips_and_swaps(k, kicks):
    problem = relu_problem(30, cardinality=k, beta=0.8)
    n = local_search(problem, kicks=kicks)
    assert k is None or n.sum() == k
    least = min((problem.energy(m) for m in neighbours(problem, n)), default=np.inf)
    assert least >= problem.energy(n) - 1e-10


@pytest.mark.parametrize("k", [1, 5, 12])
@pytest.mark.parametrize("kind", ["signed", "positive", "copies"])
def test_couplings_of_both_signs_hide_no_swap(k, kind):
    for seed in range(5):
        problem, _, _ = evidence_problem(30, seed, pixels=10, cardinality=k, kind=kind)
        n = local_search(problem, kicks=5, seed=seed)
        least = min(problem.energy(m) for m in neighbours(problem, n))
        assert least >= problem.energy(n) - 1e-10


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [None, 4])
def test_small_problems_are_solved(seed, k):
    problem = relu_problem(14, seed=seed, cardinality=k)
    assert problem.energy(local_search(problem, seed=seed)) == pytest.approx(
        ac.solve_exact(problem).energy, abs=1e-12
    )


def test_more_kicks_are_never_worse_and_seeds_give_bits():
    problem = relu_problem(60, beta=0.9)
    few, many = (problem.energy(local_search(problem, kicks=kicks)) for kicks in (5, 200))
    assert many <= few + 1e-12
    assert np.array_equal(local_search(problem, seed=3), local_search(problem, seed=3))


def test_the_default_number_of_kicks_leaves_deep_minima():
    """Random signs make a rugged landscape, where ten kicks are not enough."""
    rng = np.random.default_rng([100, 4])
    J = np.triu(rng.normal(size=(100, 100)), 1)
    problem = ac.SelectionProblem(rng.normal(size=100), J + J.T, beta=0.3)
    few, usual, many = (
        problem.energy(local_search(problem, **options))
        for options in ({"kicks": 10}, {}, {"kicks": 2000})
    )
    assert usual == pytest.approx(many, abs=1e-9)
    assert few > usual + 1.0


@pytest.mark.parametrize(("relevance", "selected"), [(1e-6, [1, 1]), (1e-14, [1, 0])])
def test_a_small_gain_is_taken_and_rounding_is_not(relevance, selected):
    problem = ac.SelectionProblem([1.0, relevance], np.zeros((2, 2)), beta=0.5)
    assert local_search(problem, kicks=0).tolist() == selected


def test_a_start_is_never_left_for_worse():
    problem = relu_problem(40, cardinality=6, beta=0.8)
    best = local_search(problem)
    assert (
        problem.energy(local_search(problem, start=best, kicks=3)) <= problem.energy(best) + 1e-12
    )


def test_many_are_those_of_each_whoever_works():
    problems = [relu_problem(30, seed=s) for s in range(7)]
    one, two = (local_search_many(problems, seed=5, workers=w) for w in (1, 2))
    for i, problem in enumerate(problems):
        assert np.array_equal(one[i], two[i])
        assert np.array_equal(one[i], local_search(problem, seed=5 + i))


def test_no_maps_and_bad_input():
    assert len(local_search(ac.SelectionProblem([], np.zeros((0, 0))))) == 0
    with pytest.raises(ArgumentError, match="kicks=-1"):
        local_search(relu_problem(3), kicks=-1)
    with pytest.raises(ArgumentError, match="workers=0"):
        local_search_many([relu_problem(3)], workers=0)


def general(d, seed, density=0.1):
    """Integer coefficients of both signs, as in Beasley's instances."""
    rng = np.random.default_rng([d, seed])
    Q = np.triu(rng.integers(-100, 101, (d, d)) * (rng.random((d, d)) < density), 1)
    return ac.SelectionProblem(-2.0 * rng.integers(-100, 101, d), 4.0 * (Q + Q.T), beta=0.5)


@pytest.mark.parametrize("d", [100, 200])
def test_couplings_of_both_signs_are_left_to_tabu_search_as_well(d):
    for seed in range(2):
        problem = general(d, seed)
        best = problem.energy(tabu(problem, shots=5)).min()
        found = [problem.energy(local_search(problem, seed=s)) for s in range(3)]
        assert found == [best] * 3
        assert problem.energy(local_search(problem, kicks=0)) > best
        n = local_search(problem)
        assert min(map(problem.energy, neighbours(problem, n))) >= best
