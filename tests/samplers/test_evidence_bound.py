"""Convex problems of couplings of both signs: proofs and bounds against enumeration and scipy."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.optimize import LinearConstraint, minimize

import annealcam as ac
from annealcam._internal import deadline
from annealcam._internal.deadline import NEVER
from annealcam.samplers.exact import search_tree as module
from annealcam.samplers.exact.search_tree import Tree, branch_and_bound, raised_bound
from annealcam.samplers.exact.subproblem import Subproblem, convex_diagonal
from tests.problems import evidence_problem

KINDS = ("signed", "positive", "copies", "dead")


def with_diagonal(p, diagonal):
    return ac.SelectionProblem(p.h, p.J, beta=p.beta, cardinality=p.cardinality, diagonal=diagonal)


def tree_of(problem, found):
    return Tree(Subproblem.of(problem), found.n, found.energy)


@pytest.mark.parametrize("kind", KINDS)
def test_the_energy_is_the_norm_it_stands_for_and_its_diagonal_makes_it_convex(kind):
    p, A, b = evidence_problem(8, kind=kind)
    for n in np.random.default_rng(0).integers(0, 2, (20, 8)):
        assert p.energy(n) == pytest.approx(((b - A @ n) ** 2).sum() - 1, abs=1e-12)
    assert np.allclose(p.quadratic + np.diag(p.diagonal), 2 * A.T @ A)
    assert convex_diagonal(p) == pytest.approx(p.diagonal, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_proofs_are_those_of_enumeration(kind):
    for seed in range(600):
        d = 2 + seed % 8
        k = (None, 1, 2, 3, d, d // 2 + 1)[seed % 6]
        p, _, _ = evidence_problem(d, seed, cardinality=k and min(k, d), kind=kind)
        true, found = ac.solve_exact(p), branch_and_bound(p)
        assert (true.method, found.method, found.proved) == ("enumeration", "convex", True)
        assert found.energy == pytest.approx(true.energy, abs=p.tie + 1e-13)
        assert p.energy(found.n) == found.energy
        assert found.energy - p.tie <= found.lower_bound <= found.energy
        assert p.feasible(found.n)
        assert min(found.multiplicity, 100) == min(true.multiplicity, 100)


@given(
    d=st.integers(4, 16), k=st.integers(0, 8), pixels=st.integers(1, 20),
    kind=st.sampled_from(KINDS), seed=st.integers(0, 2**31), budget=st.integers(1, 30),
    slack=st.floats(0.0, 0.2),
)  # fmt: skip
def test_bounds_are_below_the_optimum_however_early_the_search_ends(
    d, k, pixels, kind, seed, budget, slack
):
    p, _, _ = evidence_problem(d, seed, pixels=pixels, cardinality=min(k, d) or None, kind=kind)
    true = ac.solve_exact(p)
    tree = tree_of(p, true)
    if not tree.visit(budget):  # all of its branches may nevertheless be closed
        assert min(tree.lower_bound, tree.best[1][0]) <= true.energy + p.tie
    start = branch_and_bound(p, time_limit=1e-9)
    assert start.lower_bound <= true.energy + p.tie
    coarse = Tree(Subproblem.of(p), true.n, true.energy, slack=slack)
    assert coarse.visit(10**6)
    assert coarse.best[1][0] == pytest.approx(true.energy, abs=p.tie + 1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 4, 9])
def test_the_root_bound_is_the_minimum_of_the_relaxation(kind, k):
    """As scipy finds it. A tree whose best energy is just above it has to close that gap."""
    for seed in range(5):
        p, A, b = evidence_problem(20, seed, pixels=30, cardinality=k, kind=kind)
        relaxed = minimize(
            lambda x, A=A, b=b: ((b - A @ x) ** 2).sum() - 1,
            np.full(20, k / 20),
            jac=lambda x, A=A, b=b: 2 * A.T @ (A @ x - b),
            bounds=[(0, 1)] * 20,
            constraints=LinearConstraint(np.ones(20), k, k),
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 1000},
        )
        n = np.zeros(20, dtype=np.int8)
        n[:k] = 1
        tree = Tree(Subproblem.of(p), n, relaxed.fun + 1e-9)
        tree.visit(1)
        if k > 2:  # the best one or two maps are found without the relaxation
            assert min(tree.bound[0], relaxed.fun) == pytest.approx(relaxed.fun, abs=1e-7)
        assert relaxed.fun <= ac.solve_exact(p).energy + 1e-7


def test_stopped_trees_raise_the_bound_step_by_step(monkeypatch):
    """Each slack proves its share of the gap; the last one leaves 2 * LEAST_SLACK at most."""
    p, _, _ = evidence_problem(60, pixels=20, cardinality=6)
    true = branch_and_bound(p)
    assert true.proved
    tree = tree_of(p, true)
    tree.visit(1)
    root, bounds = tree.lower_bound, []
    for least in (0.2, 0.05, 0.01, module.LEAST_SLACK):
        monkeypatch.setattr(module, "LEAST_SLACK", least)
        bounds.append(raised_bound(tree_of(p, true), NEVER))
        assert true.energy - bounds[-1] <= 2 * least * -true.energy + 1e-12
    assert root < bounds[0] < bounds[1] < bounds[2] < bounds[3] <= true.energy


def test_better_selections_that_turn_up_are_kept_and_ties_are_counted_anew():
    p, _, _ = evidence_problem(30, 1, pixels=15, cardinality=6, kind="copies")
    true = branch_and_bound(p)
    worst = np.zeros(30, dtype=np.int8)
    worst[np.argsort(-p.linear)[:6]] = 1
    tree = Tree(Subproblem.of(p), worst, p.energy(worst))
    tree.visit(30)
    assert raised_bound(tree, NEVER) <= true.energy + p.tie
    while not tree.visit(1000):
        pass
    assert p.energy(tree.best[0]) == pytest.approx(true.energy, abs=p.tie)
    assert tree.counts[2] == true.multiplicity > 1


def test_a_limited_search_ends_with_a_close_bound(monkeypatch):
    """By a clock that ticks once for each node, so that the machine does not matter."""
    p, _, _ = evidence_problem(60, pixels=20, cardinality=8)
    visit, clock = Tree.visit, [0]

    def ticking(tree, budget=100, work=0):
        before = tree.counts[1]
        done = visit(tree, min(budget, 100))
        clock[0] += tree.counts[1] - before
        return done

    monkeypatch.setattr(Tree, "visit", ticking)
    monkeypatch.setattr(deadline, "monotonic", lambda: float(clock[0]))
    hasty, patient = (ac.solve_exact(p, time_limit=nodes) for nodes in (100, 30_000))
    assert not patient.proved
    assert hasty.nodes < patient.nodes
    assert patient.energy == hasty.energy
    left, before = (x.energy - x.lower_bound for x in (patient, hasty))
    assert 0 < left < 0.6 * before


@pytest.mark.parametrize("kind", KINDS)
def test_order_and_unit_of_the_maps_do_not_matter(kind):
    p, _, _ = evidence_problem(60, 2, pixels=20, cardinality=5, kind=kind)
    found, order = branch_and_bound(p), np.random.default_rng(0).permutation(60)
    moved = ac.SelectionProblem(
        8 * p.h[order], 8 * p.J[np.ix_(order, order)], beta=0.5, cardinality=5,
        diagonal=8 * p.diagonal[order],
    )  # fmt: skip
    other = branch_and_bound(moved)
    assert found.proved
    assert other.energy == pytest.approx(8 * found.energy, abs=1e-11)
    assert other.multiplicity == found.multiplicity
    if found.multiplicity == 1:
        assert np.array_equal(found.n[order], other.n)


@pytest.mark.parametrize("share", [0.0, 0.5, 1 - 1e-7, 3.0])
def test_a_diagonal_that_is_too_small_or_too_large_costs_nodes_and_no_truth(share):
    for seed in range(10):
        p, _, _ = evidence_problem(12, seed, cardinality=4)
        p = with_diagonal(p, share * p.diagonal)
        D = convex_diagonal(p)
        assert np.linalg.eigvalsh(p.quadratic + np.diag(D))[0] >= -1e-12
        found = branch_and_bound(p)
        assert (found.method, found.proved) == ("convex", True)
        assert found.energy == pytest.approx(ac.solve_exact(p).energy, abs=1e-12)


def test_a_known_selection_needs_no_local_search():
    p, _, _ = evidence_problem(40, pixels=20, cardinality=4)
    found = branch_and_bound(p)
    again = branch_and_bound(p, start=found.n, kicks=0)
    assert np.array_equal(again.n, found.n)
    assert (again.proved, again.energy, again.nodes) == (True, found.energy, found.nodes)


def test_the_diagonal_is_what_makes_the_tree_small():
    p, _, _ = evidence_problem(40, pixels=20, cardinality=4, kind="positive")
    known, unknown = branch_and_bound(p), branch_and_bound(with_diagonal(p, None))
    assert known.energy == pytest.approx(unknown.energy, abs=1e-12)
    assert 2 * known.nodes < unknown.nodes
