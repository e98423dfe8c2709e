"""The graph shows the problem: sizes, pairs, selection and costs are the numbers they stand for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.qubo.evidence import EvidenceProblem
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
        assert node.weight == e.problem.h[p]
        assert node.radius == SMALLEST + (LARGEST - SMALLEST) * e.problem.h[p]
        assert node.selected == (node.channel in e.selected)
        assert node.cosine == e.problem.J[p].max()
    assert max(node.radius for node in graph.nodes) == LARGEST


def test_evidence_problems_are_drawn_by_alignment_and_signed_cosines(images):
    """Redundant maps have positive cosines, complementary ones negative: those of their g_a."""
    network = small_network(maps=40)
    e = ac.explain(network, images[0], layer="3", max_qubits=9, target=2, beta=0.0, cardinality=3)
    captured = capture(network, images[:1], layer="3", targets=[2])
    g = (
        (captured.activations * captured.gradients)[0, e.candidates.tolist()]
        .flatten(1)
        .double()
        .numpy()
    )
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    graph = selection_graph(e)
    alignment = e.importance[e.candidates]
    assert [node.weight for node in graph.nodes] == pytest.approx(alignment / alignment.max())
    assert [node.inclusion for node in graph.nodes] == e.inclusion.tolist()
    cosines = g @ g.T - 2 * np.eye(9)
    assert [node.cosine for node in graph.nodes] == pytest.approx(cosines.max(axis=1), abs=1e-6)
    assert [node.like for node in graph.nodes] == e.candidates[cosines.argmax(axis=1)].tolist()
    carried = selection_graph(replace(e, problem=e.problem, provenance={**e.provenance, "beta": 1}))
    contribution = e.contribution[e.candidates]
    assert [n.weight for n in carried.nodes] == pytest.approx(contribution / contribution.max())


def test_opposite_maps_have_edges_of_negative_cosine(e):
    g = np.array([[4.0, 1.0], [4.0, 0.5], [-0.5, 3.0], [3.0, -2.5]])
    problem = EvidenceProblem.from_maps(g, [7.0, 4.0], cardinality=2).problem
    changed = with_problem(e, problem, np.array([1, 0, 1, 0], dtype=np.int8))
    importance = np.zeros(12, dtype=np.float32)
    importance[changed.candidates] = [0.4, 0.3, 0.2, 0.1]
    changed = replace(changed, importance=importance, provenance={**e.provenance, "beta": 0.0})
    edges = {edge.ends: edge.cosine for edge in selection_graph(changed).edges}
    unit = g / np.linalg.norm(g, axis=1, keepdims=True)
    pairs = [(0, 1), (0, 3), (1, 3), (2, 3)]
    assert edges == pytest.approx({(3 * i, 3 * j): unit[i] @ unit[j] for i, j in pairs})
    assert [ends for ends, cosine in edges.items() if cosine < 0] == [(6, 9)]


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
