"""The minimum gap against dense matrices, closed forms, symmetries and its own certificate."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize_scalar

import annealcam as ac
from annealcam.annealing.hamiltonian import NORMALISATIONS, dense_hamiltonian, diagonal
from annealcam.annealing.kernels import spectral as _spectral_kernels
from annealcam.annealing.levels import drivers
from annealcam.annealing.levels.gap import minimum_gap
from annealcam.annealing.levels.gap_search import GapSearch
from annealcam.annealing.schedules.schedule import LINEAR, QUADRATIC, Schedule
from annealcam.errors import ArgumentError, NumericalError, ProblemTooLargeError
from tests.problems import problems, relu_problem

CONVENTION = st.sampled_from(["per_qubit", "unit"])
BOTH = pytest.mark.parametrize("normalisation", ["per_qubit", "unit"])


class Dense:
    """Everything by full diagonalisation, from the sorted energies where the driver is off."""

    def __init__(self, p, normalisation, schedule=LINEAR):
        self.H_D = dense_hamiltonian(p, 0.0, normalisation=normalisation)
        self.energies, self.schedule = diagonal(p), schedule
        self.g = int((self.energies <= self.energies.min() + p.tie).sum())

    def at(self, s):
        A, B = float(self.schedule.A(s)), float(self.schedule.B(s))
        return np.linalg.eigh(A * self.H_D + B * np.diag(self.energies))

    def gap(self, s):
        A, B = float(self.schedule.A(s)), float(self.schedule.B(s))
        if A == 0:
            levels = B * np.sort(self.energies)
        else:
            levels = np.linalg.eigvalsh(A * self.H_D + B * np.diag(self.energies))
        return levels[self.g] - levels[0]

    def minimum(self, points=41):
        mesh = np.union1d(np.linspace(0, 1, points), self.schedule.breaks)
        gaps = np.array([self.gap(s) for s in mesh])
        best, where = gaps.min(), mesh[gaps.argmin()]
        for i in np.argsort(gaps)[:2]:
            ends = mesh[max(i - 1, 0)], mesh[min(i + 1, mesh.size - 1)]
            bottom = minimize_scalar(
                self.gap, bounds=ends, method="bounded", options={"xatol": 1e-8}
            )
            if bottom.fun < best:
                best, where = bottom.fun, bottom.x
        return best, where

    def slowness(self, s):
        levels, states = self.at(s)
        g = self.g
        rates = float(self.schedule.dA(s)), float(self.schedule.dB(s))
        change = rates[0] * self.H_D + rates[1] * np.diag(self.energies)
        coupling = np.linalg.norm(states[:, :g].T @ change @ states[:, g])
        return coupling / (levels[g] - levels[0]) ** 2


@BOTH
@pytest.mark.parametrize("d", range(2, 9))
def test_dense(d, normalisation):
    p = relu_problem(d)
    gap, s = Dense(p, normalisation).minimum(41 if d < 8 else 21)
    ours = minimum_gap(p, normalisation=normalisation)
    assert ours.gap == pytest.approx(gap, rel=1e-6)
    assert ours.s == pytest.approx(s, abs=2e-3)
    assert abs(ours.gap - gap) <= ours.error + 1e-10
    assert ours.certificate <= gap * (1 + 1e-9)
    assert ours.snapshots <= 8


@BOTH
@pytest.mark.parametrize("seed", range(1, 4))
def test_dense_with_other_problems(seed, normalisation):
    for d in (5, 6, 7):
        p = relu_problem(d, seed)
        ours = minimum_gap(p, normalisation=normalisation)
        assert ours.gap == pytest.approx(Dense(p, normalisation).minimum()[0], rel=1e-6)


@BOTH
@pytest.mark.parametrize("d", [3, 6, 7])
def test_quadratic_schedule(d, normalisation):
    p = relu_problem(d)
    ours = minimum_gap(p, normalisation=normalisation, schedule="quadratic", certify=0.05)
    gap = Dense(p, normalisation, QUADRATIC).minimum()[0]
    assert ours.gap == pytest.approx(gap, rel=1e-6)
    assert ours.proved
    assert 0.95 * ours.gap <= ours.certificate <= gap * (1 + 1e-9)


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule.from_table([0, 0.3, 0.5, 0.8, 1], [1, 0.4, 0.4, 0.1, 0], [0, 0.3, 0.3, 0.5, 1]),
        LINEAR.paused(0.7, 0.2),
        Schedule.of(lambda u: np.cos(np.pi * u / 2), lambda u: np.sin(np.pi * u / 2)),
        LINEAR.reverse([1, 0, 0, 0, 0], 0.6),
    ],
    ids=["table", "pause", "cosine", "reverse"],
)
def test_any_schedule(schedule):
    p = relu_problem(5)
    ours = minimum_gap(p, normalisation="unit", schedule=schedule, certify=0.05)
    gap = Dense(p, "unit", schedule).minimum(61)[0]
    assert ours.gap == pytest.approx(gap, rel=1e-6)
    assert ours.proved
    assert ours.certificate <= gap * (1 + 1e-9)


@pytest.mark.parametrize("field", [0.01, 0.3, 1.0, 7.0])
def test_one_qubit(field):
    """H = -(1-s) sigma_x - s f n: gap^2 = 4 (1-s)^2 + (s f)^2, smallest at s = 4 / (4 + f^2)."""
    p = ac.SelectionProblem([field], [[0.0]], beta=1.0)
    ours = minimum_gap(p, normalisation="unit", certify=0.01)
    assert ours.gap == pytest.approx(2 * field / math.sqrt(4 + field**2), rel=1e-12)
    assert ours.s == pytest.approx(4 / (4 + field**2), abs=1e-5)
    assert ours.final_gap == pytest.approx(field, rel=1e-15)
    # gap^2 is a parabola through and through: its curvature is the square of the slope
    assert ours.slope == pytest.approx(math.sqrt(4 + field**2), rel=1e-6)
    # <1|dH/ds|0> = f / gap, so the adiabatic time is f / gap^3
    assert ours.adiabatic_time == pytest.approx(field / ours.gap**3, rel=1e-5)
    assert ours.hamming_distance == 1
    assert ours.multiplicity == 1
    assert ours.interior
    assert ours.proved


def test_two_qubits():
    """The singlet apart, H = -X1 - X2 + g n1 n2 is a 3 x 3 matrix with the triplet's levels."""
    p = ac.SelectionProblem([1.0, 1.0], [[0.0, 3.0], [3.0, 0.0]], beta=0.5)
    r = -math.sqrt(2.0)

    def gap(s):
        triplet = np.diag([0, -0.5 * s, 0.5 * s]) + (1 - s) * np.array(
            [[0, r, 0], [r, 0, r], [0, r, 0]]
        )
        levels = np.sort(np.append(np.linalg.eigvalsh(triplet), -0.5 * s))
        return levels[2] - levels[0]  # two ground states: the third level counts

    bottom = minimize_scalar(gap, bounds=(0.3, 1.0), method="bounded", options={"xatol": 1e-12})
    ours = minimum_gap(p, normalisation="unit")
    assert ours.multiplicity == 2
    assert ours.gap == pytest.approx(min(bottom.fun, gap(1.0)), rel=1e-9)


