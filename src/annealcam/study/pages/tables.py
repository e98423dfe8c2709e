"""Sortable tables: the text of each cell, and its sort key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annealcam.study.analysis.annealing import ALL
from annealcam.study.analysis.results import Results, filled
from annealcam.study.analysis.rows import QUARTILES
from annealcam.study.claims.claims import Row, null_spread, spread
from annealcam.study.claims.markdown import OVERLAP_TERMS
from annealcam.study.figures.panels import (
    interval,
    run_name,
    selector_style,
    setting_names,
    settings_of,
)
from annealcam.study.pages.text import UNKNOWN, figure_of, real

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Cell:
    """A cell: its text, and the number or word by which it is sorted (None: last)."""

    text: str
    key: float | str | None


@dataclass(frozen=True)
class Table:
    """A table with its caption; the first `words` columns of `head` hold words."""

    caption: str
    head: tuple[str, ...]
    body: tuple[tuple[Cell, ...], ...]
    words: int = 1


def figure(value: Any, form: str = "") -> Cell:
    """Return the cell of a number.

    >>> figure(0.1234567, ".2f"), figure(None)
    (Cell(text='0.12', key=0.1234567), Cell(text='–', key=None))
    """
    return Cell(figure_of(value, form), value if isinstance(value, int) else real(value))


def word(text: Any) -> Cell:
    """Return the cell of a text."""
    return Cell(str(text), str(text))


def truth(value: Any) -> Cell:
    """Return the cell of a yes or a no; a dash if it is unknown."""
    if value is None:
        return Cell(UNKNOWN, None)
    return Cell("yes" if value else "no", 1.0 if value else 0.0)


def run_cell(normalisation: str | None, tau: float | None) -> Cell:
    """Return the cell of a run of the annealer, sorted by its time."""
    if normalisation is None or tau is None:
        return Cell("", None)
    return Cell(run_name(normalisation, tau), tau)


def overlap_table(results: Results) -> Table | None:
    """Return the overlaps of every selector and setting."""
    table = filled(results, "overlap")
    if table is None:
        return None
    threshold = table["threshold"][0].as_py()
    columns = (
        ("selector", lambda row: word(selector_style(row["selector"])[0])),
        ("run", _run),
        ("maps k", _number("k", ".1f")),
        ("overlap [95 %]", lambda row: Cell(spread(row), real(row["off_diagonal"]))),
        ("shuffled labels [95 %]", lambda row: Cell(null_spread(row), real(row["null_mean"]))),
        ("p", _number("p_value")),
        ("zero pairs" if threshold is None else f"pairs below {threshold:g}",
         _number("zero_share", ".0%")),
        ("split half", _number("split_half", ".3f")),
        ("ratio", _number("ratio", ".2f")),
        ("redundancy", _number("redundancy", ".3f")),
        ("carried", _number("carried", ".1%")),
    )  # fmt: skip
    return _table(table, OVERLAP_TERMS, columns, words=2)


def gap_table(results: Results) -> Table | None:
    """Return the minimum gaps of each setting and driver."""
    caption = (
        "The minimum gap of each problem, in units of its energies. The formula is Landau and "
        "Zener's. The median falls with the number of candidates as a exp(-b d)."
    )
    columns = (
        ("driver", lambda row: word(row["normalisation"])),
        ("problems", _number("images")),
        *_quartiles("median"),
        ("inside the run", _number("interior_share", ".0%")),
        ("formula applies", _number("landau_zener_share", ".0%")),
        ("b [95 %]", _slope("fit_b")),
    )
    return _table(filled(results, "gap_summary"), caption, columns, words=1)


def fit_table(results: Results) -> Table | None:
    """Return the rate at which the success probability falls with d, for each run."""
    caption = (
        "The success probability F of one shot, fitted by a exp(-b d); a uniform guess falls with "
        "b = 0.693."
    )
    columns = (
        ("run", _run), ("problems", _number("images")), ("a", _number("a")),
        ("b [95 %]", _slope("b")),
    )  # fmt: skip
    return _table(filled(results, "success_fit"), caption, columns, words=1)


def maps_table(results: Results) -> Table | None:
    """Return the success probability by the number of feature maps; None if all have as many."""
    table = filled(results, "success_by_maps")
    if table is None or len(set(table["maps"].to_pylist())) < 2:
        return None
    columns = (
        ("feature maps N_f", _number("maps")), ("run", _run), ("problems", _number("images")),
        ("mean d", _number("d", ".1f")), *_quartiles("median F"), ("one guess", _number("guess")),
    )  # fmt: skip
    caption = "Success probability F of one shot, by the number of feature maps of the layer."
    return _table(table, caption, columns, words=0)


def class_table(results: Results) -> Table | None:
    """Return the success probability by class, for each run."""
    columns = (
        ("class", lambda row: word(row["class"])), ("run", _run), ("photos", _number("images")),
        ("mean d", _number("d")), *_quartiles("median F"),
    )  # fmt: skip
    caption = "Success probability F of one shot, class by class."
    return _table(filled(results, "success_by_class"), caption, columns, words=2)


def _number(name: str, form: str = "") -> Callable[[Row], Cell]:
    return lambda row: figure(row[name], form)


def _quartiles(median: str) -> list[tuple[str, Callable[[Row], Cell]]]:
    heads = ("least", "lower quartile", median, "upper quartile", "largest")
    return [(head, _number(name)) for head, name in zip(heads, QUARTILES, strict=True)]


def _run(row: Row) -> Cell:
    return run_cell(row["normalisation"], row["tau"])


def _slope(name: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        b, low, high = (real(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
        return Cell(UNKNOWN, None) if b is None else Cell(interval(b, low, high), b)

    return cell


def _table(
    table: pa.Table | None,
    caption: str,
    columns: Sequence[tuple[str, Callable[[Row], Cell]]],
    *,
    words: int,
) -> Table | None:
    """Return a table of these columns, with the network first if there are several."""
    if table is None:
        return None
    settings = [setting for setting in settings_of(table) if setting[0] != ALL]
    names = {**setting_names(settings), (ALL, ALL): "all together"}
    if len(settings) > 1:
        network = ("network", lambda row: word(names[row["model"], row["layer"]]))
        columns, words = (network, *columns), words + 1
    body = tuple(tuple(cell(row) for _, cell in columns) for row in table.to_pylist())
    return Table(caption, tuple(head for head, _ in columns), body, words)
