"""Samplers by name with options of their own: told on, refused, and kept in the record."""

import numpy as np
import pytest
from dwave.samplers import SimulatedAnnealingSampler
from dwave.system.testing import MockDWaveSampler

import annealcam as ac
from annealcam.errors import ArgumentError
from annealcam.samplers.heuristics import simulated_annealing
from annealcam.samplers.registry import SAMPLERS
from annealcam.samplers.selection import select
from tests.networks import small_network
from tests.problems import relu_problem


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_unknown_option_is_named_beside_the_known(name):
    with pytest.raises(ArgumentError, match=f"'nonsense' is no option of {name}"):
        select(relu_problem(6), name, options={"nonsense": 1})


def test_a_slip_of_the_pen_is_guessed():
    with pytest.raises(ArgumentError, match="chain_strength"):
        select(relu_problem(6), "dwave", options={"chain_strenght": 2.0})


def test_options_reach_the_sampler():
    p = relu_problem(10)
    found = select(p, "sa", seed=2, options={"shots": 3, "sweeps": 5})
    rows = simulated_annealing(p, shots=3, sweeps=5, seed=2)
    assert found.energy == pytest.approx(p.energy(rows).min(), abs=p.tie)
    assert (found.shots, found.info["sweeps"]) == (3, 5)
    assert select(p, "windows", options={"qubits": 4, "rounds": 3}).info["windows"] == 3
    assert select(p, "exact", options={"time_limit": 60.0}).optimal


def test_an_objects_options_are_its_own():
    found = select(
        relu_problem(10), SimulatedAnnealingSampler(), options={"num_reads": 7, "num_sweeps": 20}
    )
    assert found.shots == 7


def test_options_stand_above_the_annealing_of_all():
    p = relu_problem(6)
    one = select(p, "anneal", tau=50.0, options={"tau": 5.0, "shots": 4})
    other = select(p, "anneal", tau=5.0, shots=4)
    assert dict(one.info) == dict(other.info)
    assert one.shots == 4


def test_d_waves_options_go_through_explain_and_into_the_record(tmp_path):
    import torch

    options = {
        "qpu": MockDWaveSampler(topology_type="zephyr", exact_solver_cutoff=0),
        "shots": 40, "chain_strength": 1.5, "anneal_schedule": [[0, 0], [10, 0.5], [20, 1]],
    }  # fmt: skip
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))
    e = ac.explain(
        small_network(), image, sampler="dwave", sampler_options=options, max_qubits=6, layer="1"
    )
    told = e.selection.info
    assert (told["chain_strength"], told["shots"], e.selection.shots) == (1.5, 40, 40)
    assert told["anneal_schedule"] == ((0.0, 0.0), (10.0, 0.5), (20.0, 1.0))
    e.save(tmp_path / "kept")
    kept = ac.Explanation.load(tmp_path / "kept").provenance["sampler_options"]
    assert kept["chain_strength"] == 1.5
    assert kept["qpu"] == "MockDWaveSampler"


def test_shots_are_d_waves_reads_and_its_own_option_stands_above():
    machine = MockDWaveSampler(exact_solver_cutoff=0)
    p = relu_problem(4)
    assert select(p, "dwave", shots=30, options={"qpu": machine}).shots == 30
    both = select(p, "dwave", shots=30, options={"qpu": machine, "shots": 20})
    assert both.shots == 20
    assert np.array_equal(both.n, ac.solve_exact(p).n)
