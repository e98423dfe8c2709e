"""The table as plain arrays, and tables of answers as plain lists."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.types import Array

if TYPE_CHECKING:
    import pyarrow as pa

Value: TypeAlias = str | int | float | bool | None
Columns: TypeAlias = dict[str, list[Value]]  # of equal lengths

QUARTILES = ("least", "q25", "median", "q75", "largest")
_WORDS = ("model", "layer", "image", "target", "selector", "normalisation")
_NUMBERS = (
    "draw", "cardinality", "tau", "d", "k", "optimal", "relevance", "redundancy", "carried",
    "success_probability", "shots", "best_of_shots", "guess", "guess_best", "gap", "gap_s",
    "final_gap", "gap_interior", "landau_zener_applies", "landau_zener",
)  # fmt: skip
_LISTS = ("selected", "weights")


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a study: words (None where null), numbers (NaN where null), and lists."""

    of: Mapping[str, Array]

    @classmethod
    def from_table(cls, table: pa.Table) -> Rows:
        """Return the columns that the analysis reads, rows in an order that no shard decides."""
        order = [(name, "ascending") for name in (*_WORDS, "tau", "cardinality", "draw")]
        table = table.select([*_WORDS, *_NUMBERS, *_LISTS]).sort_by(order)
        of = {name: _objects(table[name].to_pylist()) for name in (*_WORDS, *_LISTS)}
        of |= {name: _numbers(table[name]) for name in _NUMBERS}
        return cls(of)

    def __getitem__(self, name: str) -> Array:
        return self.of[name]

    def __len__(self) -> int:
        return len(self.of["image"])

    def where(self, chosen: Bool[Array, " rows"] | Int[Array, " some"]) -> Rows:
        """Return some of the rows."""
        return Rows({name: values[chosen] for name, values in self.of.items()})

    def where_known(self, name: str) -> Rows:
        """Return the rows that have a number in a column."""
        return self.where(~np.isnan(self[name]))

    def numbered(self, *names: str) -> Int[Array, " rows"]:
        """Return a number for each row, equal where the rows agree in some columns."""
        number: dict[tuple[Any, ...], int] = {}
        keys = zip(*(self[name] for name in names), strict=True)
        return np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)

    def groups(self, *names: str) -> Iterator[tuple[tuple[Any, ...], Rows]]:
        """Yield the rows that agree in some columns, with what they agree in, ascending."""
        members: dict[tuple[Any, ...], list[int]] = {}
        for i, key in enumerate(zip(*(self[name].tolist() for name in names), strict=True)):
            members.setdefault(tuple(_plain(v) for v in key), []).append(i)
        for key in sorted(members, key=lambda k: [(v is not None, v) for v in k]):
            yield key, self.where(np.array(members[key]))


def free(rows: Rows) -> Rows:
    """Return the rows whose number of maps was left to the selector."""
    return rows.where(np.isnan(rows["cardinality"]))


def columns(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Columns:
    """Return rows as columns of plain values; NaN becomes None.

    >>> columns(["d", "gap"], [{"d": np.int64(4), "gap": 0.5}, {"d": 5, "gap": np.nan}])
    {'d': [4, 5], 'gap': [0.5, None]}
    """
    table: Columns = {name: [] for name in names}
    for row in rows:
        for name in names:
            table[name].append(_plain(row[name]))
    return table


def quartiles(values: Float[Array, " n"]) -> dict[str, float]:
    """Return the least, the quartiles and the largest.

    >>> quartiles(np.arange(5.0))
    {'least': 0.0, 'q25': 1.0, 'median': 2.0, 'q75': 3.0, 'largest': 4.0}
    """
    return dict(zip(QUARTILES, np.quantile(values, [0, 0.25, 0.5, 0.75, 1]).tolist(), strict=True))


def known_mean(values: Float[Array, " n"]) -> float:
    """Return the mean of what is known; NaN where nothing is.

    >>> known_mean(np.array([1.0, np.nan, 2.0]))
    1.5
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _plain(value: Any) -> Any:
    """A value without numpy, NaN as None."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and math.isnan(value) else value


def _objects(values: Sequence[Any]) -> Array:
    array = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):  # at once, numpy would make a matrix of lists
        array[i] = value
    return array


def _numbers(column: pa.ChunkedArray) -> Float[Array, " rows"]:
    return np.array([math.nan if v is None else v for v in column.to_pylist()], dtype=np.float64)
