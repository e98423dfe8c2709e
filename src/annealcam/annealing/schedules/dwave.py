"""Schedules from files: those that D-Wave publishes for its annealers, and plain tables.

The Hamiltonian of an annealer of D-Wave, with the energies E of an Ising model or QUBO, is

    H / h = -A(s) / 2 sum_p sigma_x^p + B(s) / 2 E,   A and B in GHz, h = Planck's constant.

With hbar = 1 and time in ns, the factor of H_D = -sum_p sigma_x^p is A(s) = pi A_GHz and that of E
is B(s) = pi B_GHz. So the schedules read here have energies in rad/ns, and 1 GHz is 2 pi rad/ns.
"""

from __future__ import annotations

import csv
import math
import re
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Float

from annealcam._internal.storage.reading import reading, text_of
from annealcam._internal.types import Array
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.errors import ArgumentError, ScheduleError
from annealcam.qubo.files.reading import checked_path

_COLUMNS = {"s": r"[su]", "A": r"a(\([su]\))?", "B": r"b(\([su]\))?"}
WORKBOOKS = (".xlsx", ".xls", ".ods")
_ROUNDING = 1e-5  # depth to which a published curve may dip below zero, as a share of its maximum
_UNIT = r"\s*[(\[](?P<unit>[^)\]]+)[)\]]"


def read_dwave_schedule(path: str | PathLike[str]) -> Schedule:
    """Read the schedule of a D-Wave annealer from the CSV file that D-Wave publishes for it.

    The file has the columns `s`, `A(s) (GHz)` and `B(s) (GHz)`; other columns are ignored. Between
    its points the schedule is smooth (PCHIP). tau is in ns, and A and B are in rad/ns (pi times the
    file's GHz), for the driver normalisation `dwave`: H_D = -sum_p sigma_x^p. B(0) is small but not
    zero, as in the file.

    Raises:
        ScheduleError: the file cannot be read, or is not such a table.

    Source: D-Wave, "Annealing Implementation and Controls", eq. 2; "Per-QPU Solver Properties and
        Schedules".

    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "annealer.csv"
    >>> _ = path.write_text("s,A(s) (GHz),B(s) (GHz)\\n0,8.0,0.2\\n0.5,1.0,4.0\\n1,0.0,8.0\\n")
    >>> schedule = read_dwave_schedule(path)
    >>> (schedule.A(0.0) / np.pi).round(9), schedule.energy_unit, schedule.time_unit
    (np.float64(8.0), 'rad/ns', 'ns')
    """
    schedule = read_schedule(path)
    if not schedule.energy_unit:
        raise ScheduleError(
            f"{path}: A and B have no unit; if they are in GHz, change the first line to "
            "s,A(s) (GHz),B(s) (GHz)"
        )
    return schedule


def read_schedule(path: str | PathLike[str]) -> Schedule:
    """Read a schedule from a CSV file: D-Wave's, or one with the columns u (or s), A and B.

    Without a unit, A and B are linear between the points, and are in the problem's own energies.
    Where a published curve dips below zero by rounding (1e-5 of its maximum), it is set to zero,
    and the schedule's name records it, such as `FILE.csv (A: 3 values below 0 set to 0)`.

    Raises:
        ScheduleError: the file cannot be read, or is not such a table.
    """
    units, table = _columns(path, _rows(checked_path(path)))
    physical = units["A"] == units["B"] == "ghz"
    if not physical and any(units.values()):
        raise ScheduleError(f"{path}: A and B must both be in GHz, or have no unit; not {units}")
    clipped = {name: _clipped(table[:, column]) for column, name in ((1, "A"), (2, "B"))}
    notes = [f"{name}: {n} values below 0 set to 0" for name, n in clipped.items() if n]
    scale = math.pi if physical else 1.0
    try:
        with np.errstate(over="ignore"):  # infinity is refused
            table[:, 1:] *= scale
        return Schedule.from_table(
            _snapped(table[:, 0]),
            table[:, 1],
            table[:, 2],
            interpolation="smooth" if physical else "linear",
            name=f"{path} ({'; '.join(notes)})" if notes else str(path),
            energy_unit="rad/ns" if physical else "",
            time_unit="ns" if physical else "",
        )
    except ArgumentError as error:
        raise ScheduleError(f"{path}: {error}") from None


def _clipped(column: Float[Array, " n"]) -> int:
    """Set values below zero to zero in place if all are rounding only, and return their number."""
    below = column < 0
    if not below.any() or column.min() < -_ROUNDING * np.abs(column).max():
        return 0
    column[below] = 0.0
    return int(below.sum())


def _rows(path: str | PathLike[str]) -> list[list[str]]:
    suffix = Path(path).suffix.lower()
    if suffix in WORKBOOKS:
        raise ScheduleError(
            f"{path}: is a {suffix[1:]} workbook; save the sheet with s, A and B as CSV"
        )
    with reading(path, error=ScheduleError):
        text = text_of(path)
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        cells = csv.reader(text.splitlines(), delimiter=delimiter)
        rows = [[cell.strip() for cell in row] for row in cells]
    if delimiter != ",":  # then a comma is the decimal point
        rows = [rows[0], *([cell.replace(",", ".") for cell in row] for row in rows[1:])]
    return [row for row in rows if any(row)]


def _columns(
    path: str | PathLike[str], rows: list[list[str]]
) -> tuple[dict[str, str], Float[Array, "n 3"]]:
    """Return the units of A and B in lower case, and the columns s, A and B."""
    header = rows[0] if rows else []
    columns, units = [], {}
    for name, pattern in _COLUMNS.items():
        title = re.compile(f"{pattern}({_UNIT})?", re.IGNORECASE)
        matches = [(i, match) for i, cell in enumerate(header) if (match := title.fullmatch(cell))]
        if len(matches) != 1:
            raise ScheduleError(
                f"{path}: the first line has {'more than one' if matches else 'no'} column {name}; "
                "a schedule has the columns s, A(s) (GHz), B(s) (GHz)"
            )
        column, match = matches[0]
        columns.append(column)
        units[name] = (match["unit"] or "").strip().lower()
    table = []
    for line, row in enumerate(rows[1:], start=2):
        try:
            table.append([float(row[column]) for column in columns])
        except (ValueError, IndexError):
            raise ScheduleError(f"{path}: row {line} lacks a number for s, A or B") from None
    return {name: units[name] for name in "AB"}, np.array(table).reshape(-1, 3)


def _snapped(s: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return s with its ends set to 0 and 1 where they differ by rounding only."""
    s = s.copy()
    for end, value in ((0, 0.0), (-1, 1.0)):
        if s.size and abs(s[end] - value) <= 1e-6:
            s[end] = value
    return s
