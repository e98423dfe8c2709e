"""Results of all annealing functions: short representations, and names of earlier versions."""

import numpy as np
import pytest

import annealcam as ac
from annealcam import annealing
from annealcam.annealing import hamiltonian
from annealcam.annealing.hamiltonian import DEFAULT_TAU
from annealcam.qubo.files import ProblemFile
from tests.problems import relu_problem


@pytest.fixture(scope="module")
def results():
    p = relu_problem(5)
    back = ac.Schedule.from_table([0, 1], [1, 0], [0, 1]).reverse([1] * 5, 0.5)
    source = ProblemFile(p, tuple(f"variable {i}" for i in range(5)), 0.0, "h and J")
    hard = annealing.hardness(source, [2.0, 3.0])
    return [
        ac.anneal(p, tau=2.0, schedule=back),
        ac.anneal_batch([p], tau=2.0),
        ac.anneal_path(p, tau=2.0, points=2),
        ac.tau_sweep(p, [2.0]),
        ac.minimum_gap(p),
        ac.spectrum(p, points=2),
        hard,
        *hard.runs,
        hard.distribution,
        annealing.optimal_tau(p, bounds=(1.0, 2.0), points=3),
    ]


def test_representations_are_short(results):
    for result in results:
        assert repr(result).startswith(f"{type(result).__name__}(")
        assert len(repr(result)) < 300
        assert "\n" not in repr(result)
    long = ac.Schedule.from_table([0, 1], [1, 0], [0, 1]).reverse([1] * 500, 0.5)
    assert len(repr(long)) < 300


def test_the_old_name_of_a_normalisation(results):
    for result in results[:7]:
        with pytest.warns(DeprecationWarning, match="convention: renamed, use normalisation"):
            assert result.convention is result.normalisation


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Convention", "Normalisation"),
        ("CONVENTIONS", "NORMALISATIONS"),
        ("convention_of", "normalisation_of"),
    ],
)
def test_old_names_of_the_module(old, new):
    with pytest.warns(DeprecationWarning, match=f"{old}: renamed, use {new}"):
        assert getattr(hamiltonian, old) is getattr(hamiltonian, new)
    with pytest.raises(AttributeError, match="no attribute 'Conventions'"):
        _ = hamiltonian.Conventions


def test_old_names_of_arguments():
    p = relu_problem(3)
    with pytest.warns(DeprecationWarning, match="rtol: renamed, use tol"):
        assert ac.minimum_gap(p, rtol=1e-4).gap == ac.minimum_gap(p, tol=1e-4).gap
    with pytest.warns(DeprecationWarning, match="rtol: renamed, use tau_tol"):
        annealing.optimal_tau(p, bounds=(1.0, 2.0), points=3, rtol=0.1)
    sampler = ac.AnnealingSampler()
    assert "convention" in sampler.parameters
    with pytest.warns(DeprecationWarning, match="convention: renamed"):
        samples = sampler.sample(p.to_bqm(), tau=2.0, convention="unit")
    assert samples.info["normalisation"] == "unit"


def test_one_default_run_time():
    p = relu_problem(4)
    F = ac.anneal(p).success_probability
    assert ac.anneal(p, tau=DEFAULT_TAU).success_probability == F
    assert ac.anneal_batch([p]).success_probability.tolist() == [[F]]
    assert ac.anneal_path(p, points=2).tau == DEFAULT_TAU
    assert ac.AnnealingSampler().sample(p.to_bqm()).info["success_probability"] == F
    assert np.isclose(ac.anneal_path(p, points=2).ground_fidelity[-1], F, atol=1e-5)


def test_packages_export_functions_and_not_modules():
    from annealcam.annealing import anneal, hardness, minimum_gap, spectrum

    assert all(callable(f) for f in (anneal, hardness, minimum_gap, spectrum))
    assert spectrum is ac.spectrum
    for name in annealing.__all__:
        assert getattr(annealing, name) is not None
