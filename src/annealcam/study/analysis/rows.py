"""The table of a study as numpy arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.types import Array
from annealcam.study.analysis.results import numbers

if TYPE_CHECKING:
    import pyarrow as pa

QUARTILES = ("least", "q25", "median", "q75", "largest")
_TEXTS = ("model", "layer", "image", "target", "selector", "normalisation", "constraint")
_NUMBERS = (
    "draw", "channels", "cardinality", "tau", "dead", "candidates_in_all", "d", "k", "optimal",
    "relevance", "redundancy", "carried", "fidelity", "success_probability", "shots",
    "best_of_shots", "guess", "guess_best", "gap", "gap_s", "final_gap", "gap_interior",
    "landau_zener_applies", "landau_zener",
)  # fmt: skip
_LISTS = ("selected", "weights", "candidates", "h")


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a study: texts (None where null), numbers (NaN where null), and lists."""

    arrays: Mapping[str, Array]

    @classmethod
    def from_table(cls, table: pa.Table) -> Rows:
        """Return the columns that the analysis reads, in an order independent of the shards."""
        order = [(name, "ascending") for name in (*_TEXTS, "tau", "cardinality", "draw", "d")]
        table = table.select([*_TEXTS, *_NUMBERS, *_LISTS]).sort_by(order)
        arrays = {name: _objects(table[name].to_pylist()) for name in (*_TEXTS, *_LISTS)}
        return cls(arrays | {name: numbers(table, name) for name in _NUMBERS})

    def __repr__(self) -> str:
        return f"Rows({len(self)} rows)"

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __len__(self) -> int:
        return len(self.arrays["image"])

    def where(self, chosen: Bool[Array, " rows"] | Int[Array, " some"]) -> Rows:
        """Return some of the rows."""
        return Rows({name: values[chosen] for name, values in self.arrays.items()})

    def where_known(self, name: str) -> Rows:
        """Return the rows that have a number in a column."""
        return self.where(~np.isnan(self[name]))

    def numbered(self, *names: str) -> Int[Array, " rows"]:
        """Return a number for each row, equal where the rows agree in some columns."""
        number: dict[tuple[Any, ...], int] = {}
        keys = zip(*(self[name] for name in names), strict=True)
        return np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)

    def groups(self, *names: str) -> Iterator[tuple[tuple[Any, ...], Rows]]:
        """Yield the common values and the rows of each group that agrees in some columns."""
        members: dict[tuple[Any, ...], list[int]] = {}
        for i, key in enumerate(zip(*(self[name].tolist() for name in names), strict=True)):
            members.setdefault(tuple(None if v != v else v for v in key), []).append(i)
        for key in sorted(members, key=lambda k: [(v is not None, v) for v in k]):
            yield key, self.where(np.array(members[key]))


def free(rows: Rows) -> Rows:
    """Return the rows whose number of maps was chosen by the selector."""
    return rows.where(np.isnan(rows["cardinality"]))


def quartiles(values: Float[Array, " n"]) -> dict[str, float]:
    """Return the least value, the quartiles and the largest value.

    >>> quartiles(np.arange(5.0))
    {'least': 0.0, 'q25': 1.0, 'median': 2.0, 'q75': 3.0, 'largest': 4.0}
    """
    return dict(zip(QUARTILES, np.quantile(values, [0, 0.25, 0.5, 0.75, 1]).tolist(), strict=True))


def known_mean(values: Float[Array, " n"]) -> float:
    """Return the mean of the values that are not NaN; NaN if there are none.

    >>> known_mean(np.array([1.0, np.nan, 2.0]))
    1.5
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _objects(values: Sequence[Any]) -> Array:
    array = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):  # at once, numpy would make a matrix of lists
        array[i] = value
    return array
