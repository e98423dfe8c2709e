"""The sector of one Hamming weight against matrices, brute force and conservation laws."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.linalg import expm

from annealcam.annealing.simulation import johnson as _johnson, memory
from annealcam.annealing.simulation.johnson import memory_bytes
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.qubo.energies import bits, energies_of

SMALL = [(d, k) for d in range(9) for k in range(d + 1)]
LEAVES = [(11, 5), (13, 4), (12, 8)]  # blocks above and below the size that has a table


def adjacency(sector):
    """A by its definition: 1 where two states differ by one swap."""
    return (np.bitwise_count(sector.states[:, None] ^ sector.states) == 2).astype(float)


def random_state(sector, seed=0, dtype=np.float64):
    state = np.random.default_rng(seed).normal(size=(2, sector.size))
    return (state / np.linalg.norm(state)).astype(dtype)


def psi(state):
    return state[0] + 1j * state[1]


@pytest.mark.parametrize(("d", "k"), SMALL)
def test_states_are_those_of_weight_k_in_order(d, k):
    expected = [b for b in range(2**d) if b.bit_count() == k]
    sector = WeightSector(d, k)
    assert sector.states.tolist() == expected
    assert sector.size == len(expected) == sector.multiplicities.sum()


@pytest.mark.parametrize(("d", "k"), SMALL + LEAVES)
def test_product_with_the_adjacency_matrix(d, k):
    sector = WeightSector(d, k)
    x = np.random.default_rng(d).normal(size=(3, sector.size))
    assert np.allclose(sector.apply(x), x @ adjacency(sector), rtol=0, atol=1e-12)
    assert np.array_equal(sector.apply(x[1]), sector.apply(x)[1])


@pytest.mark.parametrize(("d", "k"), SMALL)
def test_eigenvalues_and_multiplicities(d, k):
    sector = WeightSector(d, k)
    expected = np.linalg.eigvalsh(adjacency(sector))
    levels = np.repeat(sector.eigenvalues, sector.multiplicities)
    assert np.allclose(levels, expected[::-1], rtol=0, atol=1e-11)


@pytest.mark.parametrize(("d", "k"), [*SMALL, (11, 5)])
def test_rotation_is_the_matrix_exponential(d, k):
    sector = WeightSector(d, k)
    state = random_state(sector)
    expected = expm(0.37j * adjacency(sector)) @ psi(state)
    sector.rotate(state, 0.37)
    assert np.abs(psi(state) - expected).max() < 1e-12


@pytest.mark.parametrize(("d", "k"), SMALL + LEAVES)
def test_function_of_the_adjacency_matrix(d, k):
    """A resolvent inside of the spectrum, against a dense solution."""
    sector, shift = WeightSector(d, k), 0.5
    x = np.random.default_rng(k).normal(size=(2, sector.size))
    expected = np.linalg.solve(adjacency(sector) - shift * np.eye(sector.size), x.T).T
    own = sector.function(1 / (sector.eigenvalues - shift), x)
    assert np.allclose(own, expected, rtol=0, atol=1e-10)
    sector.function(1 / (sector.eigenvalues - shift), x, out=x)
    assert np.array_equal(x, own)


@pytest.mark.parametrize(("d", "k"), [(5, 2), (6, 3), (6, 1), (4, 4), (6, 5)])
def test_sector_of_the_xy_hamiltonian_on_all_qubits(d, k):
    """sum_{p<q} (sigma+_p sigma-_q + h.c.) from Kronecker products; qubit d-1 is the first."""
    raising = np.array([[0.0, 0.0], [1.0, 0.0]])

    def on(matrix, p):
        return np.kron(np.kron(np.eye(2 ** (d - 1 - p)), matrix), np.eye(2**p))

    H = np.zeros((2**d, 2**d))
    for p, q in itertools.combinations(range(d), 2):
        hop = on(raising, p) @ on(raising.T, q)
        H += hop + hop.T
    sector = WeightSector(d, k)
    x = np.random.default_rng(0).normal(size=sector.size)
    inside = H[np.ix_(sector.states, sector.states)]
    outside = np.delete(H[sector.states], sector.states, axis=1)
    assert not outside.any()
    assert np.allclose(sector.apply(x), inside @ x, rtol=0, atol=1e-13)


@pytest.mark.parametrize("d", [1, 2, 5, 9])
def test_one_set_qubit_hops_on_the_complete_graph(d):
    """A = 11^T - 1, so exp(i t A) = e^(-it) (1 + (e^(idt) - 1) 11^T / d)."""
    sector, t = WeightSector(d, 1), 0.81
    state = random_state(sector)
    expected = np.exp(-1j * t) * (
        psi(state) + (np.exp(1j * d * t) - 1) * psi(state).mean() * np.ones(d)
    )
    sector.rotate(state, t)
    assert np.abs(psi(state) - expected).max() < 1e-14


@pytest.mark.parametrize(("d", "k"), [(40, 5), (20, 10), (24, 17)])
def test_uniform_state_is_the_top_eigenvector(d, k):
    sector = WeightSector(d, k)
    ground = sector.ground_state()
    assert np.linalg.norm(ground) == pytest.approx(1.0, abs=1e-12)
    assert np.allclose(sector.apply(ground), k * (d - k) * ground, rtol=1e-13)


@pytest.mark.parametrize(("d", "k"), SMALL)
def test_energies_by_brute_force(d, k):
    rng = np.random.default_rng([d, k])
    linear, Q = rng.normal(size=d), rng.normal(size=(d, d))
    Q = Q + Q.T
    sector = WeightSector(d, k)
    own = sector.energies(linear, Q)
    assert np.allclose(own, energies_of(linear, Q)[sector.states], rtol=0, atol=1e-13)


def test_energies_of_large_sectors():
    d, rng = 40, np.random.default_rng(3)
    sector, linear, Q = WeightSector(d, 5), rng.normal(size=d), rng.normal(size=(d, d))
    Q = Q + Q.T
    own = sector.energies(linear, Q)
    some = rng.integers(0, sector.size, 1000)
    n = bits(sector.states[some], d).astype(float)
    pairs = 0.5 * ((n @ (Q - np.diag(Q.diagonal()))) * n).sum(axis=1)
    assert (n.sum(axis=1) == 5).all()
    assert np.allclose(own[some], n @ linear + pairs, rtol=0, atol=1e-13)
    assert (np.diff(sector.states) > 0).all()


@pytest.mark.parametrize(("d", "k"), [(8, 3), (9, 4), (12, 5), (5, 0)])
def test_complements_are_the_sector_in_reverse(d, k):
    few, many = WeightSector(d, k), WeightSector(d, d - k)
    assert np.array_equal(many.states, (2**d - 1 - few.states)[::-1])
    state, turns = random_state(few), np.random.default_rng(1).normal(size=few.size)
    mirror = np.ascontiguousarray(state[:, ::-1])
    angles, phases = np.array([0.1, 0.4]), np.array([0.7])
    few.propagate(state, turns, angles, phases)
    many.propagate(mirror, turns[::-1].copy(), angles, phases)
    assert np.array_equal(mirror, state[:, ::-1])
    assert np.array_equal(many.apply(mirror), few.apply(state)[:, ::-1])


@given(st.integers(0, 10), st.data())
def test_propagation_keeps_the_norm_and_reverses(d, data):
    sector = WeightSector(d, data.draw(st.integers(0, d)))
    draw = st.floats(-40, 40)
    angles, phases = np.array(data.draw(st.tuples(draw, draw))), np.array([data.draw(draw)])
    state = random_state(sector, data.draw(st.integers(0, 99)))
    turns, before = np.random.default_rng(0).normal(size=sector.size), state.copy()
    sector.propagate(state, turns, angles, phases)
    assert np.linalg.norm(state) == pytest.approx(1.0, abs=1e-11)
    sector.propagate(state, turns, -angles[::-1], -phases)
    assert np.abs(state - before).max() < 1e-11


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 99))
def test_relabelling_qubits_relabels_the_states(d, k, seed):
    sector, rng = WeightSector(d, min(k, d)), np.random.default_rng(seed)
    order = rng.permutation(d)
    moved = bits(sector.states, d)[:, order].astype(np.int64) @ (1 << np.arange(d))
    place = np.searchsorted(sector.states, moved)
    x = rng.normal(size=sector.size)
    assert np.allclose(sector.apply(x)[place], sector.apply(x[place]), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("d", "k", "angle"),
    [(d, k, angle) for d, k in [(20, 10), (18, 7)] for angle in (0.01, 0.12, 1.0, -2.9)]
    + [(22, 11, 0.11), (40, 5, 0.05)],
)
def test_rotation_of_large_sectors_is_unitary(d, k, angle):
    """The uniform part, where the terms cancel most, and all the rest of a random state."""
    sector = WeightSector(d, k)
    state = random_state(sector) + np.stack([sector.ground_state(), np.zeros(sector.size)])
    norm, part = np.linalg.norm(state), psi(state).mean()
    before = state.copy()
    sector.rotate(state, angle)
    assert np.linalg.norm(state) == pytest.approx(norm, abs=1e-11)
    turned = np.exp(1j * angle * k * (d - k)) * part
    assert abs(psi(state).mean() - turned) * math.sqrt(sector.size) < 1e-11
    sector.rotate(state, -angle)
    assert np.linalg.norm(state - before) < 2e-11


def test_full_turns_change_nothing():
    """All eigenvalues are integers."""
    sector = WeightSector(9, 4)
    state = random_state(sector)
    turned = state.copy()
    sector.rotate(turned, 6 * math.pi)
    assert np.abs(turned - state).max() < 1e-12


def test_wild_angles_are_split_and_mild_ones_are_not():
    mild, wild = np.array([0.05, 0.01]), np.array([0.05, 1.0])
    assert _johnson.rotations(mild, 20, 10)[1] == 1
    c, pieces = _johnson.rotations(wild, 20, 10)
    assert pieces > 1
    levels = np.exp(1j / pieces * np.outer(wild, _johnson.eigenvalues(20, 10)))
    assert np.abs(c @ _johnson.moments(20, 10) - levels).max() < 1e-11
    assert _johnson.rotations(wild, 40, 5)[1] == 1


@pytest.mark.parametrize(("d", "k"), [(8, 4), (12, 5), (14, 9), (20, 10)])
def test_single_precision(d, k):
    sector = WeightSector(d, k)
    turns = np.random.default_rng(2).uniform(-1, 1, sector.size)
    double, single = random_state(sector), random_state(sector, dtype=np.float32)
    angles, phases = np.array([0.02, 0.05, 0.02]), np.array([0.3, 0.4])
    sector.propagate(double, turns, angles, phases)
    sector.propagate(single, turns.astype(np.float32), angles, phases)
    assert single.dtype == np.float32
    assert np.linalg.norm(single - double) < 1e-5
    x = single[0].copy()
    assert sector.apply(x).dtype == np.float32
    assert np.allclose(sector.apply(x), sector.apply(x.astype(np.float64)), atol=1e-4)


@pytest.mark.parametrize(("d", "k"), [(6, 3), (7, 5), (4, 0), (9, 4)])
def test_propagation_is_its_matrices_in_turn(d, k):
    sector, rng = WeightSector(d, k), np.random.default_rng(4)
    state, turns = random_state(sector), rng.normal(size=sector.size)
    angles, phases = rng.normal(size=4), rng.normal(size=3)
    levels, vectors = np.linalg.eigh(adjacency(sector))
    expected = psi(state)
    for step, angle in enumerate(angles):
        if step:
            expected = np.exp(-2j * np.pi * phases[step - 1] * turns) * expected
        expected = vectors @ (np.exp(1j * angle * levels) * (vectors.T @ expected))
    sector.propagate(state, turns, angles, phases)
    assert np.abs(psi(state) - expected).max() < 1e-12


def test_equal_sectors_and_equal_bits():
    a, b = WeightSector(10, 4), WeightSector(10, 4)
    assert a == b
    assert len({a, b, WeightSector(10, 6)}) == 2
    x, y = random_state(a), random_state(b)
    a.rotate(x, 0.3)
    b.rotate(y, 0.3)
    assert np.array_equal(x, y)


def test_memory_is_checked_first(monkeypatch):
    assert memory_bytes(40, 5) < 70e6
    assert memory_bytes(12, 3) == memory_bytes(12, 9) == 8 * (12 * 220 + 2 * (1 + 12 + 66))
    with pytest.raises(ProblemTooLargeError, match=r"k=20: has 137846528820 states .* GiB"):
        WeightSector(40, 20)
    with pytest.raises(ProblemTooLargeError, match="d=63"):
        WeightSector(63, 2)
    monkeypatch.setattr(memory, "available", lambda: 3e8)
    with pytest.raises(ProblemTooLargeError, match=r"d=30 qubits with k=9 .* need 1\.8 GiB"):
        WeightSector(30, 9)


def test_wrong_arguments():
    sector = WeightSector(5, 2)
    with pytest.raises(ArgumentError, match="k=6"):
        WeightSector(5, 6)
    with pytest.raises(ArgumentError, match="k=-1"):
        WeightSector(5, -1)
    with pytest.raises(ArgumentError, match="linear, quadratic"):
        sector.energies(np.zeros(4), np.zeros((4, 4)))
    with pytest.raises(ArgumentError, match="x: must be contiguous"):
        sector.apply(np.zeros(9))
    with pytest.raises(ArgumentError, match="x: must be contiguous.*float16"):
        sector.apply(np.zeros(10, dtype=np.float16))
    with pytest.raises(ArgumentError, match="values: must be one for each"):
        sector.function(np.zeros(2), np.zeros(10))
    with pytest.raises(ArgumentError, match="state: must be contiguous"):
        sector.rotate(np.zeros((2, 20))[:, ::2], 0.1)
    with pytest.raises(ArgumentError, match="turns: .*float32"):
        sector.propagate(np.zeros((2, 10)), np.zeros(10, np.float32), np.array([0.1]), np.zeros(0))
    with pytest.raises(ArgumentError, match="angles: must be one more"):
        sector.propagate(np.zeros((2, 10)), np.zeros(10), np.array([0.1]), np.zeros(1))
