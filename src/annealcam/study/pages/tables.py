"""Sortable tables: the text of each cell, and its sort key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from annealcam.study.analysis.annealing import ALL
from annealcam.study.analysis.results import Results, filled
from annealcam.study.analysis.rows import QUARTILES
from annealcam.study.claims.claims import spread
from annealcam.study.claims.markdown import OVERLAP_TERMS
from annealcam.study.figures.panels import (
    interval,
    run_name,
    selector_style,
    setting_names,
    settings_of,
)
from annealcam.study.pages.text import UNKNOWN, figure_of, real


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
    return (
        Cell("", None)
        if normalisation is None or tau is None
        else Cell(run_name(normalisation, tau), tau)
    )


def overlap_table(results: Results) -> Table | None:
    """Return the overlaps of every selector and setting."""
    table = filled(results, "overlap")
    if table is None:
        return None
    low = table["threshold"][0].as_py()
    zero = "zero pairs" if low is None else f"pairs below {low:g}"
    head = (
        "network", "selector", "run", "maps k", "overlap [95 %]", "shuffled labels [95 %]", "p",
        zero, "split half", "ratio", "redundancy", "carried",
    )  # fmt: skip
    names = setting_names(settings_of(table))
    body = (
        (word(names[row["model"], row["layer"]]), word(selector_style(row["selector"])[0]),
         run_cell(row["normalisation"], row["tau"]), *_overlap_cells(row))
        for row in table.to_pylist()
    )  # fmt: skip
    return _table(
        OVERLAP_TERMS, head, body, words=3, several=len(names) > 1,
    )  # fmt: skip


def _overlap_cells(row: dict[str, Any]) -> tuple[Cell, ...]:
    null = {"off_diagonal": row["null_mean"], "low": row["null_low"], "high": row["null_high"]}
    return (
        figure(row["k"], ".1f"),
        Cell(spread(row), real(row["off_diagonal"])),
        Cell(spread(null), real(row["null_mean"])),
        figure(row["p_value"]),
        figure(row["zero_share"], ".0%"),
        figure(row["split_half"], ".3f"),
        figure(row["ratio"], ".2f"),
        figure(row["redundancy"], ".3f"),
        figure(row["carried"], ".1%"),
    )


def gap_table(results: Results) -> Table | None:
    """Return the minimum gaps of each setting and driver."""
    table = filled(results, "gap_summary")
    if table is None:
        return None
    head = (
        "network", "driver", "problems", "least", "lower quartile", "median", "upper quartile",
        "largest", "inside the run", "formula applies", "b of a exp(-b d) [95 %]",
    )  # fmt: skip
    names = setting_names(settings_of(table))
    body = (
        (word(names[row["model"], row["layer"]]), word(row["normalisation"]), figure(row["images"]),
         *(figure(row[name]) for name in QUARTILES),
         figure(row["interior_share"], ".0%"), figure(row["landau_zener_share"], ".0%"),
         _slope(row, "fit_b"))
        for row in table.to_pylist()
    )  # fmt: skip
    return _table(
        "The minimum gap of each problem, in units of its energies. The formula is Landau and "
        "Zener's.", head, body, words=2, several=len(names) > 1,
    )  # fmt: skip


def fit_table(results: Results) -> Table | None:
    """Return the rate at which the success probability falls with d, for each run."""
    table = filled(results, "success_fit")
    if table is None:
        return None
    settings = [setting for setting in settings_of(table) if setting[0] != ALL]
    names = {**setting_names(settings), (ALL, ALL): "all together"}
    body = (
        (word(names[row["model"], row["layer"]]), run_cell(row["normalisation"], row["tau"]),
         figure(row["images"]), figure(row["a"]), _slope(row, "b"))
        for row in table.to_pylist()
    )  # fmt: skip
    return _table(
        "The success probability F of one shot, fitted by a exp(-b d); a uniform guess falls with "
        "b = 0.693.", ("network", "run", "problems", "a", "b [95 %]"), body,
        words=2, several=len(names) > 2,
    )  # fmt: skip


def class_table(results: Results) -> Table | None:
    """Return the success probability class by class, in each run."""
    table = filled(results, "success_by_class")
    if table is None:
        return None
    head = ("network", "class", "run", "photos", "mean d", "least", "lower quartile", "median F",
            "upper quartile", "largest")  # fmt: skip
    names = setting_names(settings_of(table))
    body = (
        (word(names[row["model"], row["layer"]]), word(row["class"]),
         run_cell(row["normalisation"], row["tau"]), figure(row["images"]), figure(row["d"]),
         *(figure(row[name]) for name in QUARTILES))
        for row in table.to_pylist()
    )  # fmt: skip
    return _table(
        "Success probability F of one shot, class by class.", head, body, words=3,
        several=len(names) > 1,
    )  # fmt: skip


def _slope(row: dict[str, Any], name: str) -> Cell:
    b, low, high = (real(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
    return Cell(UNKNOWN, None) if b is None else Cell(interval(b, low, high), b)


def _table(
    caption: str,
    head: Sequence[str],
    body: Iterable[tuple[Cell, ...]],
    *,
    words: int,
    several: bool,
) -> Table:
    """Return the table, without its first column if there is only one network."""
    first = 0 if several else 1
    return Table(caption, tuple(head[first:]), tuple(row[first:] for row in body), words - first)
