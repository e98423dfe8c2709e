"""Stability of selections: brute force, closed forms, and what must not matter."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

import annealcam as ac
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.metrics.stability import (
    across_samplers,
    across_seeds,
    agreement,
    chance_jaccard,
    jaccard,
    near_optimal,
    under_noise,
)
from tests.problems import by_the_formula, problems, relu_problem


def test_jaccard_of_equal_disjoint_and_empty_selections():
    a = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]], dtype=bool)
    b = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool)
    assert jaccard(a, b).tolist() == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(("d", "k", "m"), [(5, 2, 3), (4, 0, 0), (4, 0, 2), (6, 6, 6), (3, 3, 1)])
def test_chance_is_the_mean_over_all_pairs_of_selections(d, k, m):
    first, second = (
        np.array([[p in c for p in range(d)] for c in itertools.combinations(range(d), size)])
        for size in (k, m)
    )
    expected = jaccard(first[:, None], second[None]).mean()
    assert chance_jaccard(d, k, m) == pytest.approx(expected)
    assert chance_jaccard(d, m, k) == pytest.approx(expected)


@given(problems(cardinality=True), st.sampled_from([0.0, 0.05, 0.5, 3.0]), st.booleans())
def test_near_optimal_holds_all_and_only_what_the_formula_allows(p, epsilon, constrained):
    if not constrained:
        p = ac.SelectionProblem(p.h, p.J, beta=p.beta)
    near = near_optimal(p, epsilon)
    energies = {
        n: by_the_formula(p, n)
        for n in itertools.product((0, 1), repeat=p.d)
        if p.cardinality in (None, sum(n))
    }
    best = min(energies.values())
    expected = {n for n, e in energies.items() if e <= best + epsilon * abs(best) + 1e-9}
    assert {tuple(n) for n in near.selections.tolist()} == expected
    assert (np.diff(near.energies) >= 0).all()
    held = np.array(sorted(expected), dtype=bool)
    np.testing.assert_array_equal(near.backbone, held.all(axis=0))
    np.testing.assert_array_equal(near.unused, ~held.any(axis=0))
    np.testing.assert_allclose(near.share, held.mean(axis=0))
    optimum = near.selections[:1].astype(bool)
    np.testing.assert_allclose(near.jaccard, jaccard(near.selections.astype(bool), optimum))


@given(problems())
def test_with_epsilon_0_there_are_as_many_as_the_exact_solver_counts(p):
    exact = ac.solve_exact(p)
    near = near_optimal(p, 0.0)
    assert len(near.states) == exact.multiplicity
    assert exact.n.tolist() in near.selections.tolist()


def test_permuting_the_maps_permutes_the_backbone():
    p, order = relu_problem(9, beta=0.7), np.random.default_rng(0).permutation(9)
    other = ac.SelectionProblem(p.h[order], p.J[np.ix_(order, order)], beta=0.7)
    one, two = near_optimal(p, 0.05), near_optimal(other, 0.05)
    assert len(one.states) == len(two.states) > 1
    np.testing.assert_array_equal(one.backbone[order], two.backbone)
    np.testing.assert_array_equal(one.unused[order], two.unused)


def test_near_optimal_at_the_limit_and_beyond():
    p = relu_problem(24, beta=0.9, cardinality=5)
    near = near_optimal(p, 0.01)
    assert near.energies[0] == pytest.approx(ac.solve_exact(p).energy, rel=1e-12)
    assert (near.selections.sum(axis=1) == 5).all()
    with pytest.raises(ProblemTooLargeError, match="up to 24"):
        near_optimal(relu_problem(25))
    for bad in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ArgumentError, match="epsilon"):
            near_optimal(p, bad)


def test_no_candidates_have_one_empty_selection():
    near = near_optimal(ac.SelectionProblem([], np.zeros((0, 0))))
    assert near.states.tolist() == [0]
    assert near.share.shape == near.backbone.shape == near.unused.shape == (0,)


def test_samplers_that_find_the_optimum_agree_and_topk_stands_apart():
    p = ac.SelectionProblem(
        [1.0, 0.9, 0.3], [[0, 1, 0], [1, 0, 0], [0, 0, 0]], beta=0.5, cardinality=2
    )
    runs = across_samplers(p, ["exact", "sa", "anneal", "topk_relevance"])
    expected = np.ones((4, 4))
    expected[3, :3] = expected[:3, 3] = 1 / 3  # {0, 2} and {0, 1}
    np.testing.assert_allclose(runs.jaccard, expected)
    assert runs.mean == pytest.approx(expected[~np.eye(4, dtype=bool)].mean())
    assert runs.chance == pytest.approx(chance_jaccard(3, 2, 2))
    assert runs.always.tolist() == [True, False, False]
    assert runs.energies[3] > runs.energies[0]


def test_seeds_of_a_blind_sampler_agree_as_chance_does():
    p = relu_problem(12, cardinality=4)
    runs = across_seeds(p, "random", seeds=range(60))
    assert runs.mean == pytest.approx(runs.chance, abs=0.02)
    assert across_seeds(p, "exact", seeds=range(3)).mean == 1.0


def test_nothing_to_select_agrees_with_itself():
    runs = across_samplers(ac.SelectionProblem([], np.zeros((0, 0))), ["anneal", "sa"])
    assert runs.mean == runs.chance == 1.0


def bright(x):
    return (x.mean(dim=(2, 3)) > 0).numpy()


def test_strong_maps_survive_noise_and_weak_ones_do_not():
    images = torch.zeros(2, 3, 8, 8)
    images[0, 0] = images[1, 1] = 5.0  # sure
    images[:, 2, 0, 0] = 1e-6  # at the edge: half of the noisy copies lose it
    images[0, 1] = images[1, 0] = -5.0
    stability = under_noise(bright, images, draws=100, noise=0.01)
    assert stability.kept[0, 0] == stability.kept[1, 1] == 1.0
    assert stability.kept[0, 1] == 0.0
    assert stability.kept[:, 2] == pytest.approx([0.5, 0.5], abs=0.15)
    assert set(np.unique(stability.jaccard)) == {0.5, 1.0}
    assert stability.between_images == pytest.approx(1 / 3)


def test_noise_is_seeded_has_the_size_asked_for_and_does_not_depend_on_the_batch(images):
    batches = []

    def keeps(x):
        batches.append(x)
        return bright(x)

    under_noise(keeps, images, noise=0.1, draws=2, seed=4)
    under_noise(keeps, images[:1], noise=0.1, draws=2, seed=4)
    assert torch.equal(batches[0], images)
    assert torch.equal(batches[1][0], batches[4][0])
    assert torch.equal(batches[2][0], batches[5][0])
    assert not torch.equal(batches[1], batches[2])
    spread = images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3))
    size = (batches[1] - images).std(dim=(1, 2, 3)) / spread
    np.testing.assert_allclose(size, 0.1, rtol=0.1)


def test_one_image_has_no_others_to_be_compared_with(images):
    assert under_noise(bright, images[:1]).between_images is None


def test_optima_that_differ_by_rounding_alone_are_all_returned():
    J = np.array([[0.0, 2.0], [2.0, 0.0]])
    for gap, optima in ((1e-14, [1, 2]), (1e-9, [1])):
        problem = ac.SelectionProblem([1.0, 1.0 - gap], J, beta=0.5)
        assert near_optimal(problem, 0.0).states.tolist() == optima


def test_bad_input(images):
    p = relu_problem(4)
    with pytest.raises(ArgumentError, match="at least two"):
        agreement(p, np.ones((1, 4), dtype=bool))
    with pytest.raises(ArgumentError, match="at least two"):
        across_samplers(p, ["exact"])
    with pytest.raises(ArgumentError, match="sampler='magic'"):
        across_seeds(p, "magic")
    with pytest.raises(ArgumentError, match="other_k=5"):
        chance_jaccard(4, 2, 5)
    with pytest.raises(ArgumentError, match="at least one"):
        under_noise(bright, images[:0])
    with pytest.raises(ArgumentError, match="noise=0"):
        under_noise(bright, images, noise=0)
    with pytest.raises(ArgumentError, match="Image 1 is constant"):
        under_noise(bright, images * torch.tensor([1.0, 0.0, 1.0])[:, None, None, None])
