"""The solvers behind docs/relative.md, by brute force; its formulation is the library's own."""

import itertools

import numpy as np
import pytest
import torch

from annealcam.attribution.candidates import diverse
from annealcam.qubo.objectives import relative_beta
from benchmarks.choosing import problems as cp


def drawn(seed, m=13):
    rng = np.random.default_rng(seed)
    relevance = np.sort(rng.gamma(1.0, size=m))[::-1].copy()
    maps = rng.uniform(0, 1, (m, 6)) ** 3
    return relevance, maps, cp.redundancy("cosine", maps, np.ones(m))


def energy(linear, quadratic, n):
    return float(linear @ n + 0.5 * n @ quadratic @ n)


@pytest.mark.parametrize("k", [1, 3, 6])
@pytest.mark.parametrize("objective", ["sum", "averaged", "relative"])
def test_branch_and_bound_finds_the_optimum_and_descent_a_minimum(objective, k):
    for seed in range(4):
        relevance, _, J = drawn(seed)
        linear, quadratic = cp.formulate(objective, relevance, J, k, 0.6)
        picks = itertools.combinations(range(len(linear)), k)
        every = np.array([np.isin(np.arange(len(linear)), pick) for pick in picks], dtype=np.int8)
        lowest = min(energy(linear, quadratic, n) for n in every)
        best, bound, proved = cp.prove(linear, quadratic, cp.greedy(linear, quadratic, k))
        assert (proved, int(best.sum())) == (True, k)
        assert energy(linear, quadratic, best) == pytest.approx(lowest, abs=1e-11)
        assert bound == pytest.approx(lowest, abs=1e-11)
        n = cp.solve(linear, quadratic, k)
        own = energy(linear, quadratic, n)
        assert own >= lowest - 1e-11
        for p, q in itertools.product(np.flatnonzero(n), np.flatnonzero(1 - n)):
            swapped = n.copy()
            swapped[p], swapped[q] = 0, 1
            assert energy(linear, quadratic, swapped) >= own - 1e-11


def test_without_nodes_the_bound_is_a_bound_and_nothing_is_proved():
    relevance, _, J = drawn(7)
    linear, quadratic = cp.formulate("relative", relevance, J, 4, 0.6)
    _, bound, proved = cp.prove(linear, quadratic, cp.greedy(linear, quadratic, 4), nodes=2)
    best, lowest, _ = cp.prove(linear, quadratic, cp.greedy(linear, quadratic, 4))
    assert not proved
    assert bound <= lowest == pytest.approx(energy(linear, quadratic, best), abs=1e-11)


@pytest.mark.parametrize("k", [2, 5])
def test_the_formulation_and_the_candidates_are_the_librarys(k):
    for seed in range(4):
        relevance, maps, J = drawn(seed)
        linear, quadratic = cp.formulate("relative", relevance, J, k, 2 / 3)
        b = relative_beta(relevance, J[: 2 * k, : 2 * k], beta=2 / 3, size=k)
        unit = -linear[0] / b
        assert np.allclose(linear, -unit * b * relevance / relevance[0], rtol=1e-12)
        assert np.allclose(quadratic, unit * (1 - b) * J, rtol=1e-12)
        theirs = cp.diverse(relevance, J, k, 2 / 3, 8)
        own = diverse(
            torch.from_numpy(maps).reshape(-1, 2, 3), torch.from_numpy(relevance), beta=b, size=k,
            limit=8,
        )  # fmt: skip
        assert sorted(own.tolist()) == theirs.tolist()
