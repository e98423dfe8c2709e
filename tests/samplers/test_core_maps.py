"""Probabilities of maps against sums over all selections, and stand-ins against all swaps."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

import annealcam as ac
from annealcam.errors import ArgumentError
from annealcam.samplers import core_maps, inclusion, local_search, stand_ins
from annealcam.samplers.kernels import heat_bath
from tests.problems import by_the_formula, problems, relu_problem


def signed_problem(d, k, seed=0):
    """Couplings of both signs, from the evidence objective of d maps of 25 positions."""
    rng = np.random.default_rng([d, seed])
    maps = rng.gamma(0.3, size=(d, 25)) * rng.choice([1.0, 1.0, -1.0], size=(d, 1))
    evidence = maps.sum(axis=0)
    K = maps @ maps.T / (evidence @ evidence)
    rho = maps @ evidence / (evidence @ evidence)
    s = 1 / np.sort(rho)[-k:].sum()
    J = 2 * s * s * (K - np.diag(np.diag(K)))
    return ac.SelectionProblem(
        2 * s * rho - s * s * np.diag(K), (J + J.T) / 2, beta=0.5, cardinality=k
    )


def selection_of(d, maps):
    n = np.zeros(d, dtype=np.int8)
    n[list(maps)] = 1
    return n


def by_brute_force(problem, k, temperature):
    selections = [selection_of(problem.d, s) for s in itertools.combinations(range(problem.d), k)]
    energies = np.array([by_the_formula(problem, n) for n in selections])
    lowest = energies.min()
    unit = abs(lowest) if abs(lowest) > 1e-12 * problem.scale else problem.scale or 1.0
    weight = np.exp(-(energies - lowest) / (temperature * unit))
    return weight @ np.array(selections) / weight.sum(), lowest


@given(problems(largest=9, cardinality=True), st.sampled_from([0.01, 0.1, 1.0, 30.0]))
def test_the_sum_over_all_selections(problem, temperature):
    n = selection_of(problem.d, range(problem.cardinality))
    result = inclusion(problem, n, temperature=temperature)
    expected, lowest = by_brute_force(problem, problem.cardinality, temperature)
    np.testing.assert_allclose(result.probability, expected, atol=1e-9)
    assert result.probability.sum() == pytest.approx(problem.cardinality, abs=1e-12)
    assert result.lowest_energy == pytest.approx(lowest, abs=1e-12)
    assert result.exact
    assert result.reliable
    assert result.samples == 0
    assert not result.error.any()


@pytest.mark.parametrize(("k", "seed"), [(3, 0), (5, 1), (6, 2)])
def test_couplings_of_both_signs(k, seed):
    problem = signed_problem(12, k, seed)
    assert problem.J.min() < 0 < problem.J.max()
    result = inclusion(problem, ac.solve_exact(problem).n)
    expected, _ = by_brute_force(problem, k, 0.01)
    np.testing.assert_allclose(result.probability, expected, atol=1e-12)
    assert ((expected > 0.1) & (expected < 0.9)).any()


@given(problems(largest=8), st.data())
def test_without_a_cardinality_the_size_of_the_selection_counts(problem, data):
    n = selection_of(problem.d, data.draw(st.sets(st.integers(0, problem.d - 1))))
    result = inclusion(problem, n, temperature=0.2)
    expected, _ = by_brute_force(problem, int(n.sum()), 0.2)
    np.testing.assert_allclose(result.probability, expected, atol=1e-9)


@pytest.mark.parametrize("d", [6, 300])
def test_one_map_without_couplings_is_a_softmax(d):
    h = np.random.default_rng(d).uniform(0.9, 1.0, d)
    problem = ac.SelectionProblem(h, np.zeros((d, d)), beta=1.0, cardinality=1)
    result = inclusion(problem, selection_of(d, [h.argmax()]), temperature=0.03)
    weight = np.exp(h / (0.03 * h.max()))
    np.testing.assert_allclose(result.probability, weight / weight.sum(), rtol=1e-9)
    assert result.exact


def test_maps_that_are_alike_are_equally_probable():
    problem = relu_problem(9, beta=0.8, cardinality=4)
    twins = [*range(9), 2]  # map 9 is map 2 again
    J = problem.J[np.ix_(twins, twins)].copy()
    J[2, 9] = J[9, 2] = 1.0
    problem = ac.SelectionProblem(problem.h[twins], J, beta=0.8, cardinality=4)
    probability = inclusion(problem, local_search(problem), temperature=0.1).probability
    assert probability[2] == pytest.approx(probability[9], abs=1e-12)
    assert 0.05 < probability[2] < 0.95


@pytest.mark.parametrize("d", [10, 30])
def test_another_order_of_the_maps_is_another_order_of_the_result(d):
    problem, order = signed_problem(d, 4), np.random.default_rng(3).permutation(d)
    other = ac.SelectionProblem(
        problem.h[order], problem.J[np.ix_(order, order)], beta=0.5, cardinality=4
    )
    n = local_search(problem)
    one, two = inclusion(problem, n), inclusion(other, n[order])
    if d == 10:
        np.testing.assert_allclose(two.probability, one.probability[order], atol=1e-12)
    else:
        difference = two.probability - one.probability[order]
        assert (np.abs(difference) <= 5 * np.hypot(one.error[order], two.error) + 1e-4).all()


@pytest.mark.parametrize("d", [12, 60])
def test_the_unit_of_energy_does_not_matter(d):
    problem = signed_problem(d, 5)
    other = ac.SelectionProblem(64 * problem.h, 64 * problem.J, beta=0.5, cardinality=5)
    n = local_search(problem)
    one, two = inclusion(problem, n), inclusion(other, n)
    np.testing.assert_allclose(two.probability, one.probability, rtol=1e-12)
    assert two.lowest_energy == pytest.approx(64 * one.lowest_energy)


@pytest.mark.parametrize("temperature", [5e-324, 1e-9, 1e-3])
@pytest.mark.parametrize("enumerated", [20, 0])
def test_optima_are_equally_probable_when_it_is_cold(monkeypatch, temperature, enumerated):
    monkeypatch.setattr(core_maps, "_ENUMERATED", enumerated)
    problem = ac.SelectionProblem([0.3, 0.1 + 0.2, 0.1, 1.0], np.zeros((4, 4)), cardinality=2)
    result = inclusion(problem, np.array([1, 0, 0, 1]), temperature=temperature)
    difference = np.abs(result.probability - [0.5, 0.5, 0.0, 1.0])
    assert (difference <= 4 * result.error + 1e-12).all()
    assert result.core().tolist() == [3]
    assert result.core(0.4).tolist() == [0, 3]


@pytest.mark.parametrize("d", [4, 24])
def test_where_all_energies_are_zero_all_maps_are_alike(d):
    problem = ac.SelectionProblem(np.zeros(d), np.zeros((d, d)), cardinality=2)
    result = inclusion(problem, selection_of(d, [0, 1]))
    np.testing.assert_allclose(result.probability, 2 / d, atol=5 * result.largest_error + 1e-12)
    assert result.lowest_energy == 0.0


@pytest.mark.parametrize("d", [3, 25])
def test_an_optimum_of_no_energy_is_weighed_by_the_scale(d):
    h = np.r_[0.0, -np.ones(d - 1)]
    problem = ac.SelectionProblem(h, np.zeros((d, d)), beta=1.0, cardinality=1)
    other = np.exp(-1 / (0.5 * (d - 1)))  # the scale is d - 1
    result = inclusion(problem, selection_of(d, [0]), temperature=0.5)
    assert result.probability[0] == pytest.approx(1 / (1 + (d - 1) * other))


@pytest.mark.parametrize("d", [0, 1, 5, 40])
def test_no_map_and_every_map(d):
    problem = ac.SelectionProblem(np.linspace(0.1, 1, d), np.zeros((d, d)))
    for n in (np.zeros(d, dtype=np.int8), np.ones(d, dtype=np.int8)):
        result = inclusion(problem, n)
        assert result.exact
        np.testing.assert_array_equal(result.probability, n)
        np.testing.assert_array_equal(result.core(), np.flatnonzero(n))
        assert result.lowest_energy == problem.energy(n)


@pytest.mark.parametrize(
    "problem",
    [relu_problem(18, beta=0.8, cardinality=6), signed_problem(18, 5), signed_problem(18, 9, 1)],
    ids=["positive", "signed", "half"],
)
def test_samples_agree_with_the_sum_within_their_error(monkeypatch, problem):
    """The errors of 60 seeds are distributed as Student's t, and their mean is zero."""
    n = local_search(problem)
    exact = inclusion(problem, n)
    monkeypatch.setattr(core_maps, "_ENUMERATED", 0)
    runs = [inclusion(problem, n, seed=seed, samples=320) for seed in range(60)]
    probabilities = np.array([run.probability for run in runs])
    np.testing.assert_allclose(probabilities.sum(axis=1), problem.cardinality, atol=1e-10)
    uncertain = (exact.probability > 0.02) & (exact.probability < 0.98)
    assert uncertain.sum() >= 3
    difference = (probabilities - exact.probability)[:, uncertain]
    error = np.array([run.error for run in runs])[:, uncertain]
    inside = np.abs(difference) <= stats.t.ppf(0.95, 15) * error
    assert 0.85 < inside.mean() < 0.95  # 0.9 is expected
    bias = difference.mean(axis=0) / (difference.std(axis=0, ddof=1) / np.sqrt(60))
    assert np.abs(bias).max() < 3.5
    assert all(run.reliable and not run.exact and run.samples == 320 for run in runs)
    assert [run.lowest_energy for run in runs] == pytest.approx([exact.lowest_energy] * 60)


