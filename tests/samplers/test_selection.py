"""Every sampler by name, its options, dimod's samplers, and samplers that return bad samples."""

from dataclasses import replace

import dimod
import numpy as np
import pytest
from dwave.samplers import SimulatedAnnealingSampler, SteepestDescentSampler
from dwave.system.testing import MockDWaveSampler

import annealcam as ac
from annealcam.errors import ArgumentError, SamplerError
from annealcam.qubo.solution import Selection
from annealcam.samplers import baselines, selection
from annealcam.samplers.annealing import MAX_QUBITS
from annealcam.samplers.heuristics import simulated_annealing
from annealcam.samplers.registry import SAMPLERS
from annealcam.samplers.selection import select
from annealcam.samplers.shots import best_of
from tests.networks import small_network
from tests.problems import relu_problem

LOCAL = [name for name, sampler in SAMPLERS.items() if sampler.built_in]


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("k", [None, 3])
def test_samplers_keep_their_word(name, k):
    p = relu_problem(10, cardinality=k)
    found = select(p, name, seed=4)
    assert found.energy == p.energy(found.n)
    best = ac.solve_exact(p)
    assert found.optimal == (found.energy <= best.energy + p.tie)
    assert found.energy >= best.energy - p.tie
    assert found.info["optimum"] == best.energy
    assert k is None or found.n.sum() == k
    again = select(p, name, seed=4)
    assert np.array_equal(found.n, again.n)


@pytest.mark.parametrize("name", ["exact", "sa", "sqa", "tabu"])
@pytest.mark.parametrize("seed", range(3))
def test_real_samplers_find_the_optimum_of_small_problems(name, seed):
    assert select(relu_problem(10, seed), name, seed=seed).optimal


def test_seeds_differ_where_chance_decides():
    p = relu_problem(20, cardinality=5)
    chosen = {tuple(select(p, "random", seed=s).n) for s in range(10)}
    assert len(chosen) == 10


def test_topk_takes_the_most_relevant():
    p = ac.SelectionProblem([0.1, 1.0, 0.7, 0.7], np.zeros((4, 4)), cardinality=2)
    assert select(p, "topk_relevance").n.tolist() == [0, 1, 1, 0]


def test_baselines_without_a_cardinality_have_the_optimums_size():
    p = relu_problem(9)
    k = ac.solve_exact(p).n.sum()
    assert select(p, "topk_relevance").n.sum() == select(p, "random").n.sum() == k


def test_greedy_by_hand():
    # 0 and 1 are twins: after 0, the less relevant but different 2 comes, and then nothing pays.
    J = np.array([[0.0, 1.0, 0.1], [1.0, 0.0, 0.1], [0.1, 0.1, 0.0]])
    p = ac.SelectionProblem([1.0, 0.9, 0.5], J, beta=0.4)
    assert select(p, "greedy").n.tolist() == [1, 0, 1]
    free = ac.SelectionProblem([1.0, 0.0], np.zeros((2, 2)))  # the second map changes nothing
    assert select(free, "greedy").n.tolist() == [1, 0]


def test_repair_reaches_the_cardinality():
    p = relu_problem(8, cardinality=3)
    for start in (np.ones(8, dtype=np.int8), np.zeros(8, dtype=np.int8)):
        assert baselines.repaired(p, start).sum() == 3


def test_without_a_feasible_shot_the_nearest_one_is_repaired():
    p = relu_problem(8, cardinality=3)
    near = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=np.int8)
    best = best_of(p, np.stack([np.ones(8, dtype=np.int8), near]), "mine")
    smaller = [near - np.eye(8, dtype=np.int8)[q] for q in range(4, 8)]  # one map too many
    assert best.energy == pytest.approx(min(p.energy(n) for n in smaller), abs=p.tie)
    assert best.n.sum() == 3
    assert best.info["repaired"]
    assert best.info["feasible_shots"] == 0


def test_only_ties_of_the_optimum_are_optimal():
    second = np.array([[0, 1]], dtype=np.int8)
    for h, optimal in (([1.0, 1.0], True), ([1.0, 1.0 - 1e-6], False)):
        p = ac.SelectionProblem(h, np.zeros((2, 2)), cardinality=1)
        assert best_of(p, second, "mine").optimal is optimal


def test_larger_problems_than_the_annealer_takes_are_left_to_local_search(monkeypatch):
    assert SAMPLERS["anneal"].most_maps == MAX_QUBITS
    entry = replace(SAMPLERS["anneal"], most_maps=6)
    monkeypatch.setattr(selection, "sampler_named", lambda _: entry)
    assert select(relu_problem(6), "anneal", tau=1.0).sampler == "anneal"
    larger = select(relu_problem(7), "anneal", tau=1.0)
    assert (larger.sampler, larger.info["instead_of"]) == ("local", "anneal")
    assert select(relu_problem(7, cardinality=2), "anneal", tau=1.0).sampler == "anneal"


