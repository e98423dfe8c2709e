"""Compiled ladders are those of single runs, to the bit, also together and after interruptions."""

from dataclasses import replace

import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.batch import anneal_batch
from annealcam.annealing.kernels.sums import pairwise_sum
from annealcam.annealing.schedules.schedule import LINEAR, Schedule
from annealcam.annealing.simulation import climbing, first_steps, plan as plans
from annealcam.annealing.simulation.climbing import climb
from annealcam.annealing.simulation.plan import plan_of
from annealcam.annealing.simulation.runs import (
    converged,
    converged_stepwise,
    simulator_of,
    state_vectors,
)
from annealcam.errors import ArgumentError, NumericalError
from tests.problems import relu_problem

ANNEALER = Schedule.from_table(  # B(0) > 0, kinks, and a short end without the driver
    [0.0, 0.1, 0.4, 0.7, 0.95, 1.0], [6.0, 4.0, 1.5, 0.3, 0.0, 0.0], [0.1, 0.4, 1.5, 4.0, 7.0, 8.0]
)


def random_problem(rng, d):
    J = np.triu(rng.normal(size=(d, d)), 1)
    return ac.SelectionProblem(rng.normal(size=d), J + J.T, beta=rng.uniform(0.05, 1))


def random_run(seed):
    """A run of any schedule and precision that takes a few milliseconds."""
    rng = np.random.default_rng([23, seed])
    d = int(rng.integers(1, 13))
    problem = relu_problem(d, seed) if seed % 2 else random_problem(rng, d)
    precision, loosest = (("complex128", -10), ("complex64", -4))[seed % 5 == 4]
    schedules = LINEAR, "linear", "quadratic", "linear+pause:0.5:0.2", ANNEALER
    schedule = schedules[int(rng.integers(5))]
    if schedule is LINEAR:
        schedule = LINEAR.reverse(rng.integers(0, 2, d), 0.4)
    return plan_of(
        problem,
        tau=10 ** rng.uniform(-3, 3 if d < 6 else 1.5),
        tol=10 ** rng.uniform(loosest, -3),
        normalisation=["per_qubit", "unit"][int(rng.integers(2))],
        schedule=schedule,
        precision=precision,
    )


def outcome(ladder, plan):
    """What a ladder returns, or how it fails."""
    try:
        result = ladder(plan, simulator_of(plan))
    except (ArgumentError, NumericalError) as error:
        return repr(error)
    numbers = result.success, result.error, result.distribution_error, result.multiple, result.runs
    return *(float(x) for x in numbers), result.probabilities.tobytes()


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setattr(first_steps, "MAX_STEPS", 20_000)


@pytest.mark.parametrize("block", range(6))
def test_compiled_ladder_is_that_of_single_runs(few_steps, block):
    for seed in range(10 * block, 10 * block + 10):
        plan = random_run(seed)
        assert outcome(converged, plan) == outcome(converged_stepwise, plan), seed


@pytest.mark.parametrize("precision", ["complex128", "complex64"])
def test_failures_are_those_of_single_runs(few_steps, monkeypatch, precision):
    problem, tol = relu_problem(4), {"complex128": 1e-10, "complex64": 1e-6}[precision]
    plan = plan_of(problem, tau=50.0, tol=tol, normalisation="unit", precision=precision)
    monkeypatch.setattr(first_steps, "MAX_STEPS", 300)  # enough for the first three runs
    assert "would take over 3e+02 steps" in outcome(converged, plan)
    assert outcome(converged, plan) == outcome(converged_stepwise, plan)
    monkeypatch.setitem(plans._ROUNDING, precision, (0.0, 0.0, 0.0))
    monkeypatch.setattr(first_steps, "MAX_STEPS", 10**6)
    plan = replace(plan, tau=10.0, tol=1e-17)
    assert "rounding leaves an error of F" in outcome(converged, plan)
    assert outcome(converged, plan) == outcome(converged_stepwise, plan)


def test_interruptions_change_nothing(monkeypatch):
    """One rung at a time, as between two answers to Ctrl-C."""
    problems = [relu_problem(5, seed) for seed in range(6)]
    calls, kernel = [], climbing._kernels.climb
    monkeypatch.setattr(climbing._kernels, "climb", lambda *a: (calls.append(1), kernel(*a)))
    whole = anneal_batch(problems, tau=[1.0, 30.0])
    assert len(calls) == 1
    monkeypatch.setattr(climbing, "_WORK", 1.0)
    parts = anneal_batch(problems, tau=[1.0, 30.0])
    assert len(calls) > 10
    for field in ("success_probability", "error", "steps"):
        assert np.array_equal(getattr(whole, field), getattr(parts, field))


def test_probabilities_of_many_runs_are_those_of_each():
    taus = np.array([2.0, 20.0])
    several = [plan_of(relu_problem(4, seed), tau=2.0) for seed in range(5)]
    ladders = (
        np.array([[replace(p, tau=t).ladders[k][0, 0] for t in taus] for p in several])
        for k in range(3)
    )
    together = climb(state_vectors(several), several[0], taus, *ladders, probabilities=True)
    for i, plan in enumerate(several):
        for j, tau in enumerate(taus):
            alone = converged(replace(plan, tau=tau), simulator_of(plan))
            assert np.array_equal(together.probabilities[2 * i + j], alone.probabilities)
            assert together.converged(2 * i + j).success == alone.success


def test_sums_are_those_of_numpy():
    rng = np.random.default_rng(0)
    for n in [*range(40), 127, 128, 129, 136, 137, 255, 256, 257, 500, 1024, 4096, 5003]:
        x = rng.normal(size=n) * 10.0 ** rng.integers(-9, 9, n)
        assert pairwise_sum(x) == x.sum(), n
