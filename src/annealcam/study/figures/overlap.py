"""Overlap of classes: the mean by selector, against the number of maps, and pair by pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.render.figures.sheets import GREEN
from annealcam.study.analysis.results import distinct, numbers, where
from annealcam.study.figures.panels import (
    grid,
    legend_below,
    run_name,
    runs_of,
    selector_style,
    setting_names,
    settings_of,
    title_panel,
    whole_numbers,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

PER_ROW = 3
NULL = "0.8"  # the grey of the null distribution
MATRICES_PER_ROW = 4
MOST_NUMBERED = 12  # classes whose cells are large enough for numbers
MOST_NAMED = 30  # classes whose names are legible
SIDE = 2.9  # of a matrix, in inches


def main_run(table: pa.Table) -> tuple[str, float] | None:
    """Return the annealer's run that represents it: the longest tau with the driver `per_qubit`.

    Without that driver, the longest tau with the first one; None without an annealer.

    >>> import pyarrow
    >>> columns = {"selector": ["anneal"] * 2, "tau": [9, 5]}
    >>> columns["normalisation"] = ["unit", "per_qubit"]
    >>> main_run(pyarrow.table(columns))
    ('per_qubit', 5)
    """
    runs = runs_of(where(table, selector="anneal"))
    drivers = [normalisation for normalisation, _ in runs]
    if not runs:
        return None
    driver = "per_qubit" if "per_qubit" in drivers else drivers[0]
    return [run for run in runs if run[0] == driver][-1]


def main_rows(table: pa.Table) -> pa.Table:
    """Return the rows of the other selectors, and those of the annealer's main run."""
    run = main_run(table)
    others = pc.not_equal(table["selector"], "anneal")
    if run is None:
        return table
    of_run = pc.and_(pc.equal(table["normalisation"], run[0]), pc.equal(table["tau"], run[1]))
    return table.filter(pc.or_kleene(others, of_run))


def overlap_figure(table: pa.Table) -> Figure:
    """Return the mean overlap of different classes with its interval, a line for each selector.

    Grey: the overlap under shuffled labels. Diamonds: the overlap of two halves of one class, which
    is the most to be expected.
    """
    table, run = main_rows(table), main_run(table)
    settings = settings_of(table)
    selectors = [selector for (selector,) in distinct(table, "selector")]
    annealer = f" · annealer: {run_name(*run)}" if run else ""
    figure, panels = grid(
        f"Mean overlap of different classes, 95 % bootstrap intervals{annealer}",
        len(settings), PER_ROW, size=(4.2, 1.0 + 0.34 * len(selectors)),
        x="Bhattacharyya coefficient",
    )  # fmt: skip
    for axes, setting in zip(panels, settings, strict=True):
        _draw_selectors(axes, where(table, model=setting[0], layer=setting[1]), selectors)
        title_panel(axes, setting_names(settings)[setting])
    panels[0].set_yticks(range(len(selectors)), [selector_style(s)[0] for s in selectors])
    panels[0].set_ylim(len(selectors) - 0.5, -0.8)
    panels[0].set_xlim(0, 1.16)
    panels[0].set_xticks(np.arange(0, 1.1, 0.2))
    legend_below(figure, panels)
    return figure


def _draw_selectors(axes: Axes, table: pa.Table, selectors: list[str]) -> None:
    y = np.array([selectors.index(selector) for selector in table["selector"].to_pylist()])
    low, high = numbers(table, "null_low"), numbers(table, "null_high")
    mean, half = numbers(table, "null_mean"), numbers(table, "split_half")
    # A null distribution is often narrower than a line: its mean is drawn as well.
    axes.barh(y, high - low, left=low, height=0.62, color=NULL, label="permuted labels, 95 %")
    axes.vlines(mean, y - 0.31, y + 0.31, color="0.6", linewidth=1.5)
    axes.plot(
        half, y, "D", color=GREEN, fillstyle="none", markersize=6, label="halves of the same class"
    )
    axes.plot([], [], "ko", label="different classes")
    for at, value, row in zip(y, numbers(table, "off_diagonal"), table.to_pylist(), strict=True):
        _, colour, mark = selector_style(row["selector"])
        axes.plot(value, at, mark, color=colour, markersize=6.5, zorder=3)
        if row["low"] is not None and row["high"] is not None:
            axes.hlines(at, row["low"], row["high"], color=colour, linewidth=2.2, zorder=3)
        if row["k"] is not None:
            axes.text(1.15, at, f"{row['k']:.1f}", ha="right", va="center", size=8.5)
    axes.text(1.15, -0.55, "maps k", ha="right", va="center", size=8.5, color="0.35")
    axes.grid(True, axis="x", color="0.92")
    axes.set_axisbelow(True)


