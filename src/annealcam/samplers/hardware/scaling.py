"""The numbers that a machine would be programmed with: h and J on chains, scaled to its ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import SelectionProblem
from annealcam.samplers.dwave.embedding import check_chain_strength, torque_compensation
from annealcam.samplers.dwave.model import ising_model
from annealcam.samplers.hardware.chains import Embedding, coupler_groups, graph_of
from annealcam.samplers.hardware.machine import Machine

if TYPE_CHECKING:
    import dimod


@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """A problem as an Ising model in the machine's units, E = sum h_p s_p + sum_{p<q} J_pq s_p s_q.

    Attributes:
        h: biases of the maps, each the sum over its chain, (d,).
        J: couplings of pairs, each the sum over the couplers between two chains, symmetric, (d, d).
        chain_lengths: number of qubits of each map, (d,).
        couplers: number of couplers that carry the coupling of a pair, symmetric, (d, d).
        demands: the factor by which each limit demands that the Ising coefficients are divided, by
            name: `biases`, `couplings`, `sums of couplings` and `chains`.
        chain_coupling: the coupling along chains, in the machine's units; None without chains.
        biases: smallest and largest magnitude of the qubits' biases other than zero.
        couplings: smallest and largest magnitude of the couplings other than zero, without chains.
    """

    h: Float[Array, " d"]
    J: Float[Array, "d d"]
    chain_lengths: Int[Array, " d"]
    couplers: Int[Array, "d d"]
    demands: Mapping[str, float]
    chain_coupling: float | None
    biases: tuple[float, float]
    couplings: tuple[float, float]

    def __repr__(self) -> str:
        return short_repr(
            "Program", d=len(self.h), factor=self.factor, limited_by=self.limited_by,
            chain_cost=self.chain_cost,
        )  # fmt: skip

    @property
    def factor(self) -> float:
        """The factor by which the problem's Ising coefficients are divided."""
        return max(self.demands.values()) or 1.0

    @property
    def limited_by(self) -> str:
        """Name of the limit that sets the factor."""
        return max(self.demands, key=lambda name: self.demands[name])

    @property
    def chain_cost(self) -> float:
        """How much larger the coefficients could be without the couplings along chains."""
        others = max(value for name, value in self.demands.items() if name != "chains")
        return self.factor / others if others > 0 else 1.0

    def without_chains(self) -> Program:
        """Return the same problem as if its chains cost nothing: as large, and single qubits."""
        return replace(
            self,
            h=self.h * self.chain_cost,
            J=self.J * self.chain_cost,
            chain_lengths=np.ones_like(self.chain_lengths),
            couplers=np.minimum(self.couplers, 1),
            demands={**self.demands, "chains": 0.0},
            chain_coupling=None,
        )


def program(
    problem: ProblemLike,
    machine: Machine,
    embedding: Embedding,
    *,
    chain_strength: float | None = None,
) -> Program:
    """Return a problem embedded and scaled as D-Wave's auto-scaling does.

    The biases of a map are shared by its chain, and the couplings of a pair by the couplers between
    the two chains. All coefficients are then divided by one factor, the largest of

        max h / max h_range, min h / min h_range, max J / max extended_j_range,
        min J / min extended_j_range, and the same for the sums of each qubit's couplings
        (per_qubit_coupling_range) or of each group of couplers (per_group_coupling_range).

    A cardinality is imposed by a penalty, as `select_by_dwave` does.

    Args:
        problem: the selection problem.
        machine: whose ranges are used.
        embedding: the chains, as `embed` returns them.
        chain_strength: magnitude of the coupling along chains before scaling; None: uniform torque
            compensation, as in `select_by_dwave`.

    Raises:
        ArgumentError: the chain strength is not above 0.

    Source: D-Wave, "QPU Solver Parameters", auto_scale; `dwave.embedding.embed_bqm`.

    >>> from annealcam.samplers.hardware import embed, read_machine
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> machine = read_machine("advantage2")
    >>> program(p, machine, embed(machine, 2, frozenset({(0, 1)}))).J[0, 1].round(12)
    np.float64(1.0)
    """
    problem = as_problem(problem)
    model = ising_model(problem)
    values = (*model.linear.values(), *model.quadratic.values())
    unit = max(map(abs, values), default=0.0) or 1.0
    model.scale(1.0 / unit)  # so that squares neither overflow nor underflow
    given = check_chain_strength(chain_strength)
    strength = torque_compensation(model) if given is None else given / unit
    h, J = _arrays(model, problem.d)
    physical = _embedded(model, machine, embedding, strength)
    owner = {qubit: p for p, chain in enumerate(embedding.chains) for qubit in chain}
    couplers = _couplers(physical, owner, problem.d)
    lengths = np.array([len(chain) for chain in embedding.chains], dtype=np.int64)
    chained = bool((lengths > 1).any())
    biases, couplings = h / np.maximum(lengths, 1), J / np.maximum(couplers, 1)
    demands = {
        "biases": _demand(biases, machine.h_range),
        "couplings": _demand(couplings, machine.extended_j_range),
        "sums of couplings": _sums(physical, machine),
        "chains": _demand([-strength], machine.extended_j_range) if chained else 0.0,
    }
    factor = max(demands.values()) or 1.0
    return Program(
        h=h / factor,
        J=J / factor,
        chain_lengths=lengths,
        couplers=couplers,
        demands=MappingProxyType({name: unit * value for name, value in demands.items()}),
        chain_coupling=-strength / factor if chained else None,
        biases=_magnitudes(biases / factor),
        couplings=_magnitudes(couplings / factor),
    )


