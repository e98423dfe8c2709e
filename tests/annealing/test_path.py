"""What happens on the way, against dense eigenvectors and dense propagation."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.integrate import solve_ivp

import annealcam as ac
from annealcam.annealing.hamiltonian import dense_hamiltonian
from annealcam.annealing.path import anneal_path
from annealcam.annealing.schedules.schedule import LINEAR, QUADRATIC, Schedule
from annealcam.errors import ArgumentError, ProblemTooLargeError
from tests.problems import problems, relu_problem

BOTH = pytest.mark.parametrize("normalisation", ["per_qubit", "unit"])
TAU = 7.0
CONSTANT = Schedule("constant", [0, 1], [[1.0, 0, 0, 0]], [[0.6, 0, 0, 0]])


def exact_path(H, start, s, tau):
    """The state at every s by an eighth-order Runge-Kutta method, one stretch after the other."""
    states = [start.astype(complex)]
    for a, b in itertools.pairwise(s):
        solution = solve_ivp(
            lambda u, psi: -1j * tau * (H(u) @ psi), (a, b), states[-1],
            method="DOP853", rtol=1e-11, atol=1e-12,
        )  # fmt: skip
        states.append(solution.y[:, -1])
    return states


def check(path, H, start, tau=TAU, close=2e-6):
    """A path against dense H(u); levels nearer than 1e-9 count together."""
    for i, psi in enumerate(exact_path(H, start, path.s, tau)):
        values, vectors = np.linalg.eigh(H(path.s[i]))
        weights = np.abs(vectors.T @ psi) ** 2
        m = path.energies.shape[1]
        assert np.abs(path.energies[i] - values[:m]).max() < 1e-6
        assert path.mean_energy[i] == pytest.approx(
            (psi.conj() @ H(path.s[i]) @ psi).real, abs=1e-5
        )
        first = 0
        while first < m:  # within a degenerate level only the sum has a meaning
            last = first + 1
            while last < values.size and values[last] - values[last - 1] < 1e-9:
                last += 1
            if last <= m:
                solution = path.populations[i, first:last].sum()
                assert solution == pytest.approx(weights[first:last].sum(), abs=close)
            first = last


def uniform(d):
    return np.full(2**d, 2 ** (-d / 2))


@BOTH
@pytest.mark.parametrize("schedule", [LINEAR, QUADRATIC, LINEAR.paused(0.4, 0.2)])
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_path_is_the_dense_one(d, normalisation, schedule):
    p, options = relu_problem(d), {"normalisation": normalisation, "schedule": schedule}
    path = anneal_path(p, tau=TAU, points=6, **options)
    assert path.s.tolist() == np.linspace(0, 1, 6).tolist()
    check(path, lambda u: dense_hamiltonian(p, u, **options), uniform(d))
    assert path.error <= 2e-6


@BOTH
def test_path_with_a_cardinality(normalisation):
    """Hops between the states with two maps of four."""
    p = relu_problem(4, cardinality=2)
    states = np.array([b for b in range(16) if b.bit_count() == 2])
    hops = (np.bitwise_count(states[:, None] ^ states) == 2).astype(float)
    path = anneal_path(p, tau=TAU, points=5, normalisation=normalisation)
    H_D = -2 * path.driver_scale / 4 * hops
    energies = np.diag(p.energies()[states])
    check(path, lambda u: (1 - u) * H_D + u * energies, np.full(6, 6**-0.5))


def test_path_with_the_penalty():
    p = relu_problem(3, cardinality=2)
    path = anneal_path(p, tau=TAU, points=5, constraint="penalty")
    check(path, lambda u: dense_hamiltonian(p, u), uniform(3))


def test_path_from_a_selection():
    schedule = LINEAR.reverse([1, 0, 1], 0.4)
    p = relu_problem(3)
    path = anneal_path(p, tau=TAU, points=5, schedule=schedule)
    check(path, lambda u: dense_hamiltonian(p, u, schedule=schedule), np.eye(8)[0b101])


@given(problems(3), st.sampled_from(["per_qubit", "unit"]))
@settings(max_examples=15)
def test_any_small_problem(p, normalisation):
    """Signs, zeros, ties and all."""
    path = anneal_path(p, tau=2.0, points=3, normalisation=normalisation)
    check(
        path, lambda u: dense_hamiltonian(p, u, normalisation=normalisation), uniform(p.d), tau=2.0
    )


@BOTH
@pytest.mark.parametrize("d", [1, 3, 5, 8])
def test_begins_in_the_ground_state_and_ends_with_the_run(d, normalisation):
    p = relu_problem(d)
    path, run = (
        make(p, tau=20.0, normalisation=normalisation) for make in (anneal_path, ac.anneal)
    )
    assert path.s.size == 101
    assert path.ground_fidelity[0] == pytest.approx(1, abs=1e-9)
    off = abs(path.ground_fidelity[-1] - run.success_probability)
    assert off <= path.error + run.error
    assert (path.multiplicity, path.normalisation) == (run.multiplicity, run.normalisation)
    energies = p.energies()
    assert path.mean_energy[0] == pytest.approx(-run.driver_scale * d, abs=1e-9)
    assert path.mean_energy[-1] == pytest.approx(run.probabilities @ energies, abs=1e-5)
    assert path.energies[-1] == pytest.approx(np.sort(energies)[: path.energies.shape[1]])


def test_fidelity_of_a_degenerate_ground_level():
    """Twins: at the end both count, and on the way the lowest two levels do."""
    twins = ac.SelectionProblem([1.0, 1.0], [[0.0, 2.0], [2.0, 0.0]], beta=0.5)
    path = anneal_path(twins, tau=30.0, points=11, levels=1)
    run = ac.anneal(twins, tau=30.0)
    assert path.multiplicity == 2
    assert path.populations.shape == path.energies.shape == (11, 2)
    assert path.ground_fidelity == pytest.approx(path.populations[:, :2].sum(axis=1), abs=1e-15)
    assert path.ground_fidelity[-1] == pytest.approx(run.success_probability, abs=2e-6)


def test_constant_hamiltonian_changes_nothing():
    """A stationary state, and so every population and the mean energy."""
    path = anneal_path(relu_problem(4), tau=11.0, points=5, schedule=CONSTANT)
    assert path.ground_fidelity == pytest.approx(1, abs=1e-6)
    assert path.mean_energy == pytest.approx(path.energies[:, 0], abs=1e-6)
    assert np.ptp(path.mean_energy) < 1e-6


def test_all_levels_are_all_the_state():
    """Populations of a whole basis sum to one; weighted with the levels, to the mean energy."""
    path = anneal_path(relu_problem(3), tau=9.0, points=21, levels=8)
    assert path.populations.sum(axis=1) == pytest.approx(1, abs=1e-9)
    mean = (path.populations * path.energies).sum(axis=1)
    assert path.mean_energy == pytest.approx(mean, abs=1e-9)
    assert (path.populations >= 0).all()


def test_power_on_the_way():
    """d<H>/dt = <dH/dt> (Ehrenfest): the mean energy is the integral of the work done."""
    p, tau = relu_problem(4), 9.0
    path = anneal_path(p, tau=tau, points=201, tol=1e-8)
    D, Q = (dense_hamiltonian(p, u) for u in (0.0, 1.0))
    states = exact_path(lambda u: dense_hamiltonian(p, u), uniform(4), path.s[:3], tau)
    power = [(psi.conj() @ (Q - D) @ psi).real for psi in states]
    done = (path.s[2] / 6) * (power[0] + 4 * power[1] + power[2])  # Simpson
    assert path.mean_energy[2] - path.mean_energy[0] == pytest.approx(done, abs=1e-9)


def test_error_is_a_bound():
    for seed in range(8):
        p = relu_problem(5, seed)
        own, fine = (
            anneal_path(p, tau=15.0, points=9, normalisation="unit", tol=t) for t in (1e-5, 1e-9)
        )
        off = np.abs(own.populations - fine.populations).max()
        assert off <= own.error + fine.error
        assert own.error <= 1.1e-5


def test_points_do_not_change_the_run():
    """More of them change nothing at those that are there."""
    p = relu_problem(4)
    few, many = (anneal_path(p, tau=12.0, points=n) for n in (3, 31))
    shared = few.s, many.s[::15]
    assert np.allclose(*shared)
    off = np.abs(few.populations - many.populations[::15]).max()
    assert off <= few.error + many.error


def test_wrong_arguments():
    p = relu_problem(3)
    with pytest.raises(ArgumentError, match="points=1"):
        anneal_path(p, points=1)
    with pytest.raises(ArgumentError, match="levels=65"):
        anneal_path(p, levels=65)
    with pytest.raises(ArgumentError, match="tol=0"):
        anneal_path(p, tol=0.0)
    with pytest.raises(ArgumentError, match="tau=-1"):
        anneal_path(p, tau=-1.0)
    with pytest.raises(ArgumentError, match="did you mean 'linear'"):
        anneal_path(p, schedule="linaer")
    with pytest.raises(ProblemTooLargeError, match="d=21"):
        anneal_path(ac.SelectionProblem(np.ones(21), np.zeros((21, 21))))


@pytest.mark.parametrize("levels", [0, -3])
def test_levels_below_one(levels):
    with pytest.raises(ArgumentError, match=f"levels={levels!r}"):
        anneal_path(relu_problem(3), levels=levels)


def test_more_ground_states_than_levels():
    """128 of them: the line is about them."""
    nothing = ac.SelectionProblem(np.zeros(7), np.zeros((7, 7)))
    with pytest.raises(ProblemTooLargeError, match="128 ground states"):
        anneal_path(nothing, points=2)
