"""The relative beta: a published energy whose beta means one thing at any size."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

import annealcam as ac
from annealcam.errors import ArgumentError
from annealcam.qubo.objectives import relative_beta


def drawn(seed, m=7):
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0.01, 3.0, m))[::-1], rng.uniform(0.0, 1.0, (m, 3, 3))


def mean_pair(J, pick):
    k = len(pick)
    return J[np.ix_(pick, pick)].sum() / (k * (k - 1))


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("beta", [0.1, 2 / 3, 0.95])
def test_of_k_maps_it_orders_as_the_shares_do(k, beta):
    relevance, maps = drawn(k)
    whole = ac.SelectionProblem.from_maps(maps, relevance)
    m = len(relevance)
    pool = list(range(min(2 * k, m)))
    b = relative_beta(relevance, whole.J[np.ix_(pool, pool)], beta=beta, size=k)
    problem = ac.SelectionProblem.from_maps(maps, relevance, beta=b)
    picks = [list(pick) for pick in itertools.combinations(range(m), k)]
    energies = np.array([problem.energy(np.isin(np.arange(m), pick).astype(int)) for pick in picks])
    shares = np.array([
        (1 - beta) * mean_pair(whole.J, pick) / mean_pair(whole.J, pool)
        - beta * relevance[pick].sum() / relevance[:k].sum()
        for pick in picks
    ])  # fmt: skip
    ratio = energies / shares  # one positive number: the unit of energy
    assert np.allclose(ratio[np.abs(shares) > 1e-3], ratio[np.abs(shares).argmax()], rtol=1e-9)
    assert ratio[np.abs(shares).argmax()] > 0


@given(st.integers(0, 99), st.floats(0.05, 0.95), st.integers(2, 9), st.floats(0.01, 100))
def test_units_cancel(seed, beta, k, unit):
    relevance, maps = drawn(seed)
    J = ac.SelectionProblem.from_maps(maps, relevance).J[: 2 * k, : 2 * k]
    b = relative_beta(relevance, J, beta=beta, size=k)
    assert relative_beta(unit * relevance, J, beta=beta, size=k) == pytest.approx(b)
    scaled = relative_beta(relevance, unit * J, beta=beta, size=k)
    assert scaled / (1 - scaled) == pytest.approx(unit * b / (1 - b))


@pytest.mark.parametrize("k", [2, 7, 40])
def test_equal_maps_in_closed_form(k):
    J = np.full((2 * k, 2 * k), 0.3)
    np.fill_diagonal(J, 0.0)
    b = relative_beta(np.full(2 * k, 5.0), J, beta=2 / 3, size=k)
    assert b / (1 - b) == pytest.approx(2 * (k - 1) * 0.3 / 2)


def test_the_ends_and_the_corners():
    relevance, maps = drawn(0)
    J = ac.SelectionProblem.from_maps(maps, relevance).J
    assert relative_beta(relevance, J, beta=0.0, size=3) == 0.0
    assert relative_beta(relevance, J, beta=1.0, size=3) == 1.0
    assert relative_beta(relevance, J, beta=0.5, size=99) == relative_beta(
        relevance, J, beta=0.5, size=len(relevance)
    )
    apart = relative_beta(np.ones(4), np.zeros((4, 4)), beta=0.5, size=3)
    assert apart == 0.5  # nothing is shared: the unit is 1
    assert relative_beta(np.ones(1), np.zeros((1, 1)), beta=0.5, size=7) == pytest.approx(1 / 3)
    with pytest.raises(ArgumentError, match="in descending order"):
        relative_beta(relevance[::-1], J, beta=0.5, size=2)
    with pytest.raises(ArgumentError, match="one or more candidates"):
        relative_beta(np.ones(0), np.zeros((0, 0)), beta=0.5, size=2)