@BOTH
@pytest.mark.parametrize("d", [2, 4, 6, 9])
def test_independent_qubits(d, normalisation):
    """Without couplings the gap is that of the qubit with the weakest field."""
    fields = np.random.default_rng(d).uniform(0.2, 1.0, d)
    p = ac.SelectionProblem(fields, np.zeros((d, d)), beta=0.7)
    f, c = 0.7 * fields.min(), NORMALISATIONS[normalisation].driver_scale(d)
    ours = minimum_gap(p, normalisation=normalisation)
    assert ours.gap == pytest.approx(2 * c * f / math.hypot(2 * c, f), rel=1e-6)
    assert ours.hamming_distance == 1


@pytest.mark.parametrize("d", [4, 7])
def test_scale_identity(d):
    """gap_c(s) = k gap_1(s / k), k = (1-s) c + s, so both minima are bounded by each other's."""
    p = relu_problem(d, 2)
    c = 1 / d
    paper, text = (Dense(p, normalisation) for normalisation in ("per_qubit", "unit"))
    for s in (0.2, 0.6, 0.9):
        k = (1 - s) * c + s
        assert paper.gap(s) == pytest.approx(k * text.gap(s / k), rel=1e-9)
    one, other = (minimum_gap(p, normalisation=name) for name in ("per_qubit", "unit"))
    k = (1 - one.s) * c + one.s
    assert one.gap == pytest.approx(k * text.gap(one.s / k), rel=1e-6)
    assert one.gap >= k * other.gap * (1 - 1e-6)


