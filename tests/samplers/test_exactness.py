"""Proofs under penalties of any size, against exact rational arithmetic."""

from fractions import Fraction
from itertools import combinations

import dimod
import numpy as np
import pytest
from hypothesis import given, settings

import annealcam as ac
from annealcam.qubo import read_problem
from annealcam.samplers.exact.search_tree import branch_and_bound
from tests.problems import relu_problem
from tests.rational import Rational, number, state_of, wild_problems


def check(problem, true, *solutions):
    for found in solutions:
        assert found.proved
        assert true.energy(state_of(found.n)) == true.least
        assert Fraction(found.lower_bound) <= true.least
        assert found.lower_bound <= found.energy
        assert found.energy == pytest.approx(float(true.least), rel=1e-9)
        assert found.multiplicity == len(true.ties)
        assert np.array_equal(found.n, number(true.lowest, problem.d))


@settings(max_examples=25)
@given(wild_problems(most=6))
def test_enumeration_and_tree_prove_the_optimum_of_rational_arithmetic(p):
    check(p, Rational(p), ac.solve_exact(p), branch_and_bound(p))


@settings(max_examples=12)
@given(wild_problems(most=4))
def test_annealing_and_gap_have_the_same_ground_states(p):
    ties = Rational(p).ties
    result = ac.anneal(p, tau=1e-3, tol=1e-3, scale_energies=True)
    assert result.ground_states.tolist() == ties
    assert result.multiplicity == len(ties)


def test_the_gap_counts_the_ground_states_below_a_penalty():
    p = ac.SelectionProblem([-2e4, 1e-3, 1e-3], [[0, 0, 0], [0, 0, 2e4], [0, 2e4, 0]], beta=0.5)
    gap = ac.minimum_gap(p, scale_energies=True)
    assert gap.multiplicity == 2
    assert gap.final_gap == pytest.approx(5e-4)


def test_a_large_coefficient_does_not_hide_the_others(tmp_path):
    file = tmp_path / "problem.coo"
    file.write_text("0 0 1e9\n1 1 -0.0005\n2 2 -0.00025\n")
    p = read_problem(file).problem
    for found in (ac.solve_exact(p), branch_and_bound(p)):
        assert (found.energy, found.proved, found.multiplicity) == (-0.00075, True, 1)
        assert found.n.tolist() == [0, 1, 1]
        assert Fraction(found.lower_bound) <= Rational(p).least
    assert ac.anneal(p, tau=1e-9, scale_energies=True).ground_states.tolist() == [6]
    for sampler in ("exact", "tabu", "local"):
        assert ac.solve(p, sampler).optimal is True


@pytest.mark.parametrize("penalty", [1e6, 1e9, 1e13])
@pytest.mark.parametrize("d", [9, 30])
def test_penalties_of_conflicts(penalty, d):
    """Couplings that forbid pairs: the optimum of the problem in which they are as small as 10."""
    rng = np.random.default_rng(d)
    h, J = rng.uniform(0.1, 1.0, d), np.zeros((d, d))
    for p, q in rng.permutation(list(combinations(range(d), 2)))[: 2 * d]:
        J[p, q] = J[q, p] = 1.0
    small, large = (ac.SelectionProblem(h, size * J, beta=0.5) for size in (10.0, penalty))
    true = ac.solve_exact(small)
    for found in (ac.solve_exact(large), branch_and_bound(large)):
        assert found.proved
        assert np.array_equal(found.n, true.n)
        assert (found.energy, found.multiplicity) == (true.energy, true.multiplicity)


@pytest.mark.parametrize("penalty", [1e6, 1e9, 1e13])
def test_a_cardinality_written_as_a_penalty(penalty):
    """The rounding of the model's own coefficients is part of the problem."""
    rng = np.random.default_rng(3)
    bqm = dimod.BinaryQuadraticModel(
        {p: -x for p, x in enumerate(rng.uniform(size=7))}, {}, "BINARY"
    )
    bqm.add_linear_equality_constraint([(p, 1) for p in range(7)], penalty, -3)
    p = ac.SelectionProblem.from_bqm(bqm)
    check(p, Rational(p), ac.solve_exact(p), branch_and_bound(p))
    assert ac.solve_exact(p).n.sum() == 3


@pytest.mark.parametrize("sign", [1, -1])
def test_maps_that_penalties_decide(sign):
    """A linear coefficient of 1e13 or -1e13 leaves the rest as it is, with and without k."""
    rest = relu_problem(30, 1)
    for k in (None, 4):
        p, linear = rest.with_cardinality(k), np.append(rest.linear, sign * 1e13)
        Q = np.zeros((31, 31))
        Q[:30, :30] = rest.quadratic
        more = k if k is None or sign > 0 else k + 1
        found = branch_and_bound(
            ac.SelectionProblem(-2 * linear, 2 * Q, beta=0.5, cardinality=more)
        )
        true = branch_and_bound(p)
        assert found.proved
        assert found.n.tolist() == [*true.n, sign < 0]
        assert found.multiplicity == true.multiplicity


@pytest.mark.parametrize("d", [19, 22])
@pytest.mark.parametrize("k", [None, 5])
def test_a_small_tree_returns_what_enumeration_does(monkeypatch, d, k):
    h = np.repeat([0.1, 0.2, 0.3], d)[:d]
    ties = ac.SelectionProblem(h, 0.1 * (1 - np.eye(d)), beta=0.5, cardinality=k)
    for p in (relu_problem(d, cardinality=k), ties):
        tree = ac.solve_exact(p)
        monkeypatch.setattr("annealcam.samplers.exact.enumeration._by_small_tree", lambda *_: None)
        true = ac.solve_exact(p)
        monkeypatch.undo()
        assert true.method == "enumeration"
        assert (tree.n.tolist(), tree.energy, tree.multiplicity, tree.lower_bound) == (
            true.n.tolist(), true.energy, true.multiplicity, true.lower_bound
        )  # fmt: skip
    assert ac.solve_exact(relu_problem(d, cardinality=k)).method == "convex"


def test_more_ties_than_are_compared_leave_the_proof_open(monkeypatch):
    monkeypatch.setattr("annealcam.samplers.exact.search_tree.MOST_NEAR", 50)
    decimals = ac.SelectionProblem(np.full(30, 0.1), np.zeros((30, 30)), beta=0.7, cardinality=4)
    found = branch_and_bound(decimals)
    assert not found.proved
    assert found.energy - 1e-9 < found.lower_bound < found.energy
    whole = ac.SelectionProblem(np.ones(30), np.zeros((30, 30)), beta=0.5, cardinality=4)
    found = branch_and_bound(whole)
    assert (found.proved, found.lower_bound, found.multiplicity >= 50) == (True, -2.0, True)
