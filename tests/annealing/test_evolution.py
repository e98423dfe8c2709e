"""The evolution against closed forms, QuTiP, dense propagators and conservation laws."""

import math

import numpy as np
import pytest
import qutip
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import annealcam as ac
from annealcam.annealing.hamiltonian import dense_hamiltonian, diagonal
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.annealing.simulation.splitting import ABA_10_4, ABA_10_6_4, aba, strang
from annealcam.annealing.simulation.statevector import StateVector
from annealcam.errors import ArgumentError, ProblemTooLargeError
from tests.problems import relu_problem

BOTH = pytest.mark.parametrize("normalisation", ["per_qubit", "unit"])
ONE, ZERO = [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]
# The problem is switched on at once, then A = B = 1 and H is constant: there are closed forms.
CONSTANT = Schedule("constant", [0.0, 1e-12, 1.0], [ONE, ONE], [ZERO, ONE])


def bit_reversed(values, d):
    """From qubit 0 in the lowest bit to QuTiP's order, qubit 0 first in the tensor product."""
    return values.reshape((2,) * d).transpose(range(d)[::-1]).ravel()


def by_qutip(p, tau, scale):
    d = p.d
    x = sum(
        qutip.tensor([qutip.sigmax() if q == r else qutip.qeye(2) for q in range(d)])
        for r in range(d)
    )
    h = qutip.Qobj(np.diag(bit_reversed(diagonal(p), d)), dims=x.dims).to("csr")
    plus = (qutip.basis(2, 0) + qutip.basis(2, 1)).unit()
    solution = qutip.sesolve(
        [[-scale * x, lambda t: 1 - t / tau], [h, lambda t: t / tau]],
        qutip.tensor([plus] * d),
        [0, tau],
        options={"method": "vern9", "atol": 1e-13, "rtol": 1e-11, "nsteps": 10**6},
    )
    return bit_reversed(solution.states[-1].full().ravel(), d)


@BOTH
@pytest.mark.parametrize("d", range(4, 9))
@pytest.mark.parametrize("tau", [10.0, 50.0])
def test_qutip(d, tau, normalisation):
    p = relu_problem(d)
    own = ac.anneal(p, tau=tau, normalisation=normalisation)
    psi = by_qutip(p, tau, own.driver_scale)
    exact = np.abs(psi) ** 2
    ground = p.energies() <= p.energies().min() + p.tie
    assert abs(own.success_probability - exact[ground].sum()) < own.error <= 1e-6
    assert 0.5 * np.abs(own.probabilities - exact).sum() < own.distribution_error
    assert abs(abs(np.vdot(psi, own.state)) - 1) < 1e-6


@BOTH
def test_qutip_with_a_cardinality(normalisation):
    p = relu_problem(6, cardinality=2)
    own = ac.anneal(p, tau=20.0, normalisation=normalisation, constraint="penalty")
    exact = np.abs(by_qutip(p, 20.0, own.driver_scale)) ** 2
    assert 0.5 * np.abs(own.probabilities - exact).sum() < 1e-6
    assert own.multiplicity == ac.solve_exact(p).multiplicity


