"""The rule for ties and exact sums, against rational arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

import annealcam as ac
from annealcam.errors import NumericalError
from annealcam.qubo.energies import weights
from annealcam.qubo.exact_sums import ExactSums, common_unit
from annealcam.qubo.ties import as_good, energy_below, ground_states, has_exact_sums
from tests.rational import Rational, number, wild_problems


def energies_of(p):
    energies = p.energies()
    if p.cardinality is not None:
        energies[weights(p.d) != p.cardinality] = np.inf
    return energies


@settings(max_examples=60)
@given(wild_problems(most=5))
def test_ground_states_are_those_of_rational_arithmetic(p):
    found, true = ground_states(p, energies_of(p)), Rational(p)
    assert found.lowest == true.lowest
    assert found.places.tolist() == true.ties
    assert has_exact_sums(p) == true._sums_are_exact()


@settings(max_examples=60)
@given(wild_problems(most=5, cardinality=False))
def test_exact_sums_are_those_of_rational_arithmetic(p):
    sums, true = ExactSums(p.linear, p.quadratic), Rational(p)
    n = np.array([number(b, p.d) for b in true.states])
    parts = sums.of(n)
    assert [sum(map(Fraction, part)) for part in parts.T] == true.energies
    order = sorted(range(len(n)), key=lambda b: tuple(parts[:, b]))
    assert [true.energies[b] for b in order] == sorted(true.energies)
    for b in (0, len(n) // 2, len(n) - 1):
        assert sums.energy(n[b]) == float(true.energies[b])
        below = energy_below(p, n[b])
        assert Fraction(below) <= true.energies[b] < Fraction(math.nextafter(below, math.inf))
        assert p.energy(n[b]) == pytest.approx(float(true.energies[b]), rel=1e-9)
    magnitudes = sums.magnitudes(n, n[-1])
    for b, magnitude in enumerate(magnitudes):
        apart = true.active(b) ^ true.active(len(n) - 1)
        assert magnitude == pytest.approx(float(sum(abs(true.terms[t]) for t in apart)), rel=1e-12)
    best = number(true.lowest, p.d)
    assert np.flatnonzero(as_good(p, n, best)).tolist() == true.ties


def test_decimals_tie_and_differences_below_large_common_terms_do_not():
    decimals = ac.SelectionProblem([0.1, 0.2, 0.3], [[0, 0, 9], [0, 0, 9], [9, 9, 0]], beta=0.5)
    assert ground_states(decimals, decimals.energies()).places.tolist() == [3, 4]
    common = ac.SelectionProblem([1e13, 3e-13, 2e-13], [[0, 0, 0], [0, 0, 1], [0, 1, 0]], beta=0.5)
    assert ground_states(common, common.energies()).places.tolist() == [3]


def test_whole_numbers_are_exact():
    p = ac.SelectionProblem([2e15, 4.0, 2.0], [[0, 0, 0], [0, 0, 8], [0, 8, 0]], beta=0.5)
    assert has_exact_sums(p)
    assert ground_states(p, p.energies()).places.tolist() == [3]


def test_large_terms_that_cancel_leave_their_exact_difference():
    p = ac.SelectionProblem([-1e13, 1e13, -1e-3], np.zeros((3, 3)), beta=1.0)
    assert p.energy([1, 1, 1]) == 1e-3
    assert p.energy([[1, 1, 1], [1, 0, 0]]).tolist() == [1e-3, 1e13]


def test_common_unit_of_all_magnitudes():
    unit = [common_unit(np.array(values)) for values in ([0.0], [5e-324], [96.0])]
    assert unit == [0.0, 5e-324, 32.0]


def test_coefficients_beyond_float64_are_refused():
    with pytest.raises(NumericalError, match="divide h and J"):
        ExactSums(np.full(2, 1.7e308), np.zeros((2, 2)))