@pytest.mark.parametrize("sampler", [dimod.ExactSolver(), SteepestDescentSampler()])
def test_dimod_samplers(sampler):
    p = relu_problem(7)
    found = select(p, sampler)
    assert found.sampler == type(sampler).__name__
    assert found.energy == p.energy(found.n)


def test_dimod_exact_solver_agrees_with_enumeration():
    for seed in range(5):
        for k in (None, 2):
            p = relu_problem(7, seed, cardinality=k)
            assert select(p, dimod.ExactSolver()).optimal


class Fixed(dimod.Sampler):
    """Returns one sample set, whatever the model."""

    parameters, properties = None, None

    def __init__(self, samples, vartype="BINARY"):
        self.samples, self.vartype = samples, vartype

    def sample(self, bqm):
        return dimod.SampleSet.from_samples(self.samples, self.vartype, energy=0)


def test_spin_samples_in_any_order_of_variables():
    p = relu_problem(3)
    found = select(p, Fixed({2: 1, 0: -1, 1: 1}, "SPIN"))
    assert found.n.tolist() == [0, 1, 1]


def test_reads_are_counted_where_a_sampler_answers_in_counts():
    rows = dimod.SampleSet.from_samples(
        np.eye(3, dtype=np.int8), "BINARY", energy=0, num_occurrences=[5, 1, 4]
    )
    sampler = Fixed(None)
    sampler.sample = lambda bqm: rows
    assert select(relu_problem(3), sampler).shots == 10


def test_samplers_that_take_a_seed_are_given_it():
    p = relu_problem(14)
    chosen = [tuple(select(p, ac.AnnealingSampler(), seed=s).n) for s in (1, 1, *range(2, 8))]
    assert chosen[0] == chosen[1]
    assert len(set(chosen)) > 1


@pytest.mark.parametrize(
    ("sampler", "match"),
    [
        (Fixed({"a": 1}), "returns the variables"),
        (Fixed(np.zeros((0, 3))), "no sample"),
    ],
)
def test_samplers_that_misbehave(sampler, match):
    with pytest.raises(SamplerError, match=match):
        select(relu_problem(3), sampler)


def test_wrong_samplers():
    with pytest.raises(ArgumentError, match="did you mean 'tabu'"):
        select(relu_problem(3), "tabuu")


def test_exact_beyond_enumeration_is_certified_by_its_tree():
    found = select(ac.SelectionProblem(np.ones(30), np.zeros((30, 30))), "exact")
    assert (found.n.sum(), found.optimal, found.info["bound"]) == (30, True, "convex")
    assert found.info["lower_bound"] == pytest.approx(found.energy, rel=1e-14)


def test_beyond_enumeration_the_optimum_is_unknown():
    p = ac.SelectionProblem(np.linspace(0.1, 1, 30), np.zeros((30, 30)))
    found = select(p, "greedy")
    assert found.optimal is None
    assert found.n.sum() == 30
    assert select(p, "topk_relevance").n.sum() == 30


@pytest.mark.parametrize("name", SAMPLERS)
def test_nothing_to_select(name):
    found = select(ac.SelectionProblem([], np.zeros((0, 0))), name)
    assert (found.n.size, found.energy, found.optimal) == (0, 0.0, True)


def test_old_names_of_samplers_and_options_are_accepted_with_a_warning():
    p = relu_problem(8, cardinality=3)
    with pytest.warns(DeprecationWarning, match="use sampler='topk_relevance'"):
        old = select(p, "topk")
    assert (old.sampler, old.n.tolist()) == (
        "topk_relevance",
        select(p, "topk_relevance").n.tolist(),
    )
    with pytest.warns(DeprecationWarning, match="reads is renamed, use shots"):
        assert select(p, "sa", options={"reads": 3}).shots == 3
    with pytest.warns(DeprecationWarning, match="convention is renamed, use normalisation"):
        assert select(relu_problem(4), "anneal", tau=1.0, options={"convention": "unit"}).n.any()
    with pytest.warns(DeprecationWarning, match="reads: renamed, use shots"):
        assert old.reads == 1
    record = {"energy": -1.0, "optimal": True, "sampler": "sa", "reads": 7, "info": {}}
    assert Selection.from_record(old.n, record).shots == 7


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


def test_a_future_that_fails_late_is_an_error_of_the_sampler():
    class Late:
        def sample(self, bqm):
            def fail(future):
                raise TimeoutError("no answer within 60 s")

            return dimod.SampleSet.from_future(None, fail)

    with pytest.raises(SamplerError, match="sampler=Late: fails with TimeoutError: no answer"):
        select(relu_problem(3), Late())