@pytest.mark.parametrize("field", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("tau", [0.5, 3.0, 11.0])
def test_one_qubit_of_constant_hamiltonian_precesses(field, tau):
    """H = -sigma_x - f n: Rabi's formula about the axis (1, 0, f/2) of length w.

    P(n = 1) = 1/2 + f / (4 w^2) (1 - cos 2 w tau),   w^2 = 1 + f^2 / 4
    """
    p = ac.SelectionProblem([field], [[0.0]], beta=1.0)
    own = ac.anneal(p, tau=tau, normalisation="unit", schedule=CONSTANT)
    w = math.sqrt(1 + field**2 / 4)
    expected = 0.5 + field / (4 * w**2) * (1 - math.cos(2 * w * tau))
    assert own.probabilities[1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("coupling", [0.4, 1.5])
def test_two_coupled_qubits_in_closed_form(coupling):
    """H = -X1 - X2 + g n1 n2 keeps the triplet apart; its 3 x 3 block is diagonalised by hand."""
    p = ac.SelectionProblem([0.0, 0.0], [[0.0, coupling], [coupling, 0.0]], beta=0.0)
    own = ac.anneal(p, tau=4.0, normalisation="unit", schedule=CONSTANT)
    r = -math.sqrt(2.0)
    triplet = np.array([[0, r, 0], [r, 0, r], [0, r, coupling]])  # |00>, (|01>+|10>)/sqrt 2, |11>
    values, vectors = np.linalg.eigh(triplet)
    start = np.array([0.5, math.sqrt(0.5), 0.5])
    psi = vectors @ (np.exp(-4j * values) * (vectors.T @ start))
    expected = np.abs(psi) ** 2 * [1, 0.5, 1]
    assert np.allclose(own.probabilities, expected[[0, 1, 1, 2]], atol=1e-6)


@BOTH
def test_dense_propagator(normalisation):
    """The linear schedule by an eighth-order Runge-Kutta method, on the dense Hamiltonian."""
    p, tau = relu_problem(4), 6.0

    def right(u, psi):
        return -1j * tau * (dense_hamiltonian(p, u, normalisation=normalisation) @ psi)

    start = np.full(16, 0.25, dtype=complex)
    psi = solve_ivp(right, (0, 1), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    own = ac.anneal(p, tau=tau, normalisation=normalisation, tol=1e-9)
    assert np.abs(own.state - psi).max() < 1e-8
    assert np.abs(own.probabilities - np.abs(psi) ** 2).max() < 1e-8


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_phase_of_the_state(d):
    """psi itself, not only up to a phase, with fewer qubits than a vector register holds too."""
    p = relu_problem(d)
    H = dense_hamiltonian(p, 0.5, normalisation="unit", schedule=CONSTANT)
    psi = expm(-3j * H) @ np.full(2**d, 2 ** (-d / 2))
    own = ac.anneal(p, tau=3.0, normalisation="unit", schedule=CONSTANT, tol=1e-9)
    assert np.abs(own.state - psi).max() < 1e-8


@pytest.mark.parametrize("schedule", ["linear", "quadratic"])
def test_orders_of_the_splittings(schedule):
    """Halving the step divides the error of Strang's probabilities by 4, of the others' by 16."""
    p, tau, timing = relu_problem(5), 10.0, schedule_of(schedule)
    simulator = StateVector(p)
    exact = simulator.state(aba(ABA_10_6_4, timing, tau, np.array([400]), 1.0))

    def strangs(n):
        density = simulator.run(strang(timing, tau, np.array([n]), 1.0), evenly=True)
        return np.abs(density - np.abs(exact) ** 2).sum()

    assert 3.8 < strangs(40) / strangs(80) < 4.2
    for scheme in (ABA_10_4, ABA_10_6_4):
        coarse, fine = (
            np.abs(simulator.state(aba(scheme, timing, tau, np.array([n]), 1.0)) - exact).max()
            for n in (20, 40)
        )
        assert 12 < coarse / fine < 24


def test_bit_order():
    """Only map 2 is worth anything: the state with bit 2 set, and no other, is the ground state."""
    p = ac.SelectionProblem([-0.5, -0.5, 1.0, -0.5], np.zeros((4, 4)))
    own = ac.anneal(p, tau=200.0)
    assert own.probabilities.argmax() == 0b0100
    assert own.probabilities[0b0100] == pytest.approx(own.success_probability)
    shots = own.sample(200, seed=0)
    assert shots[:, 2].mean() > 0.9 > 0.1 > shots[:, [0, 1, 3]].mean()


@BOTH
def test_independent_qubits_factorise(normalisation):
    """With J = 0 every qubit evolves for itself, and permuting them permutes the outcome."""
    h = np.array([0.3, 1.0, 0.6])
    scale = 1 / 3 if normalisation == "per_qubit" else 1.0
    own = ac.anneal(ac.SelectionProblem(h, np.zeros((3, 3))), tau=15.0, normalisation=normalisation)
    ones = [
        ac.anneal(  # the same field and driver, in units of the driver
            ac.SelectionProblem([x / scale], [[0.0]]), tau=15.0 * scale, normalisation="unit"
        ).probabilities[1]
        for x in h
    ]
    expected = [math.prod(q if b >> i & 1 else 1 - q for i, q in enumerate(ones)) for b in range(8)]
    assert np.allclose(own.probabilities, expected, atol=3e-6)


def test_relabelling_maps_relabels_the_state():
    p, order = relu_problem(5), np.array([3, 0, 4, 1, 2])
    q = ac.SelectionProblem(p.h[order], p.J[np.ix_(order, order)])
    a = ac.anneal(p).probabilities.reshape((2,) * 5)
    b = ac.anneal(q).probabilities.reshape((2,) * 5)
    # axis i of the array is qubit 4 - i; qubit j of q is qubit order[j] of p
    assert np.allclose(b, a.transpose([4 - order[4 - i] for i in range(5)]), atol=2e-6)


@pytest.mark.parametrize("s", [0.0, 0.2, 0.7, 1.0])
def test_scale_identity_of_the_normalisations(s):
    """With H_c(s) = (1-s) c H_D + s H_Q: levels_c(s) = k levels_1(s / k), k = (1-s) c + s."""
    p = relu_problem(6)
    k = (1 - s) / 6 + s
    paper = np.linalg.eigvalsh(dense_hamiltonian(p, s, normalisation="per_qubit"))
    text = np.linalg.eigvalsh(dense_hamiltonian(p, s / k, normalisation="unit"))
    assert np.allclose(paper, k * text, atol=1e-12)


def test_sign_of_the_driver_is_a_gauge():
    """With +sum sigma_x, started in its own ground state, the probabilities are the same."""
    p, tau, n = relu_problem(4), 5.0, 50  # the products agree for any n
    flip = (-1.0) ** np.array([b.bit_count() for b in range(16)])
    diag = np.diag(diagonal(p))
    ends = []
    for sign, psi in ((-1, np.full(16, 0.25 + 0j)), (1, flip * 0.25 + 0j)):
        for k in range(n):
            s = (k + 0.5) / n
            h = dense_hamiltonian(p, s, normalisation="unit") - s * diag
            psi = expm(-1j * tau / n * (-sign * h + s * diag)) @ psi
        ends.append(np.abs(psi) ** 2)
    assert np.allclose(ends[0], ends[1], atol=1e-12)


def test_success_on_the_whole_ground_manifold():
    twins = ac.SelectionProblem([1.0, 1.0], [[0.0, 2.0], [2.0, 0.0]], beta=0.5)
    own = ac.anneal(twins, tau=100.0, normalisation="unit")
    assert own.multiplicity == 2
    assert own.success_probability == pytest.approx(own.probabilities[[1, 2]].sum(), abs=1e-12)
    assert own.probabilities[1] == pytest.approx(own.probabilities[2], abs=1e-9)
    assert own.success_probability > 0.99


@BOTH
def test_success_tends_to_one_with_time(normalisation):
    J = 0.3 * (np.ones((3, 3)) - np.eye(3))  # no level near the ground state at the end
    p = ac.SelectionProblem([1.0, 0.7, 0.4], J)
    chances = [
        ac.anneal(p, tau=t, normalisation=normalisation).success_probability
        for t in (1.0, 30.0, 10_000.0)
    ]
    assert chances == sorted(chances)
    assert chances[-1] > 0.999


def test_instant_anneal_is_uniform_guessing():
    own = ac.anneal(relu_problem(5), tau=1e-6)
    assert own.success_probability == pytest.approx(1 / 32, abs=1e-5)


def test_all_zero_problem_has_only_ground_states():
    own = ac.anneal(ac.SelectionProblem(np.zeros(3), np.zeros((3, 3))))
    assert (own.success_probability, own.multiplicity) == (pytest.approx(1.0), 8)
    assert np.allclose(own.probabilities, 1 / 8)


def test_no_qubit_at_all():
    own = ac.anneal(ac.SelectionProblem([], np.zeros((0, 0))))
    assert (own.d, own.success_probability, own.sample(2).shape) == (0, pytest.approx(1), (2, 0))


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_units_of_energy_and_time_cancel(unit):
    p = relu_problem(4)
    q = ac.SelectionProblem(p.h * unit, p.J * unit)
    same = Schedule("scaled", [0, 1], [[unit, -unit, 0, 0]], [[0, 1, 0, 0]])
    a = ac.anneal(p, tau=20.0, normalisation="unit").probabilities
    b = ac.anneal(q, tau=20.0 / unit, normalisation="unit", schedule=same).probabilities
    assert np.allclose(a, b, atol=2e-6)


def test_error_estimate_holds_for_hard_problems():
    """Strong couplings at small beta: the estimate is compared with a much finer run."""
    for seed in range(4):
        p = relu_problem(7, seed, beta=0.3)
        own = ac.anneal(p, tau=40.0, normalisation="unit", tol=1e-5)
        fine = ac.anneal(p, tau=40.0, normalisation="unit", tol=1e-10)
        off = abs(own.success_probability - fine.success_probability)
        assert off <= own.error <= 1e-5
        distance = 0.5 * np.abs(own.probabilities - fine.probabilities).sum()
        assert distance <= own.distribution_error


@pytest.mark.parametrize(
    ("field", "tau"), [(-20.144230095560527, 2.5808439241431564), (-26.95, 6.936), (9.0, 30.0)]
)
def test_runs_that_agree_by_chance_are_not_believed(field, tau):
    """One qubit in a strong field: two coarse runs may cross in the one probability there is."""
    p = ac.SelectionProblem([field], [[0.0]], beta=0.5)
    own, fine = ac.anneal(p, tau=tau), ac.anneal(p, tau=tau, tol=1e-10)
    off = abs(own.success_probability - fine.success_probability)
    assert off <= own.error <= 1e-6


def test_samples_follow_the_probabilities_and_the_seed():
    own = ac.anneal(relu_problem(3), tau=20.0)
    shots = own.sample(20_000, seed=7)
    counts = np.bincount(shots @ [1, 2, 4], minlength=8)
    expected = 20_000 * own.probabilities
    assert (((counts - expected) ** 2) / expected).sum() < 24.3  # chi2, 7 degrees, p = 0.001
    assert np.array_equal(shots, own.sample(20_000, seed=7))
    assert not np.array_equal(shots, own.sample(20_000, seed=8))


def test_equal_bits_every_time():
    p = relu_problem(8)
    assert np.array_equal(ac.anneal(p).state, ac.anneal(p).state)


def test_published_orders_of_magnitude():
    """tau = 10 with the 1/d driver: the chance falls by decades from d = 4 to d = 11."""
    mean = {
        d: np.mean([ac.anneal(relu_problem(d, s), tau=10.0).success_probability for s in range(12)])
        for d in (4, 8, 11)
    }
    published = {4: 0.19, 8: 0.021, 11: 0.0042}
    assert all(0.3 < mean[d] / published[d] < 3.5 for d in published)


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan, math.inf])
def test_wrong_tau(tau):
    with pytest.raises(ArgumentError, match=f"tau={tau}"):
        ac.anneal(relu_problem(3), tau=tau)


def test_wrong_arguments():
    p = relu_problem(3)
    with pytest.raises(ArgumentError, match="steps"):
        ac.anneal(p, tau=1e12)
    with pytest.raises(ArgumentError, match="tol=0"):
        ac.anneal(p, tol=0.0)
    with pytest.raises(ArgumentError, match="did you mean 'per_qubit'"):
        ac.anneal(p, normalisation="per_qbit")
    with pytest.raises(ArgumentError, match="schedule='cubic'"):
        ac.anneal(p, schedule="cubic")
    with pytest.raises(ArgumentError, match="shots=0"):
        ac.anneal(p).sample(0)
    with pytest.raises(ProblemTooLargeError, match="would need"):
        ac.anneal(ac.SelectionProblem(np.ones(40), np.zeros((40, 40))))
    with pytest.raises(ProblemTooLargeError, match="d=13"):
        dense_hamiltonian(relu_problem(13), 0.5)
