"""The compiled loops against the matrices they stand for, on every path."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.linalg import expm

from annealcam.annealing.kernels import state as _kernels
from annealcam.qubo.energies import energies_of, weights

SIGMA_X = np.array([[0.0, 1.0], [1.0, 0.0]])
GAUGE = np.array([1, 1j, -1, -1j])  # i^|n|: psi = i^|n| (re + i im)
CLOSE = {np.float64: 1e-13, np.float32: 1e-5}
PRECISIONS = pytest.mark.parametrize("number", list(CLOSE))
KERNELS = {"one by one": _kernels.propagate, "evenly": _kernels.propagate_evenly}
BOTH = pytest.mark.parametrize("kernel", KERNELS)
# Zero, small and negative; the largest single rotation and just beyond; quarter and many turns.
ANGLES = np.array([0.3, -0.7, 0.0, 1.2, 1.2001, -math.pi / 2, math.pi, 2.5, -19.0, 3 * math.pi / 2])


def random_state(d, number=np.float64, seed=0):
    state = np.random.default_rng([d, seed]).normal(size=(2, 2**d))
    return (state / np.linalg.norm(state)).astype(number)


def random_turns(d, number=np.float64, seed=1):
    return np.random.default_rng([d, seed]).uniform(-1, 1, 2**d).astype(number)


def psi_of(state):
    """The plain state, out of the real gauge."""
    d = state.shape[1].bit_length() - 1
    return (state[0].astype(float) + 1j * state[1]) * GAUGE[weights(d) % 4]


def in_turn(psi, turns, angles, phases, turn):
    """What `propagate` does, on a plain state."""
    for k, angle in enumerate(angles):
        if k:
            psi = np.exp(-2j * np.pi * phases[k - 1] * turns.astype(float)) * psi
        psi = turn(psi, angle)
    return psi


def by_matrix(psi, angle):
    """exp(i angle sum_p X_p) from the exponential of one X and Kronecker products."""
    one = expm(1j * angle * SIGMA_X)
    return functools.reduce(np.kron, [one] * (psi.size.bit_length() - 1)) @ psi


def by_axes(psi, angle):
    """The same, qubit by qubit, where a matrix is too large."""
    one = math.cos(angle) * np.eye(2) + 1j * math.sin(angle) * SIGMA_X
    for _ in range(psi.size.bit_length() - 1):  # each time the first axis becomes the last
        psi = (one @ psi.reshape(2, -1)).T.ravel()
    return psi


def phases_for(kernel, n, seed=2):
    """Any phases; for `evenly`, equal steps, a jump, a pause, other steps, and zeros."""
    if kernel == "one by one":
        return np.random.default_rng(seed).uniform(-2, 2, n)
    paths = [0.1, 0.2, 0.3, 0.4, -0.9, -0.9, -0.9, -0.75, -0.6, 0.0, 0.0]
    return np.array(paths[:n])


# Matrices


@BOTH
@PRECISIONS
@pytest.mark.parametrize("d", range(4, 11))
def test_kernels_are_their_matrices(d, number, kernel):
    state, turns = random_state(d, number), random_turns(d, number)
    angles = ANGLES if d < 9 else ANGLES[3:7]
    phases = phases_for(kernel, angles.size - 1)
    expected = in_turn(psi_of(state), turns, angles, phases, by_matrix)
    KERNELS[kernel](state, turns, angles, phases)
    assert np.abs(psi_of(state) - expected).max() < CLOSE[number]


def test_the_rotation_is_the_exponential_of_the_sum():
    """On the whole matrix, so that the references above stand for what they say."""
    d, angle = 5, 0.83
    X = sum(
        functools.reduce(np.kron, [SIGMA_X if q == p else np.eye(2) for q in range(d)])
        for p in range(d)
    )
    psi = psi_of(random_state(d))
    exact = expm(1j * angle * X) @ psi
    assert np.abs(by_matrix(psi, angle) - exact).max() < 1e-13
    assert np.abs(by_axes(psi, angle) - exact).max() < 1e-13


@BOTH
@PRECISIONS
@pytest.mark.parametrize("d", range(11, 16))
def test_kernels_beyond_a_block(d, number, kernel):
    """1 to 5 qubits above the block: every grouping of the upper qubits."""
    state, turns = random_state(d, number), random_turns(d, number)
    angles, phases = np.array([0.4, -1.9, 0.8]), np.array([0.7, 0.3])
    expected = in_turn(psi_of(state), turns, angles, phases, by_axes)
    KERNELS[kernel](state, turns, angles, phases)
    assert np.abs(psi_of(state) - expected).max() < CLOSE[number]


@PRECISIONS
@pytest.mark.parametrize("d", range(4, 19))
def test_every_qubit_turns(d, number):
    """From |0...0> the amplitude of n is cos^(d - |n|) sin^|n|, in the gauge without an i."""
    theta = 0.6
    x = np.zeros(2**d, number)
    x[0] = 1.0
    _kernels.rotate(x, theta)
    ones = weights(d).astype(float)
    expected = math.cos(theta) ** (d - ones) * math.sin(theta) ** ones
    assert np.abs(x - expected).max() < CLOSE[number]


@PRECISIONS
@pytest.mark.parametrize("left", range(1, 10))
def test_groups_of_upper_qubits(left, number):
    """2^left vectors side by side, in the tangent form: so many qubits, in groups of 1 to 4."""
    lanes, tangent = 64 // np.dtype(number).itemsize, 0.37
    x = np.random.default_rng(left).normal(size=(2**left, lanes)).astype(number)
    one, expected = np.array([[1.0, -tangent], [tangent, 1.0]]), x.astype(float)
    for _ in range(left):
        paired = expected.reshape(2, -1, lanes)
        expected = np.tensordot(one, paired, 1).transpose(1, 0, 2).reshape(-1, lanes)
    _kernels.turn_upper(x.ctypes.data, x.nbytes, 64, number(tangent))
    assert np.abs(x - expected).max() < 30 * CLOSE[number]


@BOTH
def test_no_phase_at_all(kernel):
    state = random_state(6)
    expected = by_matrix(psi_of(state), 0.9)
    KERNELS[kernel](state, random_turns(6), np.array([0.9]), np.zeros(0))
    assert np.abs(psi_of(state) - expected).max() < 1e-14


@PRECISIONS
def test_three_qubits_in_one_vector_or_less(number):
    """MIN_QUBITS is one vector of single precision, so that nothing is read beyond the end."""
    assert 64 // np.dtype(number).itemsize <= 2**_kernels.MIN_QUBITS
    guarded = np.full((2, 3 * 16), 7.0, number)
    x = guarded[0, 16:32]
    _kernels.rotate(x, 0.4)
    assert (guarded[0, :16] == 7).all()
    assert (guarded[0, 32:] == 7).all()
    assert (guarded[1] == 7).all()


# Phases that grow by equal steps


def test_many_equal_steps():
    """Powers are made anew every 4096 steps; what rounding piles up between them stays small."""
    d, n = 4, 9000
    state, turns = random_state(d), random_turns(d)
    angles = np.random.default_rng(3).uniform(-0.3, 0.3, n + 1)
    phases = 0.31 + 1.7e-4 * np.arange(n)
    one_by_one = state.copy()
    expected = in_turn(psi_of(state), turns, angles, phases, by_axes)
    _kernels.propagate_evenly(state, turns, angles, phases)
    _kernels.propagate(one_by_one, turns, angles, phases)
    assert np.abs(psi_of(one_by_one) - expected).max() < 2e-12
    assert np.abs(psi_of(state) - expected).max() < 1e-10


@given(
    st.integers(4, 9),
    st.lists(st.tuples(st.integers(1, 4), st.floats(-2, 2)), min_size=1, max_size=4),
    st.integers(0, 99),
)
@settings(max_examples=40)
def test_even_or_not_the_result_is_the_same(d, runs, seed):
    """Runs of equal differences, of any length, one after the other."""
    steps = np.concatenate([np.full(n, change) for n, change in runs])
    phases = np.cumsum(steps)
    angles = np.random.default_rng(seed).uniform(-2, 2, phases.size + 1)
    a, turns = random_state(d, seed=seed), random_turns(d, seed=seed)
    b = a.copy()
    _kernels.propagate(a, turns, angles, phases)
    _kernels.propagate_evenly(b, turns, angles, phases)
    assert np.abs(a - b).max() < 1e-13


# Conservation


@given(
    st.integers(4, 12), st.floats(-40, 40), st.floats(-40, 40), st.sampled_from(list(KERNELS)),
    st.sampled_from(list(CLOSE)), st.integers(0, 99),
)  # fmt: skip
def test_norm_is_conserved_and_time_reverses(d, angle, phase, kernel, number, seed):
    state, turns = random_state(d, number, seed), random_turns(d, number, seed)
    before, close = state.copy(), CLOSE[number]
    angles, phases = np.array([angle, angle / 3, -angle]), np.array([phase, phase / 2])
    KERNELS[kernel](state, turns, angles, phases)
    assert np.linalg.norm(state.astype(float)) == pytest.approx(1.0, abs=10 * close)
    KERNELS[kernel](state, turns, -angles[::-1], -phases[::-1])
    assert np.abs(state - before).max() < 10 * close


@given(st.integers(4, 10), st.floats(-3, 3), st.floats(-3, 3))
def test_rotations_add_up(d, a, b):
    x = random_state(d)[0].copy()
    y = x.copy()
    _kernels.rotate(x, a)
    _kernels.rotate(x, b)
    _kernels.rotate(y, a + b)
    assert np.abs(x - y).max() < 1e-13


@PRECISIONS
def test_probabilities_sum_to_one(number):
    for d in (4, 7, 12):
        state = 3.0 * random_state(d, number)  # of any length
        density = _kernels.density(state)
        assert density.dtype == np.float64
        assert density.sum() == pytest.approx(1.0, abs=1e-14)
        exact = (state.astype(float) ** 2).sum(axis=0)
        assert np.allclose(density, exact / exact.sum(), rtol=1e-13, atol=0)


def test_equal_bits_every_time():
    a, b, turns = random_state(11), random_state(11), random_turns(11)
    angles, phases = np.array([0.1, 0.2, 0.3]), np.array([0.4, 0.8])
    _kernels.propagate_evenly(a, turns, angles, phases)
    _kernels.propagate_evenly(b, turns, angles, phases)
    assert np.array_equal(a, b)


# Energies, sines and cosines


@pytest.mark.parametrize("d", range(13))
def test_energies_to_the_bit(d):
    rng = np.random.default_rng(d)
    linear, quadratic = rng.normal(size=d), rng.normal(size=(d, d))
    quadratic = quadratic + quadratic.T
    energies = _kernels.energies(linear[None], quadratic[None])[0]
    assert np.array_equal(energies, energies_of(linear, quadratic))


def unit(turns, phase):
    re, im = np.empty_like(turns), np.empty_like(turns)
    _kernels.unit_phases(re, im, turns, phase)
    return re, im


@pytest.mark.parametrize(("number", "close"), [(np.float64, 2e-15), (np.float32, 7e-7)])
@pytest.mark.parametrize("size", [0.5, 30.0, 1e5])
def test_sines_and_cosines(number, close, size):
    """y turns, less whole ones without rounding: the polynomials' own error, however large y is."""
    turns = np.random.default_rng(5).uniform(-size, size, 4096).astype(number)
    turns[:9] = np.array([0, 0.25, -0.25, 0.5, -0.5, 0.75, 1, -1, 1.5])
    exact = turns.astype(float) - np.rint(turns.astype(float))
    re, im = unit(turns, 1.0)
    assert np.abs(re - np.cos(2 * np.pi * exact)).max() < close
    assert np.abs(im + np.sin(2 * np.pi * exact)).max() < close


def test_large_phases_lose_no_more_than_their_own_rounding():
    turns, phase = random_turns(10), 12345.678
    re, im = unit(turns, phase)
    rounding = 2 * np.pi * phase * np.finfo(float).eps
    assert np.abs(re + 1j * im - np.exp(-2j * np.pi * phase * turns)).max() < 2 * rounding + 2e-15


@PRECISIONS
def test_dephasing(number):
    state, turns = random_state(9, number), random_turns(9, number)
    expected = 0.7 * np.exp(-2j * np.pi * 1.3 * turns.astype(float)) * (state[0] + 1j * state[1])
    _kernels.dephase(state[0], state[1], turns, 1.3, 0.7)
    assert np.abs(state[0] + 1j * state[1] - expected).max() < CLOSE[number]
