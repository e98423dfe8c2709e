"""The annealer's success probability F: against d, and class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.render.figures.sheets import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from annealcam.study.figures.columns import Columns, distinct, reals, rows, where
from annealcam.study.figures.gaps import BEHIND, interval
from annealcam.study.figures.panels import (
    draw_quartiles,
    grid,
    legend_below,
    offsets,
    pairs,
    runs_of,
    scale,
    setting_names,
    settings_of,
    styled,
    title_panel,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TAU_COLOURS = (SKY, BLUE, GREEN, ORANGE, VERMILION, PURPLE)
MOST = 1.3  # drawn of F, for the marks at 1
ALL = "all"  # settings pooled, in the table of fits


def run_panels(
    columns: Columns, title: str, *, x: str, y: str, size: tuple[float, float] = (3.5, 2.9)
) -> tuple[Figure, list[tuple[Axes, Columns]]]:
    """Return a figure with a panel for each run: normalisations below, run times beside each other."""
    runs = runs_of(columns)
    beside = max(sum(other == normalisation for other, _ in runs) for normalisation, _ in runs)
    figure, panels = grid(title, len(runs), beside, size=size, x=x, y=y)
    for axes, (normalisation, tau) in zip(panels, runs, strict=True):
        title_panel(axes, f"τ = {tau:g}, driver {normalisation}")
        axes.grid(True, color="0.92")
    own = [where(columns, normalisation=normalisation, tau=tau) for normalisation, tau in runs]
    return figure, list(zip(panels, own, strict=True))


def success_by_d_figure(columns: Columns, fits: Columns | None = None) -> Figure:
    """Return F against d, a panel for each run: quartiles, guessing, and the fit a exp(-b d).

    Args:
        columns: the table `success_by_d`.
        fits: the table `success_fit`; of several settings the one that pools them is drawn.
    """
    settings = styled(settings_of(columns))
    figure, panels = run_panels(
        columns,
        "Success probability F of one shot against d",
        x="candidates d (qubits)",
        y="success probability F",
    )  # fmt: skip
    low = np.concatenate([reals(columns, "least"), reals(columns, "guess")])
    scale([axes for axes, _ in panels], np.concatenate([low, reals(columns, "largest")]))
    for axes, own in panels:
        for (setting, name, style), aside in zip(settings, offsets(len(settings)), strict=True):
            rows_of_one = where(own, model=setting[0], layer=setting[1])
            d = reals(rows_of_one, "d") + aside
            draw_quartiles(axes, rows_of_one, d, style, label=name)
        draw_by_d(axes, own, "guess", color="black", linestyle=":", label="one uniform guess")
        if fits:
            _draw_fit(axes, own, fits)
        whole_numbers(axes)
    first, _ = panels[0]
    first.set_ylim(top=min(first.get_ylim()[1], MOST))  # a fit may leave what F can be
    legend_below(figure, [axes for axes, _ in panels])
    return figure


def draw_by_d(axes: Axes, columns: Columns, name: str, **style: Any) -> None:
    """Draw a column's mean against d, over all settings, weighted by their images."""
    d, images, values = (reals(columns, column) for column in ("d", "images", name))
    known = np.isfinite(values)
    x = np.unique(d[known])
    y = [np.average(values[known & (d == at)], weights=images[known & (d == at)]) for at in x]
    axes.plot(x, y, **style)


def _draw_fit(axes: Axes, columns: Columns, fits: Columns) -> None:
    """The line, and the band of its slope's interval around the mean d."""
    own = where(fits, normalisation=columns["normalisation"][0], tau=columns["tau"][0])
    several = len(settings_of(columns)) > 1
    found = [row for row in rows(own) if (row["model"] == ALL) == several]
    if len(found) != 1 or found[0]["a"] is None or found[0]["b"] is None:
        return
    fit, d = found[0], reals(columns, "d")
    x = np.linspace(d.min(), d.max(), 60)
    axes.plot(x, fit["a"] * np.exp(-fit["b"] * x), color="0.35", label="fit a exp(-b d)")
    if fit["b_low"] is not None and fit["b_high"] is not None:
        middle = float(np.average(d, weights=reals(columns, "images")))
        ends = [_turned(fit, fit[name], x, middle) for name in ("b_low", "b_high")]
        axes.fill_between(
            x, np.minimum(*ends), np.maximum(*ends), color="0.35", alpha=0.15, linewidth=0,
            label="its slope's 95 % interval",
        )  # fmt: skip
    text = f"b = {interval(fit['b'], fit['b_low'], fit['b_high'])}"
    axes.text(0.03, 0.03, text, transform=axes.transAxes, size=8.5, color="0.3", bbox=BEHIND)


def _turned(
    fit: dict[str, Any], b: float, x: Float[Array, " n"], middle: float
) -> Float[Array, " n"]:
    """The fit with another slope, through the same point at the middle."""
    return fit["a"] * np.exp(-fit["b"] * middle - b * (x - middle))


def success_by_class_figure(columns: Columns) -> Figure:
    """Return F class by class, a panel for each setting and normalisation, run times in colours."""
    keys, names = pairs(columns), setting_names(settings_of(columns))
    classes = [name for (name,) in distinct(columns, "class")]
    taus = sorted({tau for (tau,) in distinct(columns, "tau")})
    wide = 3.3 if len(names) <= 3 else 2.5
    figure, panels = grid(
        "Success probability F of one shot, class by class: median, middle half, least to largest",
        len(keys), len(names), size=(wide, 0.9 + 0.3 * len(classes)), x="success probability F",
    )  # fmt: skip
    scale(panels, np.concatenate([reals(columns, n) for n in ("least", "largest")]), axis="x")
    for axes, (normalisation, setting) in zip(panels, keys, strict=True):
        own = where(columns, model=setting[0], layer=setting[1], normalisation=normalisation)
        title_panel(axes, f"{names[setting]}, driver {normalisation}")
        _draw_classes(axes, own, classes, taus)
    panels[0].set_yticks(range(len(classes)), classes, parse_math=False)
    panels[0].set_ylim(len(classes) - 0.5, -1.1)
    legend_below(figure, panels)
    return figure


def _draw_classes(axes: Axes, columns: Columns, classes: list[str], taus: list[float]) -> None:
    for tau, aside, i in zip(taus, offsets(len(taus), width=0.75), range(len(taus)), strict=True):
        own = where(columns, tau=tau)
        place = np.array([classes.index(name) for name in own["class"]]) + aside
        style = {"color": TAU_COLOURS[i % len(TAU_COLOURS)], "marker": "o"}
        draw_quartiles(axes, own, place, style, label=f"τ = {tau:g}", across=True)
    beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "size": 8}
    axes.text(1.01, -0.85, "d", color="0.35", **beside)
    for name, d in distinct(columns, "class", "d"):
        if d is not None:
            axes.text(1.01, classes.index(name), f"{d:.3g}", **beside)
    axes.grid(True, axis="x", color="0.92")
