"""Minor embedding: a chain of qubits of the machine's graph for each map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from annealcam._internal.extras import require_extra
from annealcam._internal.text import short_repr
from annealcam._internal.validation import whole
from annealcam.errors import ArgumentError, SamplerError
from annealcam.samplers.dwave.embedding import cliques_of
from annealcam.samplers.hardware.machine import Machine

if TYPE_CHECKING:
    import dimod

Pair = tuple[int, int]
MOST_SEARCHED = 300  # couplings; for more, native cliques are better where they suffice


@dataclass(frozen=True, repr=False)
class Embedding:
    """Chains of qubits, one for each map.

    Attributes:
        chains: the qubits of each map.
        method: `clique` (busclique: every pair of chains is coupled) or `minorminer`.
    """

    chains: tuple[tuple[int, ...], ...]
    method: str

    def __repr__(self) -> str:
        return short_repr(
            "Embedding", d=len(self.chains), qubits=self.qubits, longest=self.longest,
            mean=self.mean, method=self.method,
        )  # fmt: skip

    @property
    def qubits(self) -> int:
        """Number of qubits of all chains."""
        return sum(map(len, self.chains))

    @property
    def longest(self) -> int:
        """Number of qubits of the longest chain."""
        return max(map(len, self.chains), default=0)

    @property
    def mean(self) -> float:
        """Mean number of qubits of a chain."""
        return self.qubits / max(len(self.chains), 1)


def embed(
    machine: Machine, d: int, pairs: frozenset[Pair], *, seed: int = 0, time_limit: float = 10.0
) -> Embedding | None:
    """Return chains for d maps with these coupled pairs, or None where none were found.

    Of the clique embedding of `busclique` and a seeded search by `minorminer`, the one with the
    shorter longest chain is returned, among equals that with fewer qubits. minorminer is run for at
    most 300 couplings, and where d is above the largest clique unless all pairs are coupled; a
    search that is cut off by the time limit counts as one that found nothing. Results are cached
    for each graph.

    Args:
        machine: whose graph is used.
        d: number of maps.
        pairs: the coupled pairs (p, q) of maps, p < q.
        seed: of minorminer.
        time_limit: seconds for minorminer.

    Raises:
        SamplerError: dwave-system is not installed.

    >>> from annealcam.samplers.hardware import read_machine
    >>> embed(read_machine("advantage2"), 4, frozenset({(0, 1), (1, 2), (2, 3)})).longest
    1
    """
    return _embed(machine.place, whole("d", d), pairs, whole("seed", seed), float(time_limit))


def largest_clique(machine: Machine) -> int:
    """Return the largest d for which all pairs of d chains can be coupled on the machine's graph.

    >>> from annealcam.samplers.hardware import read_machine
    >>> largest_clique(read_machine("advantage"))
    180
    """
    return _largest_clique(machine.place)


@lru_cache(maxsize=4)
def graph_of(place: tuple[Any, ...]) -> Any:
    """Return the working graph of `Machine.place` as a networkx graph.

    Raises:
        SamplerError: dwave-system is not installed.
        ArgumentError: a qubit or coupler that should be missing is not in the ideal graph.
    """
    topology, shape, missing_qubits, missing_couplers = place
    require_extra("dwave.graphs", extra="dwave", needed_by="hardware", kind=SamplerError)
    import dwave.graphs

    graph = getattr(dwave.graphs, f"{topology}_graph")(*shape)
    for qubit in missing_qubits:
        if qubit not in graph:
            raise ArgumentError(f"missing_qubits: {qubit} is no qubit of the {topology} graph")
    for a, b in missing_couplers:
        if not graph.has_edge(a, b):
            raise ArgumentError(f"missing_couplers: {a}, {b} is no coupler of the {topology} graph")
    graph.remove_edges_from(missing_couplers)
    graph.remove_nodes_from(missing_qubits)
    return graph


@lru_cache(maxsize=4)
def coupler_groups(place: tuple[Any, ...]) -> tuple[tuple[Pair, ...], ...]:
    """Return the groups of couplers whose sums are limited; only Zephyr graphs have them."""
    from dwave.system.coupling_groups import coupling_groups

    return tuple(tuple(group) for group in coupling_groups(graph_of(place)) if group)


@lru_cache(maxsize=4)
def _largest_clique(place: tuple[Any, ...]) -> int:
    return len(cliques_of(graph_of(place)).largest_clique())


@lru_cache(maxsize=64)
def _embed(
    place: tuple[Any, ...], d: int, pairs: frozenset[Pair], seed: int, time_limit: float
) -> Embedding | None:
    if d == 0:
        return Embedding((), "clique")
    graph = graph_of(place)
    found = []
    chains = cliques_of(graph).find_clique_embedding(d)
    if len(chains) == d:
        found.append(Embedding(tuple(tuple(chains[p]) for p in range(d)), "clique"))
    complete = 2 * len(pairs) == d * (d - 1)
    if len(pairs) <= MOST_SEARCHED or not (found or complete):
        chains = _searched(graph, d, pairs, seed, time_limit)
        if chains:
            found.append(Embedding(tuple(tuple(chains[p]) for p in range(d)), "minorminer"))
    return min(found, key=lambda e: (e.longest, e.qubits), default=None)


def _searched(
    graph: Any, d: int, pairs: frozenset[Pair], seed: int, time_limit: float
) -> dict[int, list[int]]:
    """Return the chains that minorminer finds; maps without couplings take qubits that are left."""
    import minorminer
    import networkx

    source = networkx.Graph(sorted(pairs))
    chains: dict[int, list[int]] = {}
    if pairs:
        chains = minorminer.find_embedding(
            source, graph, random_seed=seed, timeout=max(time_limit, 0.001), threads=1
        )
        if not chains:
            return {}
    free = sorted({*graph} - {qubit for chain in chains.values() for qubit in chain})
    alone = [p for p in range(d) if p not in source]
    if len(free) < len(alone):
        return {}
    return {**chains, **{p: [qubit] for p, qubit in zip(alone, free, strict=False)}}


def coupled_pairs(model: dimod.BinaryQuadraticModel) -> frozenset[Pair]:
    """Return the pairs (p, q), p < q, of a model's variables with a coupling that is not zero."""
    return frozenset(
        (min(p, q), max(p, q)) for (p, q), value in model.quadratic.items() if value != 0
    )
