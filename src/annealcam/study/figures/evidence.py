"""Selectors by evidence: fidelity, constraints, pointing, the random classifier, and matrices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from annealcam.render.figures.sheets import BLUE, GREY, ORANGE
from annealcam.study.analysis.results import distinct, numbers, where
from annealcam.study.figures.gaps import gap_by_d_figure
from annealcam.study.figures.overlap import draw_matrix
from annealcam.study.figures.panels import (
    grid,
    legend_below,
    offsets,
    run_name,
    selector_style,
    setting_names,
    settings_of,
    title_panel,
    whole_numbers,
)
from annealcam.study.figures.success import success_by_d_figure

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PER_ROW = 3
SIDE = 2.9  # of a matrix, in inches
CONSTRAINTS = {"penalty": ("penalty", ORANGE, "s"), "centred penalty": ("centred", BLUE, "o")}


def fidelity_figure(table: pa.Table) -> Figure:
    """Return the mean fidelity against the number of maps, a line for each selector."""
    settings = settings_of(table)
    figure, panels = grid(
        "Fidelity: cosine of what the selected maps draw with the evidence for the class",
        len(settings), PER_ROW, size=(4.0, 3.4), x="maps selected for each image, k",
        y="fidelity, mean over images",
    )  # fmt: skip
    for axes, setting in zip(panels, settings, strict=True):
        of_setting = where(table, model=setting[0], layer=setting[1])
        selectors = [selector for (selector,) in distinct(of_setting, "selector")]
        for selector, shift in zip(selectors, offsets(len(selectors), width=0.4), strict=True):
            some = where(of_setting, selector=selector).sort_by("k")
            name, colour, mark = selector_style(selector)
            k, mean, low, high = (numbers(some, n) for n in ("k", "fidelity", "low", "high"))
            axes.errorbar(
                k + shift, mean, [mean - low, high - mean], color=colour, marker=mark,
                markersize=5, linewidth=1, label=name,
            )  # fmt: skip
        title_panel(axes, setting_names(settings)[setting])
        axes.grid(True, color="0.92")
        whole_numbers(axes)
    legend_below(figure, panels)
    return figure


def constraints_figure(table: pa.Table) -> Figure:
    """Return F with a penalty over F in the subspace of k maps, a line for each run and k."""
    settings = settings_of(table)
    keys = distinct(table, "k", "normalisation", "tau")
    figure, panels = grid(
        "Evidence problems: F with the best penalty, over F of the XY driver on exactly k maps",
        len(settings), PER_ROW, size=(4.6, 1.1 + 0.34 * len(keys)),
        x="ratio of F, geometric mean with 95 % interval",
    )  # fmt: skip
    for axes, setting in zip(panels, settings, strict=True):
        some = where(table, model=setting[0], layer=setting[1])
        for (kind, style), shift in zip(CONSTRAINTS.items(), (-0.12, 0.12), strict=True):
            _draw_ratios(axes, where(some, constraint=kind), keys, style, shift)
        axes.axvline(1.0, color="0.6", linewidth=1)
        axes.grid(True, axis="x", color="0.92")
        title_panel(axes, setting_names(settings)[setting])
    panels[0].set_yticks(range(len(keys)), [f"k = {k}, {run_name(n, tau)}" for k, n, tau in keys])
    panels[0].set_ylim(len(keys) - 0.5, -0.5)
    panels[0].set_xlim(left=0)
    legend_below(figure, panels)
    return figure


def _draw_ratios(
    axes: Axes, table: pa.Table, keys: list[tuple[Any, ...]], style: tuple[str, str, str],
    shift: float,
) -> None:  # fmt: skip
    name, colour, mark = style
    at = [keys.index(key) + shift for key in zip(
        *(table[column].to_pylist() for column in ("k", "normalisation", "tau")), strict=True
    )]  # fmt: skip
    axes.hlines(at, numbers(table, "low"), numbers(table, "high"), color=colour, linewidth=2)
    label = "energy as written" if name == "penalty" else "centred energy"
    axes.plot(numbers(table, "ratio"), at, mark, color=colour, markersize=5, label=label)


def checks_figure(table: pa.Table, value: str, title: str, x: str, chance: float) -> Figure:
    """Return the mean of a check with its interval, a line for each selector and k.

    Args:
        table: with the columns `low` and `high`.
        value: name of the column of means.
        title: of the figure.
        x: label of the axis.
        chance: where a line shows what a map without any knowledge of the class has.
    """
    settings = settings_of(table)
    keys = distinct(table, "selector", "k")
    figure, panels = grid(
        title, len(settings), PER_ROW, size=(4.2, 1.0 + 0.26 * len(keys)), x=x
    )  # fmt: skip
    for axes, setting in zip(panels, settings, strict=True):
        axes.axvline(chance, color=GREY, linestyle=":", linewidth=1)
        for row in where(table, model=setting[0], layer=setting[1]).to_pylist():
            _, colour, mark = selector_style(row["selector"])
            at = keys.index((row["selector"], row["k"]))
            axes.hlines(at, row["low"], row["high"], color=colour, linewidth=2)
            axes.plot(row[value], at, mark, color=colour, markersize=5.5)
        axes.grid(True, axis="x", color="0.92")
        title_panel(axes, setting_names(settings)[setting])
    names = [selector_style(s)[0].removesuffix(", same k") for s, _ in keys]
    sizes = ["" if k is None else f", k = {k}" for _, k in keys]
    labels = [name + size for name, size in zip(names, sizes, strict=True)]
    panels[0].set_yticks(range(len(keys)), labels)
    panels[0].set_ylim(len(keys) - 0.5, -0.5)
    return figure


def pointing_figure(table: pa.Table) -> Figure:
    """Return the mean share of the map in the photo's own half, by selector; dotted: chance."""
    return checks_figure(
        table, "pointing", "Grid pointing: share of the map on the photo of the explained class, "
        "beside one of another class", "share in the own half", 0.5,
    )  # fmt: skip


