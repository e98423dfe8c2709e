"""Figures of an annealed problem: energy levels, success probability, final distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.text import chance, number
from annealcam._internal.types import Array
from annealcam.annealing.difficulty import Distribution, Hardness
from annealcam.annealing.levels.gap import MinimumGap
from annealcam.annealing.levels.low_spectrum import SpectrumCurve
from annealcam.render.figures.sheets import (
    BLUE,
    GREEN,
    GREY,
    LOG_FROM,
    ORANGE,
    VERMILION,
    legend,
    sheet,
    shorten,
)
from annealcam.render.text import driver_setting, labels_of_ones

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LABEL = 30
FEW = 8  # most points that each get a number beside them


def annealing_figures(h: Hardness) -> dict[str, Figure]:
    """Return the figures by name; the energy levels only where they are known."""
    levels = {} if h.curve is None else {"spectrum": spectrum_figure(h)}
    return {**levels, "success": success_figure(h), "distribution": distribution_figure(h)}


def spectrum_figure(h: Hardness) -> Figure:
    """Return the lowest levels above the ground level along s, with the minimum gap marked.

    The thick line is the level that defines the gap. Levels that end in the ground manifold are
    thin and grey.
    """
    assert h.curve is not None
    figure, axes = sheet(
        f"Lowest energy levels along the anneal · d = {h.problem.d}, {driver_setting(h)}"
    )
    draw_levels(axes, h.curve, h.gap, h.energy_unit)
    legend(figure, axes)
    return figure


def draw_levels(axes: Axes, curve: SpectrumCurve, gap: MinimumGap | None, unit: str) -> None:
    """Draw the levels above the ground level, and mark the minimum gap if it is known."""
    above = curve.energies - curve.energies[:, :1]
    first = gap.multiplicity if gap is not None else 1
    for level in sorted(range(1, above.shape[1]), key=lambda level: level != first):
        style: dict[str, Any] = {"color": ORANGE, "linewidth": 1.2, "label": "other levels"}
        if level == first:
            style = {"color": BLUE, "linewidth": 2.4, "label": "gap"}
        elif level < first:
            style = {
                "color": GREY,
                "linewidth": 1.2,
                "label": "levels that end in the ground level",
            }
        axes.plot(curve.s, above[:, level], zorder=2 + (level == first), **style)
    axes.set(xlabel="s = t / τ", ylabel=f"energy above the ground level ({unit})")
    axes.set_xlim(0, 1)
    scale_levels(axes, above[:, first:], gap)
    if gap is not None and 0 < gap.gap < np.inf:
        mark_point(axes, gap.s, gap.gap, f"minimum {number(gap.gap)} at s = {gap.s:.4g}")


def scale_levels(
    axes: Axes,
    above: Float[Array, "points levels"],
    gap: MinimumGap | None,
    *,
    zero: str = "ground level",
) -> None:
    """Scale the energies from zero, or logarithmically if the minimum is small.

    The line at zero has the label `zero` in the legend.
    """
    top = float(above.max(initial=0.0)) or 1.0
    low = gap.gap if gap is not None else float(above.min(initial=top))
    if 0 < low * LOG_FROM < top:
        axes.set_yscale("log")
        axes.set_ylim(low / 3, 1.5 * top)
    else:
        axes.axhline(0.0, color="black", linewidth=1.2, label=zero)
        axes.set_ylim(-0.03 * top, 1.05 * top)


def success_figure(h: Hardness) -> Figure:
    """Return F and the best of the shots against tau, each beside random guessing."""
    figure, axes = sheet(
        f"Success probability against annealing time · d = {h.problem.d}, {driver_setting(h)}"
    )
    draw_success(axes, h)
    legend(figure, axes)
    return figure


def draw_success(axes: Axes, h: Hardness) -> None:
    """Draw F and the best of the shots against tau, each beside random guessing."""
    tau = np.array([run.tau for run in h.runs])
    F = np.array([run.success_probability for run in h.runs])
    error = np.array([run.error for run in h.runs])
    best = np.array([run.best_of_shots for run in h.runs])
    shots, guess, guesses = h.runs[0].shots, h.runs[0].guess, h.runs[0].guess_best
    draw_F(axes, tau, F, error)
    axes.plot(tau, best, color=VERMILION, marker="s", label=f"best of {shots} shots")
    axes.axhline(guess, color=BLUE, linestyle=":", label="one guess")
    axes.axhline(guesses, color=VERMILION, linestyle=":", label=f"best of {shots} guesses")
    scale_success(axes, tau, min(F.min(), guess))
    axes.margins(x=0.1)  # for the numbers beside the points
    axes.set(xlabel=f"annealing time τ ({h.tau_unit})", ylabel="probability of finding the optimum")
    for t, p in zip(tau, F, strict=True) if len(tau) <= FEW else ():
        axes.annotate(chance(p), (t, p), (6, -12), textcoords="offset points", color=BLUE, size=9)


def draw_F(
    axes: Axes, tau: Float[Array, " taus"], F: Float[Array, " taus"], error: Float[Array, " taus"]
) -> None:
    """Draw F of one shot with the estimates of its error."""
    axes.plot(tau, F, color=BLUE, marker="o", label="F, one shot")
    axes.errorbar(tau, F, error, color=BLUE, fmt="none", capsize=3)


def scale_success(axes: Axes, tau: Float[Array, " taus"], low: float) -> None:
    """Scale probabilities from zero, or logarithmically if the lowest is small, and tau alike."""
    if low * LOG_FROM < 1 and low > 0:
        axes.set_yscale("log")
        axes.set_ylim(low / 2, 1.5)
    else:
        axes.set_ylim(0, 1.05)
    if tau.max() >= 5 * tau.min():
        axes.set_xscale("log")
    ticks = tau[:: -(-len(tau) // FEW)]
    axes.set_xticks(ticks, [f"{t:.4g}" for t in ticks])
    axes.minorticks_off()
    axes.grid(True, which="major", color="0.9")


def distribution_figure(h: Hardness) -> Figure:
    """Return the probabilities of the most likely final states, sorted by energy, and the rest."""
    shown = h.distribution
    rows = len(shown.n) + (1 if shown.others else 0)
    figure, axes = sheet(
        f"Final states at τ = {shown.tau:g} · d = {h.problem.d}, {driver_setting(h)}",
        height=1.6 + 0.26 * rows,
    )
    draw_states(axes, shown, h.source.labels, h.states)
    legend(figure, axes)
    return figure


def draw_states(axes: Axes, shown: Distribution, labels: Sequence[object], states: int) -> None:
    """Draw a bar for each of the most likely final states, the optimal ones in green."""
    rows = len(shown.n) + (1 if shown.others else 0)
    colours = np.where(shown.optimal, GREEN, BLUE)
    place = np.arange(len(shown.n))
    axes.barh(place, shown.probability, color=colours, height=0.75)
    energies = _energies(shown.energy)
    selections = [", ".join(labels_of_ones(labels, n)) or "(none)" for n in shown.n]
    names = [f"{shorten(s, MOST_LABEL)}    {e}" for s, e in zip(selections, energies, strict=True)]
    if shown.others:
        axes.barh(len(place), shown.rest, color="white", edgecolor=GREY, hatch="///", height=0.75)
        names.append(f"the {shown.others} other states")
    for row, p in enumerate([*shown.probability, *([shown.rest] if shown.others else [])]):
        axes.annotate(
            number(p), (p, row), (4, 0), textcoords="offset points", va="center", size=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    axes.set_yticks(range(rows), names, size=8.5, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(*shown.probability, shown.rest))
    axes.axvline(1 / states, color="black", linestyle=":", label="one guess")
    axes.barh([0], [0], color=GREEN, label="optimal")
    axes.set(xlabel="probability of measuring the state", ylabel="variables equal to 1, and energy")


def _energies(values: Float[Array, " shown"]) -> list[str]:
    """Format all energies with the same number of digits, so that they align."""
    largest = float(np.abs(values).max())
    form = "{:.4f}" if 0.1 <= largest < 1e4 or largest == 0 else "{:.3e}"
    return [form.format(value) for value in values]


def mark_point(axes: Axes, x: float, y: float, label: str) -> None:
    """Mark a point; the legend names it, where the text covers no line."""
    axes.plot([x], [y], marker="o", color=VERMILION, markersize=8, zorder=5, clip_on=False,
              linestyle="none", label=label)  # fmt: skip
