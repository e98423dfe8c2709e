"""The ladder on runs whose errors are known: even powers of 1 / N, and rounding."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from annealcam.annealing.simulation.ladder import converge, multiples
from annealcam.errors import ArgumentError, NumericalError

EXACT = np.array([0.4, 0.3, 0.2, 0.1])
SERIES = np.random.default_rng(0).normal(size=(4, 4))  # c_2, c_4, c_6, c_8 for each of four states
SERIES -= SERIES.mean(axis=1, keepdims=True)  # probabilities sum to one with every N
FIRST = 3


def errors_of(series, n):
    """sum_j c_2j / n^2j."""
    powers = 1.0 / float(n) ** (2 * np.arange(1, len(series) + 1))
    return np.tensordot(powers, np.asarray(series), 1)


def runs(series, exact=EXACT, first=FIRST, log=None):
    def run(multiple):
        if log is not None:
            log.append(multiple)
        return exact + errors_of(series, first * multiple)

    return run


def success(density):
    return density[..., :2].sum(-1)


def test_multiples():
    assert list(islice(multiples(), 9)) == [2, 3, 4, 6, 8, 12, 16, 24, 32]


@pytest.mark.parametrize("terms", [1, 2, 3])
def test_series_that_ends_is_extrapolated_exactly(terms):
    """Four columns take away 1/N^2, 1/N^4 and 1/N^6; where nothing is left the error is zero."""
    outcome = converge(runs(SERIES[:terms]), success, 1e-13)
    assert np.abs(outcome.probabilities - EXACT).max() < 1e-14
    assert abs(outcome.success - success(EXACT)) < 1e-14
    assert outcome.error < 1e-13


@pytest.mark.parametrize("first", [8, 30])
def test_first_rungs_by_hand(first):
    """Three runs, N = 2, 3, 4 times the first: Lagrange's weights in 1 / N^2 at 1 / N^2 = 0."""
    x = 1.0 / np.array([2, 3, 4]) ** 2
    weights = [np.prod(np.delete(x, i) / (np.delete(x, i) - x[i])) for i in range(3)]
    values = [runs(SERIES, first=first)(n) for n in (2, 3, 4)]
    final = np.tensordot(weights, values, 1)
    before = values[2] + (values[2] - values[1]) / ((4 / 3) ** 2 - 1)
    changes = [before - values[2], final - before]
    distances = [0.5 * np.abs(change).sum() for change in changes]
    errors = [max(abs(success(c)), 0.1 * t) for c, t in zip(changes, distances, strict=True)]
    ratio = max(errors[1] / errors[0], distances[1] / distances[0])
    assert ratio < 0.12  # the series converges fast
    factor = min(max(50 * ratio, 0.3), 1.0)
    log = []
    outcome = converge(runs(SERIES, first=first, log=log), success, 1.01 * factor * errors[1])
    assert log == [2, 3, 4]
    assert (outcome.multiple, outcome.runs) == (4, 3)
    assert outcome.probabilities == pytest.approx(final, abs=1e-13)
    assert outcome.error == pytest.approx(factor * errors[1], abs=1e-13)
    assert outcome.distribution_error == pytest.approx(2 * distances[1], abs=1e-13)


def test_a_series_that_does_not_converge_is_not_believed():
    """The second and third columns change as much as the first: the error is three times all."""
    densities = {2: [0.5, 0.5], 3: [0.5004, 0.4996], 4: [0.5, 0.5]}
    outcome = converge(lambda m: np.array(densities.get(m, [0.5, 0.5])), success_of_one, 0.9)
    assert outcome.runs > 3  # one such run does not suffice


def success_of_one(density):
    return density[..., :1].sum(-1)


def test_options_enter_the_error():
    plain = converge(runs(SERIES), success, 0.5)
    other = converge(runs(SERIES), success, 0.5, floor=lambda _: 1e-3)
    assert other.error == pytest.approx(plain.error + 1e-3, abs=1e-14)
    assert other.distribution_error >= plain.distribution_error


def test_an_error_is_at_least_a_fifth_of_the_tolerance():
    outcome = converge(runs(1e-9 * SERIES), success, 0.5)
    assert outcome.error == pytest.approx(0.1, abs=1e-15)


@given(
    arrays(np.float64, (4, 5), elements=st.floats(0.3, 1.0)),
    arrays(np.int8, (4, 5), elements=st.sampled_from([-1, 1])),
    st.integers(2, 30),
    st.sampled_from([1e-3, 1e-6, 1e-9]),
)
def test_error_is_a_bound_where_low_orders_rule(sizes, signs, first, tol):
    """Coefficients of one size, N above their ratio: each column is far better than the last."""
    series = sizes * signs
    exact = np.full(5, 0.2)
    outcome = converge(runs(series, exact, first), success, tol)
    assert outcome.error <= tol
    assert abs(outcome.success - success(exact)) <= outcome.error
    assert 0.5 * np.abs(outcome.probabilities - exact).sum() <= outcome.distribution_error


