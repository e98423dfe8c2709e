"""Embeddings are minors of the machine's graph, whoever found them."""

import itertools
import json

import numpy as np
import pytest

nx = pytest.importorskip("networkx")
pytest.importorskip("dwave.system")

from annealcam.errors import ArgumentError  # noqa: E402
from annealcam.samplers.hardware import MACHINES, embed, largest_clique, read_machine  # noqa: E402
from annealcam.samplers.hardware.chains import _embed, graph_of  # noqa: E402


def complete(d):
    return frozenset(itertools.combinations(range(d), 2))


def is_minor(embedding, pairs, graph):
    """Chains are disjoint, connected, and coupled wherever the problem is."""
    qubits = [qubit for chain in embedding.chains for qubit in chain]
    assert len(qubits) == len(set(qubits)) == embedding.qubits
    assert all(nx.is_connected(graph.subgraph(chain)) for chain in embedding.chains)
    between = nx.Graph(
        (p, q)
        for p, q in pairs
        if any(graph.has_edge(a, b) for a in embedding.chains[p] for b in embedding.chains[q])
    )
    return {tuple(sorted(edge)) for edge in between.edges} == set(pairs)


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("d", [1, 8, 64, 180])
def test_complete_graphs_are_embedded(name, d):
    machine = read_machine(name)
    embedding = embed(machine, d, complete(d))
    assert len(embedding.chains) == d
    assert is_minor(embedding, complete(d), graph_of(machine.place))


def test_native_cliques_and_minorminer_are_chosen_by_the_longest_chain():
    machine = read_machine("advantage2")
    small, large = embed(machine, 12, complete(12)), embed(machine, 40, complete(40))
    assert (small.method, small.longest) == ("minorminer", 2)  # the native clique has 3
    assert (large.method, large.longest, large.qubits) == ("clique", 4, 160)


def test_sparse_problems_above_the_largest_clique_fit():
    machine = read_machine("advantage2")
    pairs = frozenset((p, p + 1) for p in range(250))
    embedding = embed(machine, 253, pairs)  # two maps have no couplings
    assert is_minor(embedding, pairs, graph_of(machine.place))


def test_the_largest_clique_is_the_limit_of_complete_graphs():
    machine = read_machine("advantage2")
    limit = largest_clique(machine)
    assert embed(machine, limit, complete(limit)) is not None
    assert embed(machine, limit + 1, complete(limit + 1)) is None


def test_equal_seeds_give_equal_chains():
    rng = np.random.default_rng(3)
    pairs = frozenset(tuple(sorted(map(int, rng.choice(30, 2, replace=False)))) for _ in range(60))
    machine = read_machine("advantage")
    first = embed(machine, 30, pairs, seed=1)
    _embed.cache_clear()
    assert embed(machine, 30, pairs, seed=1) == first
    assert is_minor(embed(machine, 30, pairs, seed=2), pairs, graph_of(machine.place))


def test_missing_qubits_and_couplers_are_not_used(tmp_path):
    figures = {
        "topology": {"type": "zephyr", "shape": [2, 4]}, "h_range": [-4, 4], "j_range": [-1, 1],
    }  # fmt: skip
    ideal = read_machine(_file(tmp_path / "a.json", figures))
    used = embed(ideal, 8, complete(8))
    gone = sorted({chain[0] for chain in used.chains})
    graph = graph_of(ideal.place)
    edge = next(sorted(e) for e in graph.edges if not {*e} & {*gone})
    less = read_machine(
        _file(tmp_path / "b.json", figures | {"missing_qubits": gone, "missing_couplers": [edge]})
    )
    working = graph_of(less.place)
    assert set(working) == set(graph) - set(gone)
    assert not working.has_edge(*edge)
    assert is_minor(embed(less, 8, complete(8)), complete(8), working)
    wrong = read_machine(_file(tmp_path / "c.json", figures | {"missing_qubits": [10**6]}))
    with pytest.raises(ArgumentError, match="1000000 is no qubit of the zephyr graph"):
        embed(wrong, 2, complete(2))


def _file(path, figures):
    path.write_text(json.dumps(figures), encoding="utf-8")
    return path
