"""The evidence problem against the norm it stands for, enumeration and closed forms."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import annealcam as ac
from annealcam.errors import ArgumentError, NumericalError
from annealcam.qubo.evidence import EvidenceProblem, cosine


def random_problem(seed, d, k, beta=0.0, positions=6):
    """Contribution maps of both signs, and the positive part of their sum."""
    rng = np.random.default_rng(seed)
    g = rng.normal(size=(d, positions))
    G = np.maximum(g.sum(axis=0), 0.0)
    G[0] += 0.1  # never zero everywhere
    return EvidenceProblem.from_maps(g, G, cardinality=k, beta=beta)


def selections(d, k):
    return np.array([[int(a in s) for a in range(d)] for s in combinations(range(d), k)])


sizes = st.integers(1, 8).flatmap(lambda d: st.tuples(st.just(d), st.integers(1, d)))
betas = st.sampled_from([0.0, 0.25, 0.9, 1.0])


@given(st.integers(0, 2**32 - 1), sizes, betas)
def test_energy_is_the_norm_it_stands_for(seed, size, beta):
    """E = unit ((1 - b) (||G - s sum g||^2 / ||G||^2 - 1) - b sum c / C_k), from its definition."""
    d, k = size
    p = random_problem(seed, d, k, beta)
    contribution = p.maps.sum(axis=1)
    largest = np.sort(contribution)[::-1][:k].sum()
    for n in selections(d, k):
        norm = np.sum((p.evidence - p.scale * n @ p.maps) ** 2) / np.sum(p.evidence**2)
        share = n @ contribution / largest if largest > 0 else 0.0
        expected = p.energy_unit * ((1.0 - beta) * (norm - 1.0) - beta * share)
        assert p.problem.energy(n) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert p.residual(n) == pytest.approx(norm, rel=1e-9)
        if beta == 0.0:
            assert p.value(n) == pytest.approx(norm - 1.0, rel=1e-6, abs=1e-9)


@given(st.integers(0, 2**32 - 1), sizes, betas)
def test_energies_of_all_selections_have_the_standard_deviation_1(seed, size, beta):
    d, k = size
    p = random_problem(seed, d, k, beta)
    energies = p.problem.energy(selections(d, k))
    spread = float(np.std(energies))
    assert spread == pytest.approx(1.0, rel=1e-6) or spread <= 1e-6 * np.abs(energies).max()


@given(st.integers(0, 2**32 - 1), sizes)
def test_the_diagonal_makes_the_energy_convex(seed, size):
    p = random_problem(seed, *size).problem
    assert np.linalg.eigvalsh(p.quadratic + np.diag(p.diagonal)).min() >= -1e-9 * p.scale


@given(st.integers(0, 2**32 - 1), sizes)
def test_no_selection_of_k_maps_overshoots_the_evidence(seed, size):
    """s sum_a n_a rho_a <= 1, with equality for the k most aligned maps."""
    d, k = size
    p = random_problem(seed, d, k)
    rho = p.maps @ p.evidence / (p.evidence @ p.evidence)
    top = np.isin(np.arange(d), np.argsort(-rho)[:k])
    if rho[top].sum() > 0:
        assert p.scale * rho[top].sum() == pytest.approx(1.0)
        assert (p.scale * selections(d, k) @ rho <= 1.0 + 1e-9).all()


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(1e-30, 1e30), st.permutations(range(6)))
def test_scaling_and_permuting_all_maps_changes_nothing(seed, factor, order):
    p = random_problem(seed, 6, 3)
    other = EvidenceProblem.from_maps(
        factor * p.maps[order], factor * p.evidence, cardinality=3
    ).problem
    n = selections(6, 3)
    np.testing.assert_allclose(other.energy(n[:, order]), p.problem.energy(n), rtol=1e-6, atol=1e-9)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_a_map_split_in_two_draws_what_it_drew(seed, share):
    p = random_problem(seed, 4, 2)
    halves = np.concatenate([p.maps[:3], [share * p.maps[3], (1.0 - share) * p.maps[3]]])
    split = EvidenceProblem.from_maps(halves, p.evidence, cardinality=3, scale=p.scale)
    assert split.residual([0, 1, 0, 1, 1]) == pytest.approx(p.residual([0, 1, 0, 1]), rel=1e-9)
    assert split.fidelity([0, 1, 0, 1, 1]) == pytest.approx(p.fidelity([0, 1, 0, 1]), rel=1e-9)


def test_all_maps_together_draw_positive_evidence_exactly():
    g = np.random.default_rng(0).random((5, 7))
    p = EvidenceProblem.from_maps(g, g.sum(axis=0), cardinality=5)
    assert p.scale == pytest.approx(1.0)
    assert p.fidelity(np.ones(5)) == pytest.approx(1.0)
    assert p.residual(np.ones(5)) == pytest.approx(0.0, abs=1e-12)


@given(st.integers(0, 2**32 - 1), sizes)
def test_beta_one_takes_the_largest_contributions(seed, size):
    d, k = size
    p = random_problem(seed, d, k, beta=1.0)
    contribution = p.maps.sum(axis=1)
    if np.sort(contribution)[::-1][:k].sum() > 0:
        best = ac.solve_exact(p.problem).n
        assert best @ contribution == pytest.approx(np.sort(contribution)[::-1][:k].sum())


def test_fidelity_by_hand():
    p = EvidenceProblem.from_maps([[3.0, 0.0], [0.0, 1.0]], [3.0, 4.0], cardinality=1)
    assert p.fidelity([1, 0]) == pytest.approx(0.6)
    assert p.fidelity([0, 0]) == 0.0
    assert p.fidelity([1, 1]) == pytest.approx(13.0 / (5.0 * np.sqrt(10.0)))


def test_cosine_neither_overflows_nor_vanishes():
    a, b = np.array([1.0, 2.0]), np.array([2.0, 1.0])
    assert cosine(1e200 * a, 1e-200 * b) == pytest.approx(0.8)
    assert cosine(0.0 * a, b) == 0.0


@pytest.mark.parametrize(
    ("maps", "evidence", "options", "error", "text"),
    [
        (np.ones((2, 3)), np.zeros(3), {}, ArgumentError, "evidence: is zero everywhere"),
        (np.ones((2, 3)), np.ones(4), {}, ArgumentError, "have 3 positions, but the evidence 4"),
        (np.full((2, 3), np.nan), np.ones(3), {}, NumericalError, "maps"),
        (np.ones((2, 3)), np.ones(3), {"cardinality": 0}, ArgumentError, "cardinality=0"),
        (np.ones((2, 3)), np.ones(3), {"cardinality": 3}, ArgumentError, "only 2 candidate"),
        (np.ones((2, 3)), np.ones(3), {"beta": 2}, ArgumentError, "beta=2"),
        ("maps", np.ones(3), {}, NumericalError, "maps"),
    ],
)
def test_bad_input_has_one_clear_line(maps, evidence, options, error, text):
    with pytest.raises((error, ArgumentError), match=text):
        EvidenceProblem.from_maps(maps, evidence, **{"cardinality": 1, **options})
