"""The tree search against enumeration: optimum, bound, ties, on kind and unkind problems."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

import annealcam as ac
from annealcam._internal import deadline
from annealcam.samplers.exact import search_tree as module
from annealcam.samplers.exact.search_tree import Tree, branch_and_bound
from annealcam.samplers.exact.subproblem import Subproblem, convex_diagonal
from annealcam.samplers.selection import certified

KINDS = ("maps", "signed", "copies", "equal", "apart", "nothing", "whole numbers", "negative")
MOST = 100  # ties that are looked for


def drawn(kind, d, seed, **options):
    rng = np.random.default_rng(seed)
    h = rng.uniform(0.01, 1.0, d)
    maps = rng.uniform(0.0, 1.0, (d, 6)) ** 3
    if kind == "signed":
        maps = rng.normal(size=(d, 6))
    if kind == "copies":  # every map twice
        maps, h = np.repeat(maps, 2, axis=0)[:d], np.repeat(h, 2)[:d]
    J = ac.SelectionProblem.from_maps(maps, np.ones(d)).J
    if kind == "equal":
        J, h = np.ones((d, d)) - np.eye(d), np.ones(d)
    if kind == "apart":
        J, h = np.zeros((d, d)), rng.uniform(-0.5, 1.0, d)
    if kind == "nothing":
        J, h = np.zeros((d, d)), np.zeros(d)
    if kind in ("whole numbers", "negative"):
        J = rng.integers(0, 3, (d, d)) if kind == "whole numbers" else rng.normal(size=(d, d))
        J = np.triu(J, 1) + np.triu(J, 1).T
        h = np.round(4 * h) if kind == "whole numbers" else rng.normal(size=d)
    return ac.SelectionProblem(h, J, **options)


@given(
    kind=st.sampled_from(KINDS),
    d=st.integers(1, 12),
    beta=st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9, 1.0]),
    k=st.integers(0, 12),
    seed=st.integers(0, 2**31),
)
def test_it_is_the_optimum_of_enumeration(kind, d, beta, k, seed):
    problem = drawn(kind, d, seed, beta=beta, cardinality=k if 1 <= k <= d else None)
    true, found = ac.solve_exact(problem), branch_and_bound(problem)
    assert true.method == "enumeration"
    assert found.proved
    if true.multiplicity < MOST:
        assert np.array_equal(found.n, true.n)
    assert found.energy == pytest.approx(true.energy, abs=problem.tie + 1e-13)
    assert problem.energy(found.n) == found.energy
    assert found.lower_bound <= found.energy == pytest.approx(found.lower_bound, abs=problem.tie)
    assert problem.feasible(found.n)
    assert min(found.multiplicity, MOST) == min(true.multiplicity, MOST)


@pytest.mark.parametrize("kind", ["maps", "signed", "copies"])
@pytest.mark.parametrize("k", [None, 6])
def test_larger_ones_against_enumeration(kind, k):
    for seed in range(3):
        problem = drawn(kind, 20, seed, beta=0.8, cardinality=k)
        true, found = ac.solve_exact(problem), branch_and_bound(problem)
        assert found.energy == pytest.approx(true.energy, abs=1e-12)
        assert found.multiplicity == true.multiplicity
        assert found.method == ("combinatorial" if kind == "signed" else "convex")


@pytest.mark.parametrize("kind", ["maps", "signed"])
def test_order_of_the_maps_does_not_matter(kind):
    problem = drawn(kind, 40, 1, beta=0.7)
    order = np.random.default_rng(0).permutation(40)
    moved = ac.SelectionProblem(problem.h[order], problem.J[np.ix_(order, order)], beta=0.7)
    one, other = branch_and_bound(problem), branch_and_bound(moved)
    assert np.array_equal(one.n[order], other.n)
    assert one.energy == pytest.approx(other.energy, abs=1e-12)


@pytest.mark.parametrize("kind", ["maps", "signed"])
@pytest.mark.parametrize("k", [None, 9])
def test_stopped_early_its_bound_is_below_the_optimum(kind, k):
    problem = drawn(kind, 60, 3, beta=0.6, cardinality=k)
    true = branch_and_bound(problem)
    assert true.proved
    nodes = 0
    for budget in (1, 3, 10, 40):
        tree = Tree(Subproblem.of(problem), true.n, true.energy)
        done = tree.visit(budget)
        assert done or tree.lower_bound <= true.energy + problem.tie
        assert tree.counts[1] >= nodes
        nodes = tree.counts[1]


def test_time_that_ends_leaves_the_best_and_its_bound(monkeypatch):
    problem = drawn("maps", 80, 0, beta=0.3)
    monkeypatch.setattr(module, "START", 1e-9)
    ticks = itertools.count()
    monkeypatch.setattr(deadline, "monotonic", lambda: 1e-3 * next(ticks))
    monkeypatch.setattr(deadline, "FIRST", 10)
    monkeypatch.setattr(deadline, "SLICE", 1e-3)
    found = ac.solve_exact(problem, time_limit=0.05)
    assert found.method == "convex"
    assert not found.proved
    told = certified(problem, found)
    assert (told.optimal, "optimum" in told.info) == (None, False)
    assert told.info["lower_bound"] == found.lower_bound
    assert found.lower_bound < found.energy == problem.energy(found.n)


def test_ctrl_c_leaves_the_best_and_its_bound(monkeypatch):
    problem, seen = drawn("maps", 80, 0, beta=0.3), []
    visit = Tree.visit

    def interrupted(tree, budget=4, work=0):
        seen.append(budget)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return visit(tree, budget)

    monkeypatch.setattr(Tree, "visit", interrupted)
    found = branch_and_bound(problem)
    assert len(seen) == 3
    assert not found.proved
    assert found.lower_bound < found.energy


def test_beyond_enumeration_solve_exact_takes_the_tree():
    problem = drawn("maps", 120, 5, beta=0.7)
    found, tree = ac.solve_exact(problem), branch_and_bound(problem)
    assert (found.method, found.nodes, found.proved) == ("convex", tree.nodes, True)
    assert np.array_equal(found.n, tree.n)
    assert found.multiplicity == 1


def test_nothing_to_choose_from():
    found = branch_and_bound(ac.SelectionProblem([], np.zeros((0, 0))))
    assert (found.energy, found.proved, len(found.n)) == (0.0, True, 0)


def test_gram_matrices_are_told_from_others():
    assert convex_diagonal(drawn("maps", 30, 0)) is not None
    assert convex_diagonal(drawn("signed", 30, 0)) is None
