"""Local search of many problems in torch: the same minima, the same optima, padding unseen."""

import numpy as np
import pytest

import annealcam as ac
from annealcam.errors import ArgumentError
from annealcam.samplers.gpu import local_search_batch
from annealcam.samplers.local_search import local_search


def drawn(d, seed):
    rng = np.random.default_rng([d, seed])
    maps = np.maximum(rng.normal(size=(d, 4, 4)), 0.0)
    maps[:, 0, 0] += 0.01
    return maps, rng.uniform(0.02, 2.0, d)


def test_small_problems_of_unlike_sizes_are_solved():
    problems = [drawn(d, seed) for d in (1, 5, 9, 14) for seed in range(3)]
    betas = [0.5 + 0.03 * i for i in range(len(problems))]
    found = local_search_batch(*zip(*problems, strict=True), beta=betas, kicks=60)
    for n, (maps, weight), beta in zip(found, problems, betas, strict=True):
        problem = ac.SelectionProblem.from_maps(maps, weight, beta=beta)
        assert n.shape == (problem.d,)
        assert problem.energy(n) == pytest.approx(ac.solve_exact(problem).energy, abs=1e-10)


def test_hundreds_of_maps_reach_what_the_other_search_reaches():
    problems = [drawn(200, seed) for seed in range(4)]
    found = local_search_batch(*zip(*problems, strict=True), beta=0.8, kicks=100)
    again = local_search_batch(*zip(*problems, strict=True), beta=0.8, kicks=100)
    for n, m, (maps, weight) in zip(found, again, problems, strict=True):
        problem = ac.SelectionProblem.from_maps(maps, weight, beta=0.8)
        assert np.array_equal(n, m)
        other = problem.energy(local_search(problem))
        assert problem.energy(n) == pytest.approx(other, rel=0.01)


def test_without_kicks_no_flip_and_no_swap_improves():
    maps, weight = drawn(40, 0)
    problem = ac.SelectionProblem.from_maps(maps, weight, beta=0.8)
    (n,) = local_search_batch([maps], [weight], beta=0.8, kicks=0)
    eye = np.eye(40, dtype=np.int8)
    flips = [n ^ eye[p] for p in range(40)]
    swaps = [n ^ eye[p] ^ eye[q] for p in np.flatnonzero(n) for q in np.flatnonzero(1 - n)]
    assert min(problem.energy(m) for m in (*flips, *swaps)) >= problem.energy(n) - 1e-10


def test_bad_input():
    maps, weight = drawn(3, 0)
    with pytest.raises(ArgumentError, match="0 and 0; one of each"):
        local_search_batch([], [], beta=0.5)
    with pytest.raises(ArgumentError, match="problem 0 must not be negative"):
        local_search_batch([-maps], [weight], beta=0.5)
    with pytest.raises(ArgumentError, match="no map of problem 0 has any"):
        local_search_batch([maps], [-weight], beta=0.5)
    with pytest.raises(ArgumentError, match="beta=2"):
        local_search_batch([maps], [weight], beta=2.0)
