"""Schedule files: the layouts in which D-Wave publishes them, with invented numbers."""

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

import annealcam as ac
from annealcam.annealing.schedules import (
    LINEAR,
    read_dwave_schedule,
    read_schedule,
    schedule_of,
)
from annealcam.errors import ArgumentError, ScheduleError

S = np.linspace(0, 1, 101)
A = 8.2 * (1 - S) ** 3
B = 0.22 + 7.3 * S**2
HEADER = "s,A(s) (GHz),B(s) (GHz),C (normalized)"


def table(header=HEADER, separator=",", decimal=".", number="{:.8E}"):
    rows = [header]
    for row in zip(S, A, B, np.sqrt(S), strict=True):
        rows.append(separator.join(number.format(x).replace(".", decimal) for x in row))
    return "\n".join(rows) + "\n"


LAYOUTS = {
    "scientific": table(),
    "fixed": table(number="{:.8f}"),
    "byte order mark, carriage returns": "\ufeff" + table().replace("\n", "\r\n"),
    "semicolons": table(HEADER.replace(",", ";"), ";"),
    "decimal commas": table(HEADER.replace(",", ";"), ";", ","),
    "tabs": table(HEADER.replace(",", "\t"), "\t"),
    "spaces, other letters": table(" S , a(s) [ghz] , b(s)(GHz) , Phi"),
    "quotes, empty lines": table('"s","A(s) (GHz)","B(s) (GHz)","C (normalized)"') + "\n,,,\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_published_layouts(layout, tmp_path):
    path = tmp_path / "annealer.csv"
    path.write_text(LAYOUTS[layout], encoding="utf-8", newline="")
    s, u = read_dwave_schedule(path), np.linspace(0, 1, 777)
    np.testing.assert_allclose(s.A(u) / np.pi, PchipInterpolator(S, A)(u), atol=1e-7)
    np.testing.assert_allclose(s.B(u) / np.pi, PchipInterpolator(S, B)(u), atol=1e-7)
    assert (s.energy_unit, s.time_unit) == ("rad/ns", "ns")
    assert s.B(0.0) == pytest.approx(np.pi * 0.22)
    assert schedule_of(str(path)).A(0.3) == s.A(0.3)


def test_changes_of_a_file_keep_its_units(tmp_path):
    path = tmp_path / "an+nealer.csv"
    path.write_text(table())
    paused = schedule_of(f"{path}+pause:0.5:0.2")
    assert paused.B(0.4) == paused.B(0.6) == pytest.approx(np.pi * (0.22 + 7.3 / 4))
    assert (paused.energy_unit, paused.time_unit) == ("rad/ns", "ns")
    back = read_dwave_schedule(path).reverse([1, 0], 0.5)
    assert back.A(0.0) == pytest.approx(0, abs=1e-15)
    assert back.energy_unit == "rad/ns"


def test_a_table_without_units(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("u,A,B\n0,1,0\n1,0,1\n")
    s, u = read_schedule(path), np.linspace(0, 1, 11)
    np.testing.assert_array_equal(s.A(u), LINEAR.A(u))
    assert s.energy_unit == ""
    mend = r"no unit; if they are in GHz, change the first line to s,A\(s\) \(GHz\),B\(s\) \(GHz\)"
    with pytest.raises(ScheduleError, match=mend):
        read_dwave_schedule(path)
    problem = ac.SelectionProblem([1.0], [[0.0]])
    for run in (ac.anneal, ac.minimum_gap):
        with pytest.raises(ArgumentError, match="plain.csv. has no unit; if A and B are in GHz"):
            run(problem, schedule=str(path), normalisation="dwave")
    with pytest.raises(ArgumentError, match="use a schedule from a file"):
        ac.anneal(problem, normalisation="dwave")


def test_values_below_zero_by_rounding_are_set_to_zero(tmp_path):
    path = tmp_path / "quadratic.csv"
    rows = ["s,A(s) (GHz),B(s) (GHz)", "0,9,0", "0.5,1,4", "0.8,-9e-6,7", "0.9,-1e-6,8", "1,0,9"]
    path.write_text("\n".join(rows))
    s = read_schedule(path)
    assert s.A([0.8, 0.9, 1.0]).tolist() == [0.0, 0.0, 0.0]
    assert s.A(np.linspace(0, 1, 999)).min() >= 0
    assert s.name == f"{path} (A: 2 values below 0 set to 0)"
    problem = ac.SelectionProblem([1.0], [[0.0]])
    assert ac.minimum_gap(problem, schedule=s).schedule == s.name
    path.write_text("\n".join(rows).replace("-9e-6", "-9e-4"))
    with pytest.raises(ScheduleError, match=r"A: is negative at u=0\.8"):
        read_schedule(path)


@pytest.mark.parametrize("suffix", ["xlsx", "XLS", "ods"])
def test_workbooks(suffix, tmp_path):
    path = tmp_path / f"annealer.{suffix}"
    path.write_bytes(b"PK\x03\x04")
    for read in (read_schedule, read_dwave_schedule, lambda name: schedule_of(str(name))):
        with pytest.raises(ScheduleError, match="save the sheet with s, A and B as CSV") as error:
            read(path)
        assert "\n" not in str(error.value)


def test_ends_that_are_rounded(tmp_path):
    path = tmp_path / "rounded.csv"
    path.write_text("s,A(s) (GHz),B(s) (GHz)\n1e-9,8,0.2\n0.5,1,4\n0.99999999,0,8\n")
    assert read_dwave_schedule(path).breaks.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the first line has no column s"),
        ("0.0,9.0,0.2\n1.0,0.0,8.0\n", "the first line has no column s"),
        ("s,A(s) (GHz)\n0,9\n1,0\n", "has no column B"),
        ("s,A (GHz),A(s) (GHz),B (GHz)\n0,9,9,0\n1,0,0,9\n", "more than one column A"),
        ("s,A(s) (J),B(s) (J)\n0,9,0\n1,0,9\n", "must both be in GHz, or have no unit"),
        ("s,A(s) (GHz),B(s)\n0,9,0\n1,0,9\n", "must both be in GHz, or have no unit"),
        (HEADER + "\n", "must have two or more points"),
        (HEADER + "\n0,9,0.2,0\n0.5,x,4,0\n1,0,9,1\n", "row 3 lacks a number"),
        (HEADER + "\n0,9,0.2,0\n0.5\n1,0,9,1\n", "row 3 lacks a number"),
        (HEADER + "\n0,9,0.2,0\n0.5,nan,4,0\n1,0,9,1\n", "A: contains NaN"),
        (HEADER + "\n0,9,0.2,0\n0.5,3,3,0\n", "u: must go from 0 to 1, not from 0 to 0.5"),
        (HEADER + "\n0,9,0.2,0\n0.5,3,3,0\n0.4,2,3,0\n1,0,9,1\n", "does not at point 2"),
        (HEADER + "\n0,0.2,9,0\n1,9,0,1\n", "must start with the driver"),
        (HEADER + "\n0,9,0.2,0\n0.5,-1,4,0\n1,0,9,1\n", "A: is negative"),
    ],
)
def test_malformed_files(text, message, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ScheduleError, match=message) as error:
        read_schedule(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_unreadable_files(tmp_path):
    with pytest.raises(ScheduleError, match=r"none.csv: cannot be read \(it does not exist"):
        schedule_of(str(tmp_path / "none.csv"))
    with pytest.raises(ScheduleError, match="cannot be read"):
        read_schedule(tmp_path)
    (tmp_path / "picture.csv").write_bytes(b"\xff\xd8\xff\xe0" * 10)
    with pytest.raises(ScheduleError, match=r"cannot be read \(not a text file"):
        read_schedule(tmp_path / "picture.csv")
    (tmp_path / "zeros.csv").write_bytes(b"\0" * 10)
    with pytest.raises(ScheduleError, match="no column s"):
        read_schedule(tmp_path / "zeros.csv")


@pytest.mark.parametrize("tau", [0.4, 1.0, 2.3])
@pytest.mark.parametrize("h", [0.5, -2.0])
def test_units_of_a_qubit(h, tau, tmp_path):
    """B alone, then A alone: with cycles a = int A dt and b = int B dt in GHz ns, E = -h n,

    P(n = 1) = (1 + sin(2 pi a) sin(pi b h)) / 2

    since H / h = -A / 2 sigma_x turns by 2 pi a, and B / 2 E parts the phases by pi b h.
    """
    falls = np.where(S < 0.1, 5 * np.cos(5 * np.pi * S) ** 2, 0.0)
    later = np.where((S > 0.5) & (S < 0.9), 1.3 * np.sin(2.5 * np.pi * (S - 0.5)) ** 2, 0.0)
    first = np.where((S > 0.1) & (S < 0.5), 0.9 * np.sin(2.5 * np.pi * (S - 0.1)) ** 2, 0.0)
    last = np.where(S > 0.9, S - 0.9, 0.0)
    rows = [
        f"{s},{a:.17g},{b:.17g}" for s, a, b in zip(S, falls + later, first + last, strict=True)
    ]
    path = tmp_path / "ramsey.csv"
    path.write_text("s,A(s) (GHz),B(s) (GHz)\n" + "\n".join(rows) + "\n")
    problem = ac.SelectionProblem([h], [[0.0]], beta=1.0)
    run = ac.anneal(problem, tau=tau, schedule=read_dwave_schedule(path), tol=1e-8)
    a = tau * PchipInterpolator(S, later).integrate(0, 1)
    b = tau * PchipInterpolator(S, first).integrate(0, 1)
    expected = (1 + np.sin(2 * np.pi * a) * np.sin(np.pi * b * h)) / 2
    assert run.probabilities[1] == pytest.approx(expected, abs=1e-6)
