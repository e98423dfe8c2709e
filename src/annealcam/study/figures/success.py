"""The success of the annealing: F against d and by class, the best of many shots, Landau-Zener."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.render.figures.sheets import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from annealcam.study.analysis.annealing import ALL
from annealcam.study.analysis.results import distinct, numbers, where
from annealcam.study.figures.gaps import BEHIND
from annealcam.study.figures.panels import (
    draw_quartiles,
    grid,
    interval,
    legend_below,
    offsets,
    pairs,
    run_name,
    runs_of,
    scale,
    setting_names,
    settings_of,
    styled,
    title_panel,
    whole_numbers,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TAU_COLOURS = (SKY, BLUE, GREEN, ORANGE, VERMILION, PURPLE)
MOST = 1.3  # upper end of the axis of F, above the marks at 1


def run_panels(
    table: pa.Table, title: str, *, x: str, y: str, size: tuple[float, float] = (3.5, 2.9)
) -> tuple[Figure, list[tuple[Axes, pa.Table]]]:
    """Return a figure with a panel for each run: a row for each driver, a column for each tau."""
    runs = runs_of(table)
    per_row = max(Counter(normalisation for normalisation, _ in runs).values())
    figure, panels = grid(title, len(runs), per_row, size=size, x=x, y=y)
    for axes, run in zip(panels, runs, strict=True):
        title_panel(axes, run_name(*run))
        axes.grid(True, color="0.92")
    tables = [where(table, normalisation=normalisation, tau=tau) for normalisation, tau in runs]
    return figure, list(zip(panels, tables, strict=True))


def success_by_d_figure(
    table: pa.Table, fits: pa.Table | None = None, *, guess_each: bool = False
) -> Figure:
    """Return F against d, a panel for each run: quartiles, guessing, and the fit a exp(-b d).

    Args:
        table: `success_by_d`.
        fits: `success_fit`; of several settings the fit to all of them together is drawn.
        guess_each: draw the guess of each setting in its colour, not the mean over settings.
    """
    settings = styled(settings_of(table))
    figure, panels = run_panels(
        table,
        "Success probability F of one shot against d",
        x="candidates d (qubits)",
        y="success probability F",
    )  # fmt: skip
    low = np.concatenate([numbers(table, "least"), numbers(table, "guess")])
    scale([axes for axes, _ in panels], np.concatenate([low, numbers(table, "largest")]))
    for axes, of_run in panels:
        for (setting, name, style), offset in zip(settings, offsets(len(settings)), strict=True):
            some = where(of_run, model=setting[0], layer=setting[1])
            draw_quartiles(axes, some, numbers(some, "d") + offset, style, label=name)
            if guess_each:
                draw_by_d(axes, some, "guess", color=style["color"], linestyle=":")
        label: dict[str, Any] = {"color": "black", "linestyle": ":", "label": "one uniform guess"}
        if guess_each:
            axes.plot([], [], **label)
        else:
            draw_by_d(axes, of_run, "guess", **label)
        if fits is not None:
            _draw_fit(axes, of_run, fits)
        whole_numbers(axes)
    first, _ = panels[0]
    first.set_ylim(top=min(first.get_ylim()[1], MOST))  # a fit may exceed 1
    legend_below(figure, [axes for axes, _ in panels])
    return figure


def draw_by_d(axes: Axes, table: pa.Table, name: str, **style: Any) -> None:
    """Draw a column's mean against d, over all settings, weighted by their images."""
    d, images, values = (numbers(table, column) for column in ("d", "images", name))
    known = np.isfinite(values)
    x = np.unique(d[known])
    y = [np.average(values[known & (d == at)], weights=images[known & (d == at)]) for at in x]
    axes.plot(x, y, **style)


def _draw_fit(axes: Axes, table: pa.Table, fits: pa.Table) -> None:
    """Draw the fitted line, and the band of its slope's interval around the mean d."""
    run = {name: table[name][0].as_py() for name in ("normalisation", "tau")}
    several = len(settings_of(table)) > 1
    of_run = where(fits, **run).to_pylist()
    matching = [row for row in of_run if (row["model"] == ALL) == several]
    if len(matching) != 1 or matching[0]["a"] is None or matching[0]["b"] is None:
        return
    fit, d = matching[0], numbers(table, "d")
    x = np.linspace(d.min(), d.max(), 60)
    axes.plot(x, fit["a"] * np.exp(-fit["b"] * x), color="0.35", label="fit a exp(-b d)")
    if fit["b_low"] is not None and fit["b_high"] is not None:
        middle = float(np.average(d, weights=numbers(table, "images")))
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


def success_by_maps_figure(table: pa.Table) -> Figure | None:
    """Return F against N_f, the number of feature maps of the layer, a panel for each run.

    None if all networks have as many maps.
    """
    sizes = sorted({maps for (maps,) in distinct(table, "maps")})
    if len(sizes) < 2:
        return None
    settings = styled(settings_of(table))
    figure, panels = run_panels(
        table,
        "Success probability F of one shot against the number of feature maps",
        x="feature maps of the layer, N_f (mean d)",
        y="success probability F",
    )
    low = np.concatenate([numbers(table, "least"), numbers(table, "guess")])
    scale([axes for axes, _ in panels], np.concatenate([low, numbers(table, "largest")]))
    for axes, of_run in panels:
        places = np.array([sizes.index(maps) for maps in of_run["maps"].to_pylist()], dtype=float)
        keys = list(zip(of_run["model"].to_pylist(), of_run["layer"].to_pylist(), strict=True))
        for setting, name, style in settings:
            rows = [i for i, key in enumerate(keys) if key == setting]
            draw_quartiles(axes, of_run.take(rows), places[rows], style, label=name)
        axes.plot(places, numbers(of_run, "guess"), "k_", markersize=14, label="one uniform guess")
        axes.set_xticks(range(len(sizes)), [_size_label(of_run, maps) for maps in sizes])
        axes.set_xlim(-0.6, len(sizes) - 0.4)
    legend_below(figure, [axes for axes, _ in panels])
    return figure


