"""Energies of small problems in exact rational arithmetic, and problems of wild coefficients."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
from hypothesis import strategies as st

import annealcam as ac
from annealcam.qubo.ties import TIE


class Rational:
    """All selections of a problem, as sets of terms and as exact energies."""

    def __init__(self, problem):
        d, linear, quadratic = problem.d, problem.linear, problem.quadratic
        self.terms = {(p,): Fraction(linear[p]) for p in range(d)}
        self.terms |= {(p, q): Fraction(quadratic[p, q]) for p, q in combinations(range(d), 2)}
        k = problem.cardinality
        self.states = [b for b in range(1 << d) if k in (None, b.bit_count())]
        self.energies = [self.energy(b) for b in self.states]
        self.least = min(self.energies)

    def active(self, state):
        return {term for term in self.terms if all(state >> p & 1 for p in term)}

    def energy(self, state):
        return sum((self.terms[term] for term in self.active(state)), Fraction(0))

    @property
    def lowest(self):
        """The first state of lowest energy."""
        return self.states[self.energies.index(self.least)]

    @property
    def ties(self):
        """The states that tie with the lowest one by the rule of `annealcam.qubo.ties`."""
        best, tolerance = self.active(self.lowest), 0 if self._sums_are_exact() else TIE
        return [
            state
            for state, energy in zip(self.states, self.energies, strict=True)
            if energy - self.least
            <= Fraction(tolerance) * sum(abs(self.terms[t]) for t in best ^ self.active(state))
        ]

    def _sums_are_exact(self):
        values = [v for v in self.terms.values() if v]
        if not values:
            return True
        least = min(v.numerator & -v.numerator for v in values)  # denominators are powers of two
        unit = Fraction(1, max(v.denominator for v in values))
        unit *= least if unit == 1 else 1
        return sum(map(abs, values)) <= 2**53 * unit


def number(state, d):
    """Return the selection of a state number."""
    return np.array([state >> p & 1 for p in range(d)], dtype=np.int8)


def state_of(n):
    """Return the state number of a selection."""
    return sum(int(x) << p for p, x in enumerate(n))


_POWERS = st.integers(-13, 13)
_WILD = st.builds(
    lambda sign, digits, power: sign * digits * 10.0**power,
    st.sampled_from([-1, 1]), st.sampled_from([1, 1, 2, 3, 3.3, 7, 1.25]), _POWERS,
)  # fmt: skip
_PENALTIES = st.sampled_from([0.1, 0.2, 0.3, -0.1, -0.2, -0.3, 1e9, -1e9, 1e13, -0.0005, -0.00025])
_WHOLE = st.integers(-3, 3).map(float) | st.sampled_from([1e6, -1e6, 1e12, -1e12])


@st.composite
def wild_problems(draw, most=6, cardinality=True):
    """Problems with coefficients from 1e-13 to 1e13 of both signs, many of them zero or equal."""
    d = draw(st.integers(1, most))
    values = st.just(0.0) | draw(st.sampled_from([_WILD, _PENALTIES, _WHOLE]))
    beta = draw(st.sampled_from([0.5, 0.7]))
    h = [draw(values) for _ in range(d)]
    J = np.zeros((d, d))
    for p, q in combinations(range(d), 2):
        J[p, q] = J[q, p] = draw(values)
    k = draw(st.none() | st.integers(1, d)) if cardinality else None
    return ac.SelectionProblem(h, J, beta=beta, cardinality=k)