@pytest.mark.parametrize("factor", [1e-6, 1e5])
def test_units(factor):
    """The same problem in other units: nothing in the search has a scale of its own."""
    p = relu_problem(7, 1)
    scaled = Schedule.from_table([0, 1], [factor, 0], [0, factor])
    ours, usual = minimum_gap(p, schedule=scaled), minimum_gap(p)
    assert ours.gap == pytest.approx(factor * usual.gap, rel=1e-6)
    assert ours.adiabatic_time == pytest.approx(usual.adiabatic_time / factor, rel=1e-3)


@BOTH
def test_permutation_of_qubits(normalisation):
    p = relu_problem(7, 4)
    order = np.random.default_rng(0).permutation(7)
    q = ac.SelectionProblem(p.h[order], p.J[np.ix_(order, order)], beta=p.beta)
    one, other = (minimum_gap(x, normalisation=normalisation, tol=1e-8) for x in (p, q))
    assert one.gap == pytest.approx(other.gap, rel=1e-8)
    assert one.hamming_distance == other.hamming_distance
    assert one.adiabatic_time == pytest.approx(other.adiabatic_time, rel=1e-3)


def tied(kind):
    p = relu_problem(6)
    if kind == "duplicate":
        J = p.J.copy()
        J[1], J[:, 1] = J[0], J[:, 0]
        J[0, 1] = J[1, 0] = 1.0
        np.fill_diagonal(J, 0.0)
        return ac.SelectionProblem(np.append(p.h[0], np.delete(p.h, 1)), J, beta=0.5)
    if kind == "alike":
        return ac.SelectionProblem(np.ones(6), 1 - np.eye(6), beta=0.3)
    if kind == "one of six":
        return ac.SelectionProblem(np.ones(6), 2.5 * (1 - np.eye(6)), beta=0.7)
    return ac.SelectionProblem(np.append(p.h[:5], 0.0), np.pad(p.J[:5, :5], (0, 1)))


@BOTH
@pytest.mark.parametrize("kind", ["duplicate", "alike", "one of six", "free qubit"])
def test_ties(kind, normalisation):
    p = tied(kind)
    dense = Dense(p, normalisation)
    ours = minimum_gap(p, normalisation=normalisation)
    assert ours.multiplicity == dense.g == ac.solve_exact(p).multiplicity
    assert ours.gap == pytest.approx(dense.minimum()[0], rel=1e-6)
    assert ours.certificate <= ours.gap


def test_a_minimum_at_the_end_is_that_of_the_sorted_energies():
    p = ac.SelectionProblem([1.0], [[0.0]], beta=1.0)
    fading = Schedule.from_table([0, 0.5, 1], [1, 0, 0], [0, 1, 0.25])
    ours = minimum_gap(p, normalisation="unit", schedule=fading, certify=0.01)
    assert (ours.s, ours.gap, ours.final_gap, ours.ratio) == (1.0, 0.25, 0.25, 1.0)
    assert ours.error < 1e-14
    assert ours.proved
    assert not ours.interior
    assert not ours.landau_zener_applies


@pytest.mark.parametrize("d", [0, 1, 3, 9])
def test_every_state_is_a_ground_state(d):
    ours = minimum_gap(ac.SelectionProblem(np.zeros(d), np.zeros((d, d))))
    assert ours.gap == ours.final_gap == ours.certificate == math.inf
    assert ours.multiplicity == 2**d
    assert (ours.adiabatic_time, ours.snapshots, ours.proved) == (0.0, 0, True)
    assert ours.landau_zener(1.0) == 1.0


