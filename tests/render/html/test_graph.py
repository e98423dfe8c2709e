"""The graph shows the problem: sizes, pairs, selection and costs are the numbers they stand for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import annealcam as ac
from annealcam.render.html.graph import (
    HEIGHT,
    LARGEST,
    LEAST_COSINE,
    MOST_NODES,
    SMALLEST,
    WIDTH,
    layout,
    selection_graph,
    threshold_of,
)
from tests.networks import small_network
from tests.problems import relu_problem


@pytest.fixture
def e(network, images):
    return ac.explain(network, images[0], layer="3", sampler="exact", beta=0.5, objective="sum")


def with_problem(e, problem, n=None):
    """The explanation, as if it were of another problem."""
    n = ac.solve_exact(problem).n if n is None else n
    candidates = 3 * np.arange(problem.d)
    selected = candidates[n.astype(bool)]
    return replace(
        e, problem=problem, candidates=candidates, selected=selected,
        selected_maps=np.zeros((len(selected), *e.map.shape)),
        selection=replace(e.selection, n=np.array(n)),
    )  # fmt: skip


def test_nodes_are_the_candidates(e):
    graph = selection_graph(e)
    assert [node.channel for node in graph.nodes] == e.candidates.tolist()
    assert graph.left_out == 0
    for p, node in enumerate(graph.nodes):
        assert node.relevance == e.problem.h[p]
        assert node.radius == SMALLEST + (LARGEST - SMALLEST) * e.problem.h[p]
        assert node.selected == (node.channel in e.selected)
        assert node.cosine == e.problem.J[p].max()
    assert max(node.radius for node in graph.nodes) == LARGEST


def test_costs_are_differences_of_energies(e):
    n = e.selection.n
    for p, node in enumerate(selection_graph(e).nodes):
        flipped = n.copy()
        flipped[p] = 1 - flipped[p]
        assert node.cost == pytest.approx(e.problem.energy(flipped) - e.energy, abs=1e-12)
        assert node.cost > -1e-12  # the selection is optimal


@pytest.mark.parametrize("d", [2, 5, 16, 40])
def test_edges_are_the_pairs_above_the_threshold(e, d):
    p = relu_problem(d)
    graph = selection_graph(with_problem(e, p, np.eye(d, dtype=np.int8)[0]))
    pairs = p.J[np.triu_indices(d, 1)]
    assert len(graph.edges) == (pairs >= graph.threshold).sum()
    assert graph.threshold >= LEAST_COSINE
    assert graph.threshold == round(graph.threshold, 2)
    assert sorted(edge.cosine for edge in graph.edges) == sorted(pairs[pairs >= graph.threshold])
    places = {node.channel: (node.x, node.y) for node in graph.nodes}
    for edge in graph.edges:
        assert edge.places == (*places[edge.ends[0]], *places[edge.ends[1]])
        assert 0 <= edge.strength <= 1


def test_few_edges_are_left_of_many():
    J = 0.9 + 0.1 * relu_problem(30).J
    np.fill_diagonal(J, 0.0)
    pairs = J[np.triu_indices(30, 1)]
    assert (pairs >= threshold_of(J)).sum() <= 60
    assert threshold_of(np.ones((30, 30)) - np.eye(30)) == 1.0  # all alike: all are joined


def test_of_many_candidates_the_selected_and_most_relevant_are_shown(e):
    p = relu_problem(100)
    n = np.zeros(100, dtype=np.int8)
    least = np.argsort(p.h)[:5]
    n[least] = 1
    graph = selection_graph(with_problem(e, p, n))
    assert len(graph.nodes) == MOST_NODES
    assert graph.left_out == 100 - MOST_NODES
    shown = {node.channel // 3 for node in graph.nodes}
    assert shown == set(least) | set(np.argsort(-p.h)[: MOST_NODES - 5])


@settings(max_examples=40)
@given(d=st.integers(1, MOST_NODES), seed=st.integers(0, 99))
def test_no_node_covers_another_and_all_are_inside(d, seed):
    p = relu_problem(d, seed)
    radii = SMALLEST + (LARGEST - SMALLEST) * p.h
    places = layout(p.J, radii)
    assert ((places >= radii[:, None]) & (places <= [WIDTH, HEIGHT] - radii[:, None])).all()
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(d)
    assert (apart >= radii[:, None] + radii[None]).all()


def test_the_order_of_the_maps_does_not_matter():
    p, radii = relu_problem(9), np.full(9, 8.0)
    order = np.random.default_rng(0).permutation(9)
    moved = layout(p.J[np.ix_(order, order)], radii)
    assert np.allclose(moved, layout(p.J, radii)[order], atol=0.05)


def test_maps_that_are_alike_lie_close():
    J = np.zeros((6, 6))
    for group in ((0, 1, 2), (3, 4, 5)):
        J[np.ix_(group, group)] = 0.95
    np.fill_diagonal(J, 0.0)
    places = layout(J, np.full(6, 6.0))
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    assert apart[0, 1:3].max() < apart[0, 3:].min()


def test_equal_problems_make_equal_graphs(images):
    graphs = [selection_graph(ac.explain(small_network(), images[0], layer="3")) for _ in range(2)]
    assert graphs[0] == graphs[1]