def _size_label(table: pa.Table, maps: int) -> str:
    """Return the number of maps, and below it the mean number of candidates of its networks."""
    d = numbers(where(table, maps=maps), "d")
    known = ", ".join(f"{mean:.1f}" for mean in d[np.isfinite(d)])
    return f"{maps}\nd {known}" if known else str(maps)


def success_by_class_figure(table: pa.Table) -> Figure:
    """Return F by class, a panel for each setting and driver, with run times in colours."""
    keys, names = pairs(table), setting_names(settings_of(table))
    classes = [name for (name,) in distinct(table, "class")]
    taus = sorted({tau for (tau,) in distinct(table, "tau")})
    wide = 3.3 if len(names) <= 3 else 2.5
    figure, panels = grid(
        "Success probability F of one shot, class by class: median, middle half, least to largest",
        len(keys), len(names), size=(wide, 0.9 + 0.3 * len(classes)), x="success probability F",
    )  # fmt: skip
    scale(panels, np.concatenate([numbers(table, n) for n in ("least", "largest")]), axis="x")
    for axes, (normalisation, setting) in zip(panels, keys, strict=True):
        some = where(table, model=setting[0], layer=setting[1], normalisation=normalisation)
        title_panel(axes, f"{names[setting]}, driver {normalisation}")
        _draw_classes(axes, some, classes, taus)
    panels[0].set_yticks(range(len(classes)), classes, parse_math=False)
    panels[0].set_ylim(len(classes) - 0.5, -1.1)
    legend_below(figure, panels)
    return figure


def _draw_classes(axes: Axes, table: pa.Table, classes: list[str], taus: list[float]) -> None:
    for i, (tau, offset) in enumerate(zip(taus, offsets(len(taus), width=0.75), strict=True)):
        some = where(table, tau=tau)
        y = np.array([classes.index(name) for name in some["class"].to_pylist()]) + offset
        style = {"color": TAU_COLOURS[i % len(TAU_COLOURS)], "marker": "o"}
        draw_quartiles(axes, some, y, style, label=f"τ = {tau:g}", horizontal=True)
    beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "size": 8}
    axes.text(1.01, -0.85, "d", color="0.35", **beside)
    for name, d in distinct(table, "class", "d"):
        if d is not None:
            axes.text(1.01, classes.index(name), f"{d:.3g}", **beside)
    axes.grid(True, axis="x", color="0.92")


def best_of_shots_figure(table: pa.Table) -> Figure:
    """Return the probability that the best of the shots is optimal against d, and of guessing.

    Crosses: the share of the problems whose selection in this run was optimal.
    """
    settings = styled(settings_of(table))
    figure, panels = run_panels(
        table,
        "The best of all shots against as many uniform guesses",
        x="candidates d (qubits)",
        y="probability to find the optimum",
    )
    for axes, of_run in panels:
        for setting, name, style in settings:
            some = where(of_run, model=setting[0], layer=setting[1])
            d, colour = numbers(some, "d"), style["color"]
            axes.plot(d, numbers(some, "best_of_shots"), markersize=5, label=name, **style)
            axes.plot(d, numbers(some, "optimal_share"), "x", color=colour, markersize=6)
        draw_by_d(axes, of_run, "guess_best", color="black", linestyle=":", label="as many guesses")
        axes.plot([], [], "x", color="0.3", label="share found in this run")
        axes.set_ylim(0, 1.04)
        whole_numbers(axes)
    legend_below(figure, [axes for axes, _ in panels])
    return figure


def landau_zener_figure(table: pa.Table) -> Figure | None:
    """Return F against the prediction of Landau and Zener's formula, where it applies.

    None if no problem has both.
    """
    both = np.isfinite(numbers(table, "landau_zener"))
    both &= np.isfinite(numbers(table, "success_probability"))
    if not both.any():
        return None
    settings = styled(settings_of(table))
    figure, panels = run_panels(
        table,
        "F against Landau and Zener's formula, where it applies",
        size=(3.3, 3.3),
        x="success by Landau and Zener",
        y="success probability F",
    )
    values = np.concatenate([numbers(table, n) for n in ("landau_zener", "success_probability")])
    all_axes = [axes for axes, _ in panels]
    wide = scale(all_axes, values, axis="x") and scale(all_axes, values)
    low = float(values[values > 0].min()) if wide else 0.0
    ends = (low / 1.5, 1.5) if wide else (-0.02, 1.02)
    for axes, of_run in panels:
        axes.plot([low, 1], [low, 1], color="0.6", linewidth=1, label="equal")
        for setting, name, style in settings:
            some = where(of_run, model=setting[0], layer=setting[1])
            axes.plot(
                numbers(some, "landau_zener"), numbers(some, "success_probability"),
                linestyle="none", markersize=4, alpha=0.6, label=name, **style,
            )  # fmt: skip
        axes.text(
            0.04, 0.95, f"{of_run.num_rows} problems", transform=axes.transAxes, va="top", size=8.5
        )
        axes.set(xlim=ends, ylim=ends, aspect="equal")
    legend_below(figure, all_axes)
    return figure
