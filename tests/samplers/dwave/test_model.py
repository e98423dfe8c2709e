"""The model for a processor: the problem's energies, and a penalty that no selection undercuts."""

import dimod
import numpy as np
import pytest

from annealcam.samplers.dwave.model import ising_model
from tests.problems import relu_problem


def energies_by_state(model, d):
    """Energies of all selections, state b selecting map p where bit p is set."""
    selections = (np.arange(2**d)[:, None] >> np.arange(d)) & 1
    return selections, model.energies((2 * selections - 1, list(range(d))))


def test_without_a_cardinality_energies_differ_by_a_constant():
    p = relu_problem(6)
    _, energies = energies_by_state(ising_model(p), 6)
    np.testing.assert_allclose(energies, p.energies(), atol=1e-12)


@pytest.mark.parametrize("k", [1, 3, 5, 6])
def test_with_a_cardinality_feasible_selections_keep_their_differences_and_are_lowest(k):
    p = relu_problem(6, cardinality=k)
    model = ising_model(p)
    selections, energies = energies_by_state(model, 6)
    feasible = selections.sum(axis=1) == k
    shifted = energies[feasible] - p.energies()[feasible]
    np.testing.assert_allclose(shifted, shifted[0], atol=1e-12)
    assert energies[~feasible].min() > energies[feasible].min()
    direct = p.to_bqm().change_vartype(dimod.SPIN, inplace=False)
    assert max(map(abs, model.linear.values())) <= max(map(abs, direct.linear.values())) + 1e-12
