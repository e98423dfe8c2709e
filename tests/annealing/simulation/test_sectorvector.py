"""A cardinality kept exactly, against the XY Hamiltonian of all qubits cut to one weight."""

import functools
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import annealcam as ac
from annealcam.annealing.hamiltonian import dense_hamiltonian, diagonal
from annealcam.annealing.schedules.schedule import LINEAR, Schedule
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.qubo.energies import bits
from tests.problems import problems, relu_problem

RAISE = np.array([[0.0, 0.0], [1.0, 0.0]])  # sigma+ sets a qubit: |1><0|
BOTH = pytest.mark.parametrize("normalisation", ["per_qubit", "unit"])
SIZES = [(1, 1), (2, 1), (3, 2), (4, 4), (5, 2), (6, 3), (7, 3), (7, 5)]
ONE, ZERO = [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]
# The problem is switched on at once, then A = B = 1.
CONSTANT = Schedule("constant", [0.0, 1e-12, 1.0], [ONE, ONE], [ZERO, ONE])


@functools.cache
def xy(d):
    """sum_{p<q} (sigma+_p sigma-_q + h.c.) on all 2^d states; qubit p is bit p."""

    def on(matrix, p):
        return np.kron(np.kron(np.eye(2 ** (d - 1 - p)), matrix), np.eye(2**p))

    H = np.zeros((2**d, 2**d))
    for p, q in itertools.combinations(range(d), 2):
        hop = on(RAISE, p) @ on(RAISE.T, q)
        H += hop + hop.T
    return H


def parts(p, scale):
    """Driver and problem in the sector, as matrix and diagonal; and its states."""
    states = np.array([b for b in range(2**p.d) if b.bit_count() == p.cardinality])
    driver = -2 * scale / p.d * xy(p.d)[np.ix_(states, states)]
    return driver, p.energies()[states], states


def integrated(p, tau, scale):
    """The linear schedule by an eighth-order Runge-Kutta method."""
    driver, energies, states = parts(p, scale)

    def right(t, psi):
        u = t / tau
        return -1j * ((1 - u) * (driver @ psi) + u * energies * psi)

    psi = np.full(states.size, states.size**-0.5, dtype=complex)
    solution = solve_ivp(right, (0, tau), psi, method="DOP853", rtol=1e-12, atol=1e-13)
    return solution.y[:, -1]


@BOTH
@pytest.mark.parametrize(("d", "k"), SIZES)
def test_run_is_that_of_the_dense_sector(d, k, normalisation):
    p = relu_problem(d, cardinality=k)
    run = ac.anneal(p, tau=12.0, normalisation=normalisation, tol=1e-10)
    psi = integrated(p, 12.0, run.driver_scale)
    _, energies, states = parts(p, run.driver_scale)
    ground = energies <= energies.min() + p.tie
    assert run.states.tolist() == states.tolist()
    assert np.abs(run.probabilities - np.abs(psi) ** 2).max() < 1e-9
    assert run.success_probability == pytest.approx((np.abs(psi) ** 2)[ground].sum(), abs=1e-9)
    assert np.abs(run.state - psi).max() < 1e-8  # with its phase
    assert run.multiplicity == ground.sum()
    assert run.ground_energy == pytest.approx(energies.min(), abs=1e-12)


@BOTH
@pytest.mark.parametrize(("d", "k"), SIZES)
def test_constant_hamiltonian(d, k, normalisation):
    p = relu_problem(d, cardinality=k)
    run = ac.anneal(p, tau=5.0, normalisation=normalisation, schedule=CONSTANT, tol=1e-10)
    driver, energies, states = parts(p, run.driver_scale)
    psi = expm(-5j * (driver + np.diag(energies))) @ np.full(states.size, states.size**-0.5)
    assert np.abs(run.probabilities - np.abs(psi) ** 2).max() < 1e-9
    assert np.abs(run.state - psi).max() < 1e-8


@BOTH
@pytest.mark.parametrize(("d", "k"), [s for s in SIZES if s[0] > s[1]])
def test_gap_of_the_driver_is_that_of_the_field(d, k, normalisation):
    """2c, as of the transverse field on all states; its ground state has all states alike."""
    p = relu_problem(d, cardinality=k)
    c = ac.anneal(p, tau=1.0, normalisation=normalisation).driver_scale
    levels, vectors = np.linalg.eigh(parts(p, c)[0])
    assert levels[1] - levels[0] == pytest.approx(2 * c, abs=1e-12)
    assert np.abs(vectors[:, 0]) == pytest.approx(len(vectors) ** -0.5)
    field = np.linalg.eigvalsh(dense_hamiltonian(p, 0.0, normalisation=normalisation))
    assert field[1] - field[0] == pytest.approx(2 * c, abs=1e-12)


