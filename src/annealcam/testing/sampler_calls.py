"""Checks of calls: forms of problems, what a call leaves behind, seeds, shots and time limits."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from annealcam.errors import AnnealcamError
from annealcam.qubo.problem import SelectionProblem
from annealcam.testing.answers import ModelSampler, Subject
from annealcam.testing.checks import Failed, NotApplicable, raised, require
from annealcam.testing.global_state import changed_state, global_state, seeded_globals
from annealcam.testing.problems import optima, relu_problem, signed_problem
from annealcam.testing.sampler_selections import wrong_energy

SHOTS = 7
TIME_LIMIT = 0.2  # seconds
GRACE = 5.0  # seconds beyond a time limit: machines are busy
LARGE = 300  # maps of a problem that no sampler finishes in that time


def forms(subject: Subject) -> None:
    """Other forms of a problem get the energies of the problem itself, or are refused."""
    if isinstance(subject, ModelSampler):
        _forms_of_a_model(subject)
        return
    problem, refused = signed_problem(5, seed=2), 0
    right = wrong_energy(problem, subject.answer(problem)) is None  # if not, see `energies`
    array = np.triu(problem.quadratic, 1) + np.diag(problem.linear)
    labels = range(problem.d)
    qubo = {(i, j): float(array[i, j]) for i in labels for j in labels if i <= j}
    for name, value in (("a square array", array), ("a QUBO dict", qubo),
                        ("a dimod model", problem.to_bqm())):  # fmt: skip
        try:
            result = subject.call(value)
        except AnnealcamError:
            refused += 1
            continue
        except Exception as error:
            raise Failed(f"For {name}, {raised(error)}.") from error
        answer = subject.read(problem, result)
        n = answer.best(problem)
        wrong = wrong_energy(problem, answer) if right else None
        require(wrong is None, f"For {name}, it reports energies that are not the problem's.")
        best = (optima(problem) == n).all(axis=1).any()
        require(best or not subject.exact, f"For {name}, it returns no optimum.")
    if refused == 3:
        raise NotApplicable("It takes nothing but a SelectionProblem.")


def _forms_of_a_model(subject: Subject) -> None:
    """A model of spins, with labels that are not in order."""
    problem = signed_problem(5, seed=2)
    right = wrong_energy(problem, subject.answer(problem)) is None  # if not, see `energies`
    model: Any = problem.to_bqm().change_vartype("SPIN", inplace=False)
    model.relabel_variables(dict(enumerate("dacbe")))
    samples = subject.call(model)
    require(set(samples.variables) == set("abcde"), "It changes the labels of a model.")
    require(samples.vartype is model.vartype, "It returns 0 and 1 for a model of spins.")
    wrong = np.abs(model.energies(samples) - samples.record.energy) > 1e-12 * problem.scale
    wrong_one = right and wrong.any()
    require(not wrong_one, "For spins with labels, it reports energies that are not the model's.")


def problem_unchanged(subject: Subject) -> None:
    """The problem that is given is not changed, in any of its forms."""
    problem = relu_problem(6, cardinality=3)
    copy = SelectionProblem(problem.h, problem.J, beta=problem.beta, cardinality=3)
    subject.answer(problem)
    fixed = not (problem.h.flags.writeable or problem.J.flags.writeable)
    require(problem == copy and fixed, "It changes the problem.")
    plain = signed_problem(6)
    array = np.triu(plain.quadratic, 1) + np.diag(plain.linear)
    for value in (plain.to_bqm(), array):
        before = value.copy()
        try:
            subject.call(value)
        except Exception:  # refused or failed: see `forms`
            continue
        same = np.array_equal(value, before) if value is array else value == before
        require(same, f"It changes a problem given as {type(value).__name__}.")


def seeds(subject: Subject) -> None:
    """Equal calls have equal results: with equal seeds where there are seeds."""
    _only_deterministic(subject)
    for problem in (signed_problem(7), relu_problem(7)):
        with seeded_globals(0):
            first = subject.answer(problem)
        with seeded_globals(0):
            second = subject.answer(problem)
        equal = "equal seeds" if subject.takes("seed") else "equal calls"
        require(first == second, f"Two calls with {equal} have different results.")


def global_randomness(subject: Subject) -> None:
    """Results do not depend on the global generators of Python, numpy and torch."""
    _only_deterministic(subject)
    problem = signed_problem(7)
    _only_repeatable(subject, problem)
    with seeded_globals(1):
        first = subject.answer(problem)
    with seeded_globals(2):
        second = subject.answer(problem)
    require(first == second, "The result depends on the state of a global random generator.")


def memory(subject: Subject) -> None:
    """A call does not depend on the calls before it."""
    _only_deterministic(subject)
    problem = signed_problem(7, seed=1)
    _only_repeatable(subject, problem)
    with seeded_globals(0):
        first = subject.answer(problem)
    subject.answer(signed_problem(7, seed=2))
    subject.answer(relu_problem(4))
    with seeded_globals(0):
        second = subject.answer(problem)
    require(first == second, "The result depends on the problems of earlier calls.")


def global_states(subject: Subject) -> None:
    """A call leaves as it was what the process shares: generators, modes, filters, environment."""
    problem = signed_problem(6)
    subject.answer(problem)  # first, for whatever is imported
    before = global_state()
    subject.answer(problem)
    changed = changed_state(before)
    require(not changed, f"A call changes {', '.join(changed)}.")


def shots(subject: Subject) -> None:
    """As many shots are drawn as are requested."""
    if not subject.takes("shots"):
        raise NotApplicable("It takes no number of shots.")
    answer = subject.answer(signed_problem(6), shots=SHOTS)
    require(answer.shots == SHOTS, f"Of {SHOTS} shots, {answer.shots} are returned.")


def time_limit(subject: Subject) -> None:
    """A time limit of 0.2 seconds is kept on a problem of 300 maps, within 5 seconds."""
    if not subject.takes("time_limit"):
        raise NotApplicable("It takes no time limit.")
    problem = signed_problem(LARGE)
    subject.answer(signed_problem(30), time_limit=TIME_LIMIT)  # first, for what is compiled
    start = time.perf_counter()
    answer = subject.answer(problem, time_limit=TIME_LIMIT)
    taken = time.perf_counter() - start
    answer.best(problem)
    require(
        taken <= TIME_LIMIT + GRACE,
        f"It takes {taken:.1f} seconds with a time limit of {TIME_LIMIT} seconds.",
    )


CALL_CHECKS = (
    forms, problem_unchanged, seeds, global_randomness, memory, global_states, shots, time_limit,
)  # fmt: skip


def _only_deterministic(subject: Subject) -> None:
    if not subject.deterministic:
        raise NotApplicable("It is declared as not deterministic.")


def _only_repeatable(subject: Subject, problem: SelectionProblem) -> None:
    """Leave to `seeds` a sampler whose results differ without a reason."""
    with seeded_globals(0):
        first = subject.answer(problem)
    with seeded_globals(0):
        second = subject.answer(problem)
    if first != second:
        raise NotApplicable("Equal calls have different results: see `seeds`.")