@given(st.integers(0, 10**6), st.sampled_from([1e-4, 1e-8]))
def test_it_stops_as_soon_as_it_may(seed, tol):
    """No fewer runs than needed: the rungs before did not hold."""
    series = np.random.default_rng(seed).normal(size=(6, 4))
    outcome = converge(runs(series), success, tol)
    assert list(islice(multiples(), outcome.runs))[-1] == outcome.multiple
    assert converge(runs(series), success, 10 * tol).runs <= outcome.runs


def test_agreement_by_chance_is_believed_only_once():
    """The third rung happens to continue the second column; F is elsewhere."""
    flat = {2: 0.5, 3: 0.5, 4: 0.5}

    def run(multiple):
        p = flat.get(multiple, 0.8 + 0.1 / multiple**2)
        return np.array([p, 0.0, 1 - p])

    trusting = converge(run, success, 1e-6)
    assert (trusting.runs, trusting.success) == (3, 0.5)
    careful = converge(run, success, 1e-6, agreements=2)
    assert careful.runs > 5
    assert careful.success == pytest.approx(0.8, abs=1e-12)


def test_the_worse_of_two_agreeing_rungs_is_reported():
    two = converge(runs(SERIES, first=8), success, 1e-3, agreements=2)
    one = converge(runs(SERIES, first=8), success, 1e-3)
    assert two.runs == one.runs + 1
    assert two.error >= one.error  # of which one agreement needs only a part


def test_the_distribution_must_agree_too():
    """F does not change at all, while the rest of the distribution does."""
    series = np.array([[0.0, 0.0, 1.0, -1.0], [0.0, 0.0, 0.5, -0.5], [0.0, 0.0, 2.0, -2.0]])
    outcome = converge(runs(series, first=1), success, 1e-6)
    assert outcome.success == pytest.approx(success(EXACT), abs=1e-15)
    assert outcome.runs > 3
    assert outcome.distribution_error <= 2 * 1e-6 / 0.1


# Rounding


@pytest.mark.parametrize("noise", [1e-9, 1e-6])
def test_rounding_is_not_climbed_for_ever(noise):
    rng = np.random.default_rng(1)
    log = []

    def run(multiple):
        log.append(multiple)
        return runs(SERIES)(multiple) + noise * rng.normal(size=4)

    with pytest.raises(NumericalError, match="tol=1e-10: rounding leaves .* increase tol"):
        converge(run, success, 1e-10)
    assert len(log) < 20


@pytest.mark.parametrize("noise", [1e-9, 1e-6])
def test_tolerance_above_the_rounding_is_reached(noise):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        outcome = converge(
            lambda m, rng=rng: runs(SERIES)(m) + noise * rng.normal(size=4), success, 100 * noise
        )
        assert abs(outcome.success - success(EXACT)) < 100 * noise


def test_floor_above_the_tolerance_is_reported():
    """Rounding of 1e-7 for each step: the ladder ends where it rules, and the error says so."""
    outcome = converge(runs(SERIES), success, 1e-9, floor=lambda multiple: 1e-7 * multiple)
    rounding = 1e-7 * outcome.multiple
    assert rounding < outcome.error <= 5 * rounding


def test_an_error_of_a_run_ends_the_ladder():
    """As where the next rung would take too many steps."""

    def run(multiple):
        if multiple > 16:
            raise ArgumentError("tau=1: would take over 1e+07 steps")
        return EXACT + np.random.default_rng(multiple).normal(size=4)

    with pytest.raises(ArgumentError, match="steps"):
        converge(run, success, 1e-6)


# Batches, and torch


def batch():
    """Five runs at once, of errors from small to large."""
    sizes = 10.0 ** np.arange(-4, 1)
    return sizes[:, None] * SERIES[:, None, :]


def test_batch_is_its_runs_to_the_worst():
    outcome = converge(runs(batch()), success, 1e-7)
    assert outcome.error.shape == outcome.success.shape == (5,)
    assert outcome.error.max() <= 1e-7
    hardest = converge(runs(SERIES), success, 1e-7)
    assert outcome.runs == hardest.runs
    assert outcome.success[-1] == pytest.approx(hardest.success, abs=1e-14)
    assert (np.abs(outcome.success - success(EXACT)) <= outcome.error + 1e-15).all()


@pytest.mark.parametrize("agreements", [1, 2])
def test_torch_as_numpy(agreements):
    options = {"tol": 1e-7, "floor": lambda _: 1e-12, "agreements": agreements}
    plain = converge(runs(batch()), success, **options)
    tensors = converge(lambda m: torch.from_numpy(runs(batch())(m)), success, **options)
    assert (tensors.multiple, tensors.runs) == (plain.multiple, plain.runs)
    for field in ("probabilities", "success", "error", "distribution_error"):
        value = getattr(tensors, field)
        assert isinstance(value, torch.Tensor)
        np.testing.assert_allclose(value.numpy(), getattr(plain, field), rtol=0, atol=1e-15)


def test_rounding_in_torch():
    generator = torch.Generator().manual_seed(0)

    def run(multiple):
        noise = torch.randn(5, 4, generator=generator, dtype=torch.float64)
        return torch.from_numpy(runs(batch())(multiple)) + 1e-6 * noise

    with pytest.raises(NumericalError, match="complex128"):
        converge(run, success, 1e-9)
