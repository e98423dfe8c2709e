"""Success in the end: the best of many shots against guessing, and Landau and Zener's formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annealcam.study.figures.columns import Columns, reals, where
from annealcam.study.figures.panels import (
    legend_below,
    scale,
    settings_of,
    styled,
    whole_numbers,
)
from annealcam.study.figures.successes import draw_by_d, run_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def best_of_shots_figure(columns: Columns) -> Figure:
    """Return the chance that the best of the shots is optimal against d, and that of guessing.

    Crosses: the share of the problems whose drawn selection was optimal.
    """
    settings = styled(settings_of(columns))
    figure, panels = run_panels(
        columns,
        "The best of all shots against as many uniform guesses",
        x="candidates d (qubits)",
        y="probability to find the optimum",
    )
    for axes, own in panels:
        for setting, name, style in settings:
            one = where(own, model=setting[0], layer=setting[1])
            d, colour = reals(one, "d"), style["color"]
            axes.plot(d, reals(one, "best_of_shots"), markersize=5, label=name, **style)
            axes.plot(d, reals(one, "optimal_share"), "x", color=colour, markersize=6)
        draw_by_d(axes, own, "guess_best", color="black", linestyle=":", label="as many guesses")
        axes.plot([], [], "x", color="0.3", label="share found in this run")
        axes.set_ylim(0, 1.04)
        whole_numbers(axes)
    legend_below(figure, [axes for axes, _ in panels])
    return figure


def landau_zener_figure(columns: Columns) -> Figure | None:
    """Return F against what Landau and Zener's formula says, where the formula applies.

    None where no problem has both.
    """
    both = np.isfinite(reals(columns, "landau_zener"))
    both &= np.isfinite(reals(columns, "success_probability"))
    if not both.any():
        return None
    settings = styled(settings_of(columns))
    figure, panels = run_panels(
        columns,
        "F against Landau and Zener's formula, where it applies",
        size=(3.3, 3.3),
        x="success by Landau and Zener",
        y="success probability F",
    )
    every = [axes for axes, _ in panels]
    values = np.concatenate([reals(columns, n) for n in ("landau_zener", "success_probability")])
    wide = scale(every, values, axis="x") and scale(every, values)
    low = float(values[values > 0].min()) if wide else 0.0
    ends = (low / 1.5, 1.5) if wide else (-0.02, 1.02)
    for axes, own in panels:
        axes.plot([low, 1], [low, 1], color="0.6", linewidth=1, label="equal")
        for setting, name, style in settings:
            one = where(own, model=setting[0], layer=setting[1])
            axes.plot(
                reals(one, "landau_zener"), reals(one, "success_probability"), linestyle="none",
                markersize=4, alpha=0.6, label=name, **style,
            )  # fmt: skip
        axes.text(
            0.04, 0.95, f"{len(own['d'])} problems", transform=axes.transAxes, va="top", size=8.5
        )
        axes.set(xlim=ends, ylim=ends, aspect="equal")
    legend_below(figure, [axes for axes, _ in panels])
    return figure
