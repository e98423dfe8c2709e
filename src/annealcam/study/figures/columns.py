"""Columns: a table as a dict of lists, and as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.errors import OutputError

Columns = dict[str, list[Any]]
Setting = tuple[str, str]  # a model and one of its layers

# A class may be called "7" and a layer "1": these are never numbers.
_TEXT = frozenset(
    {"model", "layer", "selector", "normalisation", "class", "class_a", "class_b", "image",
     "hardest_image"}
)  # fmt: skip
_TRUTH = {"true": True, "false": False}


def filled(columns: Columns | None) -> bool:
    """Return whether there is any row.

    >>> filled({"d": []}), filled({"d": [3]}), filled(None)
    (False, True, False)
    """
    return bool(columns) and all(len(column) > 0 for column in (columns or {}).values())


def where(columns: Columns, **equal: Any) -> Columns:
    """Return the rows in which all named columns have these values.

    >>> where({"d": [3, 4, 3], "F": [0.1, 0.2, 0.3]}, d=3)
    {'d': [3, 3], 'F': [0.1, 0.3]}
    """
    kept = [
        i
        for i, row in enumerate(zip(*(columns[name] for name in equal), strict=True))
        if row == tuple(equal.values())
    ]
    return {name: [column[i] for i in kept] for name, column in columns.items()}


def rows(columns: Columns) -> list[dict[str, Any]]:
    """Return each row as a dict.

    >>> rows({"d": [3, 4]})
    [{'d': 3}, {'d': 4}]
    """
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def distinct(columns: Columns, *names: str) -> list[tuple[Any, ...]]:
    """Return the different combinations of some columns, in the order of their first row.

    >>> distinct({"d": [4, 3, 4], "tau": [1.0, 1.0, 1.0]}, "d", "tau")
    [(4, 1.0), (3, 1.0)]
    """
    return list(dict.fromkeys(zip(*(columns[name] for name in names), strict=True)))


def reals(columns: Columns, name: str) -> Float[Array, " rows"]:
    """Return a column of numbers, NaN where it holds None.

    >>> reals({"gap": [0.5, None]}, "gap")
    array([0.5, nan])
    """
    return np.array([np.nan if v is None else v for v in columns[name]], dtype=float)


def write_csv(columns: Columns, path: Path) -> None:
    """Write the columns, exactly: None as nothing, floats with all their digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow([_written(value) for value in row])


def read_csv(path: Path) -> Columns:
    """Return columns as `write_csv` wrote them.

    Raises:
        OutputError: the file cannot be read, or is no such table.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            names, *lines = list(csv.reader(file))
        parsers = [_parser(name) for name in names]
        cells = [[p(v) for p, v in zip(parsers, line, strict=True)] for line in lines]
    except (OSError, ValueError, csv.Error) as error:
        raise OutputError(f"{path}: no table of a figure ({error})") from error
    return {name: [row[i] for row in cells] for i, name in enumerate(names)}


def _written(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def _parser(name: str) -> Callable[[str], Any]:
    return (lambda text: text or None) if name in _TEXT else _value


def _value(text: str) -> Any:
    """None, a truth, a whole number or a real one."""
    if not text or text in _TRUTH:
        return _TRUTH.get(text)
    try:
        return int(text)
    except ValueError:
        return float(text)
