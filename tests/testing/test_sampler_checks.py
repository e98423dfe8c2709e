"""Each check of samplers fails for a sampler that is wrong in just that."""

import itertools
import time
from dataclasses import replace
from unittest import SkipTest

import dimod
import numpy as np
import pytest

import annealcam as ac
from annealcam._internal.deadline import Deadline
from annealcam._internal.validation import whole
from annealcam.errors import ArgumentError
from annealcam.qubo import Selection, as_problem
from annealcam.samplers import greedy
from annealcam.testing import check_sampler, checks_of_sampler, sampler_calls
from annealcam.testing.problems import all_selections, optima
from annealcam.testing.sampler import SAMPLER_CHECKS

MOST = 12  # maps up to which all selections are tried


def careful(problem, *, seed=0, shots=5, time_limit=None):
    """A sampler without a fault: it tries all selections of a small problem."""
    problem = as_problem(problem)
    whole("seed", seed)
    whole("shots", shots, least=1)
    Deadline.after(time_limit)
    if problem.d > MOST:
        n = greedy(problem)
        return Selection(n, problem.energy(n), None, "careful", shots)
    best = optima(problem)
    info = {"multiplicity": len(best)}
    return Selection(best[0].copy(), problem.energy(best[0]), True, "careful", shots, info)


def with_n(problem, n, *, optimal=None, shots=5, **_):
    """Another selection, without a claim unless one is given."""
    n = np.array(n, dtype=np.int8)
    return Selection(n, as_problem(problem).energy(n), optimal, "careful", shots)


def of_coefficients(change):
    """A sampler that solves a problem with other coefficients."""

    def sampler(problem, **options):
        given = as_problem(problem)
        changed = ac.SelectionProblem(
            change(given.h), change(given.J), beta=given.beta, cardinality=given.cardinality
        )
        return with_n(given, careful(changed, **options).n, **options)

    return sampler


def rounded_to_the_largest(values):
    unit = 1e-11 * np.abs(values).max(initial=0.0)
    return np.round(values / unit) * unit if unit else values


def floats(problem):
    return careful(problem).n.astype(float).tolist()


def wrong_energy(problem, **options):
    answer = careful(problem, **options)
    return replace(answer, energy=answer.energy + 1.0)


def one_map_too_many(problem, **options):
    given = as_problem(problem)
    k = given.cardinality
    return careful(given if k in (None, given.d) else given.with_cardinality(k + 1), **options)


def one_map_too_few(problem, **options):
    given = as_problem(problem)
    full = given.d > 1 and given.cardinality == given.d
    return careful(given.with_cardinality(given.d - 1) if full else given, **options)


def no_single_map(problem, **options):
    if as_problem(problem).d == 1:
        raise IndexError("one map")
    return careful(problem, **options)


def no_empty_problem(problem, **options):
    if as_problem(problem).d == 0:
        raise ZeroDivisionError("no maps")
    return careful(problem, **options)


def counts_one(problem, **options):
    return replace(careful(problem, **options), info={"multiplicity": 1})


def always_sure(problem):
    return with_n(problem, greedy(problem), optimal=True)


def first_of_eight(problem, **options):
    given = as_problem(problem)
    if given.d != 8:
        return careful(problem, **options)
    return with_n(given, np.arange(8) < (given.cardinality or 8), **options)


def remembers_sorted_coefficients():
    known = {}

    def sampler(problem, **options):
        given = as_problem(problem)
        key = (given.cardinality, tuple(np.sort(given.h)), tuple(np.sort(given.J.ravel())))
        shots = options.get("shots", 5)
        return replace(known.setdefault(key, careful(given, **options)), shots=shots)

    return sampler


def needs_relevance(problem, **options):
    given = as_problem(problem)
    k = given.cardinality
    if k is not None and (given.h < 0).all():
        return with_n(given, np.arange(given.d) < k, **options)
    return careful(given, **options)


def doubles_arrays(problem, **options):
    return careful(2 * problem if isinstance(problem, np.ndarray) else problem, **options)


def overwrites_arrays(problem, **options):
    answer = careful(problem, **options)
    if isinstance(problem, np.ndarray):
        problem[0] = 0.0
    return answer


def row(problem, number):
    rows = all_selections(as_problem(problem))
    return rows[number % len(rows)]


def never_the_same():
    calls = itertools.count()

    def sampler(problem, *, seed=0):
        return with_n(problem, row(problem, whole("seed", seed) + next(calls)))

    return sampler


def draws_globally(problem):
    state = np.random.get_state()
    number = np.random.randint(1000)
    np.random.set_state(state)
    return with_n(problem, row(problem, number))


def remembers_four_maps():
    last = [0]

    def sampler(problem):
        given = as_problem(problem)
        number = 1 if last[0] == 4 else 0
        last[0] = given.d
        return with_n(given, row(given, number))

    return sampler


def draws_for_nothing(problem, **options):
    np.random.random()
    return careful(problem, **options)


