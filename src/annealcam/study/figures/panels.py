"""Parts that the figures of a study share: a grid of panels, names of things, and marks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import cycle, product
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.text import number
from annealcam._internal.types import Array
from annealcam.render.figures.sheets import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LETTERS_PER_INCH,
    LOG_FROM,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    empty_sheet,
    legend,
    open_frame,
)
from annealcam.study.analysis.results import Setting, distinct, numbers
from annealcam.study.analysis.rows import QUARTILES

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 110
PER_ROW = 6
MANY_DECADES = 1e3
LEAST_WIDTH = 6.5
LEGEND_MARK = 8  # letters that fit into a mark and the space around it
_SETTING_STYLES: tuple[dict[str, Any], ...] = tuple(
    {"color": colour, "marker": marker}
    for colour, marker in zip((BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY), "osD^vP", strict=True)
)
SELECTOR_STYLES = {
    "anneal": ("annealer", SKY, "P"),
    "exact": ("exact optimum", BLUE, "o"),
    "topk_alpha": ("top-k by alpha, same k", VERMILION, "s"),
    "topk_contribution": ("top-k by contribution, same k", ORANGE, "^"),
    "random": ("random maps, same k", GREY, "x"),
    "positive": ("all positive maps", GREEN, "D"),
    "gradcam": ("Grad-CAM's weights", PURPLE, "v"),
    "gradcam++": ("Grad-CAM++'s weights", BLACK, "*"),
    "evidence_exact": ("evidence optimum", BLACK, "h"),
    "evidence_annealer": ("annealer on evidence", PURPLE, "X"),
    "topk_alignment": ("top-k by alignment", GREEN, "p"),
}


def selector_style(selector: str) -> tuple[str, str, str]:
    """Return the name of a selector in figures, its colour and its mark.

    >>> selector_style("exact")[0], selector_style("mine")[0]
    ('exact optimum', 'mine')
    """
    return SELECTOR_STYLES.get(selector, (selector, BLACK, "."))


def setting_names(settings: Sequence[Setting]) -> dict[Setting, str]:
    """Return a name for each model and layer, without the part that is equal in all of them.

    >>> setting_names([("paper-16", "block"), ("paper-24", "block")])[("paper-24", "block")]
    'paper-24'
    >>> list(setting_names([("digits", "a"), ("digits", "b")]).values())
    ['a', 'b']
    """
    models, layers = ({setting[i] for setting in settings} for i in (0, 1))
    if len(layers) == 1:
        return {setting: setting[0] for setting in settings}
    if len(models) == 1:
        return {setting: setting[1] for setting in settings}
    return {setting: f"{setting[0]}, {setting[1]}" for setting in settings}


def styled(settings: Sequence[Setting]) -> list[tuple[Setting, str, dict[str, Any]]]:
    """Return each setting with its name, colour and mark; these repeat after six."""
    names = setting_names(settings)
    styles = cycle(_SETTING_STYLES)
    return [(setting, names[setting], next(styles)) for setting in settings]


def stem(*parts: str) -> str:
    """Return a file name that every file system accepts.

    >>> stem("overlap_matrix", "net/18:é", "block.1")
    'overlap_matrix-net_18__-block.1'
    """
    return "-".join(re.sub(r"[^A-Za-z0-9._+-]", "_", part)[:60] for part in parts)


def settings_of(table: pa.Table) -> list[Setting]:
    """Return the models and layers of a table, in their order."""
    return [(model, layer) for model, layer in distinct(table, "model", "layer")]


def runs_of(table: pa.Table) -> list[tuple[str, float]]:
    """Return the annealer's runs: normalisations in the table's order, each with ascending tau."""
    runs = distinct(table, "normalisation", "tau")
    order = list(dict.fromkeys(normalisation for normalisation, _ in runs))
    return sorted(runs, key=lambda run: (order.index(run[0]), run[1]))


def run_name(normalisation: str, tau: float) -> str:
    """Return the name of a run of the annealer.

    >>> run_name("per_qubit", 50.0)
    'τ = 50, driver per_qubit'
    """
    return f"τ = {tau:g}, driver {normalisation}"


def interval(value: float, low: float | None, high: float | None) -> str:
    """Return an estimate and, if it is known, its interval.

    >>> interval(0.35, 0.3, 0.41), interval(0.35, None, None)
    ('0.35 [0.3, 0.41]', '0.35')
    """
    if low is None or high is None:
        return number(value)
    return f"{number(value)} [{number(low)}, {number(high)}]"


def pairs(table: pa.Table) -> list[tuple[str, Setting]]:
    """Return normalisations and settings, a row of panels for each normalisation."""
    normalisations = [normalisation for (normalisation,) in distinct(table, "normalisation")]
    return list(product(normalisations, settings_of(table)))


def grid(
    title: str, count: int, per_row: int, *, size: tuple[float, float], x: str = "", y: str = ""
) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` panels that share their axes, at most six in a row.

    Args:
        title: of the figure.
        count: number of panels, which fill row after row.
        per_row: most panels in a row.
        size: of a panel, in inches.
        x, y: labels of the axes, written below the lowest panels and left of the first ones.
    """
    columns = min(per_row, PER_ROW, count)
    lines = -(-count // columns)
    width, height = max(columns * size[0], LEAST_WIDTH), lines * size[1]
    figure = empty_sheet(title, width=width, height=height + 0.9, dpi=DPI)
    panels = list(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes in panels[count:]:
        axes.remove()
    for place, axes in enumerate(panels[:count]):
        open_frame(axes)
        lowest = place + columns >= count
        axes.tick_params(labelbottom=lowest)
        axes.set_xlabel(x if lowest else "")
        axes.set_ylabel(y if place % columns == 0 else "")
    return figure, panels[:count]


def legend_below(figure: Figure, panels: Sequence[Axes]) -> None:
    """Draw one legend below the panels, in as many columns as fit the figure."""
    labels = [label for axes in panels for label in axes.get_legend_handles_labels()[1]]
    letters = LETTERS_PER_INCH * float(figure.get_figwidth())
    fitting = int(letters / (max(map(len, labels)) + LEGEND_MARK))
    legend(figure, *panels, ncols=max(1, min(fitting, len(set(labels)))))


def title_panel(axes: Axes, text: str) -> None:
    """Write a panel's title literally: names may contain dollars."""
    axes.set_title(text, fontsize=9.5, loc="left", parse_math=False)


def whole_numbers(axes: Axes) -> None:
    """Write only whole numbers below the panel."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def scale(panels: Sequence[Axes], values: Float[Array, " n"], *, axis: str = "y") -> bool:
    """Make the axes logarithmic if the values span decades; return whether they do."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    positive = values[np.isfinite(values) & (values > 0)]
    wide = len(positive) > 0 and float(positive.max() / positive.min()) > LOG_FROM
    if wide:
        # Plain numbers without minor ticks are quicker to read, and to draw.
        few = float(positive.max() / positive.min()) < MANY_DECADES
        for axes in panels:
            (axes.set_yscale if axis == "y" else axes.set_xscale)("log")
            ticks = axes.yaxis if axis == "y" else axes.xaxis
            ticks.set_major_locator(LogLocator(subs=(1.0, 3.0) if few else (1.0,)))
            ticks.set_minor_locator(NullLocator())
            ticks.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    return wide


def short(value: float) -> str:
    """Return a short text for the number at a tick.

    >>> short(0.01), short(0.0003), short(30.0)
    ('0.01', '3e-4', '30')
    """
    text = f"{value:.0e}" if 0 < value < 0.001 else f"{value:g}"
    return text.replace("e-0", "e-")


def offsets(count: int, *, width: float = 0.5) -> Float[Array, " count"]:
    """Return small horizontal offsets, so that marks at one value do not hide each other.

    >>> offsets(1), offsets(2)
    (array([0.]), array([-0.1,  0.1]))
    """
    step = min(0.2, width / count)
    return step * (np.arange(count) - (count - 1) / 2)


def draw_quartiles(
    axes: Axes, table: pa.Table, at: Float[Array, " rows"], style: dict[str, Any], **more: Any
) -> None:
    """Draw a thin line from the least to the largest value, a thick middle half, and the median."""
    horizontal = more.pop("horizontal", False)
    line = axes.hlines if horizontal else axes.vlines
    least, q25, median, q75, largest = (numbers(table, name) for name in QUARTILES)
    line(at, least, largest, color=style["color"], linewidth=0.8)
    line(at, q25, q75, color=style["color"], linewidth=3.2, alpha=0.55)
    xy = (median, at) if horizontal else (at, median)
    axes.plot(*xy, linestyle="none", markersize=4.5, **style, **more)
