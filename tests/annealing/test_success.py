"""Chances and times to solution: closed forms, scipy, and coverage by exact sums."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binom, binomtest

import annealcam as ac
from annealcam.annealing.success import (
    best_of_shots,
    best_of_shots_interval,
    guess_probability,
    tts99,
    wilson_interval,
)
from annealcam.errors import ArgumentError

chances = st.floats(0, 1)


@given(st.integers(1, 500), st.data(), st.floats(0.01, 0.999))
def test_wilson_inverts_the_score_test(shots, data, confidence):
    """At both ends q, (hits / shots - q)^2 = z^2 q (1 - q) / shots (Wilson 1927)."""
    hits = data.draw(st.integers(0, shots))
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    for q in wilson_interval(hits, shots, confidence):
        assert (hits / shots - q) ** 2 == pytest.approx(z * z * q * (1 - q) / shots, abs=1e-12)


def test_wilson_is_scipys_to_the_bit():
    for shots in (1, 2, 7, 256, 10**6):
        for hits in {0, 1, shots // 3, shots - 1, shots}:
            for confidence in (0.5, 0.95, 0.999):
                theirs = binomtest(hits, shots).proportion_ci(confidence, method="wilson")
                assert wilson_interval(hits, shots, confidence) == (theirs.low, theirs.high)


@given(st.integers(1, 200), st.data())
def test_wilson_by_symmetry_and_order(shots, data):
    hits = data.draw(st.integers(0, shots))
    low, high = wilson_interval(hits, shots)
    mirrored = wilson_interval(shots - hits, shots)
    assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-14)
    assert 0 <= low <= hits / shots <= high <= 1
    wider = wilson_interval(hits, shots, 0.99)
    assert wider[0] <= low
    assert high <= wider[1]


def test_wilson_has_its_coverage():
    """Over p spread evenly, the exact coverage of 95 % intervals is 95 % on average."""
    hits = np.arange(51)
    low, high = np.transpose([wilson_interval(int(k), 50) for k in hits])
    p = (np.arange(400) + 0.5)[:, None] / 400
    coverage = (binom.pmf(hits, 50, p) * ((low <= p) & (p <= high))).sum(axis=1)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)


@given(st.integers(1, 100), st.data(), st.integers(1, 50))
def test_best_of_shots_interval(measured, data, shots):
    hits = data.draw(st.integers(0, measured))
    low, high = best_of_shots_interval(hits, measured, shots)
    assert low <= best_of_shots(hits / measured, shots) <= high
    if shots == 1:
        assert (low, high) == pytest.approx(wilson_interval(hits, measured))


@given(st.floats(1e-9, 1 - 1e-9), st.integers(1, 10**6))
def test_best_of_shots(p, shots):
    value = best_of_shots(p, shots)
    assert value == pytest.approx(-math.expm1(shots * math.log1p(-p)), rel=1e-12)
    assert p * (1 - 1e-12) <= value <= best_of_shots(p, shots + 1) <= 1


def test_guessing():
    p = ac.SelectionProblem(np.ones(6), np.zeros((6, 6)), cardinality=2)
    assert guess_probability(p, 3, 1) == pytest.approx(3 / 15)
    assert guess_probability(p, 15, 1) == 1
    free = ac.SelectionProblem(np.ones(4), np.zeros((4, 4)))
    assert guess_probability(free, 1, 16) == pytest.approx(1 - (15 / 16) ** 16)


# Time to solution


def test_tts_closed_forms():
    assert tts99(0.9, 50.0) == pytest.approx(100.0)  # (1 - 0.9)^2 = 0.01: two runs
    assert tts99(0.99, 50.0) == 50.0
    assert tts99(1 - 0.01 ** (1 / 7), 3.0) == pytest.approx(21.0)
    assert tts99(1e-12, 1.0) == pytest.approx(-math.log(0.01) * 1e12, rel=1e-9)


def test_tts_edges():
    assert tts99(0.0, 50.0) == math.inf
    assert tts99(-0.0, 50.0) == math.inf
    assert tts99(1.0, 50.0) == 50.0
    assert tts99(1.0 + 1e-15, 50.0) == 50.0  # a sum of probabilities, rounded up
    assert tts99(0.995, 50.0) == 50.0
    assert tts99(1.0, 50.0, overhead=7.0) == 57.0
    assert tts99(0.9, 50.0, overhead=7.0) == pytest.approx(114.0)


@given(chances, chances, st.floats(0.1, 1e4))
def test_tts_falls_with_success_and_never_below_one_run(a, b, tau):
    low, high = sorted((a, b))
    assert tts99(low, tau) >= tts99(high, tau) >= tau
    assert tts99(low, 2 * tau) == pytest.approx(2 * tts99(low, tau))


@given(st.floats(1e-6, 0.98))
def test_so_many_runs_succeed_with_99_percent(p):
    assert (1 - p) ** float(tts99(p, 1.0)) == pytest.approx(0.01, rel=1e-9)


def test_tts_of_arrays():
    p, tau = np.array([[0.0], [0.3], [1.0]]), np.array([10.0, 20.0])
    value = tts99(p, tau)
    assert value.shape == (3, 2)
    for i, j in np.ndindex(3, 2):
        assert value[i, j] == tts99(p[i, 0], tau[j])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tts99(1.2, 1.0), r"^p=1\.2: must be between 0 and 1$"),
        (lambda: tts99([0.5, np.nan], 1.0), "^p=nan: "),
        (lambda: tts99(0.5, 0.0), "^tau=0: must be above 0 and finite$"),
        (lambda: tts99(0.5, [1.0, -2.0]), "^tau=-2: "),
        (lambda: tts99(0.5, np.inf), "^tau=inf: "),
        (lambda: tts99("x", 1.0), "^p='x': must be a number"),
        (lambda: tts99(0.5, 1.0, overhead=-1), "^overhead=-1: must be 0 or more"),
        (lambda: wilson_interval(5, 4), "^hits=5: must be at most the number of shots, 4$"),
        (lambda: wilson_interval(-1, 4), "^hits=-1: must be 0 or more$"),
        (lambda: wilson_interval(0, 0), "^shots=0: must be 1 or more$"),
        (lambda: wilson_interval(1, 4, 95), "^confidence=95: must be between 0 and 1"),
        (lambda: best_of_shots(-0.1, 3), "^p=-0.1: must be between"),
        (lambda: best_of_shots(math.nan, 3), "^p=nan: must be between"),
        (lambda: best_of_shots(0.5, 0), "^shots=0: must be 1 or more$"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
