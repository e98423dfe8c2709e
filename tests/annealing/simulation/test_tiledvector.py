"""State vectors too large for the caches, on sizes that fit: the same as without tiles."""

import math

import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.hamiltonian import diagonal
from annealcam.annealing.schedules.schedule import LINEAR, QUADRATIC
from annealcam.annealing.simulation import memory, runs, tiledvector
from annealcam.annealing.simulation.plan import plan_of
from annealcam.annealing.simulation.runs import simulator_of
from annealcam.annealing.simulation.splitting import ABA_10_4, aba, strang
from annealcam.annealing.simulation.statevector import StateVector
from annealcam.annealing.simulation.tiledvector import TiledStateVector
from annealcam.errors import AnnealcamWarning, ProblemTooLargeError
from tests.problems import relu_problem

CLOSE = {"complex128": 1e-12, "complex64": 2e-6}
PRECISIONS = pytest.mark.parametrize("precision", CLOSE)
SIZES = pytest.mark.parametrize("d", [14, 15, 16])
RUNS = pytest.mark.parametrize(("d", "schedule"), [(14, LINEAR), (15, QUADRATIC), (16, LINEAR)])


def stages_of(schedule=LINEAR, steps=24, tau=9.0, scale=0.3):
    return strang(schedule, tau, np.array([steps]), scale)


def integer_problem(d, seed=0, **options):
    """Energies that are exact in binary, so that ties are exact too."""
    rng = np.random.default_rng([d, seed])
    J = np.triu(rng.integers(0, 3, (d, d)), 1) / 4
    return ac.SelectionProblem(rng.integers(-1, 3, d) / 2, J + J.T, beta=0.5, **options)


def random_start(d):
    start = np.random.default_rng(d).normal(size=2**d)
    return start / np.linalg.norm(start)


# Equal to the state vector without tiles


@RUNS
@PRECISIONS
def test_probabilities(d, schedule, precision):
    p, stages = relu_problem(d), stages_of(schedule)
    tiled, plain = (make(p, precision=precision) for make in (TiledStateVector, StateVector))
    density, expected = (s.run(stages, evenly=False) for s in (tiled, plain))
    assert np.abs(density - expected).max() < CLOSE[precision]
    assert density.sum() == pytest.approx(1, abs=1e-12)
    assert tiled.success(density) == pytest.approx(plain.success(expected), abs=CLOSE[precision])


@RUNS
@PRECISIONS
def test_states(d, schedule, precision):
    """With their phase, the whole of it."""
    p, stages = relu_problem(d), aba(ABA_10_4, schedule, 9.0, np.array([4]), 0.3)
    tiled, plain = (
        make(p, precision=precision).state(stages) for make in (TiledStateVector, StateVector)
    )
    assert np.abs(tiled - plain).max() < CLOSE[precision]
    assert np.linalg.norm(tiled) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("angle", [0.0, -0.8, 1.2, 1.2001, math.pi / 2, -4.0, 30.0])
def test_angles_of_any_size(angle):
    """Also too large for the tangent form: the parts of a rotation are no steps."""
    p, stages = relu_problem(14), stages_of(steps=3)
    stages.angles[:] = [0.3, angle, -angle / 2]
    tiled, plain = (make(p).state(stages) for make in (TiledStateVector, StateVector))
    assert np.abs(tiled - plain).max() < 1e-12


@PRECISIONS
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_few_steps(steps, precision):
    """The last sweep is one of rows or one of columns."""
    p, stages = relu_problem(14), stages_of(steps=steps)
    tiled, plain = (
        make(p, precision=precision).run(stages, evenly=False)
        for make in (TiledStateVector, StateVector)
    )
    assert np.abs(tiled - plain).max() < CLOSE[precision]


@PRECISIONS
@pytest.mark.parametrize(("d", "low"), [(12, 8), (13, 8), (14, 8), (15, 9), (15, 11), (17, 13)])
def test_rows_and_columns_of_any_length(d, low, precision):
    """From four to nine bits across the vectors of each, in all the ways that they are passed."""
    p, stages = integer_problem(d), stages_of(QUADRATIC, steps=6)
    tiled = TiledStateVector(p, precision=precision, _low=low)
    plain = StateVector(p, precision=precision)
    assert np.abs(tiled.state(stages) - plain.state(stages)).max() < CLOSE[precision]
    assert tiled.ground.tolist() == plain.ground.tolist()


@pytest.mark.parametrize(("precision", "rounding"), [("complex128", 1e-13), ("complex64", 2e-5)])
def test_no_step_changes_the_norm(precision, rounding):
    tiled = TiledStateVector(relu_problem(14), precision=precision)
    tiled.run(stages_of(steps=200, tau=50.0), evenly=False)
    assert abs((tiled._state.astype(np.float64) ** 2).sum() - 1.0) < rounding