def test_two_qubits_in_closed_form():
    """k = 1 of 2 is one spin in a field: H = -c X + diag(E_01, E_10), Rabi's formula."""
    p = ac.SelectionProblem([1.0, 0.2], np.zeros((2, 2)), beta=1.0, cardinality=1)
    tau, c, lift = 3.0, 1.0, 0.8  # of E(only map 1) over E(only map 0)
    run = ac.anneal(p, tau=tau, normalisation="unit", schedule=CONSTANT, tol=1e-10)
    w = math.hypot(c, lift / 2)
    # <Z> from the state along x: a turn about (c, 0, lift / 2) / w
    z = c * lift / (2 * w**2) * (1 - math.cos(2 * w * tau))
    assert run.states.tolist() == [0b01, 0b10]
    assert run.probabilities == pytest.approx([(1 + z) / 2, (1 - z) / 2], abs=1e-9)


@given(problems(7, cardinality=True), st.integers(0, 99))
@settings(max_examples=40)
def test_only_allowed_selections_are_drawn(p, seed):
    run = ac.anneal(p, tau=3.0)
    shots = run.sample(64, seed)
    assert shots.shape == (64, p.d)
    assert (shots.sum(axis=1) == p.cardinality).all()
    assert run.probabilities.size == math.comb(p.d, p.cardinality)
    assert run.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert (np.bitwise_count(run.states) == p.cardinality).all()
    energies = p.energies()[run.states]
    ground = energies <= energies.min() + p.tie
    assert run.success_probability == pytest.approx(run.probabilities[ground].sum(), abs=2e-6)
    assert run.multiplicity == ground.sum()


def test_samples_follow_the_probabilities():
    run = ac.anneal(relu_problem(5, cardinality=2), tau=8.0)
    shots = run.sample(20_000, seed=3)
    drawn = np.searchsorted(run.states, shots.astype(int) @ (1 << np.arange(5)))
    expected = 20_000 * run.probabilities
    assert ((np.bincount(drawn, minlength=10) - expected) ** 2 / expected).sum() < 27.9  # p = 0.001


def test_all_maps_or_one_state():
    """cardinality = d leaves one state: it is found for certain, with the phase of its energy."""
    p = relu_problem(4, cardinality=4)
    run = ac.anneal(p, tau=9.0)
    assert (run.success_probability, run.states.tolist()) == (pytest.approx(1), [15])
    assert run.state[0] == pytest.approx(np.exp(-0.5j * 9.0 * p.energies()[15]), abs=1e-6)


def test_relabelling_maps_relabels_the_selections():
    p, order = relu_problem(6, cardinality=3), np.array([3, 0, 4, 1, 5, 2])
    q = ac.SelectionProblem(p.h[order], p.J[np.ix_(order, order)], cardinality=3)
    a, b = ac.anneal(p, tau=20.0), ac.anneal(q, tau=20.0)
    moved = [sum((s >> int(order[j]) & 1) << j for j in range(6)) for s in a.states.tolist()]
    places = np.searchsorted(b.states, moved)
    assert np.allclose(b.probabilities[places], a.probabilities, atol=2e-6)


def test_error_is_a_bound():
    for seed in range(12):
        p = relu_problem(8, seed, cardinality=3)
        for normalisation in ("per_qubit", "unit"):
            ours, fine = (
                ac.anneal(p, tau=30.0, normalisation=normalisation, tol=tol)
                for tol in (1e-6, 1e-10)
            )
            off = abs(ours.success_probability - fine.success_probability)
            assert off <= ours.error + fine.error
            assert ours.error <= 1e-6


def test_slow_runs_find_the_best():
    p = relu_problem(6, seed=1, cardinality=3)
    chances = [ac.anneal(p, tau=t, normalisation="unit").success_probability for t in (1, 30, 3000)]
    assert chances == sorted(chances)
    assert chances[-1] > 0.999
    assert ac.anneal(p, tau=1e-6).success_probability == pytest.approx(1 / 20, abs=1e-5)


def test_single_precision():
    p = relu_problem(8, cardinality=3)
    single, double = (ac.anneal(p, tol=1e-5, precision=x) for x in ("complex64", "complex128"))
    off = abs(single.success_probability - double.success_probability)
    assert off <= single.error + double.error
    assert single.error <= 1e-5