def random_classifier_figure(table: pa.Table) -> Figure:
    """Return the rank correlation with maps under a random classifier, by selector."""
    return checks_figure(
        table, "rank_correlation", "Rank correlation of maps with those under a classifier of "
        "random weights", "Spearman's rank correlation", 0.0,
    )  # fmt: skip


def matrices(table: pa.Table, value: str, title: str, label: str) -> Figure:
    """Return a matrix of pairs of classes for each setting, number of maps and selector."""
    names = setting_names(settings_of(table))
    keys = distinct(table, "model", "layer", "k", "selector")
    per_row = next((n for n in (4, 5, 6, 3) if len(keys) % n == 0), 5)
    figure, panels = grid(title, len(keys), per_row, size=(SIDE, SIDE + 0.25))
    for axes in panels[: (len(keys) - 1) // per_row * per_row]:
        axes.tick_params(labelbottom=False)  # names below a panel need the room of the next row
    for axes, (model, layer, k, selector) in zip(panels, keys, strict=True):
        some = where(table, model=model, layer=layer, k=k, selector=selector)
        classes = sorted({name for side in ("class_a", "class_b") for name in
                          some[side].to_pylist()})  # fmt: skip
        image = draw_matrix(axes, some, classes, value)
        different = numbers(some, value)[
            np.array(some["class_a"].to_pylist()) != np.array(some["class_b"].to_pylist())
        ]
        several = f"{names[model, layer]}: " if len(names) > 1 else ""
        size = "" if k is None else f", k = {k}"
        about = selector_style(selector)[0].removesuffix(", same k")
        mean = f"mean {different.mean():.3f}" if len(different) else "one class"
        title_panel(axes, f"{several}{about}{size}\n{mean}")
    figure.colorbar(image, ax=panels, label=label, aspect=40)
    return figure


def pointing_matrix_figure(table: pa.Table) -> Figure:
    """Return the share in the own half for each pair of classes; the class of the row is shown."""
    return matrices(
        table, "pointing", "Grid pointing: share of the map of the class in the row on its own "
        "photo, beside one of the class in the column", "share in the own half; chance 0.5",
    )  # fmt: skip


def evidence_overlap_figure(table: pa.Table) -> Figure:
    """Return the overlap of each pair of classes, by number of maps and selector."""
    return matrices(
        table, "overlap", "Class overlap (Bhattacharyya coefficient of the selected maps)",
        "overlap: 0 no map shared, 1 the same maps",
    )  # fmt: skip


def of_evidence(make: Callable[..., Figure | None]) -> Callable[..., Figure | None]:
    """Return a function that makes a figure of the study's problems for the evidence problems."""

    def figure(*tables: pa.Table) -> Figure | None:
        drawn = make(*tables)
        if drawn is not None:
            drawn.suptitle(f"Evidence problems · {drawn.get_suptitle()}")
        return drawn

    return figure


gap_figure = of_evidence(gap_by_d_figure)
success_figure = of_evidence(partial(success_by_d_figure, guess_each=True))
