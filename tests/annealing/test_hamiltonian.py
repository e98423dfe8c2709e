"""The Hamiltonian and its normalisations, against Kronecker products and QuTiP."""

import numpy as np
import pytest
import qutip
from hypothesis import given, strategies as st

import annealcam as ac
from annealcam.annealing.hamiltonian import (
    NORMALISATIONS,
    Normalisation,
    coefficients,
    dense_hamiltonian,
    diagonal,
    normalisation_of,
)
from annealcam.annealing.schedules.schedule import LINEAR, QUADRATIC, Schedule
from annealcam.errors import ArgumentError, NumericalError, ProblemTooLargeError
from annealcam.qubo.energies import bits, energies_of
from tests.problems import by_the_formula, problems, relu_problem

GHZ = Schedule.from_table([0, 1], [5.0, 0.0], [0.1, 9.0], energy_unit="GHz", time_unit="ns")


def on(matrix, p, d):
    """One qubit's operator among d; qubit p is bit p of the index, so qubit 0 comes last."""
    return np.kron(np.kron(np.eye(2 ** (d - 1 - p)), matrix), np.eye(2**p))


def by_kronecker(p, a, b, scale):
    """-a scale sum X + b sum of the terms of E, with n = (1 - Z) / 2, and the penalty."""
    d = p.d
    X = [on(np.array([[0.0, 1.0], [1.0, 0.0]]), q, d) for q in range(d)]
    n = [on(np.diag([0.0, 1.0]), q, d) for q in range(d)]
    zero, one = np.zeros((2**d, 2**d)), np.eye(2**d)
    H = sum((-p.beta * p.h[q] * n[q] for q in range(d)), zero)
    H = H + sum(((1 - p.beta) * p.J[q, r] * n[q] @ n[r] for r in range(d) for q in range(r)), zero)
    if p.cardinality is not None:
        off = sum(n, zero) - p.cardinality * one
        H = H + p.penalty * off @ off
    return b * H - a * scale * sum(X, zero)


@pytest.mark.parametrize("schedule", [LINEAR, QUADRATIC], ids=lambda s: s.name)
@pytest.mark.parametrize("normalisation", ["per_qubit", "unit"])
@pytest.mark.parametrize("u", [0.0, 0.3, 1.0])
@given(p=problems(5), constrained=st.booleans())
def test_dense_hamiltonian(p, constrained, u, normalisation, schedule):
    if constrained:
        p = ac.SelectionProblem(p.h, p.J, beta=p.beta, cardinality=1)
    scale = 1 / p.d if normalisation == "per_qubit" else 1.0
    power = 1 if schedule is LINEAR else 2
    expected = by_kronecker(p, (1 - u) ** power, u**power, scale)
    own = dense_hamiltonian(p, u, normalisation=normalisation, schedule=schedule)
    assert np.allclose(own, expected, rtol=0, atol=1e-12 * max(1, np.abs(expected).max()))


def test_against_qutip():
    """Its operators in its own order of the qubits, first tensor factor = qubit 0."""
    p, u, d = relu_problem(4), 0.4, 4

    def at(op, q):
        return qutip.tensor([op if q == r else qutip.qeye(2) for r in range(d)])

    n = [at(qutip.num(2), q) for q in range(d)]
    H = -(1 - u) / d * sum(at(qutip.sigmax(), q) for q in range(d))
    H += u * sum(p.linear[q] * n[q] for q in range(d))
    H += u * sum(p.quadratic[q, r] * n[q] * n[r] for r in range(d) for q in range(r))
    order = [int(f"{b:04b}"[::-1], 2) for b in range(16)]
    assert np.allclose(H.full()[np.ix_(order, order)], dense_hamiltonian(p, u), atol=1e-14)


def test_gap_of_the_driver_is_twice_its_scale():
    """Of all normalisations, and of any number of qubits: levels -d c, -(d - 2) c, ..."""
    for d in (1, 2, 3, 6):
        for normalisation in ("per_qubit", "unit"):
            c = NORMALISATIONS[normalisation].driver_scale(d)
            levels = np.linalg.eigvalsh(
                dense_hamiltonian(relu_problem(d), 0, normalisation=normalisation)
            )
            assert levels[0] == pytest.approx(-d * c)
            assert levels[1] - levels[0] == pytest.approx(2 * c)


