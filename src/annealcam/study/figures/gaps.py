"""The minimum gap: its distribution, and its fall with the number of candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from annealcam._internal.types import Array
from annealcam.render.figures.sheets import BLUE, ORANGE, SKY, VERMILION
from annealcam.study.analysis.annealing import WELL_BELOW
from annealcam.study.analysis.results import numbers, where
from annealcam.study.figures.panels import (
    draw_quartiles,
    grid,
    interval,
    legend_below,
    pairs,
    scale,
    setting_names,
    settings_of,
    title_panel,
    whole_numbers,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 24
BEHIND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}  # the box of a text


def gap_histogram_figure(table: pa.Table) -> Figure | None:
    """Return a histogram of the minimum gaps, coloured by where in the run the minimum lies.

    None if no problem has a gap above zero.
    """
    gaps = numbers(table, "gap")
    known = gaps[np.isfinite(gaps) & (gaps > 0)]
    if not len(known):
        return None
    keys = pairs(table)
    names = setting_names(settings_of(table))
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
        some = where(table, model=setting[0], layer=setting[1], normalisation=normalisation)
        title_panel(axes, f"{names[setting]}, driver {normalisation}")
        seconds.append(_draw_histogram(axes, some, bins))
    for i, second in enumerate(seconds):
        last = i % len(names) == len(names) - 1
        second.tick_params(labelright=last)
        second.set_ylabel("share of smaller gaps" if last else "")
    legend_below(figure, [*panels, seconds[0]])
    return figure


def _size(settings: int) -> tuple[float, float]:
    """The size of a panel: wider where there are few."""
    return (3.6 if settings <= 3 else 2.8, 2.7)


def _bins(known: Float[Array, " n"], *, log: bool) -> Float[Array, " edges"]:
    if log:
        return np.geomspace(known.min(), known.max(), BINS + 1)
    return np.linspace(0, known.max(), BINS + 1)


def _draw_histogram(axes: Axes, table: pa.Table, bins: Float[Array, " edges"]) -> Axes:
    """Draw bars by where the minimum lies, and the cumulative share on an axis to the right."""
    gaps = numbers(table, "gap")
    shown = np.isfinite(gaps) & (gaps > 0)
    inside = np.array([bool(interior) for interior in table["interior"].to_pylist()]) & shown
    deep = inside & well_below(table)
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


def well_below(table: pa.Table) -> Bool[Array, " rows"]:
    """Return which minimum gaps lie well below the problem's some first excitation.

    A minimum inside the run that nearly equals the gap at its end adds no information.

    >>> import pyarrow
    >>> well_below(pyarrow.table({"gap": [0.1, 0.19, None], "final_gap": [0.2, 0.2, 0.2]}))
    array([ True, False, False])
    """
    return numbers(table, "gap") < WELL_BELOW * numbers(table, "final_gap")


def gap_by_d_figure(table: pa.Table, summary: pa.Table | None = None) -> Figure | None:
    """Return the quartiles of the gap against d, with the hardest problem of each d marked.

    Args:
        table: `gap_by_d`.
        summary: `gap_summary`, whose fits are drawn.
    """
    medians = numbers(table, "median")
    if not (np.isfinite(medians) & (medians > 0)).any():
        return None
    keys = pairs(table)
    names = setting_names(settings_of(table))
    figure, panels = grid(
        "Minimum gap against the number of candidates", len(keys), len(names),
        size=_size(len(names)), x="candidates d (qubits)", y="minimum gap (energy units)",
    )  # fmt: skip
    scale(panels, np.concatenate([numbers(table, "least"), numbers(table, "largest")]))
    for axes, (normalisation, setting) in zip(panels, keys, strict=True):
        at = {"model": setting[0], "layer": setting[1], "normalisation": normalisation}
        some = where(table, **at)
        title_panel(axes, f"{names[setting]}, driver {normalisation}")
        style = {"color": BLUE, "marker": "o"}
        d = numbers(some, "d")
        draw_quartiles(axes, some, d, style, label="median, middle half, least to largest")
        hardest = numbers(some, "least")
        axes.plot(d, hardest, "v", color=VERMILION, label="hardest problem")
        for fit in where(summary, **at).to_pylist() if summary is not None else ():
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
