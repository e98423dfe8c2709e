"""Selections from hybrid solvers: exact stand-ins with the same methods."""

import dimod
import numpy as np
import pytest
from dwave.system import LeapHybridCQMSampler, LeapHybridSampler
from dwave.system.testing import MockLeapHybridSolver

import annealcam as ac
from annealcam.errors import ArgumentError, SamplerError
from annealcam.samplers.dwave.leap import constrained_model, select_by_leap
from tests.problems import relu_problem
from tests.samplers.dwave.machines import TOKEN, forbid_network, in_place_of


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    forbid_network(monkeypatch)


class Hybrid:
    """A hybrid solver in the small: exact, with limits and times as Leap tells them."""

    def __init__(self, **options):
        self.options, self.told, self.closed = options, [], False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def min_time_limit(self, model):
        return 3.0

    def _answer(self, found):
        found.info.update(run_time=2_990_000, charge_time=3_000_000, qpu_access_time=0, other="x")
        return found

    def sample(self, bqm, **options):
        self.told.append((bqm, options))
        return self._answer(dimod.ExactSolver().sample(bqm).truncate(1))

    def sample_cqm(self, cqm, **options):
        self.told.append((cqm, options))
        return self._answer(dimod.ExactCQMSolver().sample_cqm(cqm))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [None, 1, 3, 8])
def test_the_optimum_with_and_without_a_cardinality(seed, k):
    p = relu_problem(8, seed, cardinality=k)
    stand_in = dimod.ExactSolver() if k is None else dimod.ExactCQMSolver()
    found = select_by_leap(p, sampler=stand_in)
    assert np.array_equal(found.n, ac.solve_exact(p).n)
    assert (found.optimal, found.sampler) == (True, "leap")
    assert found.info["problem_type"] == ("bqm" if k is None else "cqm")


def test_a_cardinality_is_an_equality_and_no_penalty():
    p = relu_problem(6, cardinality=2)
    model = constrained_model(p)
    for state in range(1 << p.d):
        n = np.array([state >> v & 1 for v in range(p.d)])
        sample = dict(enumerate(n.tolist()))
        assert model.objective.energy(sample) == pytest.approx(p.energy(n), abs=1e-12)
        assert model.check_feasible(sample) == p.feasible(n)


def test_what_the_result_tells():
    hybrid = Hybrid()
    found = select_by_leap(relu_problem(5), sampler=hybrid, time_limit=4)
    assert hybrid.told[0][1] == {"time_limit": 4.0}
    assert dict(found.info) | {"optimum": 0, "multiplicity": 1} == {
        "solver": "Hybrid",
        "problem_type": "bqm",
        "time_limit": 4.0,
        "timing": {"run_time": 2.99e6, "charge_time": 3e6, "qpu_access_time": 0.0},
        "time_unit": "microseconds",
        "reproducible": False,
        "optimum": 0,
        "multiplicity": 1,
    }
    select_by_leap(relu_problem(5), sampler=hybrid)
    assert hybrid.told[1][1] == {}


@pytest.mark.parametrize(("k", "kind"), [(None, "LeapHybridSampler"), (2, "LeapHybridCQMSampler")])
def test_connecting_takes_the_solver_for_the_problem_and_closes(monkeypatch, k, kind):
    monkeypatch.setenv("DWAVE_API_TOKEN", TOKEN)
    made = []

    def make(**options):
        made.append(Hybrid(**options))
        return made[-1]

    p = relu_problem(5, cardinality=k)
    with in_place_of(kind, make):
        assert select_by_leap(p, solver="hybrid_one").optimal
        assert select_by_leap(p).optimal
    assert [m.options for m in made] == [{"solver": "hybrid_one"}, {}]
    assert all(m.closed for m in made)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"time_limit": 2}, "time_limit=2: this solver needs 3 seconds or more"),
        ({"time_limit": 0}, "time_limit=0.0: must be a number of seconds above 0"),
        ({"solver": "one"}, "sampler, solver: give only one"),
        ({"sampler": object()}, "sampler=object: has no sample"),
    ],
)
def test_wrong_arguments(options, match):
    with pytest.raises(ArgumentError, match=match):
        select_by_leap(relu_problem(4), **({"sampler": Hybrid()} | options))


def test_a_cardinality_needs_a_solver_of_constrained_models():
    with pytest.raises(ArgumentError, match="sampler=ExactSolver: has no sample_cqm"):
        select_by_leap(relu_problem(4, cardinality=2), sampler=dimod.ExactSolver())


def test_dwaves_own_class_over_its_mock_of_the_service():
    """The real `LeapHybridSampler`, uploads and all, with dwave-system's mock solver below it."""
    machine = object.__new__(LeapHybridSampler)
    machine.solver = MockLeapHybridSolver()
    p = relu_problem(6, 1)
    found = select_by_leap(p, sampler=machine, time_limit=1)
    assert found.energy == p.energy(found.n)
    with pytest.raises(ArgumentError, match="time_limit=0.5: this solver needs 1 seconds or more"):
        select_by_leap(p, sampler=machine, time_limit=0.5)


def test_the_least_time_of_dwaves_own_class_for_constrained_models():
    machine = object.__new__(LeapHybridCQMSampler)
    machine._properties = {"minimum_time_limit_s": 5}
    with pytest.raises(ArgumentError, match="time_limit=4: this solver needs 5 seconds or more"):
        select_by_leap(relu_problem(6, cardinality=2), sampler=machine, time_limit=4)


def test_answers_that_are_none():
    hybrid = Hybrid()
    hybrid.sample = lambda bqm: dimod.SampleSet.from_samples_bqm({"a": 1}, dimod.BQM("BINARY"))
    with pytest.raises(SamplerError, match="sampler=leap"):
        select_by_leap(relu_problem(4), sampler=hybrid)
    hybrid.sample = lambda bqm: dimod.SampleSet.from_samples([{"a": 1}], "BINARY", 0.0)
    with pytest.raises(SamplerError, match=r"\['a'\]; the problem has 0 to 3"):
        select_by_leap(relu_problem(4), sampler=hybrid)
    hybrid.sample = lambda bqm: dimod.SampleSet.from_samples([{0: 2, 1: 0}], "INTEGER", 0.0)
    with pytest.raises(SamplerError, match="values other than 0 and 1"):
        select_by_leap(relu_problem(2), sampler=hybrid)


def test_nothing_to_select_asks_nobody():
    found = select_by_leap(ac.SelectionProblem([], np.zeros((0, 0))))
    assert (found.n.size, found.energy, found.optimal) == (0, 0.0, True)
