"""The minimum gap: its distribution, and how it shrinks with the number of candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from annealcam._internal.text import number
from annealcam._internal.types import Array
from annealcam.render.figures.sheets import BLUE, ORANGE, SKY, VERMILION
from annealcam.study.figures.columns import Columns, reals, rows, where
from annealcam.study.figures.panels import (
    draw_quartiles,
    grid,
    legend_below,
    pairs,
    scale,
    setting_names,
    settings_of,
    title_panel,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 24
WELL_BELOW = 0.9
BEHIND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}  # words


def gap_histogram_figure(columns: Columns) -> Figure | None:
    """Return how many problems have which minimum gap, and where in the run the minimum lies.

    None where no problem has a gap above zero.
    """
    gaps = reals(columns, "gap")
    known = gaps[np.isfinite(gaps) & (gaps > 0)]
    if not len(known):
        return None
    keys = pairs(columns)
    names = setting_names(settings_of(columns))
    figure, panels = grid(
        "Minimum gap along the run",
        len(keys),
        len(names),
        size=_size(len(names)),
        x="minimum gap (energy units)",
        y="problems (images)",
    )
    bins = _bins(known, log=scale(panels, known, axis="x"))
    seconds = []
    for axes, (normalisation, setting) in zip(panels, keys, strict=True):
        own = where(columns, model=setting[0], layer=setting[1], normalisation=normalisation)
        title_panel(axes, f"{names[setting]}, driver {normalisation}")
        seconds.append(_draw_histogram(axes, own, bins))
    for place, second in enumerate(seconds):
        second.tick_params(labelright=place % len(names) == len(names) - 1)
    legend_below(figure, [*panels, seconds[0]])
    return figure


def _size(settings: int) -> tuple[float, float]:
    """Of a panel: wide where there is room."""
    return (3.6 if settings <= 3 else 2.8, 2.7)


def _bins(known: Float[Array, " n"], *, log: bool) -> Float[Array, " edges"]:
    if log:
        return np.geomspace(known.min(), known.max(), BINS + 1)
    return np.linspace(0, known.max(), BINS + 1)


def _draw_histogram(axes: Axes, columns: Columns, bins: Float[Array, " edges"]) -> Axes:
    """Bars by where the minimum lies, and the cumulative curve on an axis to the right."""
    gaps = reals(columns, "gap")
    shown = np.isfinite(gaps) & (gaps > 0)
    inside = np.array([bool(interior) for interior in columns["interior"]]) & shown
    deep = inside & well_below(columns)
    axes.hist(
        [gaps[deep], gaps[inside & ~deep], gaps[shown & ~inside]], list(bins), stacked=True,
        color=[BLUE, SKY, ORANGE],
        label=[
            f"minimum inside the run, under {WELL_BELOW:g} of the gap at s = 1",
            "inside, hardly below it", "at an end of the run",
        ],
    )  # fmt: skip
    second = axes.twinx()
    second.spines["top"].set_visible(False)
    second.set_ylim(0, 1.02)
    if shown.any():
        ordered = np.sort(gaps[shown])
        share = np.arange(1, len(ordered) + 1) / len(ordered)
        second.step(ordered, share, where="post", color="black", label="share of smaller gaps")
        share_deep, share_inside = (part.sum() / shown.sum() for part in (deep, inside))
        text = f"{share_inside:.0%} inside\n{share_deep:.0%} under {WELL_BELOW:g}"
        second.text(
            0.03, 0.95, text, transform=axes.transAxes, va="top", color=BLUE, weight="bold",
            bbox=BEHIND,
        )  # fmt: skip
    return second


def well_below(columns: Columns) -> Bool[Array, " rows"]:
    """Return which minimum gaps lie well below the problem's own first excitation.

    A minimum inside the run may be all but equal to the gap at its end, and then tells no more.

    >>> well_below({"gap": [0.1, 0.19, None], "final_gap": [0.2, 0.2, 0.2]})
    array([ True, False, False])
    """
    return reals(columns, "gap") < WELL_BELOW * reals(columns, "final_gap")


def gap_by_d_figure(columns: Columns, summary: Columns | None = None) -> Figure | None:
    """Return the gap's quartiles against d, the hardest problem of each d marked.

    Args:
        columns: the table `gap_by_d`.
        summary: the table `gap_summary`, whose fit is drawn.
    """
    medians = reals(columns, "median")
    if not (np.isfinite(medians) & (medians > 0)).any():
        return None
    keys = pairs(columns)
    names = setting_names(settings_of(columns))
    figure, panels = grid(
        "Minimum gap against the number of candidates", len(keys), len(names),
        size=_size(len(names)), x="candidates d (qubits)", y="minimum gap (energy units)",
    )  # fmt: skip
    scale(panels, np.concatenate([reals(columns, "least"), reals(columns, "largest")]))
    for axes, (normalisation, setting) in zip(panels, keys, strict=True):
        place = {"model": setting[0], "layer": setting[1], "normalisation": normalisation}
        own = where(columns, **place)
        title_panel(axes, f"{names[setting]}, driver {normalisation}")
        style = {"color": BLUE, "marker": "o"}
        d = reals(own, "d")
        draw_quartiles(axes, own, d, style, label="median, middle half, least to largest")
        hardest = reals(own, "least")
        axes.plot(d, hardest, "v", color=VERMILION, label="hardest problem")
        for fit in rows(where(summary, **place)) if summary else ():
            _draw_fit(axes, d, fit)
        whole_numbers(axes)
        axes.grid(True, color="0.92")
    legend_below(figure, panels)
    return figure


def _draw_fit(axes: Axes, d: Float[Array, " rows"], fit: dict[str, Any]) -> None:
    if None in (fit["fit_a"], fit["fit_b"]) or not len(d):
        return
    x = np.linspace(d.min(), d.max(), 60)
    axes.plot(x, fit["fit_a"] * np.exp(-fit["fit_b"] * x), color="0.4", label="fit a exp(-b d)")
    axes.text(
        0.97, 0.97, f"b = {interval(fit['fit_b'], fit['fit_b_low'], fit['fit_b_high'])}",
        transform=axes.transAxes, ha="right", va="top", size=8.5, color="0.3", bbox=BEHIND,
    )  # fmt: skip


def interval(value: float, low: float | None, high: float | None) -> str:
    """Return an estimate with its interval, where that is known.

    >>> interval(0.35, 0.3, 0.41), interval(0.35, None, None)
    ('0.35 [0.3, 0.41]', '0.35')
    """
    if low is None or high is None:
        return number(value)
    return f"{number(value)} [{number(low)}, {number(high)}]"
