"""Mean overlap of different classes: by selector, and against the number of selected maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annealcam.render.figures.sheets import GREEN
from annealcam.study.figures.columns import Columns, distinct, reals, rows, where
from annealcam.study.figures.panels import (
    grid,
    legend_below,
    selector_style,
    setting_names,
    settings_of,
    sorted_runs,
    title_panel,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PER_ROW = 3
NULL = "0.8"  # its grey


def main_run(columns: Columns) -> tuple[str, float] | None:
    """Return the annealer's run that stands for it: the longest tau of the normalisation `per_qubit`,
    else of the first normalisation; None without an annealer.

    >>> table = {"selector": ["anneal"] * 2, "normalisation": ["unit", "per_qubit"], "tau": [50.0, 10.0]}
    >>> main_run(table)
    ('per_qubit', 10.0)
    """
    runs = sorted_runs(distinct(where(columns, selector="anneal"), "normalisation", "tau"))
    return next((run for run in reversed(runs) if run[0] == "per_qubit"), None) or (
        [run for run in runs if run[0] == runs[0][0]][-1] if runs else None
    )


def one_row_each(columns: Columns) -> Columns:
    """Return the rows of the other selectors, and those of the annealer's main run."""
    run = main_run(columns)
    keep = {(None, None), run}
    kept = [
        i
        for i, row in enumerate(rows(columns))
        if row["selector"] != "anneal" or (row["normalisation"], row["tau"]) in keep
    ]
    return {name: [column[i] for i in kept] for name, column in columns.items()}


def overlap_figure(columns: Columns) -> Figure:
    """Return the mean overlap of different classes with its interval, one row a selector.

    Grey: what classes that mean nothing would give (permuted labels). Diamonds: the overlap of two
    halves of the same class, which is the most that could be expected.
    """
    shown, run = one_row_each(columns), main_run(columns)
    settings = settings_of(shown)
    selectors = [selector for (selector,) in distinct(shown, "selector")]
    told = f" · annealer: τ = {run[1]:g}, driver {run[0]}" if run and run[1] is not None else ""
    figure, panels = grid(
        f"Mean overlap of different classes, 95 % bootstrap intervals{told}",
        len(settings), PER_ROW, size=(4.2, 1.0 + 0.34 * len(selectors)),
        x="Bhattacharyya coefficient",
    )  # fmt: skip
    for axes, setting in zip(panels, settings, strict=True):
        _draw_rows(axes, where(shown, model=setting[0], layer=setting[1]), selectors)
        title_panel(axes, setting_names(settings)[setting])
    panels[0].set_yticks(range(len(selectors)), [selector_style(s)[0] for s in selectors])
    panels[0].set_ylim(len(selectors) - 0.5, -0.8)
    panels[0].set_xlim(0, 1.16)
    panels[0].set_xticks(np.arange(0, 1.1, 0.2))
    legend_below(figure, panels)
    return figure


def _draw_rows(axes: Axes, columns: Columns, selectors: list[str]) -> None:
    place = np.array([selectors.index(selector) for selector in columns["selector"]])
    low, high = reals(columns, "null_low"), reals(columns, "null_high")
    value, half = reals(columns, "off_diagonal"), reals(columns, "split_half")
    # A null is often narrower than a line: its mean is drawn as well.
    axes.barh(place, high - low, left=low, height=0.62, color=NULL, label="permuted labels, 95 %")
    axes.vlines(reals(columns, "null_mean"), place - 0.31, place + 0.31, color="0.6", linewidth=1.5)
    axes.plot(
        half, place, "D", color=GREEN, fillstyle="none", markersize=6,
        label="halves of the same class",
    )  # fmt: skip
    axes.plot([], [], "ko", label="different classes")
    for y, v, row in zip(place, value, rows(columns), strict=True):
        _, colour, mark = selector_style(row["selector"])
        axes.plot(v, y, mark, color=colour, markersize=6.5, zorder=3)
        if row["low"] is not None and row["high"] is not None:
            axes.hlines(y, row["low"], row["high"], color=colour, linewidth=2.2, zorder=3)
        if row["k"] is not None:
            axes.text(1.15, y, f"{row['k']:.1f}", ha="right", va="center", size=8.5)
    axes.text(1.15, -0.55, "maps k", ha="right", va="center", size=8.5, color="0.35")
    axes.grid(True, axis="x", color="0.92")
    axes.set_axisbelow(True)


def overlap_by_k_figure(columns: Columns) -> Figure:
    """Return the mean overlap of different classes against the number of maps, a curve a selector.

    Fewer maps overlap less whoever selects them: only selectors at the same k can be compared.
    Bands: 95 % bootstrap intervals.
    """
    settings = settings_of(columns)
    figure, panels = grid(
        "Mean overlap of different classes at k maps, of the images that have k candidates",
        len(settings), PER_ROW, size=(4.0, 3.4),
        x="maps selected of each image, k", y="overlap of different classes",
    )  # fmt: skip
    for axes, setting in zip(panels, settings, strict=True):
        own = where(columns, model=setting[0], layer=setting[1])
        for (selector,) in distinct(own, "selector"):
            _draw_curve(axes, where(own, selector=selector))
        title_panel(axes, setting_names(settings)[setting])
        axes.grid(True, color="0.92")
        whole_numbers(axes)
    panels[0].set_ylim(bottom=0)
    legend_below(figure, panels)
    return figure


def _draw_curve(axes: Axes, columns: Columns) -> None:
    name, colour, mark = selector_style(columns["selector"][0])
    k, order = reals(columns, "k"), np.argsort(columns["k"], kind="stable")
    style: dict[str, Any] = {"color": colour, "marker": mark, "markersize": 5, "label": name}
    axes.plot(k[order], reals(columns, "overlap")[order], **style)
    low, high = reals(columns, "low")[order], reals(columns, "high")[order]
    axes.fill_between(k[order], low, high, color=colour, alpha=0.18, linewidth=0)