@pytest.mark.parametrize("temperature", [1e-3, 0.1, 10.0])
def test_a_draw_estimates_by_its_conditional_distribution(temperature):
    problem, p = signed_problem(50, 6), 7
    rest = problem.linear + problem.quadratic[[3, 20]].sum(axis=0)  # beside map p
    weight = np.exp(-(rest - rest.min()) / temperature)
    weight[[3, 20]] = 0.0
    weight /= weight.sum()
    free, total = np.ones(50), np.zeros(50)
    free[[p, 3, 20]] = 0.0
    members = np.array([p])  # the others are not drawn anew
    field = rest + problem.quadratic[p]
    work = np.empty((2, 50))
    energy = heat_bath._sweep(
        problem.quadratic, members, free, field, temperature, *work, np.random.default_rng(1), total
    )
    np.testing.assert_allclose(total, weight, rtol=2e-6, atol=1e-13)
    new = members[0]
    assert energy == pytest.approx(rest[new] - rest[p], abs=1e-12)
    np.testing.assert_allclose(field, rest + problem.quadratic[new], atol=1e-12)
    np.testing.assert_array_equal(np.flatnonzero(free == 0), np.sort([new, 3, 20]))


def test_more_samples_have_smaller_errors_and_a_seed_gives_bits():
    problem = signed_problem(200, 6)
    n = local_search(problem)
    one, again, other = (inclusion(problem, n, seed=seed) for seed in (3, 3, 4))
    assert one.probability.tobytes() == again.probability.tobytes()
    assert one.error.tobytes() == again.error.tobytes()
    assert one.probability.tobytes() != other.probability.tobytes()
    assert one.samples == 2048
    assert 0.002 < one.largest_error < 0.02
    assert inclusion(problem, n, samples=16 * 2048).largest_error < one.largest_error / 2.5


