"""Energies against the formula, brute force and dimod."""

import itertools
import pickle

import dimod
import numpy as np
import pytest
from hypothesis import given, strategies as st

import annealcam as ac
from annealcam.errors import ArgumentError, NumericalError, ProblemTooLargeError
from annealcam.qubo.energies import bits, weights
from annealcam.qubo.files import ProblemFile, read_problem, save_problem
from tests.problems import by_the_formula, evidence_problem, problems, relu_problem


@given(problems())
def test_energy_is_the_formula_in_the_documented_order(p):
    states = list(range(2**p.d))
    expected = [by_the_formula(p, [b >> q & 1 for q in range(p.d)]) for b in states]
    assert np.allclose(p.energies(), expected, atol=1e-12)
    assert np.allclose(p.energy(bits(np.array(states), p.d)), expected, atol=1e-12)
    assert p.energy(bits(states[-1], p.d)) == pytest.approx(expected[-1], abs=1e-12)


@given(problems(cardinality=False))
def test_round_trip_through_dimod_keeps_every_energy(p):
    bqm = p.to_bqm()
    back = ac.SelectionProblem.from_bqm(bqm)
    assert np.abs(back.energies() - p.energies()).max() <= 1e-12
    for n in (bits(b, p.d) for b in range(2**p.d)):
        assert bqm.energy(dict(enumerate(n))) == pytest.approx(p.energy(n), abs=1e-12)


@given(problems(cardinality=True))
def test_round_trip_of_a_cardinality_is_the_penalised_problem_less_its_offset(p):
    bqm = p.to_bqm()
    back = ac.SelectionProblem.from_bqm(bqm)
    excess = (weights(p.d) - float(p.cardinality)) ** 2
    expected = p.energies() + p.penalty * excess - bqm.offset
    assert np.abs(back.energies() - expected).max() <= 1e-12 * (1 + p.penalty * p.d**2)


@given(problems(cardinality=True))
def test_penalty_leaves_the_allowed_alone_and_makes_the_others_worse(p):
    bqm = p.to_bqm()
    energies = bqm.energies((bits(np.arange(2**p.d), p.d), range(p.d)))
    allowed = weights(p.d) == p.cardinality
    scale = 1 + p.penalty * p.d**2
    assert np.abs(energies[allowed] - p.energies()[allowed]).max() <= 1e-12 * scale
    if (~allowed).any():
        assert energies[~allowed].min() > energies[allowed].min() - 1e-14 * scale
    feasible = p.feasible(bits(np.arange(2**p.d), p.d))
    assert np.array_equal(feasible, allowed)


def test_penalty_is_never_next_to_nothing():
    """With beta = 0 and k = 1 hardly any is needed; the annealer still ends on allowed states."""
    p = relu_problem(5, beta=0.0, cardinality=1)
    assert p.penalty >= p.quadratic.max()
    allowed = weights(5) == 1
    result = ac.anneal(p, tau=100.0, constraint="penalty")
    assert result.probabilities[allowed].sum() > 0.95
    assert ac.SelectionProblem([0.0], [[0.0]], cardinality=1).penalty > 0.5


@pytest.mark.parametrize(
    ("coupling", "k", "strength"),
    [
        (0.0, 1, 0.5),  # the largest coefficient
        (4.0, 2, 2.0),  # the same; adding a map costs 1 * 2 - 0.5
        (4.0, 3, 2 * 2.0 - 0.5),  # adding a map: two couplings less its relevance
        (-4.0, 3, 0.5 + 2 * 2.0),  # dropping a map: its relevance and what its couplings give back
    ],
)
def test_strength_of_the_penalty_in_closed_form(coupling, k, strength):
    J = coupling * (1 - np.eye(3))
    p = ac.SelectionProblem(np.ones(3), J, beta=0.5, cardinality=k)
    assert p.penalty == pytest.approx(1.001 * strength, rel=1e-12)


def test_scale_is_the_largest_energy_in_magnitude_where_all_coefficients_agree():
    p = ac.SelectionProblem([1.0, 0.5], [[0.0, -1.0], [-1.0, 0.0]], beta=0.5)
    assert p.scale == pytest.approx(1.25) == -p.energy([1, 1])


@pytest.mark.parametrize(("gap", "optima"), [(1e-14, 2), (1e-9, 1)])
def test_energies_that_differ_by_rounding_alone_are_ties(gap, optima):
    p = ac.SelectionProblem([1.0, 1.0 - gap], [[0.0, 2.0], [2.0, 0.0]], beta=0.5)
    assert ac.solve_exact(p).multiplicity == optima


def test_rounding_may_part_the_halves_of_J_and_nothing_else_may():
    J = np.array([[0.0, 0.5], [0.5 + 1e-13, 0.0]])
    mean = ac.SelectionProblem(np.ones(2), J).J
    assert mean[0, 1] == mean[1, 0] == (J[0, 1] + J[1, 0]) / 2
    with pytest.raises(ArgumentError, match="symmetric"):
        ac.SelectionProblem(np.ones(2), [[0.0, 0.5], [0.5 + 1e-9, 0.0]])