@pytest.mark.parametrize("d", range(1, 8))
def test_kernels_on_both_sides_of_a_vector(d):
    rng = np.random.default_rng(d)
    p = ac.SelectionProblem(rng.normal(size=d), np.zeros((d, d)), beta=0.5)
    field = drivers.TransverseField(p, 0.7)
    X = rng.normal(size=(3, 2**d))
    Y = np.empty_like(X)
    field.apply(X, Y, 0.3, 0.6)
    dense = 0.3 * 0.7 * dense_hamiltonian(p, 0.0, normalisation="unit") + 0.6 * np.diag(
        field.energies
    )
    assert np.allclose(Y, X @ dense, atol=1e-13)
    turned, tangents = X[0].copy(), rng.uniform(-1, 1, d)
    _spectral_kernels.turn(turned, tangents, 1.0)
    product = np.ones((1, 1))
    for t in tangents:
        product = np.kron([[1.0, -t], [t, 1.0]], product)
    assert np.allclose(turned, product @ X[0], atol=1e-12)


def test_preconditioner_inverts_what_it_stands_for():
    """Without couplings the mean field is the Hamiltonian itself."""
    p = ac.SelectionProblem(np.linspace(-1, 1, 6), np.zeros((6, 6)), beta=0.6)
    field = drivers.TransverseField(p, 0.4)
    H = 0.3 * dense_hamiltonian(p, 0.0, normalisation="unit") * 0.4 + 0.7 * np.diag(field.energies)
    R = np.random.default_rng(0).normal(size=(2, 64))
    far = np.array([-9.0, -7.0])  # below every level: nothing is cut off
    solved = R.copy()
    field.preconditioner(0.3, 0.7, np.ones(64) / 8)(solved, far)
    ratio = np.array([(H - v * np.eye(64)) @ x for v, x in zip(far, solved, strict=True)]) / R
    assert np.allclose(ratio, ratio.flat[0], rtol=1e-9)  # up to a factor common to all states


@settings(max_examples=60)
@given(problems(largest=5), CONVENTION, st.sampled_from(["linear", "quadratic"]))
def test_any_problem(p, normalisation, schedule):
    dense = Dense(p, normalisation, {"linear": LINEAR, "quadratic": QUADRATIC}[schedule])
    ours = minimum_gap(p, normalisation=normalisation, schedule=schedule, certify=0.1)
    if dense.g == 2**p.d:
        assert ours.gap == math.inf
        return
    gap = dense.minimum(31)[0]
    assert ours.multiplicity == dense.g
    assert ours.gap <= gap * (1 + 1e-6) + 1e-10
    assert ours.certificate <= gap + 1e-12
    assert dense.gap(ours.s) == pytest.approx(ours.gap, rel=1e-6, abs=1e-10)
    assert ours.proved
    assert ours.certificate >= 0.9 * ours.gap - 1e-10


@settings(max_examples=12)
@given(st.integers(0, 10**6))
def test_certificate_with_a_reduced_basis(seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.uniform(-1, 1, (7, 7)), 1)
    p = ac.SelectionProblem(rng.uniform(-1, 1, 7), J + J.T, beta=0.5)
    loose, tight = (minimum_gap(p, normalisation="unit", certify=c) for c in (None, 0.01))
    dense = Dense(p, "unit")
    gap = min(dense.gap(s) for s in np.linspace(0, 1, 31))
    for ours in (loose, tight):
        assert ours.certificate <= ours.gap <= gap + ours.error
    assert not loose.proved
    assert tight.proved
    assert tight.certificate >= 0.99 * tight.gap


@BOTH
@pytest.mark.parametrize("d", [3, 5, 6])
def test_adiabatic_time(d, normalisation):
    p = relu_problem(d, 1)
    dense = Dense(p, normalisation)
    ours = minimum_gap(p, normalisation=normalisation)
    near = ours.adiabatic_s + np.linspace(-1e-3, 1e-3, 41)
    mesh = np.union1d(np.linspace(0.001, 0.9999, 101), near)
    slowest = max(dense.slowness(s) for s in mesh[(mesh > 0) & (mesh < 1)])
    assert ours.adiabatic_time == pytest.approx(slowest, rel=1e-3)
    assert dense.slowness(ours.adiabatic_s) == pytest.approx(ours.adiabatic_time, rel=1e-3)


