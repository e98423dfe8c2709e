"""The dimod sampler, and the chances of many shots."""

import dimod
import dimod.testing
import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.schedules.schedule import LINEAR
from annealcam.annealing.shots import draw
from annealcam.annealing.success import best_of_shots, guess_probability
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.qubo.energies import bits
from tests.problems import relu_problem


def test_dimods_own_check_of_the_interface():
    dimod.testing.assert_sampler_api(ac.AnnealingSampler())


@dimod.testing.load_sampler_bqm_tests(ac.AnnealingSampler)
class TestDimodsGeneratedSuite(__import__("unittest").TestCase):
    """dimod's own conformance tests of a sampler of models."""


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_energies_are_the_models_own(vartype):
    rng = np.random.default_rng(0)
    bqm = dimod.BinaryQuadraticModel(rng.normal(size=5), rng.normal(size=(5, 5)), vartype)
    bqm.relabel_variables(dict(enumerate("edcba")))
    sampleset = ac.AnnealingSampler().sample(
        bqm, tau=100.0, num_reads=50, seed=3, normalisation="unit"
    )
    dimod.testing.assert_response_energies(sampleset, bqm)
    best = dimod.ExactSolver().sample(bqm).first
    assert sampleset.first.energy == pytest.approx(best.energy)
    assert sampleset.first.sample == best.sample


def test_other_forms_of_a_problem_are_sampled_with_their_labels():
    qubo = {("b", "a"): 1.5, ("a", "a"): -1.0, ("b", "b"): -0.25}
    array = [[-0.25, 1.5], [0.0, -1.0]]
    options = {"tau": 50.0, "num_reads": 20, "seed": 2}
    by_dict = ac.AnnealingSampler().sample(qubo, **options)
    by_array = ac.AnnealingSampler().sample(array, **options)
    model = dimod.BinaryQuadraticModel.from_qubo(qubo)
    dimod.testing.assert_response_energies(by_dict, model)
    assert by_dict.first.sample == {"b": 0, "a": 1}
    assert list(by_array.variables) == [0, 1]
    columns = [list(by_dict.variables).index(v) for v in "ba"]
    assert np.array_equal(by_array.record.sample, by_dict.record.sample[:, columns])
    assert np.array_equal(by_array.record.energy, by_dict.record.energy)


def test_same_distribution_as_anneal():
    p = relu_problem(4)
    sampleset = ac.AnnealingSampler().sample(p.to_bqm(), tau=30.0, num_reads=5000, seed=1)
    run = ac.anneal(p, tau=30.0)
    assert sampleset.info["success_probability"] == pytest.approx(run.success_probability, abs=1e-9)
    states = sampleset.record.sample[:, np.argsort(list(sampleset.variables))] @ [1, 2, 4, 8]
    counts = np.bincount(states, weights=sampleset.record.num_occurrences, minlength=16)
    expected = 5000 * run.probabilities
    assert (((counts - expected) ** 2) / expected).sum() < 37.7  # chi2, 15 degrees, p = 0.001


def test_every_read_has_a_seed_of_its_own():
    sampler, bqm = ac.AnnealingSampler(), relu_problem(6).to_bqm()
    few, many = (sampler.sample(bqm, num_reads=n, seed=5).record.sample for n in (10, 100))
    assert np.array_equal(few, many[:10])
    other = sampler.sample(bqm, num_reads=100, seed=6).record.sample
    assert not np.array_equal(many, other)
    alone = [draw(ac.anneal(relu_problem(6)).probabilities, 1, 5, first=i) for i in (0, 7, 99)]
    assert np.array_equal(bits(np.concatenate(alone), 6), many[[0, 7, 99]])


def test_without_a_seed_one_is_drawn_and_reported():
    sampler, bqm = ac.AnnealingSampler(), relu_problem(6).to_bqm()
    a, b = (sampler.sample(bqm, num_reads=50) for _ in range(2))
    assert a.info["seed"] != b.info["seed"]
    again = sampler.sample(bqm, num_reads=50, seed=a.info["seed"])
    assert np.array_equal(again.record.sample, a.record.sample)


