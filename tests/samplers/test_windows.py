"""Windows: a large problem's energies, some maps at a time."""

import numpy as np
import pytest

import annealcam as ac
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.samplers.baselines import greedy
from annealcam.samplers.selection import select
from annealcam.samplers.windows import NEAR, select_by_windows, window_places, window_problem
from tests.problems import relu_problem


@pytest.mark.parametrize("k", [None, 7])
def test_a_windows_energies_are_the_whole_ones_but_for_a_constant(k):
    problem = relu_problem(20, cardinality=k)
    n = np.zeros(20, dtype=np.int8)
    n[[0, 3, 5, 9, 12, 15, 19]] = 1
    places = np.array([1, 3, 4, 9, 17])
    window = window_problem(problem, n, places)
    assert window.cardinality == (None if k is None else 2)
    rows = (np.arange(32)[:, None] >> np.arange(5)) & 1
    whole = np.repeat(n[None], 32, axis=0)
    whole[:, places] = rows
    apart = problem.energy(whole) - window.energy(rows)
    assert np.allclose(apart, apart[0], atol=1e-12)


@pytest.mark.parametrize("k", [None, 5])
def test_windows_start_greedily_and_never_get_worse(k):
    problem = relu_problem(60, cardinality=k, beta=0.9)
    found = select_by_windows(problem, qubits=10, rounds=8, tau=200.0)
    assert found.info["start"] == problem.energy(greedy(problem))
    assert found.energy <= found.info["start"]
    assert problem.feasible(found.n)
    assert (found.sampler, found.info["windows"], found.optimal) == ("windows", 8, None)
    info = found.info
    assert info["best_of_shots_probability_in_windows"] > info["guess_probability_in_windows"] > 0
    again = select_by_windows(problem, qubits=10, rounds=8, tau=200.0)
    assert np.array_equal(found.n, again.n)


def test_a_window_of_all_is_the_annealer():
    problem = relu_problem(9)
    found = select_by_windows(problem, qubits=9, rounds=3, tau=200.0)
    assert found.energy == pytest.approx(ac.solve_exact(problem).energy)
    assert found.optimal


def test_by_name_and_bad_input():
    problem = relu_problem(12)
    assert select(problem, "windows", tau=50.0).sampler == "windows"
    with pytest.raises(ArgumentError, match="qubits=1"):
        select_by_windows(problem, qubits=1)
    with pytest.raises(ProblemTooLargeError, match="24 qubits"):
        select_by_windows(relu_problem(60), qubits=40)
    empty = select_by_windows(ac.SelectionProblem([], np.zeros((0, 0))))
    assert (len(empty.n), empty.info["windows"]) == (0, 0)


@pytest.mark.parametrize("selected", [0, 1, 5, 19, 20])
@pytest.mark.parametrize("qubits", [2, 7, 20, 30])
def test_a_window_is_full_and_its_other_maps_are_among_the_cheapest(selected, qubits):
    problem, rng = relu_problem(20), np.random.default_rng(0)
    n = (np.arange(20) < selected).astype(np.int8)
    field = problem.linear + problem.quadratic @ n
    others = np.flatnonzero(n == 0)
    entering = set()
    for _ in range(200):
        places = window_places(problem, n, qubits, rng)
        assert len(set(places)) == len(places) == min(qubits, 20)
        entering |= set(places[n[places] == 0].tolist())
    count = int((n[places] == 0).sum())
    cheapest = others[np.argsort(field[others], kind="stable")[: NEAR * count]]
    assert entering == set(cheapest.tolist())


def test_an_equally_good_selection_is_kept():
    twins = ac.SelectionProblem([1.0, 1.0], [[0.0, 1.0], [1.0, 0.0]], beta=0.4)
    chosen = {
        tuple(select_by_windows(twins, qubits=2, rounds=3, tau=50.0, seed=seed).n.tolist())
        for seed in range(8)
    }
    assert chosen == {(1, 0), (0, 1)}  # greedy selection begins with (1, 0)
