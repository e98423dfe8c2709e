"""Cliques on the graphs that D-Wave builds, qubits missing included."""

import dimod
import networkx as nx
import numpy as np
import pytest
from dwave.embedding import is_valid_embedding

from annealcam.errors import EmbeddingError
from annealcam.samplers.dwave.embedding import clique_embedding, torque_compensation
from tests.samplers.dwave.machines import processor


@pytest.mark.parametrize("topology", ["chimera", "pegasus", "zephyr"])
@pytest.mark.parametrize("missing", [0, 9])
@pytest.mark.parametrize("d", [1, 2, 6, 12])
def test_chains_couple_any_two_variables(topology, missing, d):
    whole = processor(topology)
    gone = np.random.default_rng(7).choice(whole.nodelist, missing, replace=False)
    machine = processor(topology, broken_nodes=gone.tolist())
    chains = clique_embedding(machine, d)
    graph = nx.Graph(machine.edgelist)
    assert is_valid_embedding(chains, nx.complete_graph(d), graph)
    assert list(chains) == list(range(d))
    assert chains == clique_embedding(machine, d)


def test_a_whole_advantage2():
    machine = processor("zephyr", topology_shape=[12, 4])
    assert len(clique_embedding(machine, 184)) == 184
    with pytest.raises(EmbeddingError, match=r"d=185: .*zephyr \[12, 4\].* 184 variables"):
        clique_embedding(machine, 185)


def test_torque_compensation_by_hand():
    triangle = dimod.BinaryQuadraticModel({}, {"ab": 3.0, "bc": 4.0, "ac": 0.0}, "SPIN")
    assert torque_compensation(triangle) == pytest.approx(1.414 * np.sqrt(2 * 25 / 3))
    assert torque_compensation(dimod.BinaryQuadraticModel({"a": 2.0}, {}, "SPIN")) == 1.0
    assert torque_compensation(dimod.BinaryQuadraticModel({}, {"ab": 0.0}, "SPIN")) == 1.0