def overlap_by_k_figure(table: pa.Table) -> Figure:
    """Return the mean overlap of different classes against the number of maps, by selector.

    Fewer maps overlap less whatever selects them: only selectors at equal k can be compared.
    Bands: 95 % bootstrap intervals.
    """
    settings = settings_of(table)
    figure, panels = grid(
        "Mean overlap of different classes at k maps, of the images that have k candidates",
        len(settings), PER_ROW, size=(4.0, 3.4),
        x="maps selected for each image, k", y="overlap of different classes",
    )  # fmt: skip
    for axes, setting in zip(panels, settings, strict=True):
        of_setting = where(table, model=setting[0], layer=setting[1])
        for (selector,) in distinct(of_setting, "selector"):
            _draw_curve(axes, where(of_setting, selector=selector).sort_by("k"))
        title_panel(axes, setting_names(settings)[setting])
        axes.grid(True, color="0.92")
        whole_numbers(axes)
    panels[0].set_ylim(bottom=0)
    legend_below(figure, panels)
    return figure


def _draw_curve(axes: Axes, table: pa.Table) -> None:
    name, colour, mark = selector_style(table["selector"][0].as_py())
    k = numbers(table, "k")
    axes.plot(k, numbers(table, "overlap"), color=colour, marker=mark, markersize=5, label=name)
    axes.fill_between(
        k, numbers(table, "low"), numbers(table, "high"), color=colour, alpha=0.18, linewidth=0
    )


def matrices_figure(table: pa.Table) -> Figure:
    """Return the overlap of each pair of classes of one setting, on one scale for all selectors.

    The mean over pairs of different classes stands above each panel.
    """
    ((model, layer),) = settings_of(table)
    selectors = [selector for (selector,) in distinct(table, "selector")]
    figure, panels = grid(
        f"Class overlap (Bhattacharyya coefficient of the selected maps) · {model}, layer {layer}",
        len(selectors), MATRICES_PER_ROW, size=(SIDE, SIDE),
    )  # fmt: skip
    classes = [name for (name,) in distinct(table, "class_a")]
    for axes, selector in zip(panels, selectors, strict=True):
        image = _draw_matrix(axes, where(table, selector=selector), classes)
    figure.colorbar(image, ax=panels, label="overlap: 0 no map shared, 1 the same maps", aspect=40)
    return figure


def matrix_of(
    table: pa.Table, classes: list[str], value: str = "overlap"
) -> Float[Array, "classes classes"]:
    """Return the overlaps of one selector as a matrix; NaN where a pair has no row.

    `value` names another column than the overlap.
    """
    matrix = np.full((len(classes), len(classes)), np.nan)
    index = {name: i for i, name in enumerate(classes)}
    a, b = ([index[name] for name in table[side].to_pylist()] for side in ("class_a", "class_b"))
    matrix[a, b] = numbers(table, value)
    return matrix


def _draw_matrix(axes: Axes, table: pa.Table, classes: list[str]) -> AxesImage:
    image = draw_matrix(axes, table, classes)
    matrix = matrix_of(table, classes)
    different = matrix[~np.eye(len(classes), dtype=bool)]
    mean = f"mean {np.nanmean(different):.3f}" if np.isfinite(different).any() else "one class"
    row = table.slice(0, 1).to_pylist()[0]
    run = f", τ = {row['tau']:g}, {row['normalisation']}" if row["tau"] is not None else ""
    title_panel(axes, f"{selector_style(row['selector'])[0]}{run}\n{mean}")
    return image


def draw_matrix(
    axes: Axes, table: pa.Table, classes: list[str], value: str = "overlap"
) -> AxesImage:
    """Draw a value of every pair of classes, between 0 and 1, with the names of few classes."""
    matrix = matrix_of(table, classes, value)
    image = axes.imshow(matrix, vmin=0, vmax=1, cmap="viridis")
    _name_classes(axes, classes)
    if len(classes) <= MOST_NUMBERED:
        _write_numbers(axes, matrix)
    return image


def _name_classes(axes: Axes, classes: list[str]) -> None:
    if len(classes) > MOST_NAMED:
        axes.set(xticks=[], yticks=[], xlabel=f"{len(classes)} classes, in the order of the table")
        return
    names: dict[str, Any] = {"labels": classes, "size": 8, "parse_math": False}
    axes.set_xticks(range(len(classes)), rotation=90, **names)
    axes.set_yticks(range(len(classes)), **names)


def _write_numbers(axes: Axes, matrix: Float[Array, "classes classes"]) -> None:
    """Write two digits in each cell, of a symmetric matrix below the diagonal only."""
    size = min(9.0, 60.0 / len(matrix))
    symmetric = np.allclose(matrix, matrix.T, equal_nan=True)
    for (a, b), overlap in np.ndenumerate(matrix):
        if (a > b or (not symmetric and a != b)) and np.isfinite(overlap):
            text = f"{overlap:.2f}".removeprefix("0")
            colour = "black" if overlap > 0.6 else "white"
            axes.text(b, a, text, ha="center", va="center", size=size, color=colour)