def test_histogram_of_answers():
    sampler, bqm = ac.AnnealingSampler(), relu_problem(3).to_bqm()
    raw = sampler.sample(bqm, num_reads=400, seed=5)
    counted = sampler.sample(bqm, num_reads=400, seed=5, answer_mode="histogram", label="mine")
    assert len(raw) == 400
    assert len(counted) == len(np.unique(raw.record.sample, axis=0)) > 1
    assert counted.info == raw.info | {"problem_label": "mine"}
    for sample, count in counted.data(["sample", "num_occurrences"]):
        row = [sample[v] for v in raw.variables]
        assert (raw.record.sample == row).all(axis=1).sum() == count


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_info_names_its_units(vartype):
    bqm = relu_problem(5).to_bqm()
    bqm.offset = 2.5
    bqm.change_vartype(vartype, inplace=True)
    info = ac.AnnealingSampler().sample(bqm, tau=20.0, normalisation="unit", tol=1e-4).info
    run = ac.anneal(relu_problem(5), tau=20.0, normalisation="unit", tol=1e-4)
    assert info["tau_per_energy_unit"] == 20.0
    assert info["driver_scale_in_energy_units"] == 1.0
    assert info["success_probability"] == pytest.approx(run.success_probability, abs=2e-4)
    assert 0 <= info["success_probability_error"] <= 1e-4
    lowest = dimod.ExactSolver().sample(bqm).first.energy
    assert info["ground_energy_in_energy_units"] == pytest.approx(lowest)
    assert (info["normalisation"], info["schedule"], info["ground_multiplicity"]) == (
        "unit", "linear", 1,
    )  # fmt: skip


def test_many_reads_are_cheap_and_follow_the_distribution():
    p = np.array([0.5, 0.0, 0.125, 0.375])
    counts = np.bincount(draw(p, 100_000, seed=1), minlength=4)
    assert counts[1] == 0
    expected = 100_000 * p[[0, 2, 3]]
    assert (((counts[[0, 2, 3]] - expected) ** 2) / expected).sum() < 13.8  # chi2, p = 0.001
    assert (draw(4 * p, 1000, seed=1) == draw(p, 1000, seed=1)).all()


def test_as_a_sampler_object_of_explain(network, images):
    e = ac.explain(network, images[0], layer="3", sampler=ac.AnnealingSampler())
    assert e.selection.sampler == "AnnealingSampler"


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_reverse_annealing_from_a_state(vartype):
    p, n = relu_problem(4), [1, 0, 0, 1]
    bqm = p.to_bqm().change_vartype(vartype, inplace=False)
    state = {v: n[v] if vartype == "BINARY" else 2 * n[v] - 1 for v in bqm.variables}
    options = {"tau": 7.0, "normalisation": "unit", "tol": 1e-8}
    sampleset = ac.AnnealingSampler().sample(bqm, initial_state=state, turn=0.6, **options)
    run = ac.anneal(p, schedule=LINEAR.reverse(n, 0.6), **options)
    assert sampleset.info["success_probability"] == pytest.approx(run.success_probability, abs=1e-7)
    assert sampleset.info["schedule"] == run.schedule == "linear+reverse:0.6:1001"
    still = ac.AnnealingSampler().sample(bqm, initial_state=state, turn=0.99999, num_reads=20)
    assert all(sample == state for sample in still.samples())


@pytest.fixture(scope="module")
def processor():
    """A small quantum processor of dwave-system's making, with our physics inside."""
    testing = pytest.importorskip("dwave.system.testing")
    return testing.MockDWaveSampler(
        topology_type="chimera",
        topology_shape=[1, 1, 4],
        substitute_sampler=ac.AnnealingSampler(),
        substitute_kwargs={"tau": 100.0, "normalisation": "unit", "seed": 1},
    )