def one_shot_more(problem, **options):
    answer = careful(problem, **options)
    return replace(answer, shots=answer.shots + 1)


def takes_its_time(problem, **options):
    if as_problem(problem).d > 100:
        time.sleep(0.4)
    return careful(problem, **options)


def replaces_nan(problem, **options):
    array = isinstance(problem, np.ndarray)
    return careful(np.nan_to_num(problem) if array else problem, **options)


def takes_texts(problem, **options):
    return [0] if isinstance(problem, str) else careful(problem, **options)


def any_seed(problem, *, seed=0):
    return careful(problem, seed=0)


def any_shots(problem, *, shots=5):
    return replace(careful(problem), shots=shots)


def any_time_limit(problem, *, time_limit=None):
    return careful(problem)


def with_options(sampler):
    """The sampler with the keywords of `careful`."""

    def with_them(problem, *, seed=0, shots=5, time_limit=None):
        return sampler(problem, seed=seed, shots=shots, time_limit=time_limit)

    return with_them


EXACT = {
    "energies": wrong_energy,
    "cardinality": one_map_too_many,
    "every_map": one_map_too_few,
    "one_map": no_single_map,
    "no_maps": no_empty_problem,
    "ties": counts_one,
    "optimum": first_of_eight,
    "magnitudes": of_coefficients(rounded_to_the_largest),
    "permutation": remembers_sorted_coefficients(),
    "shift": needs_relevance,
    "scaling": of_coefficients(lambda values: np.round(values, 9)),
    "forms": doubles_arrays,
    "problem_unchanged": overwrites_arrays,
    "global_states": draws_for_nothing,
    "shots": one_shot_more,
    "time_limit": takes_its_time,
    "bad_numbers": replaces_nan,
    "bad_problems": takes_texts,
}
BROKEN = {name: (with_options(sampler), True) for name, sampler in EXACT.items()} | {
    "selections": (floats, False),
    "claims": (always_sure, False),
    "seeds": (never_the_same(), False),
    "global_randomness": (draws_globally, False),
    "memory": (remembers_four_maps(), False),
    "bad_seeds": (any_seed, False),
    "bad_shots": (any_shots, False),
    "bad_time_limits": (any_time_limit, False),
}


def test_there_is_a_broken_sampler_for_each_check():
    assert set(BROKEN) == {check.__name__ for check in SAMPLER_CHECKS}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_sampler_fails_its_check_and_no_other(monkeypatch, name):
    monkeypatch.setattr(sampler_calls, "GRACE", 0.1)
    sampler, exact = BROKEN[name]
    report = check_sampler(sampler, exact=exact, report=True)
    assert report.failed == [name], str(report)
    with pytest.raises(AssertionError, match=rf"\A{name}: [A-Z].*\.\Z"):
        dict(checks_of_sampler(sampler, exact=exact))[name]()


@pytest.mark.parametrize(("name", "run"), checks_of_sampler(careful, exact=True))
def test_a_sampler_without_a_fault_passes(name, run):
    run()


class Wrong(dimod.ExactSolver):
    """dimod's solver with one fault."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def sample(self, bqm, **options):
        samples = super().sample(bqm, **options)
        if self.fault == "spins":
            return samples.change_vartype("BINARY", inplace=False)
        if self.fault == "offset":
            samples.record.energy -= float(bqm.offset)
        if self.fault == "variables":
            return samples.relabel_variables({v: f"x{v}" for v in bqm.variables}, inplace=False)
        if self.fault == "nothing":
            return None
        return samples


@pytest.mark.parametrize(
    ("fault", "failed"),
    [("spins", ["forms"]), ("offset", ["shift"]), ("variables", ["selections"]),
     ("nothing", ["selections"])],
)  # fmt: skip
def test_faults_of_objects_of_dimod(fault, failed):
    skip = {"bad_numbers": "dimod takes NaN", "energies": "the penalty is an offset"}
    skip |= {"forms": "the offset"} if fault == "offset" else {}
    report = check_sampler(Wrong(fault), exact=True, skip=skip, report=True)
    assert report.failed == failed, str(report)


def test_what_does_not_apply_is_a_skipped_test():
    checks = dict(checks_of_sampler("greedy", skip={"ties": "none here"}))
    with pytest.raises(SkipTest, match=r"It takes no seed\."):
        checks["bad_seeds"]()
    with pytest.raises(SkipTest, match="none here"):
        checks["ties"]()


def test_a_sampler_that_refuses_is_not_a_sampler():
    def refuses(problem):
        raise ArgumentError("problem: not today")

    report = check_sampler(refuses, report=True)
    assert report.failed == ["selections"]
    assert report.results[0].sentence == (
        "A problem of 6 maps gets no answer. Refused: problem: not today"
    )
    assert not report.passed


def test_what_is_no_sampler_is_refused():
    with pytest.raises(ArgumentError, match="sampler=3: give the name of a sampler"):
        check_sampler(3)
    with pytest.raises(ArgumentError, match="skip='seed': one of selections"):
        check_sampler("exact", skip={"seed": "why"})
