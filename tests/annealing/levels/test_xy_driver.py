"""Gaps and spectra with a cardinality, against the XY model on all 2^d states cut to one weight."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize_scalar
from scipy.sparse.linalg import LinearOperator, eigsh

import annealcam as ac
from annealcam.annealing.hamiltonian import NORMALISATIONS
from annealcam.annealing.levels.drivers import TransverseField, XYDriver, driver_of
from annealcam.annealing.levels.gap import minimum_gap
from annealcam.annealing.levels.low_spectrum import ground_state, spectrum
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.errors import ProblemTooLargeError
from tests.problems import problems, relu_problem

BOTH = pytest.mark.parametrize("normalisation", ["per_qubit", "unit"])
SECTORS = [(2, 1), (3, 1), (3, 2), (4, 2), (5, 1), (5, 4), (6, 3), (7, 2), (7, 3), (7, 5)]


def raising(p, d):
    """sigma+_p: sets qubit p, as a Kronecker product with qubit 0 last."""
    factors = [np.eye(2)] * d
    factors[d - 1 - p] = np.array([[0.0, 0.0], [1.0, 0.0]])
    product = np.eye(1)
    for factor in factors:
        product = np.kron(product, factor)
    return product


class Restricted:
    """The XY Hamiltonian on 2^d states, and from it the rows and columns of weight k."""

    def __init__(self, p, normalisation):
        d, k = p.d, p.cardinality
        up = [raising(q, d) for q in range(d)]
        pairs = itertools.combinations(range(d), 2)
        swaps = sum((up[q] @ up[r].T for q, r in pairs), np.zeros((2**d, 2**d)))
        whole = -2 * NORMALISATIONS[normalisation].driver_scale(d) / d * (swaps + swaps.T)
        self.states = np.array([n for n in range(2**d) if n.bit_count() == k])
        self.H_D = whole[np.ix_(self.states, self.states)]
        self.energies = np.array([p.energy([n >> q & 1 for q in range(d)]) for n in self.states])
        self.g = int((self.energies <= self.energies.min() + p.tie).sum())

    def at(self, s):
        return (1 - s) * self.H_D + s * np.diag(self.energies)

    def gap(self, s):
        levels = np.sort(self.energies) if s == 1 else np.linalg.eigvalsh(self.at(s))
        return levels[self.g] - levels[0]

    def minimum(self, points=41):
        mesh = np.linspace(0, 1, points)
        gaps = np.array([self.gap(s) for s in mesh])
        best = gaps.min()
        for i in np.argsort(gaps)[:2]:
            ends = mesh[max(i - 1, 0)], mesh[min(i + 1, points - 1)]
            near = minimize_scalar(self.gap, bounds=ends, method="bounded", options={"xatol": 1e-8})
            best = min(best, near.fun)
        return best


@BOTH
@pytest.mark.parametrize(("d", "k"), [(1, 1), *SECTORS, (6, 6)])
def test_driver(d, k, normalisation):
    p = relu_problem(d, cardinality=k)
    scale = NORMALISATIONS[normalisation].driver_scale(d)
    exact, driver = Restricted(p, normalisation), driver_of(p, NORMALISATIONS[normalisation])
    assert isinstance(driver, XYDriver)
    assert np.array_equal(driver.states, exact.states)
    assert np.allclose(driver.energies, exact.energies, atol=1e-13)
    X = np.random.default_rng(0).normal(size=(3, exact.states.size))
    Y = np.empty_like(X)
    for a, b in [(0.3, 0.9), (1.0, 0.0), (0.0, 1.0)]:
        driver.apply(X, Y, a, b)
        assert np.allclose(Y, X @ (a * exact.H_D + b * np.diag(exact.energies)), atol=1e-13)
    levels = np.linalg.eigvalsh(exact.H_D)
    assert driver.spread == pytest.approx(np.ptp(levels), abs=1e-13)
    assert driver.gap == 2 * scale
    if levels.size > 1:
        assert levels[1] - levels[0] == pytest.approx(driver.gap)


def test_penalty_keeps_the_transverse_field():
    p = relu_problem(4, cardinality=2)
    assert isinstance(driver_of(p, NORMALISATIONS["unit"], "penalty"), TransverseField)
    assert isinstance(driver_of(relu_problem(4), NORMALISATIONS["unit"]), TransverseField)


@BOTH
@pytest.mark.parametrize(("d", "k"), SECTORS)
def test_minimum_gap(d, k, normalisation):
    p = relu_problem(d, 1, cardinality=k)
    exact, own = (
        Restricted(p, normalisation),
        minimum_gap(p, normalisation=normalisation, certify=0.1),
    )
    least = exact.minimum()
    assert own.gap == pytest.approx(least, rel=1e-6)
    assert exact.gap(own.s) == pytest.approx(own.gap, rel=1e-6)
    assert own.multiplicity == exact.g
    ordered = np.sort(exact.energies)
    assert own.final_gap == pytest.approx(ordered[exact.g] - ordered[0], rel=1e-12)
    assert own.proved
    assert 0.9 * own.gap - 1e-10 <= own.certificate <= least
    assert own.hamming_distance % 2 == 0  # a swap changes two bits


@BOTH
@pytest.mark.parametrize(("d", "k"), SECTORS)
def test_spectrum(d, k, normalisation):
    p = relu_problem(d, 2, cardinality=k)
    exact, c = Restricted(p, normalisation), spectrum(p, points=9, normalisation=normalisation)
    levels = np.array([np.linalg.eigvalsh(exact.at(s))[:4] for s in c.s])
    assert np.abs(c.energies - levels).max() < 1e-8
    assert c.error <= 1e-8


@settings(max_examples=40)
@given(problems(largest=5, cardinality=True), st.sampled_from(["per_qubit", "unit"]))
def test_any_problem(p, normalisation):
    exact, own = (
        Restricted(p, normalisation),
        minimum_gap(p, normalisation=normalisation, certify=0.1),
    )
    assert own.multiplicity == exact.g
    if exact.g == exact.states.size:
        assert own.gap == math.inf
        return
    gap = exact.minimum(31)
    assert own.gap <= gap * (1 + 1e-6) + 1e-10
    assert own.certificate <= gap + 1e-12
    assert exact.gap(own.s) == pytest.approx(own.gap, rel=1e-6, abs=1e-10)


@pytest.mark.parametrize(("d", "k", "multiplicity"), [(1, 1, 1), (6, 6, 1), (6, 3, 20)])
def test_no_choice_is_left(d, k, multiplicity):
    """One state, or all equally good: no level to mix with, and the energy is known."""
    p = ac.SelectionProblem(np.ones(d), np.zeros((d, d)), beta=1.0, cardinality=k)
    own = minimum_gap(p, normalisation="unit")
    assert (own.gap, own.final_gap, own.multiplicity) == (math.inf, math.inf, multiplicity)
    s = np.linspace(0, 1, 5)
    lowest = spectrum(p, points=5, levels=1, normalisation="unit").energies[:, 0]
    assert np.allclose(lowest, -(1 - s) * 2 / d * k * (d - k) - s * k, atol=1e-12)


def test_no_candidates():
    p = ac.SelectionProblem(np.zeros(0), np.zeros((0, 0)))
    assert minimum_gap(p).gap == math.inf


@BOTH
def test_one_of_two_is_a_single_spin(normalisation):
    """d = 2, k = 1 is one spin in a field: gap^2 = (2 (1-s) c)^2 + (s (E_1 - E_0))^2."""
    p = ac.SelectionProblem([1.0, 0.4], np.zeros((2, 2)), beta=0.5, cardinality=1)
    across, along = 2 * NORMALISATIONS[normalisation].driver_scale(2), 0.3
    own = minimum_gap(p, normalisation=normalisation)
    assert own.gap == pytest.approx(across * along / math.hypot(across, along), rel=1e-9)
    assert own.s == pytest.approx(across**2 / (across**2 + along**2), abs=1e-4)


@BOTH
def test_selecting_and_leaving_out_are_alike(normalisation):
    """With n -> 1 - n, k of d becomes d - k of d, and l becomes -(l + sum_q Q): the same levels."""
    p = relu_problem(9, cardinality=3)
    h = (p.linear + p.quadratic.sum(axis=1)) / p.beta
    mirrored = ac.SelectionProblem(h, p.J, beta=p.beta, cardinality=6)
    own, other = (minimum_gap(q, normalisation=normalisation, tol=1e-8) for q in (p, mirrored))
    assert own.gap == pytest.approx(other.gap, rel=2e-8)
    assert own.final_gap == pytest.approx(other.final_gap, rel=1e-10)
    assert own.adiabatic_time == pytest.approx(other.adiabatic_time, rel=1e-4)


@pytest.mark.parametrize(("d", "k"), [(2, 1), (6, 2), (7, 3), (8, 4), (8, 6), (5, 4)])
def test_seeds_are_of_first_order(d, k):
    """Eigenstates of the driver's two lowest levels, among which the second has E diagonal."""
    driver = XYDriver(relu_problem(d, cardinality=k), 1.0)
    seeds = driver.seeds(d - 1)
    assert len(seeds) == d
    assert np.allclose(seeds @ seeds.T, np.eye(d), atol=1e-12)
    images = np.empty_like(seeds)
    driver.apply(seeds, images, 1.0, 0.0)
    level = -2 / d * k * (d - k)
    assert np.allclose(images[0], level * seeds[0], atol=1e-12)
    assert np.allclose(images[1:], (level + driver.gap) * seeds[1:], atol=1e-12)
    first = (seeds * driver.energies)[1:] @ seeds[1:].T
    assert np.allclose(first, np.diag(np.diag(first)), atol=1e-12)
    assert (np.diff(np.diag(first)) > -1e-12).all()
    assert len(driver.seeds(1)) == 2


