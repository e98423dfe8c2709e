"""Where a run begins: in the driver's ground state, in that of H(0), or in a selection."""

import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.hamiltonian import dense_hamiltonian
from annealcam.annealing.schedules.schedule import LINEAR, Schedule
from annealcam.annealing.simulation.plan import plan_of
from annealcam.annealing.simulation.runs import starting_state
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.errors import ArgumentError
from tests.problems import relu_problem


def pieces(A, B, name="straight", initial=None):
    """A and B from (value at 0, value at 1), in one straight piece."""
    rows = [[[a, b - a, 0.0, 0.0]] for a, b in (A, B)]
    return Schedule(name, [0.0, 1.0], *rows, initial=initial)


def start_of(problem, schedule, **options):
    return starting_state(plan_of(problem, tau=1.0, schedule=schedule, **options))


def ground_of(H):
    """Its energy, and the vectors of the lowest level."""
    values, vectors = np.linalg.eigh(H)
    return vectors[:, values < values[0] + 1e-9]


ALREADY = pieces((1.0, 0.0), (0.25, 1.0), "problem already there")


# The ground state of H(0)


def test_the_driver_alone_needs_no_state():
    assert start_of(relu_problem(4), LINEAR) is None
    assert start_of(relu_problem(4, cardinality=2), LINEAR) is None


@pytest.mark.parametrize("d", range(1, 9))
@pytest.mark.parametrize("normalisation", ["per_qubit", "unit"])
def test_ground_state_of_the_first_hamiltonian(d, normalisation):
    p = relu_problem(d)
    H = dense_hamiltonian(p, 0.0, normalisation=normalisation, schedule=ALREADY)
    state = start_of(p, ALREADY, normalisation=normalisation)
    assert np.linalg.norm(state) == pytest.approx(1, abs=1e-12)
    assert np.linalg.norm(ground_of(H).T @ state) == pytest.approx(1, abs=1e-12)


def test_ground_state_with_the_penalty():
    p = relu_problem(5, cardinality=2)
    H = dense_hamiltonian(p, 0.0, schedule=ALREADY)
    state = start_of(p, ALREADY, constraint="penalty")
    assert np.linalg.norm(ground_of(H).T @ state) == pytest.approx(1, abs=1e-12)


def test_ground_state_in_the_sector():
    p = relu_problem(6, cardinality=3)
    sector = WeightSector(6, 3)
    A = (np.bitwise_count(sector.states[:, None] ^ sector.states) == 2).astype(float)
    H = np.diag(0.25 * p.energies()[sector.states]) - 2 / 6 * (1 / 6) * A
    state = start_of(p, ALREADY)
    assert np.linalg.norm(ground_of(H).T @ state) == pytest.approx(1, abs=1e-12)


def test_runs_begin_there():
    """H does not change: the run stays in the ground state, whatever its length."""
    p, constant = relu_problem(5), pieces((0.6, 0.6), (0.7, 0.7), "constant")
    ground = ground_of(dense_hamiltonian(p, 0.0, schedule=constant))[:, 0]
    for tau in (0.1, 30.0):
        run = ac.anneal(p, tau=tau, schedule=constant)
        assert np.abs(run.probabilities - ground**2).max() < 2e-6
        assert abs(ground @ run.state) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_instant_runs_keep_the_start(d):
    """Also with fewer qubits than a vector holds, whose idle ones must not show."""
    p = relu_problem(d)
    run = ac.anneal(p, tau=1e-9, schedule=ALREADY)
    assert np.abs(run.probabilities - start_of(p, ALREADY) ** 2).max() < 1e-8


# Selections


@pytest.mark.parametrize("d", [1, 2, 3, 4, 6])
def test_a_selection_is_its_basis_state(d):
    for b in range(2**d):
        state = start_of(relu_problem(d), LINEAR.reverse([b >> p & 1 for p in range(d)], 0.5))
        assert np.flatnonzero(state).tolist() == [b]
        assert state[b] == 1


@pytest.mark.parametrize("precision", ["complex128", "complex64"])
def test_without_the_driver_nothing_happens(precision):
    """F is the overlap with the ground state: all or nothing."""
    p = relu_problem(4)
    for n, chance in ((ac.solve_exact(p).n, 1.0), (1 - np.array(ac.solve_exact(p).n), 0.0)):
        still = pieces((0.0, 0.0), (1.0, 1.0), "still", initial=n)
        run = ac.anneal(p, tau=20.0, schedule=still, precision=precision)
        assert run.success_probability == pytest.approx(chance, abs=1e-6)
        assert (run.sample(20) == n).all()


def test_hardly_turned_back_hardly_anything_happens():
    """The driver reaches (1 - turn) c at most: perturbation theory in tau (1 - turn) c."""
    p = relu_problem(4)
    n = ac.solve_exact(p).n
    for turn in (1 - 1e-3, 1 - 1e-6):
        run = ac.anneal(p, tau=1.0, schedule=LINEAR.reverse(n, turn))
        assert 0 <= 1 - run.success_probability <= (0.5 * (1 - turn)) ** 2 + 1e-9
    with pytest.raises(ArgumentError, match="turn=1"):
        LINEAR.reverse(n, 1.0)


def test_reverse_run_in_the_sector_keeps_its_weight():
    p = relu_problem(6, cardinality=2)
    best = np.array(ac.solve_exact(p).n)
    result = ac.anneal(p, tau=5.0, schedule=LINEAR.reverse(best, 1 - 1e-6))
    assert result.success_probability == pytest.approx(1, abs=1e-6)
    other = np.roll(best, 1)
    run = ac.anneal(p, tau=5.0, schedule=LINEAR.reverse(other, 0.3))
    assert (run.sample(50).sum(axis=1) == 2).all()
    assert 0 < run.success_probability < 1


def test_reverse_with_the_penalty_starts_outside_too():
    """All 2^d states are there, so any selection will do."""
    p = relu_problem(4, cardinality=2)
    state = start_of(p, LINEAR.reverse([1, 1, 1, 0], 0.5), constraint="penalty")
    assert np.flatnonzero(state).tolist() == [0b0111]


@pytest.mark.parametrize("n", [[1, 0], [1, 0, 1, 0]])
def test_selections_of_other_lengths(n):
    message = f"selection of {len(n)} entries, but the problem has 3 maps"
    with pytest.raises(ArgumentError, match=message):
        ac.anneal(relu_problem(3), schedule=LINEAR.reverse(n, 0.5))


def test_selections_of_other_weights():
    with pytest.raises(ArgumentError, match="selection of 1 maps, but cardinality=2"):
        ac.anneal(relu_problem(3, cardinality=2), schedule=LINEAR.reverse([0, 1, 0], 0.5))


@pytest.mark.parametrize("initial", [[0, 2], [0.5, 1], [[0, 1]]])
def test_selections_that_are_none(initial):
    with pytest.raises(ArgumentError, match="initial"):
        LINEAR.reverse(initial, 0.5)