def test_spin_and_binary_agree_on_what_is_selected():
    """n = 1 is dimod's x = 1 and spin +1, while sigma_z reads -1 there."""
    p = relu_problem(5)
    spins = p.to_bqm().change_vartype("SPIN", inplace=False)
    n = np.array([1, 0, 0, 1, 1])
    assert spins.energy(dict(enumerate(2 * n - 1))) == pytest.approx(p.energy(n), abs=1e-12)


def test_from_bqm_drops_only_the_offset():
    bqm = dimod.BinaryQuadraticModel({"x": 1.5, "y": -2.0}, {("x", "y"): 0.75}, 3.25, "SPIN")
    problem = ac.SelectionProblem.from_bqm(bqm)
    shift = bqm.change_vartype("BINARY", inplace=False).offset
    for b in range(4):
        sample = dict(zip(bqm.variables, 2 * bits(b, 2).astype(int) - 1, strict=True))
        assert problem.energies()[b] + shift == pytest.approx(bqm.energy(sample), abs=1e-12)


def test_from_maps_by_hand():
    maps = np.array([[[3.0, 0.0]], [[-1.0, 1.0]], [[0.0, 2.0]]])
    p = ac.SelectionProblem.from_maps(maps, np.array([1.0, 4.0, 2.0]), beta=0.6)
    root = np.sqrt(0.5)
    expected = [[0, root, 0], [root, 0, root], [0, root, 0]]
    assert np.allclose(p.J, expected, atol=1e-15)
    assert np.array_equal(p.h, [0.25, 1.0, 0.5])


@given(st.integers(0, 2**32), st.floats(1e-200, 1e200))
def test_redundancy_is_blind_to_the_maps_scale(seed, scale):
    rng = np.random.default_rng(seed)
    maps, h = rng.normal(size=(4, 3, 3)), rng.uniform(0.1, 1, 4)
    problem = ac.SelectionProblem.from_maps(maps, h)
    scaled = ac.SelectionProblem.from_maps(maps * scale * np.ones((4, 1, 1)), h * 7)
    assert np.allclose(problem.J, scaled.J, atol=1e-14)
    assert np.allclose(problem.h, scaled.h, atol=1e-15)


def test_relabelling_maps_relabels_the_energies():
    p = relu_problem(6)
    order = np.random.default_rng(0).permutation(6)
    q = ac.SelectionProblem(p.h[order], p.J[np.ix_(order, order)], beta=p.beta)
    n = bits(np.arange(64), 6)
    assert np.allclose(q.energy(n[:, order]), p.energy(n), atol=1e-14)


def test_beta_one_and_zero():
    p = relu_problem(6, beta=1.0)
    assert ac.solve_exact(p).n.sum() == 6
    assert ac.solve_exact(relu_problem(6, beta=0.0)).energy == 0.0


def test_the_empty_problem():
    p = ac.SelectionProblem([], np.zeros((0, 0)))
    assert (p.d, p.energies().tolist(), p.energy([])) == (0, [0.0], 0.0)
    assert p.to_bqm().num_variables == 0


def test_arrays_are_read_only():
    p = relu_problem(3)
    with pytest.raises(ValueError, match="read-only"):
        p.h[0] = 2.0


def test_rounding_asymmetry_is_removed():
    J = np.array([[0.0, 0.3], [np.nextafter(0.3, 1), 0.0]])
    p = ac.SelectionProblem([1.0, 1.0], J)
    assert np.array_equal(p.J, p.J.T)


def test_problems_compare_by_value():
    h, J = [1.0, 0.0], np.array([[0.0, 0.3], [0.3, 0.0]])
    p, twin = ac.SelectionProblem(h, J), ac.SelectionProblem(np.array([1.0, -0.0]), J.tolist())
    assert p == twin
    assert hash(p) == hash(twin)
    assert pickle.loads(pickle.dumps(p)) == p
    for other in (
        ac.SelectionProblem(h, J, beta=0.6),
        ac.SelectionProblem(h, J, cardinality=1),
        ac.SelectionProblem([1.0, 0.1], J),
        ac.SelectionProblem(h, 2 * J),
        ac.SelectionProblem([1.0], [[0.0]]),
        (h, J),
    ):
        assert p != other
    assert len({p, twin, ac.SelectionProblem(h, 2 * J)}) == 2


def test_representations_are_short():
    p = relu_problem(200)
    assert repr(p) == "SelectionProblem(d=200, beta=0.7, cardinality=None)"
    source = ProblemFile(p, tuple(range(200)), 0.0, "h and J (.npz)")
    assert repr(source) == "ProblemFile(d=200, offset=0, kind='h and J (.npz)')"