def problem_of(h: Float[Array, " d"], J: Float[Array, "d d"]) -> SelectionProblem:
    """Return the problem with the energies of an Ising model, up to a constant.

    sum h_p s_p + sum_{p<q} J_pq s_p s_q = constant + sum_p (2 h_p - 2 sum_q J_pq) n_p
        + sum_{p<q} 4 J_pq n_p n_q

    >>> problem_of(np.array([0.5]), np.zeros((1, 1))).energies()
    array([0., 1.])
    """
    return SelectionProblem(-4.0 * (h - J.sum(axis=1)), 8.0 * J, beta=0.5)


def _arrays(
    model: dimod.BinaryQuadraticModel, d: int
) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
    h, J = np.array([model.linear[p] for p in range(d)], dtype=np.float64), np.zeros((d, d))
    for (p, q), value in model.quadratic.items():
        J[p, q] = J[q, p] = value
    return h, J


def _embedded(
    model: dimod.BinaryQuadraticModel, machine: Machine, embedding: Embedding, strength: float
) -> dimod.BinaryQuadraticModel:
    from dwave.embedding import embed_bqm

    chains = dict(enumerate(embedding.chains))
    return embed_bqm(model, chains, graph_of(machine.place).adj, chain_strength=strength)


def _couplers(
    physical: dimod.BinaryQuadraticModel, owner: Mapping[int, int], d: int
) -> Int[Array, "d d"]:
    """Return how many couplers carry the coupling of each pair of maps."""
    couplers = np.zeros((d, d), dtype=np.int64)
    for a, b in physical.quadratic:
        p, q = owner[a], owner[b]
        if p != q:
            couplers[p, q] += 1
            couplers[q, p] += 1
    return couplers


def _sums(physical: dimod.BinaryQuadraticModel, machine: Machine) -> float:
    """Return the factor that the limits of sums demand, chains included."""
    demand = 0.0
    if machine.per_qubit_coupling_range is not None:
        sums = [sum(physical.adj[qubit].values()) for qubit in physical.variables]
        demand = _demand(sums, machine.per_qubit_coupling_range)
    if machine.per_group_coupling_range is not None and machine.topology == "zephyr":
        values = {frozenset(pair): value for pair, value in physical.quadratic.items()}
        groups = coupler_groups(machine.place)
        sums = [sum(values.get(frozenset(pair), 0.0) for pair in group) for group in groups]
        demand = max(demand, _demand(sums, machine.per_group_coupling_range))
    return demand


def _demand(values: ArrayLike, allowed: tuple[float, float]) -> float:
    array = np.append(np.asarray(values, dtype=np.float64).ravel(), 0.0)
    return max(float(array.max()) / allowed[1], float(array.min()) / allowed[0])


def _magnitudes(values: Float[Array, "..."]) -> tuple[float, float]:
    size = np.abs(values[values != 0])
    return (float(size.min()), float(size.max())) if size.size else (0.0, 0.0)
