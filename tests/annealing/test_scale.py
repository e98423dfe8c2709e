"""Energies of any unit: general problems are scaled for annealing, by a power of two."""

import dimod
import numpy as np
import pytest
from hypothesis import given, strategies as st

import annealcam as ac
from annealcam.annealing import hardness, locally_adiabatic
from annealcam.annealing.hamiltonian import annealed
from annealcam.errors import AnnealcamWarning
from annealcam.qubo.spread import energy_spread
from tests.problems import evidence_problem, problems, relu_problem


def qubo(d=4, seed=0):
    """Coefficients whose energies spread over about 1."""
    Q = np.triu(np.random.default_rng([d, seed]).normal(size=(d, d)))
    return Q / energy_spread(ac.SelectionProblem(-2 * np.diag(Q), both(Q), beta=0.5))


def both(Q):
    J = 2.0 * (Q + Q.T)
    np.fill_diagonal(J, 0.0)
    return J


@given(p=problems(cardinality=True), free=st.booleans())
def test_the_spread_is_that_of_all_energies(p, free):
    p = p.with_cardinality(None) if free else p
    states = (np.arange(1 << p.d)[:, None] >> np.arange(p.d)) & 1
    energies = p.energy(states[p.feasible(states)])
    assert energy_spread(p) == pytest.approx(energies.std(), abs=1e-6 * (1 + np.ptp(energies)))


@pytest.mark.parametrize("exponent", [-40, 30])
def test_a_general_problem_is_annealed_alike_in_every_unit(exponent):
    """Units that are powers of two give the same bits; the results have the problem's own unit."""
    unit, Q = 2.0**exponent, qubo()
    taus, far = [5.0, 50.0], unit * Q
    same, other = (ac.anneal(q, tau=50.0, scale_energies=True) for q in (Q, far))
    assert other.success_probability == same.success_probability > 0.1
    assert ac.anneal(far, tau=50.0).success_probability == same.success_probability
    assert other.ground_energy == ac.solve_exact(far).energy == unit * same.ground_energy
    assert other.energy_scale == unit * same.energy_scale
    sweep = ac.tau_sweep(dict(np.ndenumerate(far)), taus)
    batch = ac.anneal_batch([far], tau=taus)
    assert sweep.success_probability[1] == same.success_probability
    assert np.array_equal(batch.success_probability[0], sweep.success_probability)
    assert sweep.energy_scale == batch.energy_scale[0] == other.energy_scale
    narrow, wide = (ac.minimum_gap(q, scale_energies=True) for q in (Q, far))
    assert (wide.gap, wide.certificate) == (unit * narrow.gap, unit * narrow.certificate)
    assert wide.landau_zener(30.0) == narrow.landau_zener(30.0)
    curves = [ac.spectrum(q, points=5, scale_energies=True).energies for q in (Q, far)]
    assert np.array_equal(curves[1], unit * curves[0])
    paths = [ac.anneal_path(q, points=3, scale_energies=True) for q in (Q, far)]
    assert np.array_equal(paths[1].mean_energy, unit * paths[0].mean_energy)
    speeds = [locally_adiabatic(q, scale_energies=True).B([0.3, 0.6]) for q in (Q, far)]
    assert np.array_equal(*speeds)


@pytest.mark.parametrize("unit", [1e9, 1e-12])
def test_models_and_files_of_any_unit_are_annealed_as_well_as_others(unit):
    bqm = dimod.BinaryQuadraticModel.from_qubo(dict(np.ndenumerate(unit * qubo(seed=3))))
    found = ac.AnnealingSampler().sample(bqm, num_reads=20, seed=0)
    best = dimod.ExactSolver().sample(bqm).first
    assert found.info["success_probability"] > 0.3
    assert found.info["ground_energy_in_energy_units"] == pytest.approx(best.energy, rel=1e-12)
    assert found.first.sample == best.sample
    assert ac.solve(bqm, "anneal").info["energy_scale"] == found.info["energy_scale"]
    h = hardness(bqm, [100.0])
    assert h.runs[0].success_probability == found.info["success_probability"]
    assert h.energy_scale == found.info["energy_scale"]
    assert h.gap.gap == pytest.approx(ac.minimum_gap(bqm).gap)


def test_problems_of_maps_and_moderate_models_stay_as_they_are():
    p, (e, *_) = relu_problem(6), evidence_problem(6)
    for problem in (p, e):
        assert annealed(problem) == (problem, 1.0)
        assert annealed(problem.with_cardinality(None).to_bqm())[1] == 1.0
    assert ac.anneal(p).energy_scale == ac.minimum_gap(p).energy_scale == 1.0
    scaled, unit = annealed(p, scale_energies=True)
    assert np.array_equal(scaled.energies() * unit, p.energies())


@pytest.mark.parametrize(
    ("unit", "which"), [(1e5, "the problem dwarfs the driver"), (1e-9, "the driver dwarfs")]
)
def test_a_selection_problem_far_from_the_driver_is_noted(unit, which):
    p = ac.SelectionProblem([unit, 0.5 * unit], np.zeros((2, 2)))
    tau = min(100.0, 1e5 / unit)
    for run in (ac.minimum_gap, lambda p: ac.anneal(p, tau=tau), lambda p: ac.tau_sweep(p, tau)):
        with pytest.warns(AnnealcamWarning, match=which):
            run(p)
    assert ac.anneal(p, scale_energies=False, tau=tau).success_probability < 0.9
    assert ac.anneal(p, scale_energies=True).success_probability > 0.9


def test_nothing_to_scale():
    assert ac.anneal([[0.0]], scale_energies=True).success_probability == pytest.approx(1.0)
