"""Embeddings: a chain of qubits for each variable, in a clique of chains."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from annealcam._internal.validation import real
from annealcam.errors import ArgumentError, EmbeddingError
from annealcam.samplers.dwave.service import solver_name

if TYPE_CHECKING:
    import dimod

TOPOLOGIES = ("chimera", "pegasus", "zephyr")


def clique_embedding(qpu: Any, d: int) -> dict[int, tuple[int, ...]]:
    """Return a chain of qubits for each of d variables, with every pair of chains coupled.

    The embedding is a clique, because any two maps may be coupled. All chains have nearly the same
    length, and equal graphs and d give equal chains: minorminer caches the cliques of a graph in a
    file.

    Raises:
        EmbeddingError: d is above the size of the largest clique of the processor's graph.
        ArgumentError: the graph is not Chimera, Pegasus or Zephyr.

    Source: Boothby, King and Roy, Quantum Inf. Process. 15, 495 (2016), arXiv 1507.04774.

    >>> from dwave.system.testing import MockDWaveSampler
    >>> chains = clique_embedding(MockDWaveSampler(topology_type="zephyr"), 9)
    >>> len(chains), max(len(chain) for chain in chains.values())
    (9, 3)
    """
    graph = qpu.to_networkx_graph()
    if graph.graph.get("family") not in TOPOLOGIES:
        raise ArgumentError(f"qpu: its graph must be one of {', '.join(TOPOLOGIES)}")
    cliques = cliques_of(graph)
    chains: dict[int, tuple[int, ...]] = cliques.find_clique_embedding(d)
    if len(chains) < d:
        raise EmbeddingError(
            f"d={d}: the largest clique in the graph of {solver_name(qpu)} ({topology(qpu)}) has "
            f"{len(cliques.largest_clique())} variables; keep fewer candidates (max_qubits), or "
            "choose another sampler (leap, sa, tabu)"
        )
    return chains


def cliques_of(graph: Any) -> Any:
    """Return the clique embeddings of a graph, which minorminer keeps in a file."""
    from minorminer.busclique import busgraph_cache

    return busgraph_cache(graph)


def topology(qpu: Any) -> str:
    """Return the name and the size of the processor's graph, such as `pegasus [16]`."""
    entry = qpu.properties.get("topology", {})
    return f"{entry.get('type', 'unknown')} {entry.get('shape', '')}".strip()


def check_chain_strength(chain_strength: Any) -> float | None:
    """Return the strength as a float, or None; raise ArgumentError if it is not above 0."""
    if chain_strength is None:
        return None
    number = real("chain_strength", chain_strength)
    if not 0 < number < math.inf:
        raise ArgumentError(
            f"chain_strength={chain_strength}: must be above 0; it is the magnitude of the "
            "coupling along a chain, in the units of the Ising couplings"
        )
    return number


def torque_compensation(model: dimod.BinaryQuadraticModel) -> float:
    """Return the chain strength of uniform torque compensation for an Ising model.

    1.414 * sqrt(mean degree) * sqrt(mean of J^2)

    This resists the torque that random neighbours exert on a chain. Without couplings nothing
    pulls a chain apart, and the result is 1.

    Source: Raymond et al., IEEE QCE 2020; `dwave.embedding.chain_strength`.

    >>> import dimod
    >>> round(torque_compensation(dimod.BinaryQuadraticModel({}, {"ab": 0.5}, "SPIN")), 3)
    0.707
    """
    from dwave.embedding.chain_strength import uniform_torque_compensation

    return float(uniform_torque_compensation(model)) or 1.0
