"""The low spectrum along a run, against dense diagonalisation and symmetries."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import annealcam as ac
from annealcam.annealing.hamiltonian import NORMALISATIONS, dense_hamiltonian, diagonal
from annealcam.annealing.levels.drivers import TransverseField
from annealcam.annealing.levels.eigensolver import lowest_states
from annealcam.annealing.levels.low_spectrum import LowSpectrum, ground_state, spectrum
from annealcam.annealing.schedules.schedule import LINEAR, QUADRATIC, Schedule
from annealcam.errors import ArgumentError
from tests.problems import problems, relu_problem

BOTH = pytest.mark.parametrize("normalisation", ["per_qubit", "unit"])


def dense(p, s, normalisation, schedule=LINEAR):
    return np.linalg.eigvalsh(
        dense_hamiltonian(p, s, normalisation=normalisation, schedule=schedule)
    )


@BOTH
@pytest.mark.parametrize("d", range(1, 9))
def test_dense(d, normalisation):
    p = relu_problem(d)
    c = spectrum(p, points=23, normalisation=normalisation)
    exact = np.array([dense(p, s, normalisation)[:4] for s in c.s])
    assert c.energies.shape == (23, min(4, 2**d))
    assert np.abs(c.energies - exact).max() < 1e-8
    assert c.error <= 1e-8
    assert np.array_equal(c.energies[-1], np.sort(diagonal(p))[:4])


@BOTH
@pytest.mark.parametrize("levels", [1, 2, 7, 20])
def test_number_of_levels(levels, normalisation):
    p = relu_problem(6)
    c = spectrum(p, points=9, levels=levels, normalisation=normalisation)
    exact = np.array([dense(p, s, normalisation)[:levels] for s in c.s])
    assert np.abs(c.energies - exact).max() < 1e-8


def test_finer_tolerance():
    p = relu_problem(7)
    c = spectrum(p, points=9, normalisation="unit", tol=1e-11)
    exact = np.array([dense(p, s, "unit")[:4] for s in c.s])
    assert np.abs(c.energies - exact).max() < 1e-11
    assert c.error <= 1e-11


@pytest.mark.parametrize(
    "schedule",
    [
        QUADRATIC,
        LINEAR.paused(0.4, 0.3),
        Schedule.from_table([0, 0.6, 1], [5, 1, 0.01], [0.1, 2, 9]),
    ],
    ids=["quadratic", "pause", "table"],
)
def test_schedules(schedule):
    p = relu_problem(6, 1)
    c = spectrum(p, points=15, normalisation="unit", schedule=schedule)
    exact = np.array([dense(p, s, "unit", schedule)[:4] for s in c.s])
    assert np.abs(c.energies - exact).max() < 1e-8


@settings(max_examples=25)
@given(problems(largest=6), st.sampled_from(["per_qubit", "unit"]))
def test_any_problem(p, normalisation):
    c = spectrum(p, points=7, normalisation=normalisation)
    exact = np.array([dense(p, s, normalisation)[:4] for s in c.s])
    assert np.abs(c.energies - exact).max() < 1e-8


@pytest.mark.parametrize("d", [5, 8])
def test_scale_identity(d):
    """H_c(s) = k H_1(s / k), k = (1-s) c + s: the curves of two normalisations are one."""
    p, c = relu_problem(d, 1), NORMALISATIONS["per_qubit"].driver_scale(d)
    paper = spectrum(p, points=11)
    text = LowSpectrum(TransverseField(p, 1.0), LINEAR, 4, 1e-9)
    k = (1 - paper.s) * c + paper.s
    assert np.allclose(paper.energies, k[:, None] * text.levels(paper.s / k)[0], atol=1e-8)


def test_permutation_and_levels_of_independent_qubits():
    """Sums of single-qubit levels, whatever the order of the qubits."""
    fields = np.array([0.3, 1.0, 0.55, 0.8, 0.65, 0.4])
    p = ac.SelectionProblem(fields, np.zeros((6, 6)), beta=1.0)
    q = ac.SelectionProblem(fields[::-1], np.zeros((6, 6)), beta=1.0)
    c = spectrum(p, points=11, normalisation="unit")
    assert np.allclose(c.energies, spectrum(q, points=11, normalisation="unit").energies, atol=2e-8)
    root = np.sqrt((1 - c.s) ** 2 + (c.s * fields[:, None]) ** 2 / 4)
    lowest = (-c.s * fields[:, None] / 2 - root).sum(axis=0)
    assert np.allclose(c.energies[:, 0], lowest, atol=1e-8)
    assert np.allclose(c.energies[:, 1], lowest + 2 * root.min(axis=0), atol=1e-8)


@BOTH
def test_states(normalisation):
    p = relu_problem(7)
    low = LowSpectrum(
        TransverseField(p, NORMALISATIONS[normalisation].driver_scale(7)), LINEAR, 3, 1e-9
    )
    for s in (0.0, 0.31, 0.77, 0.999, 1.0):
        levels, states = low.vectors(s, 2)
        H = dense_hamiltonian(p, s, normalisation=normalisation)
        assert np.allclose(states @ states.T, np.eye(2), atol=1e-12)
        assert np.abs(states @ H - levels[:, None] * states).max() < 1e-3
        exact, vectors = np.linalg.eigh(H)
        assert np.allclose(levels, exact[:2], atol=1e-9)
        assert abs(vectors[:, 0] @ states[0]) == pytest.approx(1, abs=1e-7)
        assert (np.abs(states[0]) ** 2).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("d", [1, 3, 6, 8])
@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (1.0, 0.05), (0.4, 0.6), (3.0, 20.0)])
def test_ground_state(d, a, b):
    p = relu_problem(d)
    ground = ground_state(TransverseField(p, 1.0), a, b, tol=1e-11)
    H = a * dense_hamiltonian(p, 0.0, normalisation="unit") + b * np.diag(p.energies())
    exact = np.linalg.eigh(H)[1][:, 0]
    assert np.abs(ground - np.abs(exact)).max() < 1e-9
    assert (ground > -1e-12).all()


@BOTH
@pytest.mark.parametrize("s", [0.05, 0.5, 0.97])
def test_eigensolver_from_a_random_start(s, normalisation):
    p = relu_problem(8)
    c = NORMALISATIONS[normalisation].driver_scale(8)
    start = np.random.default_rng(0).normal(size=(4, 256))
    solved = lowest_states(TransverseField(p, c), 1 - s, s, start, wanted=3, tol=1e-8)
    assert np.allclose(solved.values[:3], dense(p, s, normalisation)[:3], atol=1e-12)
    assert solved.residuals[:3].max() < 1e-8
    assert np.allclose(solved.states @ solved.states.T, np.eye(4), atol=1e-12)


def test_cardinality_as_a_penalty():
    p = relu_problem(5, cardinality=2)
    c = spectrum(p, points=9, constraint="penalty")
    exact = np.array([dense(p, s, "per_qubit")[:4] for s in c.s])
    assert np.abs(c.energies - exact).max() < 1e-8


@pytest.mark.parametrize("d", [0, 4])
def test_nothing_to_choose(d):
    c = spectrum(ac.SelectionProblem(np.zeros(d), np.zeros((d, d))), points=3, levels=1)
    assert np.allclose(c.energies[:, 0], [-1.0 if d else 0.0, -0.5 if d else 0.0, 0.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 1}, "points=1"),
        ({"levels": 0}, "levels=0"),
        ({"levels": 65}, "levels=65"),
        ({"tol": 0.0}, "tol=0"),
        ({"tol": float("nan")}, "tol=nan"),
        ({"normalisation": "x"}, "normalisation='x'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ArgumentError, match=message):
        spectrum(relu_problem(3), **options)
