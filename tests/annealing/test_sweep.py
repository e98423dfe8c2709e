"""Sweeps over the length of a run, and the length that pays best."""

import math

import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.success import tts99
from annealcam.annealing.sweep import optimal_tau, tau_sweep
from annealcam.errors import ArgumentError
from tests.problems import relu_problem

PAPER = [10.0, 30.0, 50.0, 70.0, 100.0]


@pytest.mark.parametrize("options", [{}, {"normalisation": "unit", "schedule": "quadratic"}])
def test_a_sweep_is_its_runs(options):
    p = relu_problem(6)
    sweep = tau_sweep(p, PAPER, **options)
    for i, tau in enumerate(PAPER):
        run = ac.anneal(p, tau=tau, **options)
        assert abs(sweep.success_probability[i] - run.success_probability) <= 2e-6
        assert sweep.error[i] <= 1e-6
    assert sweep.tau.tolist() == PAPER
    np.testing.assert_allclose(sweep.tts99, tts99(sweep.success_probability, PAPER))
    assert (sweep.normalisation, sweep.driver_scale) == (run.normalisation, run.driver_scale)
    assert sweep.schedule.name == run.schedule
    assert sweep.multiplicity == run.multiplicity
    assert sweep.guess == pytest.approx(run.multiplicity / 64)
    np.testing.assert_allclose(
        sweep.best_of_shots(36), 1 - (1 - sweep.success_probability) ** 36, atol=1e-12
    )


def test_one_length_and_an_overhead():
    p = relu_problem(4)
    sweep = tau_sweep(p, 20.0, overhead=30.0)
    assert sweep.tau.shape == (1,)
    assert sweep.tts99[0] == tts99(sweep.success_probability[0], 20.0, overhead=30.0)


def test_a_cardinality_is_guessed_among_its_selections():
    p = relu_problem(6, cardinality=2)
    assert tau_sweep(p, [10.0]).guess == pytest.approx(1 / 15)


def test_all_ties_always_succeed():
    p = ac.SelectionProblem(np.zeros(3), np.zeros((3, 3)))
    sweep = tau_sweep(p, [1.0, 10.0])
    np.testing.assert_allclose(sweep.success_probability, 1.0)
    np.testing.assert_allclose(sweep.tts99, [1.0, 10.0])
    assert sweep.guess == 1


def test_optimal_tau_is_no_worse_than_a_fine_grid():
    p = relu_problem(4)
    best = optimal_tau(p, bounds=(2.0, 300.0), overhead=20.0)
    fine = tau_sweep(p, np.geomspace(2.0, 300.0, 150), overhead=20.0)
    assert not best.at_bound
    assert best.tts99 <= fine.tts99.min() * (1 + 1e-3)
    assert best.tts99 == tts99(best.success_probability, best.tau, overhead=20.0)
    assert best.tts99 <= best.sweep.tts99.min()


def test_an_optimum_at_a_bound_is_reported():
    """Without an overhead guessing wins: TTS99 falls towards tau = 0."""
    p = relu_problem(4)
    low = optimal_tau(p, bounds=(0.01, 1.0), points=5)
    assert low.at_bound
    assert low.tau == pytest.approx(0.01, rel=0.02)
    high = optimal_tau(p, bounds=(1.0, 3.0), points=5, overhead=1e4)
    assert high.at_bound
    assert high.tau == pytest.approx(3.0, rel=0.02)


def test_time_to_solution_of_guessing():
    """A run of next to no length is a uniform guess: R = ln 0.01 / ln(1 - 2^-d)."""
    p = relu_problem(5)
    sweep = tau_sweep(p, [1e-6])
    assert sweep.tts99[0] == pytest.approx(1e-6 * math.log(0.01) / math.log(1 - 1 / 32), rel=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: tau_sweep(p, []), "^taus: give at least one"),
        (lambda p: tau_sweep(p, [10.0, 0.0]), "^taus: tau=0.0: must be above 0"),
        (lambda p: tau_sweep(p, [-1.0]), "^taus: tau=-1.0: must be above 0"),
        (lambda p: tau_sweep(p, [math.inf]), "^taus: tau=inf"),
        (lambda p: tau_sweep(p, ["x"]), "^taus: tau='x': must be a number"),
        (lambda p: tau_sweep(p, [[1.0, 2.0]]), "^taus: "),
        (lambda p: tau_sweep(p, [1.0], normalisation="per_qbit"), "did you mean 'per_qubit'"),
        (lambda p: tau_sweep(p, [1.0], overhead=-1), "^overhead=-1"),
        (
            lambda p: optimal_tau(p, bounds=(5.0, 5.0)),
            r"^bounds=\(5.0, 5.0\): must be",
        ),
        (lambda p: optimal_tau(p, bounds=(0.0, 5.0)), "^bounds="),
        (lambda p: optimal_tau(p, points=2), "^points=2: must be 3 or more"),
        (lambda p: optimal_tau(p, tau_tol=0), "^tau_tol=0: must be between"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        call(relu_problem(3))
    assert "\n" not in str(caught.value)