def test_landau_zener():
    """One qubit driven through an avoided crossing at its middle.

    H = -g sigma_x + (4s - 2) n keeps the driver at g: gap^2 = 4 g^2 + (4s - 2)^2.
    """
    g, tau = 0.1, 40.0
    p = ac.SelectionProblem([-1.0], [[0.0]], beta=1.0)
    sweep = Schedule("sweep", np.array([0.0, 1.0]), [[g, 0, 0, 0]], [[-2.0, 4.0, 0, 0]])
    ours = minimum_gap(p, normalisation="unit", schedule=sweep)
    assert ours.gap == pytest.approx(2 * g, rel=1e-9)
    assert ours.s == pytest.approx(0.5, abs=1e-6)
    assert ours.slope == pytest.approx(4.0, rel=1e-6)
    assert ours.interior
    assert ours.landau_zener_applies
    assert ours.landau_zener(tau) == pytest.approx(1 - math.exp(-2 * math.pi * g**2 * tau / 4))
    assert ours.landau_zener(0.0) == 0.0
    assert ours.landau_zener(1e9) == 1.0


def test_hamming_distance_of_two_deep_minima():
    """Selecting all of one half, or all of the other, is nearly as good: far apart in bits."""
    half = np.repeat([0, 1], 3)
    J = np.where(half[:, None] == half, -1.0, 1.0)
    np.fill_diagonal(J, 0.0)
    p = ac.SelectionProblem(np.where(half == 0, 0.02, 0.0), J, beta=0.5)
    ours = minimum_gap(p, normalisation="unit")
    assert ours.hamming_distance == 6
    assert ours.gap < 0.05
    assert ours.gap == pytest.approx(Dense(p, "unit").minimum(61)[0], rel=1e-6)


def test_cardinality_as_a_penalty():
    p = relu_problem(6, cardinality=2)
    ours = minimum_gap(p, constraint="penalty")
    assert ours.gap == pytest.approx(Dense(p, "per_qubit").minimum()[0], rel=1e-6)
    assert ours.multiplicity == ac.solve_exact(p).multiplicity


def test_twelve_qubits_agree_with_a_tighter_run():
    p = relu_problem(12)
    ours, tight = (minimum_gap(p, normalisation="unit", tol=r) for r in (1e-6, 1e-9))
    assert ours.gap == pytest.approx(tight.gap, rel=1e-6)
    assert ours.error < 1e-6 * ours.gap