def test_equal_bits_every_time():
    p = relu_problem(9, cardinality=4)
    assert np.array_equal(ac.anneal(p).probabilities, ac.anneal(p).probabilities)


# The penalty


@BOTH
@pytest.mark.parametrize(("d", "k"), [(2, 1), (4, 2), (5, 4)])
def test_penalty_form_is_the_field_on_all_states(d, k, normalisation):
    p = relu_problem(d, cardinality=k)
    run = ac.anneal(
        p, tau=4.0, normalisation=normalisation, schedule=CONSTANT, constraint="penalty", tol=1e-10
    )
    field = dense_hamiltonian(p, 0.0, normalisation=normalisation)
    psi = expm(-4j * (field + np.diag(diagonal(p)))) @ np.full(2**d, 2 ** (-d / 2))
    assert run.states is None
    assert np.abs(run.probabilities - np.abs(psi) ** 2).max() < 1e-9
    assert np.abs(run.state - psi).max() < 1e-8
    best = ac.solve_exact(p)
    assert run.multiplicity == best.multiplicity
    assert run.ground_energy == pytest.approx(p.energy(best.n), abs=1e-12)


def test_without_a_cardinality_the_constraint_has_no_effect():
    p = relu_problem(5)
    a, b = (ac.anneal(p, constraint=c) for c in ("subspace", "penalty"))
    assert np.array_equal(a.probabilities, b.probabilities)


# Large sectors, and invalid arguments


def test_forty_maps_of_which_five():
    """658,008 states, and a short run in closed form to second order in its length.

    The problem gives phases -t^2 E / (2 tau), of which the driver makes probabilities:
    P(n) = P_0 (1 - tau^2 / 12 ((H_D - e_0) E)(n)), up to tau^4.
    """
    d, k, tau = 40, 5, 0.5
    p = relu_problem(d, cardinality=k)
    run = ac.anneal(p, tau=tau, tol=1e-10)
    assert run.states.size == 658_008
    assert run.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert (run.sample(100).sum(axis=1) == k).all()
    places = [run.probabilities.argmax(), run.probabilities.argmin(), 1234, 500_000]
    for place in places:
        n = bits(int(run.states[place]), d)
        swapped = []
        for out, into in itertools.product(np.flatnonzero(n), np.flatnonzero(n == 0)):
            m = n.copy()
            m[out], m[into] = 0, 1
            swapped.append(m)
        lifted = 2 / d * (1 / d) * (len(swapped) * p.energy(n) - p.energy(swapped).sum())
        gain = 658_008 * run.probabilities[place] - 1
        assert gain == pytest.approx(-(tau**2) / 12 * lifted, rel=0.02, abs=2e-6)
    assert run.success_probability == pytest.approx(run.probabilities.max(), abs=1e-15)


@pytest.mark.long
def test_forty_maps_to_two_tolerances():
    p = relu_problem(40, cardinality=5)
    ours, fine = (ac.anneal(p, tau=10.0, tol=tol) for tol in (1e-4, 1e-7))
    off = abs(ours.success_probability - fine.success_probability)
    assert off <= ours.error + fine.error <= 2e-4
    assert np.linalg.norm(fine.state) == pytest.approx(1, abs=1e-12)
    assert 0.5 * np.abs(np.abs(fine.state) ** 2 - fine.probabilities).sum() < 1e-5
    lowest = min(p.energy(bits(part, 40)).min() for part in np.array_split(fine.states, 20))
    assert fine.ground_energy == pytest.approx(lowest, abs=1e-12)


def test_wrong_arguments():
    p = relu_problem(4, cardinality=2)
    with pytest.raises(ArgumentError, match="device='quantum'"):
        ac.anneal(p, device="quantum")
    with pytest.raises(ArgumentError, match="threads=0"):
        ac.anneal(p, threads=0)
    with pytest.raises(ArgumentError, match="constraint='penaltyy'.*did you mean 'penalty'"):
        ac.anneal(p, constraint="penaltyy")
    with pytest.raises(ArgumentError, match="selection of 3 maps, but cardinality=2"):
        ac.anneal(p, schedule=LINEAR.reverse([1, 1, 1, 0], 0.5))
    with pytest.raises(ArgumentError, match="cardinality=5: there are only 4"):
        relu_problem(4, cardinality=5)
    with pytest.raises(ArgumentError, match="cardinality=0"):
        relu_problem(4, cardinality=0)
    with pytest.raises(ProblemTooLargeError, match="GiB"):
        ac.anneal(ac.SelectionProblem(np.ones(40), np.zeros((40, 40)), cardinality=20))
