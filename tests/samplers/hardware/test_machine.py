"""Figures of machines: the package's agree with others that are published; files are checked."""

import json
import math

import numpy as np
import pytest
from scipy.constants import Boltzmann, Planck
from scipy.optimize import brentq

from annealcam.errors import AnnealcamError, ArgumentError
from annealcam.samplers.hardware import MACHINES, read_machine
from annealcam.samplers.hardware.machine import KELVIN

CRITICAL = {"advantage": 1.281, "advantage2": 2.308}  # GHz, published beside the schedules
FILE = {
    "topology": {"type": "zephyr", "shape": [2, 4]},
    "h_range": [-4, 4],
    "j_range": [-1, 1],
}


def written(path, **changes):
    path.write_text(json.dumps(FILE | changes), encoding="utf-8")
    return path


def test_the_constant_of_temperature():
    assert pytest.approx(Boltzmann / Planck / 1e9, rel=1e-15) == KELVIN


@pytest.mark.parametrize("name", MACHINES)
def test_the_schedule_has_the_published_critical_point_and_linear_persistent_current(name):
    schedule = read_machine(name).schedule
    s = brentq(lambda u: float(schedule.A(u) - schedule.B(u)), 0.0, 1.0)
    assert float(schedule.A(s)) / math.pi == pytest.approx(CRITICAL[name], rel=0.006)
    root = np.sqrt(schedule.B(schedule.breaks))  # of the current, at the points of the table
    np.testing.assert_allclose(root, root[0] + schedule.breaks * (root[-1] - root[0]), rtol=1e-12)


@pytest.mark.parametrize("name", MACHINES)
def test_the_effective_temperature_is_near_the_published_one_of_single_qubits(name):
    machine = read_machine(name)  # 1 / b is 2 k T / B(s) in units of h
    calculated = 1.0 / machine.inverse_temperature(machine.freezeout)
    assert calculated == pytest.approx(machine.single_qubit_temperature, rel=0.16)


@pytest.mark.parametrize("name", MACHINES)
def test_every_figure_has_its_source(name):
    machine = read_machine(name)
    figures = {
        field for field in machine.__dataclass_fields__ if getattr(machine, field) is not None
    }
    without = {"name", "shape", "missing_qubits", "missing_couplers", "sources"}
    assert set(machine.sources) == figures - without


def test_errors_go_from_single_qubits_to_chains_of_five():
    machine = read_machine("advantage2")
    assert machine.errors_for(1.0) == (0.010, 0.0095)
    assert machine.errors_for(3.0) == pytest.approx((0.0175, 0.0125))
    assert machine.errors_for(5.0) == machine.errors_for(9.0) == (0.025, 0.0155)


def test_unknown_figures_are_none(tmp_path):
    machine = read_machine(written(tmp_path / "m.json", missing_qubits=[3], control_errors=None))
    assert (machine.topology, machine.shape, machine.ideal) == ("zephyr", (2, 4), False)
    assert machine.extended_j_range == machine.j_range
    assert machine.errors_for(2.0) is machine.heat is machine.schedule is None
    assert machine.inverse_temperature(1.0) is None


def test_a_schedule_is_read_beside_the_file_and_replaced(tmp_path):
    for name, top in (("a.csv", 8.0), ("b.csv", 6.0)):
        (tmp_path / name).write_text(f"s,A(s) (GHz),B(s) (GHz)\n0,5,0.1\n0.5,1,4\n1,0,{top}\n")
    file = written(tmp_path / "m.json", schedule="a.csv", temperature_mK=10.0)
    for machine, top in (
        (read_machine(file), 8.0),
        (read_machine(file, schedule=tmp_path / "b.csv"), 6.0),
    ):
        b = 0.5 * top * 1e9 * Planck / (Boltzmann * 0.010)
        assert machine.inverse_temperature(1.0) == pytest.approx(b, rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"h_rnge": [-1, 1]}, "'h_rnge' is no figure; did you mean 'h_range'"),
        ({"x" * 3000: 1}, "xxx... is no figure"),
        ({"h_range": None}, "has no h_range, which every machine needs"),
        ({"h_range": [1, 2]}, "h_range=[1, 2]: must be two numbers, the first below 0"),
        ({"h_range": ["a", 1]}, "h_range=['a', 1]: must be a list of numbers"),
        ({"topology": "zephyr"}, "topology='zephyr': must be"),
        ({"topology": {"type": "zefyr", "shape": [2]}}, "topology type='zefyr': one of chimera"),
        ({"topology": {"type": "pegasus", "shape": []}}, "a shape of pegasus has 1 to 1 numbers"),
        ({"topology": {"type": "pegasus", "shape": [0]}}, "topology shape=0: must be 1 or more"),
        ({"control_errors": {"h": 0.1}}, "control_errors={'h': 0.1}: must be"),
        ({"control_errors": {"h": -0.1, "J": 0.1}}, "standard deviations must be 0 or more"),
        ({"temperature_mK": -1}, "temperature_mK=-1: must be a number above 0"),
        ({"freezeout": 2}, "freezeout=2: must be between 0 and 1"),
        ({"annealing_time_range": [2, 1]}, "must be the shortest and the longest time"),
        ({"missing_qubits": 3}, "missing_qubits=3: must be a list of qubits"),
        ({"missing_couplers": [[1]]}, "must be a list of pairs of qubits"),
        ({"schedule": {"A": [1, 0]}}, "schedule: must be a CSV file, or lists of A and B"),
        ({"schedule": {"A": [1, 0], "B": [0, 1, 2]}}, "schedule: A: has the shape"),
        ({"schedule": "none.csv"}, "cannot be read"),
        ({"sources": [1]}, "sources=[1]: must be an object of texts"),
    ],
)
def test_wrong_figures_are_answered_by_one_line(tmp_path, changes, message):
    with pytest.raises(AnnealcamError) as raised:
        read_machine(written(tmp_path / "m.json", **changes))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_wrong_files_are_answered_by_one_line(tmp_path):
    (tmp_path / "no.json").write_text("{", encoding="utf-8")
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    for hardware, message in (
        ("advantage3", "did you mean 'advantage'"),
        (tmp_path / "no.json", "give a JSON file"),
        (tmp_path / "list.json", "must be a JSON object of figures"),
        (tmp_path, "one of advantage, advantage2, or the path of a JSON file"),
    ):
        with pytest.raises(ArgumentError, match=message):
            read_machine(hardware)
