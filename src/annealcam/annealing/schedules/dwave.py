"""Schedules from files: those that D-Wave publishes for its annealers, and plain tables.

An annealer of D-Wave has, with energies E of an Ising problem or of the same QUBO,

    H / h = -A(s) / 2 sum_p sigma_x^p + B(s) / 2 E,   A and B in GHz, h = Planck's constant.

With hbar = 1 and times in ns that is A(s) = pi A_GHz before H_D = -sum_p sigma_x^p, and
B(s) = pi B_GHz before E: so a schedule read here has energies in rad/ns, of which 2 pi are a GHz.
"""

from __future__ import annotations

import csv
import math
import re
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.errors import ArgumentError, ScheduleError

_COLUMNS = {"s": r"[su]", "A": r"a(\([su]\))?", "B": r"b(\([su]\))?"}
_UNIT = r"\s*[(\[](?P<unit>[^)\]]+)[)\]]"


def read_dwave_schedule(path: str | PathLike[str]) -> Schedule:
    """Return the schedule of a D-Wave annealer, from the CSV that D-Wave publishes for it.

    The file has columns `s`, `A(s) (GHz)` and `B(s) (GHz)`; others, such as `C (normalized)`, are
    left alone. Between its points the schedule is smooth (PCHIP). tau is then in ns, A and B in
    rad/ns (pi times the file's GHz), for the normalisation `dwave`: driver -sum sigma_x. B(0) is small
    but not zero, and kept so.

    Raises:
        ScheduleError: the file cannot be read, or is no such table.

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
        raise ScheduleError(f"{path}: A and B have no unit; the header must say (GHz)")
    return schedule


def read_schedule(path: str | PathLike[str]) -> Schedule:
    """Return the schedule of a CSV file: D-Wave's, or plain columns u (or s), A and B.

    A and B without a unit are straight lines between the points, in the problem's own energies.

    Raises:
        ScheduleError: the file cannot be read, or is no such table.
    """
    units, table = _columns(path, _rows(path))
    physical = units["A"] == units["B"] == "ghz"
    if not physical and any(units.values()):
        raise ScheduleError(f"{path}: units of A and B must be GHz, or none; not {units}")
    try:
        return Schedule.from_table(
            _snapped(table[:, 0]),
            table[:, 1] * (math.pi if physical else 1.0),
            table[:, 2] * (math.pi if physical else 1.0),
            interpolation="smooth" if physical else "linear",
            name=str(path),
            energy_unit="rad/ns" if physical else "",
            time_unit="ns" if physical else "",
        )
    except ArgumentError as error:
        raise ScheduleError(f"{path}: {error}") from None


def _rows(path: str | PathLike[str]) -> list[list[str]]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ScheduleError(f"{path}: cannot be read ({reason})") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = [
        [cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=delimiter)
    ]
    if delimiter != ",":  # where the comma is the decimal point
        rows = [rows[0], *([cell.replace(",", ".") for cell in row] for row in rows[1:])]
    return [row for row in rows if any(row)]


def _columns(
    path: str | PathLike[str], rows: list[list[str]]
) -> tuple[dict[str, str], Float[Array, "n 3"]]:
    """The unit of A and of B, in lower case, and the columns s, A and B."""
    found = {}
    for name, pattern in _COLUMNS.items():
        named = re.compile(f"{pattern}({_UNIT})?", re.IGNORECASE)
        at = [(i, match) for i, c in enumerate((rows or [[]])[0]) if (match := named.fullmatch(c))]
        if len(at) != 1:
            raise ScheduleError(
                f"{path}: {'no' if not at else 'more than one'} column {name} in its first line; "
                "a schedule has columns s, A(s) (GHz), B(s) (GHz)"
            )
        found[name] = at[0][0], (at[0][1]["unit"] or "").strip().lower()
    table = []
    for line, row in enumerate(rows[1:], start=2):
        try:
            table.append([float(row[column]) for column, _ in found.values()])
        except (ValueError, IndexError):
            raise ScheduleError(f"{path}: row {line} has no number for each of s, A, B") from None
    return {name: found[name][1] for name in "AB"}, np.array(table).reshape(-1, 3)


def _snapped(s: Float[Array, " n"]) -> Float[Array, " n"]:
    """The same, with ends that are 0 and 1 but for rounding made 0 and 1."""
    s = s.copy()
    for end, value in ((0, 0.0), (-1, 1.0)):
        if s.size and abs(s[end] - value) <= 1e-6:
            s[end] = value
    return s