def test_two_runs_are_the_same_to_the_bit():
    one, other = (minimum_gap(relu_problem(8, 3)) for _ in range(2))
    grid = np.linspace(0.0, 1.0, 11)
    assert np.array_equal(one.along(grid), other.along(grid))
    one, other = ({**vars(gap), "_model": None} for gap in (one, other))
    assert one == other


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tol": 0.0}, "^tol=0"),
        ({"tol": float("nan")}, "^tol=nan"),
        ({"certify": 1.0}, "certify=1"),
        ({"certify": 1e-9}, "certify=1e-09"),
        ({"normalisation": "per_qbit"}, "did you mean 'per_qubit'"),
        ({"schedule": "linaer"}, "linaer"),
        ({"constraint": "none"}, "constraint='none'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ArgumentError, match=message):
        minimum_gap(relu_problem(3), **options)


@pytest.mark.parametrize("tau", [-1.0, float("nan")])
def test_bad_tau(tau):
    with pytest.raises(ArgumentError, match="tau"):
        minimum_gap(relu_problem(2)).landau_zener(tau)


def test_too_large(monkeypatch):
    large = ac.SelectionProblem(np.ones(30), np.zeros((30, 30)))
    with pytest.raises(ProblemTooLargeError, match="d=30"):
        minimum_gap(large)
    many = ac.SelectionProblem(np.append(np.zeros(9), 1.0), np.zeros((10, 10)))
    with pytest.raises(ProblemTooLargeError, match="512 ground states"):
        minimum_gap(many)
    monkeypatch.setattr("annealcam.annealing.simulation.memory.available", lambda: 1e9)
    with pytest.raises(ProblemTooLargeError, match=r"8\.5 GiB, but 0\.9 GiB are free"):
        minimum_gap(ac.SelectionProblem(np.ones(24), np.zeros((24, 24))))


def test_a_wrong_residual_is_an_error():
    search = GapSearch(drivers.TransverseField(relu_problem(7), 1.0), LINEAR, 1, 1e-6)
    search.basis.model[4] *= 0.5
    with pytest.raises(NumericalError, match="negative"):
        search.survey(np.array([0.5]))


COSINE = Schedule.of(lambda u: np.cos(np.pi * u / 2) ** 2, lambda u: np.sin(np.pi * u / 2) ** 2)


def test_a_minimum_beside_an_end_at_which_the_schedule_rests():
    p = ac.SelectionProblem([-0.8, 0.05], [[0.0, 0.65], [0.65, 0.0]])
    g = minimum_gap(p, normalisation="unit", schedule=COSINE)
    dense = Dense(p, "unit", COSINE)
    bottom = minimize_scalar(
        dense.gap, bounds=(0.9, 0.999), method="bounded", options={"xatol": 1e-9}
    )
    assert g.gap == pytest.approx(bottom.fun, abs=g.error)
    assert g.s == pytest.approx(bottom.x, abs=1e-5)
    assert g.interior
    assert g.gap < g.final_gap - 1e-6


def random_schedule(rng):
    inner = np.sort(rng.random(rng.integers(3, 8)))
    u = np.concatenate([[0.0], inner, [1.0]])
    A = np.append(np.sort(rng.random(inner.size + 1))[::-1], 0.0)
    B = np.append(0.0, np.sort(rng.random(inner.size + 1)))
    smooth = [LINEAR, QUADRATIC, COSINE]
    return [
        *smooth,
        Schedule.from_table(u, A, B),
        Schedule.from_table(u, A, B, interpolation="smooth"),
        smooth[rng.integers(3)].paused(rng.uniform(0.2, 1.0), rng.uniform(0.05, 0.5)),
    ][rng.integers(6)]


def random_problem(rng):
    d = int(rng.integers(2, 5))
    h = rng.normal(size=d) * 10 ** rng.uniform(-1, 0.3)
    h[0] *= rng.choice([0.05, 1.0])
    J = np.triu(rng.normal(size=(d, d)), 1)
    return ac.SelectionProblem(h, J + J.T, beta=rng.uniform(0.3, 1.0))


@pytest.mark.parametrize("seed", range(300))
def test_no_gap_of_random_schedules_is_below_the_minimum_by_more_than_the_error(seed):
    rng = np.random.default_rng([16, seed])
    p, schedule = random_problem(rng), random_schedule(rng)
    normalisation = ["unit", "per_qubit"][seed % 2]
    dense = Dense(p, normalisation, schedule)
    mesh = np.union1d(np.linspace(0.0, 1.0, 401), schedule.breaks)
    A, B = schedule.A(mesh)[:, None, None], schedule.B(mesh)[:, None, None]
    levels = np.linalg.eigvalsh(A * dense.H_D + B * np.diag(dense.energies))
    gaps = levels[:, dense.g] - levels[:, 0]
    least = gaps.min()
    for i in np.argsort(gaps)[:2]:
        ends = mesh[max(i - 1, 0)], mesh[min(i + 1, mesh.size - 1)]
        bottom = minimize_scalar(dense.gap, bounds=ends, method="bounded", options={"xatol": 1e-9})
        least = min(least, bottom.fun)
    g = minimum_gap(p, normalisation=normalisation, schedule=schedule)
    rounding = 1e-14 * (np.ptp(np.linalg.eigvalsh(dense.H_D)) + np.ptp(dense.energies))
    assert g.gap <= least + g.error + rounding
    assert g.gap == pytest.approx(dense.gap(g.s), abs=g.error + rounding)
