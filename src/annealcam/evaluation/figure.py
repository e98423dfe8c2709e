"""The figure of an evaluation: a panel for each metric, with a row for each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from annealcam.attribution.cam import CAM_METHODS
from annealcam.evaluation.methods import LABELS
from annealcam.evaluation.scores import METRICS, ON_GRIDS
from annealcam.evaluation.table import Line
from annealcam.render.figures.sheets import BLUE, GREY, VERMILION, empty_sheet, legend, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PER_ROW, LEAST_WIDTH = 4, 7.0
SELECTING = "methods that select maps"
KINDS: dict[str, tuple[str, str]] = {  # a colour, and a marker that does not rely on colour vision
    SELECTING: (BLUE, "o"),
    "methods that weight all maps": (VERMILION, "s"),
    "reference maps, independent of the network": (GREY, "D"),
}
ARROWS = {"higher": "better →", "lower": "← better", None: "cannot rank methods"}


def evaluation_figure(
    lines: Sequence[Line],
    sizes: Mapping[str, float | None],
    *,
    title: str,
    link: str = "softmax",
) -> Figure:
    """Return the means of all methods with their intervals, a panel for each metric.

    The dashed line marks the mean of the first method. Grey methods do not depend on the network; a
    grey stroke marks the value by chance: the overlap under shuffled classes, or the share of a
    uniform map in a cell of a grid. "no value" marks a missing mean.

    Args:
        lines: the table of an evaluation, with at least one method and metric.
        sizes: mean number of maps behind each method's result; None for the reference maps.
        title: of the figure.
        link: of the network, for the units.

    >>> line = Line("gradcam", "kept", 9, 0, 0.8, 0.7, 0.9, None, None, None)
    >>> evaluation_figure([line], {"gradcam": 611.5}, title="9 photos").axes[0].get_title("left")
    'kept   better →'
    """
    metrics = list(dict.fromkeys(line.metric for line in lines))
    methods = list(dict.fromkeys(line.method for line in lines))
    rows = -(-len(metrics) // PER_ROW)
    columns = -(-len(metrics) // rows)
    figure = empty_sheet(
        title,
        width=max(1.8 + 2.6 * columns, LEAST_WIDTH),
        height=1.1 + rows * (0.8 + 0.27 * len(methods)),
    )
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for unused in panels[len(metrics) :]:
        unused.remove()
    for axes, metric in zip(panels, metrics, strict=False):
        open_frame(axes)
        _draw(axes, [line for line in lines if line.metric == metric], methods, sizes)
        axes.set_title(f"{metric}   {ARROWS[METRICS[metric].better]}", size=9.5, loc="left")
        axes.set_xlabel(METRICS[metric].unit_of(link), size=8.5)
    panels[0].set_yticks(range(len(methods)), [_label(name, sizes[name]) for name in methods])
    panels[0].set_ylim(len(methods) - 0.5, -0.5)
    _legend(figure, panels[: len(metrics)], methods, sizes)
    return figure


def _draw(
    axes: Axes, lines: Sequence[Line], methods: Sequence[str], sizes: Mapping[str, float | None]
) -> None:
    """Draw one metric: a marker and an interval for each method."""
    first = next((line.mean for line in lines if line.method == methods[0]), None)
    if first is not None:
        axes.axvline(first, color="0.55", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    for line in lines:
        place = methods.index(line.method)
        colour, mark = KINDS[_kind(line.method, sizes)]
        if line.mean is None:
            axes.text(
                0.02, place, "no value", transform=axes.get_yaxis_transform(), va="center",
                size=7.5, color="0.45", style="italic", backgroundcolor="white", zorder=2,
            )  # fmt: skip
            continue
        if line.low is not None and line.high is not None:
            axes.hlines(place, line.low, line.high, color=colour, linewidth=2.2, zorder=3)
        axes.plot(line.mean, place, mark, color=colour, markersize=5.5, zorder=4)
        if line.null is not None:
            axes.vlines(line.null, place - 0.3, place + 0.3, color="0.6", linewidth=2, zorder=2)
    axes.grid(True, axis="x", color="0.92")
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8.5)
    axes.locator_params(axis="x", nbins=5)
    if all(line.mean is None for line in lines):
        axes.set_xticks([])


def _kind(method: str, sizes: Mapping[str, float | None]) -> str:
    selecting, weighting, reference = KINDS
    if sizes[method] is None:
        return reference
    return weighting if method in CAM_METHODS else selecting


def _label(method: str, size: float | None) -> str:
    label = LABELS[method]
    return label if size is None else f"{label} ({size:.4g} maps)"


def _legend(
    figure: Figure,
    panels: Sequence[Axes],
    methods: Sequence[str],
    sizes: Mapping[str, float | None],
) -> None:
    """Draw the legend below the panels: kinds of methods, and the meaning of the lines."""
    from matplotlib.lines import Line2D

    kinds = {_kind(method, sizes) for method in methods}
    handles: dict[str, Any] = {
        kind: Line2D([], [], color=colour, marker=mark, markersize=5.5, linewidth=2.2)
        for kind, (colour, mark) in KINDS.items()
        if kind in kinds
    }
    handles[f"mean of {LABELS[methods[0]]}"] = Line2D([], [], color="0.55", linestyle=(0, (4, 3)))
    titles = [axes.get_title("left").split()[0] for axes in panels]
    chance = {
        "overlap of shuffled classes": "overlap" in titles,
        "share of a uniform map": bool(set(titles) & set(ON_GRIDS)),
    }
    for meaning in (text for text, shown in chance.items() if shown):
        handles[meaning] = Line2D(
            [], [], color="0.6", marker="|", linestyle="none", markersize=9, markeredgewidth=2
        )
    legend(figure, ncols=3 if figure.get_figwidth() > LEAST_WIDTH else 2, **handles)