def test_as_the_physics_of_dwaves_mock(processor):
    h, J = {0: -1.0, 4: 0.5}, {(0, 4): -0.75}
    sampleset = processor.sample_ising(h, J, num_reads=50, answer_mode="raw", label="mine")
    assert sampleset.info["problem_label"] == "mine"
    run = ac.AnnealingSampler().sample_ising(
        h, J, tau=100.0, normalisation="unit", seed=1, num_reads=50
    )
    assert np.array_equal(sampleset.record.sample, run.record.sample)
    assert sampleset.info["success_probability"] == run.info["success_probability"]
    counted = processor.sample_ising(h, J, num_reads=50)  # D-Wave's default: a histogram
    assert counted.record.num_occurrences.sum() == 50
    with pytest.warns(UserWarning, match="annealing_time"):
        assert len(processor.sample_ising(h, J, annealing_time=20.0)) == 1


def test_under_dwaves_embedding(processor):
    """Three variables in a triangle, which the processor's graph does not have: a chain is made."""
    from dwave.system import EmbeddingComposite

    bqm = dimod.BinaryQuadraticModel({}, {"ab": 0.5, "bc": 0.5, "ac": 0.5}, "SPIN")
    bqm.add_linear_from({"a": 0.25, "b": -0.5, "c": 0.125})
    sampleset = EmbeddingComposite(processor).sample(
        bqm, num_reads=100, return_embedding=True, embedding_parameters={"random_seed": 1}
    )
    chains = sampleset.info["embedding_context"]["embedding"].values()
    assert sum(map(len, chains)) > 3
    best = dimod.ExactSolver().sample(bqm).first
    assert sampleset.first.sample == best.sample
    assert sampleset.first.energy == pytest.approx(best.energy)
    assert sampleset.record.num_occurrences.sum() == 100
    dimod.testing.assert_response_energies(sampleset, bqm)


def test_bad_input():
    sampler = ac.AnnealingSampler()
    with pytest.raises(ArgumentError, match="num_reads=0"):
        sampler.sample(relu_problem(2).to_bqm(), num_reads=0)
    with pytest.raises(ArgumentError, match="answer_mode='x'"):
        sampler.sample(relu_problem(2).to_bqm(), answer_mode="x")
    with pytest.raises(ArgumentError, match="seed=-1"):
        sampler.sample(relu_problem(2).to_bqm(), seed=-1)
    with pytest.warns(dimod.exceptions.SamplerUnknownArgWarning, match="chain_strength"):
        sampler.sample(relu_problem(2).to_bqm(), chain_strength=2.0)
    with pytest.raises(ProblemTooLargeError, match="50 qubits"):
        sampler.sample(dimod.BinaryQuadraticModel(50, "BINARY"))
    for state, match in (({0: 1}, "1 is missing"), ({0: 1, 1: -1}, "1 is -1; give 0 or 1")):
        with pytest.raises(ArgumentError, match=f"initial_state: {match}"):
            sampler.sample(relu_problem(2).to_bqm(), initial_state=state)


def test_best_of_shots_against_a_count():
    rng = np.random.default_rng(0)
    hits = (rng.random((40_000, 7)) < 0.2).any(axis=1).mean()
    assert best_of_shots(0.2, 7) == pytest.approx(hits, abs=0.01)
    assert best_of_shots(0.0, 100) == 0.0
    assert best_of_shots(1.0, 1) == 1.0
    assert best_of_shots(1e-18, 10) == pytest.approx(1e-17)
    for p, shots in ((1.5, 1), (0.5, 0)):
        with pytest.raises(ArgumentError):
            best_of_shots(p, shots)


def test_guessing_as_often_as_the_paper_shoots():
    """METHOD: d^2 guesses find the optimum with probability 64 % at d = 4 and 22 % at d = 8."""
    assert guess_probability(relu_problem(4), 1, 16) == pytest.approx(0.64, abs=0.005)
    assert guess_probability(relu_problem(8), 1, 64) == pytest.approx(0.22, abs=0.005)
    assert guess_probability(relu_problem(5, cardinality=2), 1, 1) == pytest.approx(0.1)