def test_with_a_penalty():
    p, stages = relu_problem(14, cardinality=5), stages_of(QUADRATIC)
    tiled, plain = TiledStateVector(p), StateVector(p)
    assert np.abs(tiled.state(stages) - plain.state(stages)).max() < 1e-11  # phases are large
    assert tiled.ground.tolist() == plain.ground.tolist()


# Starts


@PRECISIONS
@pytest.mark.parametrize("number", [0, 1, 5000, 2**14 - 1])
def test_begins_in_one_selection(number, precision):
    p, stages, start = relu_problem(14), stages_of(), np.eye(1, 2**14, number)[0]
    tiled, plain = (
        make(p, precision=precision, start=start) for make in (TiledStateVector, StateVector)
    )
    density, expected = (s.run(stages, evenly=False) for s in (tiled, plain))
    assert np.abs(density - expected).max() < CLOSE[precision]
    nothing = stages_of(tau=0.0)
    assert np.abs(tiled.run(nothing, evenly=False) - start).max() < CLOSE[precision]


@SIZES
@PRECISIONS
def test_begins_in_any_real_state(d, precision):
    p, stages, start = relu_problem(d), stages_of(), random_start(d)
    tiled, plain = (
        make(p, precision=precision, start=start) for make in (TiledStateVector, StateVector)
    )
    for result in (lambda s: s.run(stages, evenly=False), lambda s: s.state(stages)):
        assert np.abs(result(tiled) - result(plain)).max() < CLOSE[precision]
    still = tiled.state(stages_of(tau=0.0))
    assert np.abs(still - start).max() < CLOSE[precision]


# Threads, and repeated runs


@SIZES
@PRECISIONS
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(d, precision, threads):
    p, stages = relu_problem(d), stages_of(steps=7)
    one, several = (TiledStateVector(p, precision=precision, threads=n) for n in (1, threads))
    assert np.array_equal(one.run(stages, evenly=False), several.run(stages, evenly=False))
    assert np.array_equal(one.state(stages), several.state(stages))


def test_runs_leave_nothing_behind():
    """Every run begins anew, in the memory of the one before."""
    p = relu_problem(14)
    used, stages = TiledStateVector(p), stages_of()
    used.state(stages_of(steps=5, tau=70.0))
    density = used.run(stages, evenly=False)
    copy = density.copy()
    assert np.array_equal(density, TiledStateVector(p).run(stages, evenly=False))
    used.run(stages_of(steps=5), evenly=False)
    assert np.array_equal(density, copy)  # what was returned is not written over


# The ground states


@SIZES
@pytest.mark.parametrize("seed", range(3))
def test_ground_manifold_with_ties(d, seed):
    p = integer_problem(d, seed)
    tiled, best = TiledStateVector(p), ac.solve_exact(p)
    energies = p.energies()
    assert tiled.ground.tolist() == np.flatnonzero(energies == energies.min()).tolist()
    assert len(tiled.ground) == best.multiplicity
    assert tiled.ground_energy == pytest.approx(energies.min(), abs=1e-12)


@pytest.mark.parametrize("k", [1, 6, 14])
def test_ground_manifold_with_a_penalty(k):
    p = integer_problem(14, cardinality=k)
    tiled, energies = TiledStateVector(p), diagonal(p)
    lowest = np.flatnonzero(energies <= energies.min() + p.tie)
    assert tiled.ground.tolist() == lowest.tolist()
    assert (np.bitwise_count(tiled.ground) == k).all()
    assert tiled.ground_energy == pytest.approx(p.energy(ac.solve_exact(p).n), abs=1e-10)


def test_every_state_is_a_ground_state():
    p = ac.SelectionProblem(np.zeros(14), np.zeros((14, 14)))
    tiled = TiledStateVector(p)
    assert np.array_equal(tiled.ground, np.arange(2**14))
    density = tiled.run(stages_of(), evenly=False)
    assert tiled.success(density) == pytest.approx(1, abs=1e-12)
    assert np.abs(density - 2.0**-14).max() < 1e-15


# The summary


def summed(density, ground, groups=1024):
    """Probability of the ground states, then of the others by their lowest ten bits."""
    rest = density.copy()
    rest[ground] = 0.0
    return np.append(density[ground].sum(), rest.reshape(-1, groups).sum(axis=0))


