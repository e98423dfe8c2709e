"""The heuristics of dwave-samplers: a closed form of SQA, its seeds, and what it refuses."""

import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.schedules.schedule import LINEAR
from annealcam.errors import ArgumentError
from annealcam.samplers.heuristics import (
    DWAVE_LIKE,
    path_integral,
    simulated_annealing,
    tabu,
)
from annealcam.samplers.selection import select
from tests.problems import relu_problem

ONE = ac.SelectionProblem([1.0], [[0.0]], beta=0.5)  # E = -n / 2


class Held:
    """A and B that do not change: the paths come to rest in one thermal state."""

    name = "held"

    def A(self, u):
        return np.ones_like(u)

    def B(self, u):
        return np.ones_like(u)


@pytest.mark.parametrize(("beta", "driver"), [(1.0, 0.3), (3.0, 0.7), (6.0, 0.1)])
def test_one_qubit_has_its_thermal_state(beta, driver):
    """H / E_0 = -n - g sigma_x: <n> = (1 + tanh(beta W) / (2 W)) / 2, W^2 = 1/4 + g^2."""
    W = np.hypot(0.5, driver)
    expected = (1 + np.tanh(beta * W) / (2 * W)) / 2
    shots = 4000
    found = path_integral(
        ONE, shots=shots, sweeps=15, inverse_temperature=beta, driver=driver, schedule=Held()
    )
    spread = np.sqrt(expected * (1 - expected) / shots)
    assert abs(found.mean() - expected) < 4 * spread


def test_two_qubits_have_their_thermal_state():
    p = ac.SelectionProblem([1.0, 0.6], [[0.0, 0.9], [0.9, 0.0]], beta=0.5)
    beta, driver, unit = 4.0, 0.5, 0.5
    energies = p.energies() / unit  # state number: qubit 0 is the lowest bit
    flips = np.array([[0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0]])
    levels, states = np.linalg.eigh(np.diag(energies) - driver * flips)
    weight = np.exp(-beta * (levels - levels[0]))
    expected = (states**2 @ weight) / weight.sum()
    shots = 4000
    found = path_integral(
        p, shots=shots, sweeps=30, inverse_temperature=beta, driver=driver, schedule=Held()
    )
    share = np.bincount(found @ [1, 2], minlength=4) / shots
    assert np.abs(share - expected).max() < 4 * np.sqrt(0.25 / shots)


def test_the_units_of_a_schedule_do_not_matter():
    class InOtherUnits(Held):
        def A(self, u):
            return 7 * DWAVE_LIKE.A(u)

        def B(self, u):
            return 3 * DWAVE_LIKE.B(u)

    p, options = relu_problem(9), {"shots": 5, "sweeps": 20, "inverse_temperature": 1.0}
    rows = path_integral(p, schedule=InOtherUnits(), **options)
    assert np.array_equal(rows, path_integral(p, **options))


def test_shots_are_independent_and_more_of_them_keep_the_first():
    hot = {"inverse_temperature": 0.5, "sweeps": 10}
    p = relu_problem(9)
    few, many = path_integral(p, shots=5, seed=3, **hot), path_integral(p, shots=9, seed=3, **hot)
    assert np.array_equal(few, many[:5])
    assert len(np.unique(many, axis=0)) > 4
    assert not np.array_equal(many, path_integral(p, shots=9, seed=4, **hot))


def test_the_d_wave_like_course_goes_from_the_driver_to_the_problem():
    u = np.linspace(0, 1, 101)
    A, B = DWAVE_LIKE.A(u), DWAVE_LIKE.B(u)
    assert (A[0], A[-1], B[0], B[-1]) == (1, 0, 0, 1)
    assert (np.diff(A) < 0).all()
    assert (np.diff(B) > 0).all()
    assert 0.3 < u[np.argmin(np.abs(A - B))] < 0.5  # D-Wave's curves cross before the middle


def test_a_schedule_by_name_is_that_schedule():
    p = relu_problem(8)
    found = select(p, "sqa", options={"schedule": "linear", "shots": 2})
    rows = path_integral(p, shots=2, schedule=LINEAR)
    assert found.info["schedule"] == "linear"
    assert found.energy == pytest.approx(p.energy(rows).min(), abs=p.tie)


@pytest.mark.parametrize("seed", range(3))
def test_sqa_finds_the_optimum_of_twenty_maps(seed):
    p = relu_problem(20, seed)
    found = ac.solve_exact(p)
    assert found.energy == pytest.approx(p.energy(path_integral(p, seed=seed)).min(), abs=p.tie)


@pytest.mark.parametrize(
    ("sample", "bad"),
    [
        (path_integral, {"shots": 0}),
        (path_integral, {"sweeps": 1}),
        (path_integral, {"inverse_temperature": 0.0}),
        (path_integral, {"driver": float("nan")}),
        (path_integral, {"driver": float("inf")}),
        (simulated_annealing, {"shots": 0}),
        (simulated_annealing, {"sweeps": 0}),
        (tabu, {"shots": 0}),
        (tabu, {"restarts": -1}),
    ],
)
def test_what_cannot_be_is_named(sample, bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        sample(ONE, **bad)


def test_a_schedule_that_ends_without_the_problem_is_refused():
    class Backwards(Held):
        def B(self, u):
            return 1 - u

    with pytest.raises(ArgumentError, match="schedule: A must start above 0, B must end above 0"):
        path_integral(ONE, schedule=Backwards())
