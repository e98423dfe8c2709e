"""Runs under every kind of schedule, against products of dense exponentials."""

import numpy as np
import pytest
from scipy.linalg import expm

import annealcam as ac
from annealcam.annealing.adiabatic import locally_adiabatic
from annealcam.annealing.hamiltonian import dense_hamiltonian
from annealcam.annealing.schedules.schedule import LINEAR, Schedule
from tests.problems import relu_problem

D, TAU = 3, 6.0
U = np.linspace(0, 1, 21)
SCHEDULES = {
    "functions": Schedule.of(lambda u: np.cos(np.pi * u / 2), lambda u: np.sin(np.pi * u / 2)),
    "functions with a kink": Schedule.of(lambda u: np.maximum(1 - 2 * u, 0), lambda u: u),
    "functions with a jump": Schedule.of(lambda u: 1 - u, lambda u: np.where(u < 0.37, 0, u)),
    "table": Schedule.from_table(U, (1 - U) ** 3, U**2),
    "smooth table": Schedule.from_table(U, (1 - U) ** 3, U**2, interpolation="smooth"),
    "pause": LINEAR.paused(0.4, 0.3),
    "warp": LINEAR.warped([(0, 0), (0.3, 0.6), (0.5, 0.2), (1, 1)]),
    "adiabatic": locally_adiabatic(relu_problem(D), normalisation="unit"),
    "reverse": LINEAR.reverse([1, 0, 1], 0.3, hold=0.2),
}


def propagated(problem, schedule):
    """The fourth-order commutator-free Magnus method, with steps that end at every break."""
    state = np.full(1 << D, 2 ** (-D / 2), dtype=complex)
    if schedule.initial is not None:
        state = np.eye(1 << D, dtype=complex)[schedule.initial @ (1 << np.arange(D))]

    def H(u):
        return dense_hamiltonian(problem, u, normalisation="unit", schedule=schedule)

    edges = np.union1d(schedule.breaks, np.linspace(0, 1, 301))
    for left, width in zip(edges, np.diff(edges), strict=False):
        early, late = (H(left + width * (0.5 + side * 3**0.5 / 6)) for side in (-1, 1))
        for first, second in ((1, -1), (-1, 1)):
            a, b = 0.25 + first * 3**0.5 / 6, 0.25 + second * 3**0.5 / 6
            state = expm(-1j * TAU * width * (a * early + b * late)) @ state
    return state


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_run_is_the_propagator(kind):
    problem, schedule = relu_problem(D), SCHEDULES[kind]
    exact = propagated(problem, schedule)
    run = ac.anneal(problem, tau=TAU, normalisation="unit", schedule=schedule, tol=1e-8)
    np.testing.assert_allclose(run.probabilities, np.abs(exact) ** 2, atol=1e-7)
    assert abs(np.vdot(run.state, exact)) == pytest.approx(1, abs=1e-7)
