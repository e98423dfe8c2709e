"""The report: no errors change nothing, closed forms in equilibrium, and what limits a machine."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.constants import Boltzmann, Planck

pytest.importorskip("dwave.system")

import annealcam as ac
from annealcam.errors import ArgumentError
from annealcam.samplers.hardware import read_machine, verdict
from annealcam.samplers.hardware.ensemble import (
    mean_best_of,
    optimal_states,
    perturbed,
)
from annealcam.samplers.hardware.scaling import problem_of
from annealcam.samplers.hardware.sentences import LIMITS, figure_rows
from tests.problems import relu_problem

MACHINE = read_machine("advantage2")
EXACT = replace(MACHINE, control_errors={"h": (0.0, 0.0), "J": (0.0, 0.0)})
SHORT = {"members": 20, "tau": 2.0}


def with_errors(size, **changes):
    return replace(MACHINE, control_errors={"h": (size, size), "J": (size, size)}, **changes)


@pytest.mark.parametrize("k", [None, 3])
def test_without_errors_the_optimum_survives_and_F_is_that_of_anneal(k):
    p = relu_problem(7, cardinality=k)
    r = ac.hardware_report(p, hardware=EXACT, **SHORT)
    assert (r.ensemble.survival, r.ensemble.mean_loss, r.ensemble.members) == (1.0, 0.0, 20)
    alone = problem_of(r.program.h, r.program.J)
    F = ac.anneal(alone, tau=2.0, schedule=MACHINE.schedule).success_probability
    assert r.coherent[2.0].one_shot == pytest.approx(F, abs=1e-5)
    assert r.coherent[2.0].best_of_shots == pytest.approx(1 - (1 - F) ** 1000, abs=1e-5)


@pytest.mark.parametrize("h", [0.03, -0.2])
def test_one_qubit_in_equilibrium(h):
    """The bias is scaled to 4; the levels differ by 4 B(s), and P = 1 / (1 + e^(-4 B / kT))."""
    r = ac.hardware_report(problem_of(np.array([h]), np.zeros((1, 1))), hardware=EXACT, **SHORT)
    for s, found in ((MACHINE.freezeout, r.thermal), (1.0, r.thermal_at_end)):
        B = float(MACHINE.schedule.B(s)) / math.pi * 1e9 * Planck  # J
        expected = 1.0 / (1.0 + math.exp(-4.0 * B / (Boltzmann * 0.020)))
        assert found.one_shot == pytest.approx(expected, rel=1e-12)


def test_two_qubits_in_equilibrium():
    """A pair with J = 1 alone has two optima; the other two states lie B(s) higher."""
    hot = replace(EXACT, temperature_mK=300.0)
    pair = problem_of(np.zeros(2), np.array([[0.0, 0.7], [0.7, 0.0]]))
    r = ac.hardware_report(pair, hardware=hot, **SHORT)
    B = float(MACHINE.schedule.B(1.0)) / math.pi * 1e9 * Planck
    expected = 1.0 / (1.0 + math.exp(-B / (Boltzmann * 0.300)))
    assert 0.5 < expected < 0.95
    assert r.thermal_at_end.one_shot == pytest.approx(expected, rel=1e-12)


def test_a_perturbation_has_the_spread_of_the_chain_and_the_couplers():
    p = relu_problem(12)
    r = ac.hardware_report(p, hardware=MACHINE, members=10, tau=1.0)
    h, J = 0.02, 0.01
    draws = perturbed(r.program, (h, J), 1000, seed=1)
    truth = problem_of(r.program.h, r.program.J)
    pair = np.array([draw.quadratic - truth.quadratic for draw in draws]) / 4.0
    np.testing.assert_allclose(
        pair.std(axis=0)[0, 1:], J * np.sqrt(r.program.couplers[0, 1:]), rtol=0.1
    )
    linear = np.array([draw.linear - truth.linear for draw in draws]) / 2.0 + pair.sum(axis=1)
    np.testing.assert_allclose(linear.std(axis=0), h * np.sqrt(r.program.chain_lengths), rtol=0.1)
    assert np.abs(pair.mean(axis=0)).max() < 4 * J * 2 / math.sqrt(1000)


def test_survival_and_loss_are_those_of_enumeration():
    p = relu_problem(8, seed=3)
    r = ac.hardware_report(p, hardware=with_errors(0.1), members=60, tau=1.0)
    energies, draws = p.energies(), perturbed(r.program, (0.1, 0.1), 60, seed=0)
    optima = [int(draw.energies().argmin()) for draw in draws]
    loss = energies[optima] - energies.min()
    assert 0.05 < r.ensemble.survival < 0.95
    assert r.ensemble.survival == np.mean([n in optimal_states(p) for n in optima])
    assert r.ensemble.mean_loss == pytest.approx(loss.mean())


def test_equal_seeds_give_equal_reports():
    p = relu_problem(6)
    one, same, other = (
        ac.hardware_report(p, hardware=with_errors(1.0), seed=seed, **SHORT) for seed in (1, 1, 2)
    )
    assert one.to_dict() == same.to_dict()
    assert one.ensemble.loss != other.ensemble.loss


def test_what_is_not_proved_is_searched_and_bounds_the_survival():
    p, machine = relu_problem(30), with_errors(0.03)
    proved = ac.hardware_report(p, hardware=machine, members=12, time_limit=100.0)
    searched = ac.hardware_report(p, hardware=machine, members=12, time_limit=1e-6)
    assert proved.ensemble.proved
    assert not searched.ensemble.proved
    assert 0 < proved.ensemble.survival <= searched.ensemble.survival < 1
    assert "the optimum is kept in at most" in " ".join(verdict(searched))
    assert searched.limit == "unknown"


def test_the_shots_of_a_programming_share_its_errors():
    assert mean_best_of((1.0, 0.0), 10**6) == 0.5
    assert mean_best_of((0.25, 0.5), 2) == pytest.approx(((1 - 0.75**2) + 0.75) / 2)


def test_what_limits_a_machine():
    p = relu_problem(6)
    reports = {
        "none": ac.hardware_report(p, hardware=EXACT, **SHORT),
        "precision": ac.hardware_report(p, hardware=with_errors(3.0), **SHORT),
        "temperature": ac.hardware_report(
            p, hardware=replace(EXACT, temperature_mK=1e6), shots=1, **SHORT
        ),
        "time": ac.hardware_report(
            p, hardware=replace(EXACT, temperature_mK=0.1), shots=1, members=20, tau=1e-3
        ),
        "unknown": ac.hardware_report(p, hardware=replace(EXACT, schedule=None), **SHORT),
        "size": ac.hardware_report(relu_problem(185), hardware=EXACT),
    }
    assert {name: r.limit for name, r in reports.items()} == {name: name for name in reports}
    for name, r in reports.items():
        assert LIMITS[name] in verdict(r)
        assert json.loads(json.dumps(r.to_dict(), allow_nan=False))["limit"] == name
        assert figure_rows(r)[-1] == ["limit", name]
    assert reports["precision"].surviving is None  # not even four maps
    assert repr(reports["size"]).startswith("HardwareReport(machine='Advantage2_system1', d=185")


def test_chains_limit_where_the_problem_would_survive_without_them():
    weak = replace(with_errors(0.05), extended_j_range=(-0.05, 1.0))
    r = ac.hardware_report(relu_problem(8, seed=1), hardware=weak, members=40, tau=1.0)
    assert (r.limit, r.without_chains.survival) == ("chains", 0.9)
    assert r.program.chain_cost > 10
    size, share = r.surviving or (0, 0.5)
    assert size < 8
    assert share >= 0.5


def test_what_is_not_known_is_none():
    r = ac.hardware_report(
        relu_problem(5),
        hardware=replace(MACHINE, control_errors=None, temperature_mK=None),
        tau=3.0,
    )
    assert r.ensemble is r.thermal is r.thermal_at_end is None
    assert 0 < r.coherent[3.0].one_shot <= 1
    text = " ".join(verdict(r))
    assert "The errors of h and J are not known" in text
    assert "equilibrium is not known: no temperature" in text
    assert "was not used" in text
    large = ac.hardware_report(relu_problem(19), hardware=MACHINE, members=3)
    assert (large.coherent, large.thermal, large.ensemble.members) == ({}, None, 3)
    assert "Thermal equilibrium is not computed above 18 maps." in verdict(large)


def test_a_problem_without_maps_and_one_without_coefficients():
    assert ac.hardware_report(np.zeros((0, 0))).fits
    r = ac.hardware_report(np.zeros((2, 2)), hardware=MACHINE, **SHORT)
    assert (r.ensemble.survival, r.thermal.one_shot) == (1.0, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"members": 0}, "members=0: must be 1 or more"),
        ({"tau": -1}, "tau=-1.0: must be above 0"),
        ({"seed": -1}, "seed=-1: must be 0 or more"),
        ({"time_limit": 0}, "time_limit=0: must be a number of seconds above 0"),
        ({"chain_strength": 0}, "chain_strength=0: must be above 0"),
    ],
)
def test_wrong_arguments_are_answered_by_one_line(options, message):
    with pytest.raises(ArgumentError, match=message):
        ac.hardware_report(relu_problem(3), **options)
