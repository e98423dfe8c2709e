"""Flip sets and sufficient sets in notebooks."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from annealcam._internal.text import number, shorten, visible
from annealcam.render.figures.sheets import BLUE, GREY, ORANGE, VERMILION, open_frame
from annealcam.render.notebook.cards import card, signed
from annealcam.sets.flip import FlipSet
from annealcam.sets.sufficient import SufficientSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS, MOST_TICKS = 20, 12
MOST_LETTERS = 30


def margins(s: FlipSet) -> list[float]:
    """Return the margin with all maps, and after each map is removed; the last one is measured.

    Between, the effects of single maps are added up, which is exact where they add up.
    """
    if not len(s.channels) or s.effects is None:
        return [s.margin, s.margin_without]
    return [s.margin, *(s.margin - np.cumsum(s.effects)[:-1]).tolist(), s.margin_without]


def plot_flip(axes: Axes, s: FlipSet) -> None:
    """Draw the margin against the number of removed maps; below zero the prediction changes."""
    open_frame(axes)
    values = margins(s)
    known = s.effects is not None and len(s.channels) > 0
    removed = np.arange(len(values)) if known else np.array([0, max(len(s.channels), 1)])
    axes.plot(removed, values, color=BLUE, marker="o", markersize=5, linewidth=1.6,
              linestyle="-" if s.linear else ":", label="margin" if s.linear
              else "margin, between the ends from single maps")  # fmt: skip
    axes.axhline(0.0, color=GREY, linewidth=1.2)
    colour = VERMILION if s.margin_without < 0 else BLUE
    label = "measured without the set" if len(s.channels) else "measured without any map"
    axes.plot(removed[-1:], values[-1:], color=colour, marker="o", markersize=9, ls="none",
              label=label)  # fmt: skip
    step = -(-len(removed) // MOST_TICKS)
    names = ["all maps", *(f"− map {c}" for c in s.channels)]
    if known:
        axes.set_xticks(removed[::step], names[::step], rotation=35, ha="right", size=8.5)
    else:
        axes.set_xticks(removed, ["all maps", "no maps"])
    other = _other(s)
    axes.set(xlabel="maps removed, one after the other", ylabel="margin (logit units)")
    axes.set_title(f"margin of {_short(_target(s))} over {other}", loc="left", size=10,
                   parse_math=False)  # fmt: skip
    axes.legend(frameon=False, fontsize=9)


def flip_card(s: FlipSet) -> Markup:
    """Return the result in words, and each map with what it adds to the margin."""
    rows = []
    if s.effects is not None:
        after = margins(s)[1:]
        rows = [
            (f"map {channel}", signed(effect), signed(left))
            for channel, effect, left in zip(s.channels, s.effects, after, strict=False)
        ]
    more = len(rows) - MOST_ROWS
    return card(
        s.sentence,
        sentences=[s.margin_sentence] if s.flipped and len(s.channels) else (),
        header=("map", "adds to the margin", "margin without it and those above") if rows else (),
        rows=rows[:MOST_ROWS],
        notes=[
            *([f"and {more} more maps"] if more > 0 else []),
            f"layer {s.layer}; {_additivity(s.linear)}; {s.runs} masked runs",
        ],
    )


def plot_sufficient(axes: Axes, s: SufficientSet) -> None:
    """Draw bars for all maps and for these alone, and the bound as a line."""
    open_frame(axes)
    alone, of_all = s.probability, s.probability_of_all
    label = f"probability of {_short(_target(s))}"
    bound = None if s.bound is None else exp(s.bound)
    if alone is None or of_all is None:
        alone, of_all, bound, label = s.value, s.value_of_all, s.bound, f"value of {_target(s)}"
    axes.bar([0, 1], [of_all, alone], color=[GREY, BLUE], width=0.6)
    if bound is not None:
        axes.plot([0.6, 1.4], [bound, bound], color=ORANGE, linewidth=2.2, linestyle="--",
                  label=f"no {len(s.channels)} maps exceed {number(bound)}")  # fmt: skip
        axes.legend(frameon=False, fontsize=9)
    axes.set_xticks([0, 1], [f"all {s.maps} maps", f"these {len(s.channels)} alone"])
    axes.set_ylabel(label, parse_math=False)
    if s.probability is not None:
        axes.set_ylim(0, 1.05)
    for place, value in enumerate((of_all, alone)):
        axes.annotate(number(value), (place, value), (0, 3), textcoords="offset points",
                      ha="center", size=9)  # fmt: skip


def sufficient_card(s: SufficientSet) -> Markup:
    """Return the result in words, and the maps."""
    channels = ", ".join(map(str, s.channels[:60])) + (", …" if len(s.channels) > 60 else "")
    return card(
        s.sentence,
        facts=[("maps", channels)],
        notes=[f"layer {s.layer}; {_additivity(s.linear)}; {s.runs} masked runs"],
    )


def _additivity(linear: bool) -> str:
    return "the effects of maps add up" if linear else "the effects of maps do not add up"


def _target(s: FlipSet | SufficientSet) -> str:
    return visible(s.target_name or f"{s.noun} {s.target}")


def _other(s: FlipSet) -> str:
    if s.noun == "label" and not s.restricted:
        return "zero"
    if s.competitor is None:
        return "the nearest competitor"
    return _short(visible(s.competitor_name or f"{s.noun} {s.competitor}"))


def _short(name: str) -> str:
    return shorten(name, MOST_LETTERS)
