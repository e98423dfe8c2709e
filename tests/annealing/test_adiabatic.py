"""Locally adiabatic schedules: closed forms of one qubit, dense spectra, and the gain in F."""

import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.adiabatic import adiabatic_gain, locally_adiabatic, schedule_for
from annealcam.annealing.hamiltonian import dense_hamiltonian
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import LINEAR
from annealcam.errors import ArgumentError
from tests.problems import relu_problem

U = np.linspace(0.0, 1.0, 997)


@pytest.mark.parametrize("field", [0.1, 0.5, 1.0, 2.0, 5.0])
def test_one_qubit(field):
    """gap^2 / 4 = (1 - s)^2 + k^2 s^2, k = f / 2, so that du ~ ds / gap^2 has a closed form:

    s(u) = (1 + k tan(u T - a)) / (1 + k^2),   T = atan(k) + atan(1 / k),   a = atan(1 / k)

    For k = 1 this is Roland and Cerf's schedule for a database of two entries.
    """
    p, k = ac.SelectionProblem([field], [[0.0]], beta=1.0), field / 2
    schedule = locally_adiabatic(p, normalisation="unit")
    a = np.arctan(1 / k)
    s = (1 + k * np.tan(U * (np.arctan(k) + a) - a)) / (1 + k**2)
    np.testing.assert_allclose(schedule.B(U), s, atol=1e-7)
    np.testing.assert_allclose(schedule.A(U), 1 - s, atol=1e-7)


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("options", [{}, {"normalisation": "unit", "schedule": "quadratic"}])
def test_the_pace_follows_the_gap(power, options):
    """(ds/du) / gap^power is the same everywhere, with the gap from dense eigenvalues."""
    p = relu_problem(5)
    local = locally_adiabatic(p, power=power, **options)
    root = 2 if "schedule" in options else 1  # B = s^root
    u = np.linspace(0.02, 0.98, 60)
    s = local.B(u) ** (1 / root)
    pace = local.dB(u) / (root * s ** (root - 1))
    energies = [np.linalg.eigvalsh(dense_hamiltonian(p, x, **options)) for x in s]
    gap = np.array([e[1] - e[0] for e in energies])
    ratio = pace / gap**power
    np.testing.assert_allclose(ratio / ratio.mean(), 1.0, atol=1e-4)


def test_power_zero_changes_nothing():
    local = locally_adiabatic(relu_problem(4), power=0.0)
    np.testing.assert_allclose(local.B(U), LINEAR.B(U), atol=1e-12)


def test_ties_count_as_one_ground_state():
    """Two equal maps that exclude each other: the gap to the third level sets the pace."""
    p = ac.SelectionProblem([1.0, 1.0], [[0.0, 3.0], [3.0, 0.0]], beta=0.5)
    local = locally_adiabatic(p, normalisation="unit")
    s = np.linspace(0.02, 0.98, 31)
    u = np.interp(s, local.B(np.linspace(0, 1, 100_001)), np.linspace(0, 1, 100_001))
    energies = [np.linalg.eigvalsh(dense_hamiltonian(p, x, normalisation="unit")) for x in s]
    gap = np.array([e[2] - e[0] for e in energies])
    ratio = local.dB(u) / gap**2
    np.testing.assert_allclose(ratio / ratio.mean(), 1.0, atol=5e-3)


def test_all_ties_leave_the_schedule_as_it_is():
    p = ac.SelectionProblem(np.zeros(3), np.zeros((3, 3)))
    np.testing.assert_allclose(locally_adiabatic(p).B(U), U, atol=1e-9)


def test_gain_at_equal_tau():
    """With the driver of scale 1 the gap is large for most of the run, and small at its end."""
    p = relu_problem(6, seed=1)
    before, after = adiabatic_gain(p, [20.0, 50.0, 100.0], normalisation="unit")
    assert before.tau.tolist() == after.tau.tolist()
    assert (after.success_probability > before.success_probability).all()
    assert before.schedule is LINEAR
    assert after.schedule.name == "linear+adiabatic:2.0"
    for sweep in (before, after):
        run = ac.anneal(p, tau=50.0, normalisation="unit", schedule=sweep.schedule)
        assert abs(run.success_probability - sweep.success_probability[1]) < 2e-6


def test_by_name():
    p = relu_problem(4)
    for name, options in (
        ("adiabatic", {}),
        ("adiabatic:1.5", {"power": 1.5}),
        ("quadratic+adiabatic:1", {"schedule": "quadratic", "power": 1}),
        ("quadratic+pause:0.5:0.2+adiabatic", {"schedule": "quadratic+pause:0.5:0.2"}),
    ):
        named, made = schedule_for(p, name), locally_adiabatic(p, **options)
        np.testing.assert_array_equal(named.B(U), made.B(U))
        np.testing.assert_array_equal(schedule_for(p, made.name).B(U), made.B(U))
    assert schedule_for(p, "linear") is schedule_for(p, LINEAR) is LINEAR
    with pytest.raises(ArgumentError, match="'adiabatic': depends on the problem"):
        schedule_of("adiabatic")
    with pytest.raises(ArgumentError, match="^power='x': must be a number"):
        schedule_for(p, "adiabatic:x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"power": -1}, "^power=-1: must be 0 or more"),
        ({"power": np.inf}, "^power=inf"),
        ({"points": 2}, "^points=2: must be 3 or more"),
        ({"schedule": "reverse:0.5:111"}, "cannot be adapted to a gap"),
        ({"schedule": "lineer"}, "did you mean 'linear'"),
        ({"normalisation": "per_qbit"}, "did you mean 'per_qubit'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ArgumentError, match=message):
        locally_adiabatic(relu_problem(3), **options)
