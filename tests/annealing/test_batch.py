"""Many runs at once are the single runs, to the bit and on any number of cores."""

import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.batch import anneal_batch
from annealcam.annealing.schedules.schedule import LINEAR
from annealcam.errors import ArgumentError, ProblemTooLargeError
from tests.problems import relu_problem

TAUS = [1.0, 10.0, 70.0]
PROBLEMS = [relu_problem(d) for d in (1, 3, 4, 6, 8)] + [relu_problem(4, seed=1)]
TWINS = ac.SelectionProblem([1.0, 1.0], [[0.0, 2.0], [2.0, 0.0]], beta=0.5)
NOTHING = ac.SelectionProblem([], np.zeros((0, 0)))


def single(problems, taus, **options):
    return [[ac.anneal(p, tau=t, **options) for t in taus] for p in problems]


def check(batch, runs):
    """F, errors and steps of a batch against those of single runs, to the bit."""
    for field in ("success_probability", "error", "steps"):
        expected = [[getattr(r, field) for r in row] for row in runs]
        assert np.array_equal(getattr(batch, field), expected), field
    assert batch.multiplicity.tolist() == [row[0].multiplicity for row in runs]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"normalisation": "unit", "tol": 1e-4},
        {"schedule": "quadratic+pause:0.5:0.2"},
        {"precision": "complex64", "tol": 1e-4},
    ],
)
def test_batch_is_its_runs(options):
    problems = [*PROBLEMS, TWINS, NOTHING]
    batch = anneal_batch(problems, tau=TAUS, **options)
    runs = single(problems, TAUS, **options)
    check(batch, runs)
    assert (batch.normalisation, batch.schedule) == (runs[0][0].normalisation, runs[0][0].schedule)
    assert batch.tau.tolist() == TAUS


@pytest.mark.parametrize("constraint", ["subspace", "penalty"])
def test_batch_with_cardinalities(constraint):
    """Some problems with one, some without."""
    problems = [relu_problem(6, cardinality=2), relu_problem(5), relu_problem(4, cardinality=4)]
    options = {"constraint": constraint}
    check(anneal_batch(problems, tau=TAUS, **options), single(problems, TAUS, **options))


def test_batch_of_reverse_runs():
    schedule = LINEAR.reverse([1, 0, 1], 0.4)
    problems = [relu_problem(3, seed) for seed in range(3)]
    batch = anneal_batch(problems, tau=5.0, schedule=schedule)
    check(batch, single(problems, [5.0], schedule=schedule))


def test_one_core_and_several():
    one = anneal_batch(PROBLEMS, tau=TAUS)
    for threads in (2, 50):
        several = anneal_batch(PROBLEMS, tau=TAUS, threads=threads)
        for field in ("success_probability", "error", "steps", "multiplicity"):
            assert np.array_equal(getattr(one, field), getattr(several, field)), field


def test_order_does_not_matter():
    there, back = anneal_batch(PROBLEMS, tau=TAUS), anneal_batch(PROBLEMS[::-1], tau=TAUS[::-1])
    assert np.array_equal(there.success_probability, back.success_probability[::-1, ::-1])
    assert np.array_equal(there.steps, back.steps[::-1, ::-1])


@pytest.mark.parametrize("tau", [10, 10.0, np.float32(10), [10], np.array([10.0])])
def test_one_tau(tau):
    batch = anneal_batch(PROBLEMS[:2], tau=tau)
    assert batch.success_probability.shape == (2, 1)
    assert batch.success_probability[0, 0] == ac.anneal(PROBLEMS[0], tau=10.0).success_probability


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_counts_every_problem(threads):
    calls = []
    anneal_batch(PROBLEMS, tau=1.0, threads=threads, progress=lambda i, n: calls.append((i, n)))
    assert sorted(calls) == [(i + 1, len(PROBLEMS)) for i in range(len(PROBLEMS))]


def test_errors_are_bounds_of_the_batch_too():
    batch, fine = (anneal_batch(PROBLEMS, tau=TAUS, tol=tol) for tol in (1e-6, 1e-10))
    off = np.abs(batch.success_probability - fine.success_probability)
    assert (off <= batch.error + fine.error).all()
    assert batch.error.max() <= 1e-6


def test_wrong_arguments():
    p = relu_problem(3)
    with pytest.raises(ArgumentError, match="problems, tau: give at least one of each"):
        anneal_batch([], tau=1.0)
    with pytest.raises(ArgumentError, match="problems, tau: give at least one of each"):
        anneal_batch([p], tau=[])
    for tau in (-1.0, 0.0, np.nan, np.inf):
        with pytest.raises(ArgumentError, match=f"tau={tau}: must be above 0 and finite"):
            anneal_batch([p], tau=[1.0, tau])
    with pytest.raises(ArgumentError, match="1e[+]07 steps"):
        anneal_batch([p], tau=[1.0, 1e12])
    with pytest.raises(ArgumentError, match="threads=0: must be 1 or more"):
        anneal_batch([p], tau=1.0, threads=0)
    with pytest.raises(ArgumentError, match="device='quantum'"):
        anneal_batch([p], tau=1.0, device="quantum")
    with pytest.raises(ArgumentError, match="device='quantum'"):
        anneal_batch([relu_problem(3, cardinality=1)], tau=1.0, device="quantum")
    with pytest.raises(ArgumentError, match="did you mean 'unit'"):
        anneal_batch([p], tau=1.0, normalisation="unti")
    with pytest.raises(ArgumentError, match="did you mean 'penalty'"):
        anneal_batch([p], tau=1.0, constraint="penalti")
    with pytest.raises(ProblemTooLargeError, match="GiB"):
        anneal_batch([p, ac.SelectionProblem(np.ones(40), np.zeros((40, 40)))], tau=1.0, threads=2)