@given(problems(6, cardinality=True), st.booleans())
def test_diagonal_and_coefficients(p, penalty):
    linear, quadratic, constant = coefficients(p, penalty=penalty)
    n = bits(np.arange(2**p.d), p.d).astype(float)
    expected = np.array([by_the_formula(p, row) for row in n])
    scale = 1e-12 * (p.scale + p.penalty * p.d**2 + 1)
    if penalty:
        expected += p.penalty * (n.sum(axis=1) - p.cardinality) ** 2
        assert np.allclose(diagonal(p), expected, rtol=0, atol=scale)
    assert np.allclose(energies_of(linear, quadratic) + constant, expected, rtol=0, atol=scale)
    assert np.array_equal(quadratic, quadratic.T)


@given(problems(6, cardinality=True))
def test_penalty_proves_enough(p):
    """The ground states of the penalised energies are those of the allowed selections."""
    E, w = diagonal(p), bits(np.arange(2**p.d), p.d).sum(axis=1)
    allowed = w == p.cardinality
    assert E[allowed].min() < E[~allowed].min() if (~allowed).any() else True
    assert np.allclose(E[allowed], p.energies()[allowed], rtol=0, atol=1e-12 * (p.scale + 1))


def test_no_qubit_and_one():
    nothing = ac.SelectionProblem([], np.zeros((0, 0)))
    assert dense_hamiltonian(nothing, 0.5).tolist() == [[0.0]]
    assert diagonal(nothing).tolist() == [0.0]
    one = ac.SelectionProblem([1.0], [[0.0]], beta=0.5)
    assert dense_hamiltonian(one, 0.5).tolist() == [[0.0, -0.5], [-0.5, -0.25]]


# Normalisations


def test_scales():
    for d in (1, 2, 8):
        assert NORMALISATIONS["per_qubit"].driver_scale(d) == 1 / d
        assert (
            NORMALISATIONS["unit"].driver_scale(d) == NORMALISATIONS["dwave"].driver_scale(d) == 1
        )
    assert NORMALISATIONS["per_qubit"].driver_scale(0) == 1


def test_results_name_their_normalisation():
    for name in ("per_qubit", "unit"):
        run = ac.anneal(relu_problem(4), tau=1.0, normalisation=name)
        assert run.normalisation is NORMALISATIONS[name]
        assert run.driver_scale == run.normalisation.driver_scale(4)
    assert ac.anneal(relu_problem(4), tau=1.0).normalisation.name == "per_qubit"
    own = Normalisation("mine", False)
    assert ac.anneal(relu_problem(4), tau=1.0, normalisation=own).normalisation is own


def test_schedules_in_units_bring_their_own():
    assert normalisation_of(None, GHZ).name == "dwave"
    assert normalisation_of("dwave", GHZ).time_unit == "ns"
    assert normalisation_of(None, LINEAR).name == "per_qubit"
    with pytest.raises(ArgumentError, match="'per_qubit'.* omit the normalisation"):
        normalisation_of("per_qubit", GHZ)
    with pytest.raises(ArgumentError, match="'dwave'.* use a schedule from a file"):
        normalisation_of("dwave", LINEAR)


def test_unknown_names():
    with pytest.raises(
        ArgumentError, match="normalisation='per_qbit': one of .*did you mean 'per_qubit'"
    ):
        normalisation_of("per_qbit")
    with pytest.raises(ArgumentError, match="normalisation='': one of per_qubit, unit, dwave"):
        normalisation_of("")


def test_too_large_for_a_matrix():
    with pytest.raises(ProblemTooLargeError, match="d=13: .*12 qubits"):
        dense_hamiltonian(relu_problem(13), 0.5)


# Invalid problems


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["h", "J"])
def test_numbers_that_are_none(bad, where):
    h, J = np.ones(2), np.zeros((2, 2))
    (h if where == "h" else J)[..., 1] = bad
    with pytest.raises(NumericalError, match=f"{where}: contains NaN or infinity"):
        ac.SelectionProblem(h, J)


@pytest.mark.parametrize(
    ("h", "J", "message"),
    [
        ([1.0, 1.0], np.zeros((3, 3)), r"J: must have the shape \(2, 2\)"),
        ([1.0, 1.0], np.zeros(4), r"J: must have the shape \(2, 2\)"),
        ([[1.0, 1.0]], np.zeros((2, 2)), r"h: must have the shape \(d,\)"),
        ([], np.zeros((2, 2)), r"J: must have the shape \(0, 0\)"),
        ([1.0, 1.0], [[0.0, 1.0], [0.5, 0.0]], r"must be symmetric; use \(J \+ J.T\) / 2"),
        ([1.0, 1.0], np.eye(2), "must have a zero diagonal"),
        (["a", "b"], np.zeros((2, 2)), "h: must be an array of numbers"),
    ],
)
def test_shapes_and_symmetry(h, J, message):
    with pytest.raises(ArgumentError, match=message):
        ac.SelectionProblem(h, J)
