"""Tables of results: pyarrow tables with one row for each point, bar or cell of a figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float
from pyarrow import csv

from annealcam._internal.types import Array

Results: TypeAlias = Mapping[str, pa.Table]  # tables by name
Setting: TypeAlias = tuple[str, str]  # a model and one of its layers

_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(
        ("model", "layer", "selector", "normalisation", "class", "class_a", "class_b", "image",
         "hardest_image", "unit"), pa.string()
    ),
    **dict.fromkeys(
        ("d", "images", "shots", "clusters", "classes", "grids", "units", "maps"), pa.int64()
    ),
    **dict.fromkeys(("interior", "landau_zener_applies"), pa.bool_()),
}  # fmt: skip


def schema(*names: str, **types: pa.DataType) -> pa.Schema:
    """Return the schema of a table of results; a column is a float unless its name has a type.

    >>> schema("model", "d", "gap").types
    [DataType(string), DataType(int64), DataType(double)]
    """
    known = _TYPES | types
    return pa.schema([(name, known.get(name, pa.float64())) for name in names])


def results_table(columns: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a table; NaN becomes null.

    >>> results_table(schema("d", "gap"), [{"d": np.int64(4), "gap": np.nan}]).to_pylist()
    [{'d': 4, 'gap': None}]
    """
    rows = list(rows)
    arrays = [
        pa.array([row[field.name] for row in rows], field.type, from_pandas=True)
        for field in columns
    ]
    return pa.Table.from_arrays(arrays, schema=columns)


def filled(results: Results, name: str) -> pa.Table | None:
    """Return the table of that name if it has rows.

    >>> filled({"gaps": schema("d").empty_table()}, "gaps"), filled({}, "gaps")
    (None, None)
    """
    table = results.get(name)
    return table if table is not None and table.num_rows else None


def where(table: pa.Table, **equal: Any) -> pa.Table:
    """Return the rows in which all named columns have these values.

    >>> where(pa.table({"d": [3, 4, 3], "F": [0.1, 0.2, 0.3]}), d=3)["F"].to_pylist()
    [0.1, 0.3]
    """
    for name, value in equal.items():
        column = table[name]
        table = table.filter(pc.is_null(column) if value is None else pc.equal(column, value))
    return table


def distinct(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    """Return the combinations of values in some columns, in the order of their first row.

    >>> distinct(pa.table({"d": [4, 3, 4], "tau": [1.0, 1.0, 1.0]}), "d", "tau")
    [(4, 1.0), (3, 1.0)]
    """
    return list(dict.fromkeys(zip(*(table[name].to_pylist() for name in names), strict=True)))


def numbers(table: pa.Table, name: str) -> Float[Array, " rows"]:
    """Return a column of numbers, NaN where it is null.

    >>> numbers(pa.table({"gap": [0.5, None]}), "gap")
    array([0.5, nan])
    """
    return np.array(table[name].cast(pa.float64()).to_numpy())


def write_csv(table: pa.Table, file: Path) -> None:
    """Write a table as CSV: null as nothing, floats with all their digits."""
    csv.write_csv(table, str(file))