def test_seeds_without_couplings():
    """Nothing parts the level to first order at half filling; the seeds still span all of it."""
    p = ac.SelectionProblem(np.ones(6), np.zeros((6, 6)), cardinality=3)
    seeds = XYDriver(p, 1.0).seeds(9)
    assert np.allclose(seeds @ seeds.T, np.eye(6), atol=1e-12)


@pytest.mark.parametrize(("a", "b"), [(0.99, 0.01), (0.6, 0.4), (0.02, 0.98), (1.0, 0.0)])
def test_preconditioner_is_symmetric_and_positive(a, b):
    """Else it would turn descents of the eigensolver into ascents."""
    driver = XYDriver(relu_problem(7, cardinality=3), 1.0)
    P = np.eye(35)
    value = a * -2 / 7 * 12 + b * driver.energies.mean()
    driver.preconditioner(a, b, ground_state(driver, a, b))(P, np.full(35, value))
    assert np.allclose(P, P.T, atol=1e-10 * np.abs(P).max())
    assert np.linalg.eigvalsh(P).min() > 0


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (0.0, 1.0)])
def test_preconditioner_inverts_a_term_that_is_alone(a, b):
    driver = XYDriver(relu_problem(6, cardinality=2), 1.0)
    R = np.random.default_rng(0).normal(size=(2, 15))
    far, solved, back = np.array([-9.0, -7.0]), R.copy(), np.empty_like(R)
    driver.preconditioner(a, b, ground_state(driver, a, b))(solved, far)
    driver.apply(solved, back, a, b)
    assert np.allclose(back - far[:, None] * solved, R, atol=1e-11)


