"""What a machine is programmed with: closed forms, and the energies of the embedded model."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("dwave.system")

import annealcam as ac
from annealcam.samplers.dwave.model import ising_model
from annealcam.samplers.hardware import Embedding, embed, program, read_machine
from annealcam.samplers.hardware.chains import coupled_pairs
from annealcam.samplers.hardware.scaling import _embedded, problem_of
from tests.problems import relu_problem

MACHINE = read_machine("advantage2")


def of_ising(h, J):
    """The problem with the energies of an Ising model."""
    return problem_of(np.array(h, dtype=float), np.array(J, dtype=float))


def programmed(p, machine=MACHINE, **options):
    embedding = embed(machine, p.d, coupled_pairs(ising_model(p)))
    return program(p, machine, embedding, **options), embedding


def energies_of_ising(h, J):
    spins = np.array(list(itertools.product([-1, 1], repeat=len(h))))[:, ::-1]
    return spins @ h + 0.5 * np.einsum("si,ij,sj->s", spins, J, spins)


def test_an_ising_model_and_its_problem_have_equal_differences_of_energy():
    rng = np.random.default_rng(0)
    J = np.triu(rng.normal(size=(5, 5)), 1)
    h, J = rng.normal(size=5), J + J.T
    energies, own = energies_of_ising(h, J), problem_of(h, J).energies()
    np.testing.assert_allclose(own - own[0], energies - energies[0], atol=1e-12)


@pytest.mark.parametrize(
    ("h", "coupling", "factor", "limit"),
    [
        ([2.0, 0.5], 0.25, 0.5, "biases"),  # 2 / 4
        ([0.5, 0.5], 0.25, 0.25, "couplings"),  # 0.25 / 1
        ([0.0, 0.0], -0.5, 0.25, "couplings"),  # -0.5 / -2
        ([8.0, -10.0], 0.1, 2.5, "biases"),
    ],
)
def test_two_coupled_qubits_are_scaled_to_the_ranges(h, coupling, factor, limit):
    p, embedding = programmed(of_ising(h, [[0, coupling], [coupling, 0]]))
    assert embedding.qubits == 2
    assert (p.factor, p.limited_by) == (pytest.approx(factor), limit)
    np.testing.assert_allclose(p.h, np.array(h) / factor, atol=1e-12)
    assert p.J[0, 1] == pytest.approx(coupling / factor)
    assert (p.chain_coupling, p.chain_cost) == (None, 1.0)


def test_a_chain_shares_the_bias_and_sets_the_scale():
    """Two qubits for map 0, one coupler to map 1: h = (1, 0), J = 0.5, chain strength 3."""
    from annealcam.samplers.hardware.chains import graph_of

    graph = graph_of(MACHINE.place)
    a, b = next(iter(graph.edges))
    c = next(q for q in graph[a] if q != b and not graph.has_edge(q, b))
    chains = Embedding(((a, b), (c,)), "minorminer")
    p = program(of_ising([1.0, 0.0], [[0, 0.5], [0.5, 0]]), MACHINE, chains, chain_strength=3.0)
    assert p.demands["chains"] == p.factor == 1.5  # -3 / -2
    assert p.demands["biases"] == 0.125  # 1 / 2 qubits / 4
    assert p.demands["couplings"] == 0.5
    assert (p.chain_coupling, p.chain_cost) == (-2.0, 3.0)
    assert p.biases == pytest.approx((1 / 3, 1 / 3))
    assert p.couplings == pytest.approx((1 / 3, 1 / 3))
    assert p.chain_lengths.tolist() == [2, 1]
    free = p.without_chains()
    np.testing.assert_allclose(free.h, [2.0, 0.0])
    assert (free.J[0, 1], free.factor, free.chain_lengths.tolist()) == (1.0, 0.5, [1, 1])


def test_sums_of_couplings_limit_the_scale():
    """A star of five couplings of 1: the sum 5 exceeds 2, a limit that only this machine has."""
    p = of_ising(np.zeros(6), [[0, 1, 1, 1, 1, 1]] + [[1, 0, 0, 0, 0, 0]] * 5)
    own = replace(read_machine("advantage"), per_qubit_coupling_range=(-2.0, 2.0))
    scaled, embedding = programmed(p, own)
    assert embedding.longest == 1
    assert (scaled.limited_by, scaled.factor) == ("sums of couplings", 2.5)
    assert programmed(p, replace(own, per_qubit_coupling_range=None))[0].factor == 1.0


@pytest.mark.parametrize("name", ["advantage", "advantage2"])
@pytest.mark.parametrize("k", [None, 4])
def test_the_physical_model_stays_in_all_ranges_and_touches_one(name, k):
    machine, p = read_machine(name), relu_problem(12, cardinality=k)
    scaled, embedding = programmed(p, machine)
    strength = -(scaled.chain_coupling or -1.0) * scaled.factor
    physical = _embedded(ising_model(p), machine, embedding, strength)
    physical.scale(1 / scaled.factor)
    ratios = []
    for values, (low, high) in (
        (physical.linear.values(), machine.h_range),
        (physical.quadratic.values(), machine.extended_j_range),
    ):
        ratios += [value / (high if value > 0 else low) for value in values]
    if machine.per_qubit_coupling_range:
        low, high = machine.per_qubit_coupling_range
        sums = [sum(physical.adj[qubit].values()) for qubit in physical.variables]
        ratios += [total / (high if total > 0 else low) for total in sums]
    assert max(ratios) == pytest.approx(1.0)
    assert scaled.chain_lengths.sum() == embedding.qubits


def test_whole_chains_have_the_energies_of_the_problem():
    p = relu_problem(6)
    scaled, embedding = programmed(p)
    strength = 2.0
    physical = _embedded(ising_model(p), MACHINE, embedding, strength)
    owner = {qubit: i for i, chain in enumerate(embedding.chains) for qubit in chain}
    spins = np.array(list(itertools.product([-1, 1], repeat=6)))[:, ::-1]
    energies = [physical.energy({q: int(s[i]) for q, i in owner.items()}) for s in spins]
    own = energies_of_ising(scaled.h, scaled.J) * scaled.factor
    np.testing.assert_allclose(np.array(energies) - energies[0], own - own[0], atol=1e-12)
    np.testing.assert_allclose(own - own[0], p.energies() - p.energies()[0], atol=1e-12)


def test_the_scale_of_the_problem_does_not_matter():
    p = relu_problem(9)
    larger = ac.SelectionProblem(1e9 * p.h, 1e9 * p.J, beta=p.beta)
    np.testing.assert_allclose(programmed(p)[0].J, programmed(larger)[0].J, rtol=1e-9)
