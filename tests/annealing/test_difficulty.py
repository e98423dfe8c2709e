"""What is measured of a problem equals what the library says of it piece by piece."""

import math

import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.difficulty import hardness
from annealcam.annealing.levels.gap import minimum_gap
from annealcam.annealing.levels.low_spectrum import spectrum
from annealcam.annealing.sentences import diagnosis
from annealcam.annealing.success import wilson_interval
from annealcam.errors import ArgumentError
from annealcam.qubo.files import ProblemFile
from tests.problems import by_the_formula, relu_problem


def file_of(problem):
    return ProblemFile(problem, tuple(range(problem.d)), 0.0, "h and J (.npz)")


@pytest.mark.parametrize(
    ("options", "cardinality"),
    [
        ({}, None),
        ({"normalisation": "unit", "schedule": "quadratic"}, None),
        ({"constraint": "subspace"}, 2),
        ({"constraint": "penalty"}, 2),
    ],
)
def test_the_librarys_own_numbers(options, cardinality):
    p = relu_problem(5, cardinality=cardinality)
    h = hardness(file_of(p), [50, 5], shots=30, seed=4, **options)
    assert [run.tau for run in h.runs] == [5.0, 50.0]
    for run in h.runs:
        own = ac.anneal(p, tau=run.tau, **options)
        assert (run.success_probability, run.error) == (own.success_probability, own.error)
        assert run.best_of_shots == pytest.approx(1 - (1 - own.success_probability) ** 30)
        reads = own.sample(30, 4)
        optimum = ac.solve_exact(p).n
        assert run.hits == (reads == optimum).all(axis=1).sum()
        assert run.interval == wilson_interval(run.hits, 30)
        guess = 1 / (math.comb(5, 2) if cardinality else 32)
        assert run.guess == pytest.approx(guess)
        assert run.guess_best == pytest.approx(1 - (1 - guess) ** 30)
        assert run.tts99 == pytest.approx(
            run.tau * max(1.0, math.log(0.01) / math.log(1 - own.success_probability))
        )
    gap = minimum_gap(p, **options)
    assert (h.gap.gap, h.gap.s) == (gap.gap, gap.s)
    levels = spectrum(p, levels=4, **options)
    assert np.allclose(h.curve.energies, levels.energies, rtol=0, atol=1e-6)
    assert h.ground_energy == pytest.approx(ac.solve_exact(p).energy)
    assert (h.states, h.constraint) == (own.probabilities.size, options.get("constraint", ""))


@pytest.mark.parametrize("constraint", ["subspace", "penalty"])
@pytest.mark.parametrize("cardinality", [None, 3])
def test_the_likeliest_final_states(constraint, cardinality):
    p = relu_problem(7, cardinality=cardinality)
    shown = hardness(file_of(p), [10, 20], constraint=constraint).distribution
    own = ac.anneal(p, tau=20.0, constraint=constraint)
    assert shown.tau == 20.0
    assert np.allclose(np.sort(shown.probability), np.sort(own.probabilities)[-16:])
    assert shown.probability.sum() + shown.rest == pytest.approx(1.0)
    assert shown.others == own.probabilities.size - 16
    assert (np.diff(shown.energy) >= 0).all()
    for n, energy, optimal in zip(shown.n, shown.energy, shown.optimal, strict=True):
        penalty = p.penalty * (n.sum() - cardinality) ** 2 if cardinality else 0.0
        assert energy == pytest.approx(by_the_formula(p, n) + penalty)
        assert optimal == np.array_equal(n, ac.solve_exact(p).n)


def test_fewer_states_than_are_shown():
    shown = hardness(file_of(relu_problem(3)), [10]).distribution
    assert (len(shown.n), shown.rest, shown.others) == (8, 0.0, 0)
    one = hardness(file_of(ac.SelectionProblem([1.0], [[0.0]])), [10.0])
    assert one.distribution.optimal.tolist() == [True, False]


@pytest.mark.parametrize("d", [1, 2, 7])
def test_a_problem_without_any_energy(d):
    h = hardness(file_of(ac.SelectionProblem(np.zeros(d), np.zeros((d, d)))), [10.0], shots=3)
    assert h.multiplicity == h.states == 2**d
    assert h.runs[0].success_probability == pytest.approx(1.0)
    assert (h.runs[0].hits, h.runs[0].guess) == (3, 1.0)
    assert diagnosis(h)[0] == "All states have the same energy: there is no gap to close."


def test_progress_is_reported():
    calls = []
    hardness(file_of(relu_problem(3)), [5, 10], progress=lambda *now: calls.append(now))
    assert [done for _, done, _ in calls] == [0, 1, 2, 3]
    assert {of for _, _, of in calls} == {4}
    assert calls[1][0] == "annealing, tau = 10"


def test_bad_input():
    with pytest.raises(ArgumentError, match="problem: has no variables"):
        hardness(file_of(ac.SelectionProblem([], np.zeros((0, 0)))), [1])
    with pytest.raises(ArgumentError, match="tau: give at least one"):
        hardness(file_of(relu_problem(2)), [])
    with pytest.raises(ArgumentError, match="tau=-1"):
        hardness(file_of(relu_problem(2)), [10, -1])
    with pytest.raises(ArgumentError, match="shots=0"):
        hardness(file_of(relu_problem(2)), [10], shots=0)
    with pytest.raises(ArgumentError, match="seed=-1"):
        hardness(file_of(relu_problem(2)), [10], seed=-1)


def diagnosis_of(problem, **options):
    return " ".join(diagnosis(hardness(file_of(problem), [20, 100], **options)))


def test_diagnosis_of_a_gap_at_the_end():
    """Independent qubits, one nearly free: its own field is all that is left at s = 1."""
    text = diagnosis_of(ac.SelectionProblem([1.0, 0.01], np.zeros((2, 2))), normalisation="unit")
    assert "0.007 energy units, is at s = 1, 100.0% of the gap at s = 1: it is essentially" in text
    assert "Landau-Zener does not apply" in text
    assert "enumerates all 4 selections in milliseconds: no quantum advantage" in text


def test_diagnosis_of_a_crossing():
    """Two wells far apart, of nearly the same depth; the wider one wins until late."""
    h = np.array([1.0] * 4 + [0.99] * 2)
    J = np.zeros((6, 6))
    J[:4, :4] = -2.0
    J[:4, 4:] = J[4:, :4] = 6.0
    J[4:, 4:] = -15.0
    np.fill_diagonal(J, 0.0)
    p = ac.SelectionProblem(h, J, beta=0.5)
    wells = hardness(file_of(p), [20, 100], normalisation="unit")
    text = " ".join(diagnosis(wells))
    assert wells.gap.interior == ("avoided crossing" in text)
    assert wells.gap.landau_zener_applies == ("Landau-Zener applies" in text)


def test_diagnosis_of_ties():
    assert "2 selections share the lowest energy" in diagnosis_of(
        ac.SelectionProblem([1.0, 1.0], [[0.0, 9.0], [9.0, 0.0]], beta=0.5)
    )


def test_certainty_is_not_made_of_rounding():
    text = diagnosis_of(relu_problem(4))
    assert "The best of 16 shots finds it with probability over 0.999" in text