def in_sector(p, normalisation, s, count):
    """The lowest levels at s, by scipy's Lanczos method on the sector's swaps."""
    sector = WeightSector(p.d, p.cardinality)
    E = s * sector.energies(p.linear, p.quadratic)
    swap = -2 * (1 - s) * NORMALISATIONS[normalisation].driver_scale(p.d) / p.d
    H = LinearOperator(
        (sector.size, sector.size),
        matvec=lambda x: swap * sector.apply(np.ascontiguousarray(x.ravel())) + E * x.ravel(),
        dtype=np.float64,
    )
    start = sector.ground_state()
    return np.sort(eigsh(H, count, which="SA", v0=start, tol=1e-12, return_eigenvectors=False))


@BOTH
def test_fourteen_qubits(normalisation):
    p = relu_problem(14, cardinality=4)
    own = minimum_gap(p, normalisation=normalisation, certify=0.02)
    assert own.proved
    assert own.certificate >= 0.98 * own.gap
    assert own.error < 1e-6 * own.gap
    width = 1e-3
    for s in (own.s, own.s - width, own.s + width, 0.3, 0.6, 0.9):
        levels = in_sector(p, normalisation, s, 2)
        gap = levels[1] - levels[0]
        assert gap >= own.gap * (1 - 1e-6)
        if s == own.s:
            assert gap == pytest.approx(own.gap, rel=1e-6)


def test_memory_is_checked_before_allocation(monkeypatch):
    monkeypatch.setattr("annealcam.annealing.simulation.memory.available", lambda: 3e8)
    with pytest.raises(ProblemTooLargeError, match="658008 states"):
        minimum_gap(relu_problem(40, cardinality=5))


@pytest.mark.long
@BOTH
def test_forty_qubits(normalisation):
    p = relu_problem(40, cardinality=5)
    own = minimum_gap(p, normalisation=normalisation)
    levels = in_sector(p, normalisation, own.s, 2)
    assert own.gap == pytest.approx(levels[1] - levels[0], rel=1e-6)
    assert 0.9 * own.gap * (1 - 1e-6) <= own.certificate <= own.gap
    members = np.array(list(itertools.combinations(range(40), 5)))
    energies = p.linear[members].sum(axis=1)
    for i, j in itertools.combinations(range(5), 2):
        energies += p.quadratic[members[:, i], members[:, j]]
    two = np.sort(np.partition(energies, 1)[:2])
    assert own.final_gap == pytest.approx(two[1] - two[0], rel=1e-9)
