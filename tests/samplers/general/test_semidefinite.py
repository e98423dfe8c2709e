"""The semidefinite bound and its tree against enumeration, on couplings of both signs."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import annealcam as ac
from annealcam._internal.deadline import Deadline, TimeIsUpError
from annealcam.samplers.exact.search_tree import branch_and_bound
from annealcam.samplers.general import proof, tree as module
from annealcam.samplers.general.multipliers import best_multipliers
from annealcam.samplers.general.proof import semidefinite_proof
from annealcam.samplers.general.relaxation import Multipliers, Relaxation, fixed
from annealcam.samplers.general.spin_model import SpinModel
from annealcam.samplers.general.tree import SemidefiniteTree
from annealcam.samplers.kernels.triangles import merged, slacks, violated
from annealcam.samplers.local import local_search
from tests.samplers.general.problems import KINDS, beasley, general

NEVER = Deadline()


def model_of(problem):
    return SpinModel.of(problem.linear, problem.quadratic, problem.cardinality)


def all_spins(size):
    tail = list(itertools.product((-1.0, 1.0), repeat=size - 1))
    return np.hstack([np.ones((len(tail), 1)), tail])


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_has_the_energies_of_its_problem(kind):
    problem = general(kind, 7, 0)
    model = model_of(problem).fixed(3, 1).fixed(1, -1)
    selections, s = model.selections(), all_spins(model.size)
    assert (selections[:, 2] == 1).all()
    assert (selections[:, 0] == 0).all()
    energies = {tuple(2.0 * n[model.places] - 1): e for n, e in
                zip(selections, problem.energy(selections), strict=True)}  # fmt: skip
    for spins in s:
        assert model.constant + spins @ model.C @ spins == pytest.approx(
            energies[tuple(spins[1:])], abs=1e-9
        )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("d", [5, 30])
def test_the_semidefinite_bound_lies_between_the_eigenvalue_and_the_optimum(d, seed):
    model = model_of(general("normal", d, seed))
    y = best_multipliers(model.C)
    lowest = np.linalg.eigvalsh(model.C - np.diag(y))[0]
    assert -1e-12 < lowest < 1e-5  # definite, and hardly more
    assert y.sum() > (d + 1) * np.linalg.eigvalsh(model.C)[0]
    best = local_search(general("normal", d, seed))
    assert model.constant + y.sum() <= general("normal", d, seed).energy(best)


def test_cuts_hold_for_all_spins_also_once_one_is_merged():
    X = np.random.default_rng(0).uniform(-1, 1, (7, 7))
    cuts = violated((X + X.T) / 2, 0.0, 50)
    values = slacks((X + X.T) / 2, cuts)
    assert len(cuts) > 10
    assert (values < 0).all()
    assert (np.diff(values) >= 0).all()
    assert (np.diff(cuts[:, :3], axis=1) > 0).all()
    for spins in all_spins(7):
        over = slacks(np.outer(spins, spins), cuts)
        assert (over >= 0).all()
        rest = np.delete(spins, 4)
        changed, kept = merged(cuts, 4, int(spins[4]))
        assert np.array_equal(slacks(np.outer(rest, rest), changed[kept]), over[kept])


def first_bound(model, start):
    relaxation = Relaxation(model, start)
    return relaxation.raise_bound(-np.inf, 1.0, NEVER)  # which is reached at once


@pytest.mark.parametrize("cardinality", [None, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_and_decisions_hold_for_all_selections(kind, cardinality):
    problem = general(kind, 9, 1, cardinality=cardinality)
    model = model_of(problem)
    selections = model.selections()
    energies = problem.energy(selections)
    relaxation = Relaxation(model, Multipliers(np.zeros(model.size)))
    limit = float(energies.min()) + 1e-6
    bound = relaxation.raise_bound(limit, 1.0 + abs(limit), NEVER)
    assert bound <= energies.min() + 1e-9
    for shown in (limit, limit + 50.0):
        decided = relaxation.decisions(shown)[1:]
        low = 2 * selections[energies <= shown] - 1
        assert (low[:, decided != 0] == decided[decided != 0]).all()
    start, child = relaxation.feasible(), relaxation.model
    before = first_bound(child, start)
    assert before <= bound + 1e-9
    for p, sign in ((3, 1), (5, -1), (1, 1)):
        child, start = fixed(child, start, p, sign)
        assert first_bound(child, start) >= before - 1e-8


@settings(max_examples=25)
@given(
    kind=st.sampled_from(KINDS),
    d=st.integers(1, 10),
    k=st.integers(0, 10),
    seed=st.integers(0, 2**31),
)
def test_the_tree_finds_the_optimum_of_enumeration(kind, d, k, seed):
    problem = general(kind, d, seed, cardinality=k if 1 <= k <= d else None)
    true = ac.solve_exact(problem)
    n = np.zeros(d, dtype=np.int8)
    n[: problem.cardinality or 0] = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ENUMERATED", 2)
        patch.setattr(proof, "CLOSER", np.inf)
        found = semidefinite_proof(problem, n, -np.inf)
    assert found is not None
    assert found.proved
    assert found.energy == problem.energy(found.n)
    assert found.energy - problem.tie <= found.lower_bound <= found.energy
    assert found.energy == pytest.approx(true.energy, abs=1e-12 * problem.scale)
    assert problem.feasible(found.n)
    assert 1 <= found.multiplicity <= true.multiplicity


def test_seventy_maps_are_proved_in_both_forms():
    problem = beasley(70, 0)
    found = ac.solve_exact(problem)
    assert (found.proved, found.method) == (True, "semidefinite")
    # exchanging selected and other maps gives the same problem in other coefficients
    linear = -problem.linear - problem.quadratic.sum(axis=1)
    offset = problem.energy(np.ones(70))
    other = ac.solve_exact(ac.SelectionProblem(-2 * linear, 2 * problem.quadratic, beta=0.5))
    assert other.proved
    assert found.energy == other.energy + offset


def test_time_that_ends_leaves_the_best_and_the_better_bound():
    problem = general("cut", 70, 0)
    n = local_search(problem)
    true = problem.energy(n)
    tree = SemidefiniteTree(problem, n)
    visit, visits = tree._visit, []

    def limited(node, deadline):
        visits.append(node)
        if len(visits) > 2:
            raise TimeIsUpError
        return visit(node, deadline)

    tree._visit = limited
    with pytest.raises(TimeIsUpError):
        tree.search()
    assert tree.root < tree.lower_bound < true
    assert semidefinite_proof(problem, n, true - 1.0) is None  # which is closer
    stopped = branch_and_bound(problem, start=n, kicks=0, time_limit=0.2)
    assert stopped.proved or stopped.lower_bound < stopped.energy == true
