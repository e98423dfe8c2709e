"""Figures of an annealed problem: energy levels, success probability, final distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.text import chance, number
from annealcam._internal.types import Array
from annealcam.annealing.difficulty import Hardness
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
from annealcam.render.text import driver_setting, ones_of

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
    above = h.curve.energies - h.curve.energies[:, :1]
    first = h.gap.multiplicity if h.gap is not None else 1
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
        axes.plot(h.curve.s, above[:, level], zorder=2 + (level == first), **style)
    axes.set(xlabel="s = t / τ", ylabel=f"energy above the ground level ({h.energy_unit})")
    axes.set_xlim(0, 1)
    _scale_levels(axes, above[:, first:], h)
    if h.gap is not None and 0 < h.gap.gap < np.inf:
        _mark(axes, h.gap.s, h.gap.gap, f"minimum {number(h.gap.gap)} at s = {h.gap.s:.4g}")
    legend(figure, axes)
    return figure


def _scale_levels(axes: Axes, above: Float[Array, "points levels"], h: Hardness) -> None:
    """Scale the energies from zero, or logarithmically if the minimum is small."""
    top = float(above.max(initial=0.0)) or 1.0
    low = h.gap.gap if h.gap is not None else float(above.min(initial=top))
    if 0 < low * LOG_FROM < top:
        axes.set_yscale("log")
        axes.set_ylim(low / 3, 1.5 * top)
    else:
        axes.axhline(0.0, color="black", linewidth=1.2, label="ground level")
        axes.set_ylim(-0.03 * top, 1.05 * top)


def success_figure(h: Hardness) -> Figure:
    """Return F and the best of the shots against tau, each beside random guessing."""
    figure, axes = sheet(
        f"Success probability against annealing time · d = {h.problem.d}, {driver_setting(h)}"
    )
    tau = np.array([run.tau for run in h.runs])
    F = np.array([run.success_probability for run in h.runs])
    error = np.array([run.error for run in h.runs])
    best = np.array([run.best_of_shots for run in h.runs])
    shots, guess, guesses = h.runs[0].shots, h.runs[0].guess, h.runs[0].guess_best
    axes.plot(tau, F, color=BLUE, marker="o", label="F, one shot")
    axes.errorbar(tau, F, error, color=BLUE, fmt="none", capsize=3)
    axes.plot(tau, best, color=VERMILION, marker="s", label=f"best of {shots} shots")
    axes.axhline(guess, color=BLUE, linestyle=":", label="one guess")
    axes.axhline(guesses, color=VERMILION, linestyle=":", label=f"best of {shots} guesses")
    low = min(F.min(), guess)
    if low * LOG_FROM < 1 and low > 0:
        axes.set_yscale("log")
        axes.set_ylim(low / 2, 1.5)
    else:
        axes.set_ylim(0, 1.05)
    if tau[-1] >= 5 * tau[0]:
        axes.set_xscale("log")
    ticks = tau[:: -(-len(tau) // FEW)]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set(xlabel=f"annealing time τ ({h.tau_unit})", ylabel="probability of finding the optimum")
    axes.grid(True, which="major", color="0.9")
    for t, p in zip(tau, F, strict=True) if len(tau) <= FEW else ():
        axes.annotate(chance(p), (t, p), (6, -12), textcoords="offset points", color=BLUE, size=9)
    legend(figure, axes)
    return figure


def distribution_figure(h: Hardness) -> Figure:
    """Return the probabilities of the most likely final states, sorted by energy, and the rest."""
    shown = h.distribution
    rows = len(shown.n) + (1 if shown.others else 0)
    figure, axes = sheet(
        f"Final states at τ = {shown.tau:g} · d = {h.problem.d}, {driver_setting(h)}",
        height=1.6 + 0.26 * rows,
    )
    colours = np.where(shown.optimal, GREEN, BLUE)
    place = np.arange(len(shown.n))
    axes.barh(place, shown.probability, color=colours, height=0.75)
    energies = _energies(shown.energy)
    selections = [", ".join(ones_of(h, n)) or "(none)" for n in shown.n]
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
    axes.axvline(1 / h.states, color="black", linestyle=":", label="one guess")
    axes.barh([0], [0], color=GREEN, label="optimal")
    axes.set(xlabel="probability of measuring the state", ylabel="variables equal to 1, and energy")
    legend(figure, axes)
    return figure


def _energies(values: Float[Array, " shown"]) -> list[str]:
    """Format all energies with the same number of digits, so that they align."""
    largest = float(np.abs(values).max())
    form = "{:.4f}" if 0.1 <= largest < 1e4 or largest == 0 else "{:.3e}"
    return [form.format(value) for value in values]


def _mark(axes: Axes, x: float, y: float, text: str) -> None:
    """Mark a point, with its text at the lower edge of the panel, where it covers nothing."""
    axes.plot([x], [y], marker="o", color=VERMILION, markersize=8, zorder=5, clip_on=False)
    axes.annotate(
        text, (x, y), (min(max(x - 0.42, 0.03), 0.6), 0.09), textcoords="axes fraction",
        color=VERMILION, weight="bold",
        arrowprops={"arrowstyle": "-", "color": VERMILION, "shrinkB": 6},
    )  # fmt: skip