@SIZES
@PRECISIONS
@pytest.mark.parametrize("kind", [relu_problem, integer_problem])
def test_summary_is_the_sum_of_the_probabilities(monkeypatch, d, precision, kind):
    p, stages = kind(d), stages_of(steps=9)
    whole = TiledStateVector(p, precision=precision)
    density = whole.run(stages, evenly=False)
    monkeypatch.setattr(tiledvector, "WHOLE", 10)
    brief = TiledStateVector(p, precision=precision)
    summary = brief.run(stages, evenly=False)
    assert summary.size == 1025
    assert np.abs(summary - summed(density, whole.ground)).max() < 1e-14
    assert brief.success(summary) == pytest.approx(whole.success(density), abs=1e-14)
    assert np.abs(np.abs(brief.state(stages)) ** 2 - density).max() < CLOSE[precision]


def test_summary_in_a_whole_run(monkeypatch):
    """F of a ladder that sees sums alone is that of one that sees all probabilities."""
    p = relu_problem(14)
    plain = ac.anneal(p, tau=6.0)
    monkeypatch.setattr(runs, "LARGEST_UNTILED", 13)
    tiled = ac.anneal(p, tau=6.0)
    monkeypatch.setattr(tiledvector, "WHOLE", 10)
    brief = ac.anneal(p, tau=6.0)
    for other in (tiled, brief):
        off = abs(other.success_probability - plain.success_probability)
        assert off <= other.error + plain.error
        assert other.error <= 1e-6
        assert np.abs(other.state - plain.state).max() < 1e-11
        assert other.multiplicity == plain.multiplicity
    assert np.abs(tiled.probabilities - plain.probabilities).max() < 1e-11
    assert np.array_equal(tiled.sample(50, seed=2), plain.sample(50, seed=2))
    assert np.abs(brief.probabilities - plain.probabilities).max() < 1e-6
    assert (tiled.steps, tiled.success_probability) == (
        plain.steps,
        pytest.approx(plain.success_probability, abs=1e-11),
    )


def test_distribution_error_holds_for_a_summary_too(monkeypatch):
    p = relu_problem(14)
    exact = ac.anneal(p, tau=6.0, tol=1e-9).probabilities
    monkeypatch.setattr(runs, "LARGEST_UNTILED", 13)
    monkeypatch.setattr(tiledvector, "WHOLE", 10)
    brief = ac.anneal(p, tau=6.0)
    assert 0.5 * np.abs(brief.probabilities - exact).sum() < brief.distribution_error <= 3e-6


# Choice of the simulator, and memory


def test_large_problems_come_in_tiles():
    kinds = [type(simulator_of(plan_of(relu_problem(d), tau=1.0), threads=2)) for d in (14, 17, 18)]
    assert kinds == [StateVector, StateVector, TiledStateVector]


@PRECISIONS
def test_memory_is_checked_first(precision):
    p = ac.SelectionProblem(np.ones(45), np.zeros((45, 45)))
    message = (
        rf"^memory: a state of 45 qubits in {precision} would need [\d.]+ GiB, but .* are free"
    )
    with pytest.raises(ProblemTooLargeError, match=message):
        TiledStateVector(p, precision=precision)


def test_memory_for_amplitudes_is_checked_too(monkeypatch):
    """There may be memory for the state of a large run, but not for psi."""
    tiled = TiledStateVector(relu_problem(14))
    calls = []
    monkeypatch.setattr(tiledvector, "require_memory", lambda *call, mend: calls.append(call))
    tiled.state(stages_of(steps=2))
    assert calls == [(16.0 * 2**14, "the amplitudes of 14 qubits")]


def test_a_state_that_fits_only_in_single_precision_is_annealed_so(monkeypatch):
    p, free = relu_problem(18), [2.0**30]
    expected = ac.anneal(p, tau=5.0, precision="complex64")
    monkeypatch.setattr(memory, "_SMALL", 0.0)
    monkeypatch.setattr(memory, "available", lambda: memory._RESERVE + free[0])
    single, double = (memory._HEADROOM * tiledvector._bytes(18, i, 11) for i in (4, 8))
    free[0] = double
    assert ac.anneal(p, tau=5.0).precision == "complex128"
    free[0] = double - 1
    with pytest.warns(
        AnnealcamWarning, match="precision: complex64 is used, since complex128 does"
    ):
        run = ac.anneal(p, tau=5.0)
    assert run.precision == "complex64"
    assert run.success_probability == expected.success_probability
    for lacking, tol in ((double - 1, 1e-8), (single - 1, 1e-6)):
        free[0] = lacking
        with pytest.raises(ProblemTooLargeError, match=r"GiB are free; use fewer qubits"):
            ac.anneal(p, tau=5.0, tol=tol)