def test_an_error_is_large_where_chains_do_not_meet():
    """Two groups of eight maps that belong together: no swap leads from one to the other."""
    J = np.kron(np.eye(2), -np.ones((8, 8)))
    J = np.pad(J - np.diag(np.diag(J)), (0, 10))
    problem = ac.SelectionProblem(np.zeros(26), J, beta=0.5, cardinality=8)
    result = inclusion(problem, selection_of(26, range(8)))
    assert not result.reliable
    assert "reliable=False" in repr(result)
    assert result.largest_error > 0.08
    assert abs(result.probability[0] - 0.5) < 4 * result.error[0]
    assert result.probability[0] + result.probability[8] == pytest.approx(1.0, abs=1e-6)


def test_a_selection_of_another_size_is_repaired_as_a_start():
    problem = signed_problem(30, 4)
    result = inclusion(problem, selection_of(30, range(7)))
    assert result.probability.sum() == pytest.approx(4.0, abs=1e-10)
    assert result.lowest_energy == pytest.approx(problem.energy(local_search(problem)))


@given(problems(largest=8), st.data())
def test_a_stand_in_is_the_cheapest_swap(problem, data):
    n = selection_of(problem.d, data.draw(st.sets(st.integers(0, problem.d - 1))))
    found = stand_ins(problem, n)
    inside, outside = np.flatnonzero(n), np.flatnonzero(n == 0)
    assert [s.place for s in found] == (inside.tolist() if len(outside) else [])
    for stand_in in found:
        swaps = {}
        for q in outside:
            swapped = n.copy()
            swapped[stand_in.place], swapped[q] = 0, 1
            swaps[q] = problem.energy(swapped) - problem.energy(n)
        assert stand_in.cost == pytest.approx(min(swaps.values()), abs=1e-12)
        assert stand_in.cost == pytest.approx(swaps[stand_in.replacement], abs=1e-12)


def test_no_stand_in_of_an_optimum_lowers_the_energy():
    problem = signed_problem(14, 5)
    costs = [s.cost for s in stand_ins(problem, ac.solve_exact(problem).n)]
    assert len(costs) == 5
    assert min(costs) > 0
    assert stand_ins(problem, np.ones(14, dtype=np.int8)) == ()


def test_results_are_read_only_and_short():
    n = np.array([1, 0, 1])
    result = inclusion(ac.SelectionProblem([1.0, 0.2, 0.5], np.zeros((3, 3))), n)
    with pytest.raises(ValueError, match="read-only"):
        result.probability[0] = 0.0
    n[0] = 0
    assert result.n.tolist() == [1, 0, 1]
    assert repr(result) == (
        "Inclusion(d=3, k=2, core=2, exact=True, largest_error=0, reliable=True)"
    )


def test_bad_input():
    problem, n = relu_problem(4), np.array([1, 1, 0, 0])
    for options in ({"temperature": 0}, {"temperature": float("nan")}, {"samples": 15}):
        with pytest.raises(ArgumentError, match=f"{next(iter(options))}=.*must be"):
            inclusion(problem, n, **options)
    for function in (inclusion, stand_ins):
        with pytest.raises(ArgumentError, match="n: must have one entry for each of 4 maps"):
            function(problem, np.array([1, 1]))
        with pytest.raises(ArgumentError, match="n: must be 0 or 1"):
            function(problem, np.array([1, 2, 0, 0]))