@pytest.mark.parametrize(
    ("h", "J", "options", "error", "match"),
    [
        ([1.0], [[0.0, 1.0], [1.0, 0.0]], {}, ArgumentError, r"J: must have the shape \(1, 1\)"),
        ([[1.0]], [[0.0]], {}, ArgumentError, "h: must have the shape"),
        ([1.0, 1.0], [[0.0, 1.0], [0.5, 0.0]], {}, ArgumentError, "must be symmetric"),
        ([1.0], [[1.0]], {}, ArgumentError, "diagonal"),
        ([np.nan], [[0.0]], {}, NumericalError, "h: contains NaN"),
        ([1.0, 1.0], [[0.0, np.inf], [np.inf, 0.0]], {}, NumericalError, "J: contains NaN"),
        (["a"], [[0.0]], {}, ArgumentError, "must be an array of numbers"),
        ([1.0], [[0.0]], {"beta": 1.5}, ArgumentError, "beta=1.5"),
        ([1.0], [[0.0]], {"beta": np.nan}, ArgumentError, "beta=nan"),
        ([1.0], [[0.0]], {"cardinality": 0}, ArgumentError, "cardinality=0"),
        ([1.0], [[0.0]], {"cardinality": 2}, ArgumentError, "only 1 candidate"),
    ],
)
def test_bad_input(h, J, options, error, match):
    with pytest.raises(error, match=match):
        ac.SelectionProblem(h, J, **options)


def test_more_bad_input():
    with pytest.raises(ArgumentError, match="map 1 is zero everywhere"):
        ac.SelectionProblem.from_maps(np.array([[1.0], [0.0]]), np.array([1.0, 1.0]))
    with pytest.raises(NumericalError, match="maps: contains NaN"):
        ac.SelectionProblem.from_maps(np.array([[np.nan], [1.0]]), np.array([1.0, 1.0]))
    with pytest.raises(ArgumentError, match="relevance"):
        ac.SelectionProblem.from_maps(np.ones((2, 1)), np.array([0.0, -1.0]))
    with pytest.raises(ArgumentError, match="n: must have one entry"):
        relu_problem(3).energy([1, 0])
    for n in ([1, 2, 0], [0.5, 0, 1], [1, -1, 1]):
        with pytest.raises(ArgumentError, match="n: must be 0 or 1 for each"):
            relu_problem(3).energy(n)
    with pytest.raises(ProblemTooLargeError, match="d=25"):
        ac.SelectionProblem(np.ones(25), np.zeros((25, 25))).energies()


def test_diagonal_is_part_of_equality_and_does_not_change_the_energy():
    h, J = [1.0, 0.5], [[0.0, -0.4], [-0.4, 0.0]]
    plain = ac.SelectionProblem(h, J, beta=0.5)
    known = ac.SelectionProblem(h, J, beta=0.5, diagonal=[0.3, 0.2])
    same = ac.SelectionProblem(h, J, beta=0.5, diagonal=[0.3, 0.2])
    assert known == same
    assert hash(known) == hash(same)
    assert known != plain
    np.testing.assert_array_equal(known.energies(), plain.energies())


@pytest.mark.parametrize(
    ("diagonal", "text"),
    [([0.1], r"shape \(2,\)"), ([0.1, -0.2], "holds -0.2"), ([0.1, np.nan], "diagonal"),
     ("ab", "diagonal")],
)  # fmt: skip
def test_diagonal_is_checked(diagonal, text):
    with pytest.raises((ArgumentError, NumericalError), match=text):
        ac.SelectionProblem([1.0, 0.5], np.zeros((2, 2)), diagonal=diagonal)


def test_diagonal_survives_a_file_unless_another_beta_replaces_that_of_the_problem(tmp_path):
    p = ac.SelectionProblem([1.0, 0.5], [[0.0, 0.4], [0.4, 0.0]], beta=0.5, diagonal=[0.3, 0.2])
    save_problem(p, tmp_path / "p.npz")
    assert read_problem(tmp_path / "p.npz").problem == p
    assert read_problem(tmp_path / "p.npz", beta=0.7).problem.diagonal is None
    assert read_problem(tmp_path / "p.npz", cardinality=1).problem == p.with_cardinality(1)


@pytest.mark.parametrize("d", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_centred_form_shifts_all_selections_of_k_maps_alike(d, seed):
    for k in range(1, d + 1):
        p, *_ = evidence_problem(d, seed, cardinality=k)
        centred = p.centred()
        n = np.array([s for s in itertools.product((0, 1), repeat=d) if sum(s) == k])
        shift = centred.energy(n) - p.energy(n)
        assert shift == pytest.approx(np.full(len(n), shift[0]), abs=1e-12 * p.scale)
        assert centred.quadratic.sum(axis=0) == pytest.approx(np.zeros(d), abs=1e-12 * p.scale)
        assert centred.linear.sum() == pytest.approx(0, abs=1e-12 * p.scale)
        assert centred.cardinality == k


def test_the_centred_form_anneals_alike_on_exactly_k_maps():
    p, *_ = evidence_problem(7, cardinality=3)
    runs = [ac.anneal(form, tau=20.0).success_probability for form in (p, p.centred())]
    assert runs[0] == pytest.approx(runs[1], abs=3e-6)
    assert 0.05 < runs[0] < 0.95
    with pytest.raises(ArgumentError, match="cardinality=None"):
        p.with_cardinality(None).centred()
