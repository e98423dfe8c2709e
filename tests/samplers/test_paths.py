"""Paths of the optimum: every k, and every beta, by brute force."""

import numpy as np
import pytest

import annealcam as ac
from annealcam.errors import ArgumentError
from annealcam.samplers.paths import beta_path, cardinality_path
from tests.problems import relu_problem


def test_the_best_k_maps_for_each_k():
    problem = relu_problem(10, beta=0.6)
    energies = problem.energies()
    sizes = np.array([bin(state).count("1") for state in range(2**10)])
    path = cardinality_path(problem)
    assert list(path) == list(range(1, 11))
    for k, found in path.items():
        assert found.proved
        assert found.energy == pytest.approx(energies[sizes == k].min(), abs=1e-12)
    large = cardinality_path(relu_problem(60), [3, 12])
    assert [int(x.n.sum()) for x in large.values()] == [3, 12]
    assert all(x.proved and x.method == "convex" for x in large.values())


@pytest.mark.parametrize("d", [1, 2, 5, 9])
@pytest.mark.parametrize("k", [None, 1])
def test_the_envelope_of_all_lines(d, k):
    for seed in range(4):
        problem = relu_problem(d, seed=seed, cardinality=k)
        path = beta_path(problem)
        assert path.proved
        assert path.betas[0] == 0.0
        assert path.betas[-1] == 1.0
        assert (np.diff(path.betas) > 0).all()
        for beta in np.random.default_rng(seed).uniform(0, 1, 40):
            exact = ac.SelectionProblem(problem.h, problem.J, beta=beta, cardinality=k)
            assert exact.energy(path.at(beta)) == pytest.approx(
                ac.solve_exact(exact).energy, abs=1e-11
            )


def test_its_lines_meet_at_the_breakpoints_and_grow():
    path = beta_path(relu_problem(12))
    assert len(path.selections) > 5
    for i, beta in enumerate(path.betas[1:-1]):
        ours, next_ = (
            (1 - beta) * path.redundancy[j] - beta * path.relevance[j] for j in (i, i + 1)
        )
        assert ours == pytest.approx(next_, abs=1e-12)
    assert (np.diff(path.relevance) > 0).all()
    assert (np.diff(path.redundancy) > 0).all()


def test_negative_relevance_is_never_selected():
    path = beta_path(ac.SelectionProblem([0.5, -1.0], np.zeros((2, 2))))
    assert path.selections.tolist() == [[1, 0]]
    with pytest.raises(ArgumentError, match=r"beta=1\.5"):
        path.at(1.5)


def test_above_enumeration_the_tree_finds_them():
    problem = relu_problem(30)
    path = beta_path(problem, time_limit=20.0)
    assert path.proved
    for beta in (0.85, 0.9, 0.95):
        exact = ac.SelectionProblem(problem.h, problem.J, beta=beta)
        assert exact.energy(path.at(beta)) == pytest.approx(ac.solve_exact(exact).energy, abs=1e-10)
