"""The dimod sampler, and the chances of many shots."""

import dimod
import dimod.testing
import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.success import best_of_shots, guess_probability
from annealcam.errors import ArgumentError, ProblemTooLargeError
from builders import relu_problem


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
    found = ac.AnnealingSampler().sample(bqm, tau=100.0, num_reads=50, seed=3, convention="text")
    dimod.testing.assert_response_energies(found, bqm)
    best = dimod.ExactSolver().sample(bqm).first
    assert found.first.energy == pytest.approx(best.energy)
    assert found.first.sample == best.sample


def test_same_distribution_as_anneal():
    p = relu_problem(4)
    found = ac.AnnealingSampler().sample(p.to_bqm(), tau=30.0, num_reads=5000, seed=1)
    own = ac.anneal(p, tau=30.0)
    assert found.info["success_probability"] == pytest.approx(own.success_probability, abs=1e-9)
    states = found.record.sample[:, np.argsort(list(found.variables))] @ [1, 2, 4, 8]
    counts = np.bincount(states, weights=found.record.num_occurrences, minlength=16)
    expected = 5000 * own.probabilities
    assert (((counts - expected) ** 2) / expected).sum() < 37.7  # chi2, 15 degrees, p = 0.001


def test_seeds():
    sampler, bqm = ac.AnnealingSampler(), relu_problem(6).to_bqm()
    a, b = (sampler.sample(bqm, num_reads=20, seed=5) for _ in range(2))
    assert np.array_equal(a.record.sample, b.record.sample)
    other = sampler.sample(bqm, num_reads=20, seed=6)
    assert not np.array_equal(a.record.sample, other.record.sample)


def test_as_a_sampler_object_of_explain(network, images):
    e = ac.explain(network, images[0], layer="3", sampler=ac.AnnealingSampler())
    assert e.selection.sampler == "AnnealingSampler"


def test_bad_input():
    sampler = ac.AnnealingSampler()
    with pytest.raises(ArgumentError, match="num_reads=0"):
        sampler.sample(relu_problem(2).to_bqm(), num_reads=0)
    with pytest.raises(ProblemTooLargeError, match="d=21"):
        sampler.sample(dimod.BinaryQuadraticModel(21, "BINARY"))


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
