"""One picture of an explanation, to be read at a glance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from PIL import Image

from annealcam._internal.heatmaps import COLOURS, overlay
from annealcam._internal.text import chance
from annealcam.explanation import Explanation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6
MOST_MAPS = 24
STRENGTH = 0.65
# Everything is placed in inches from the upper left corner, so that no text is ever cut.
WIDTH, MARGIN, GUTTER = 12.0, 0.25, 0.12
PANEL = (WIDTH - 2 * MARGIN - 3 * GUTTER) / 4
MAP = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GUTTER) / COLUMNS
PANELS_TOP, LINE, TITLE, FACTS = 0.85, 0.17, 0.3, 0.62


def report_picture(explanation: Explanation, view: Image.Image) -> Figure:
    """Return the figure: photo, explanation, Grad-CAM, Grad-CAM++, and the selected maps.

    All maps are resized and normalised in the same way, each to its own maximum.

    Args:
        explanation: the result to draw.
        view: the part of the photo that the network saw.
    """
    from matplotlib.figure import Figure

    e = explanation
    shown = min(len(e.selected), MOST_MAPS)
    warned = [f"Warning: {text}." for text in e.provenance["warnings"]]
    told = [line for text in [how(e), *warned] for line in wrap(text, 165)]
    title = wrap(headline(e), 84)
    panels_top = PANELS_TOP + TITLE * (len(title) - 1)
    text_top = panels_top + PANEL + 0.12
    maps_top = text_top + LINE * len(told) + 0.2
    row = TITLE + MAP + FACTS
    height = maps_top + TITLE + row * math.ceil(shown / COLUMNS) + 0.05
    sheet = _Sheet(Figure(figsize=(WIDTH, height), dpi=110, facecolor="white"), height)

    for number, line in enumerate(title):
        sheet.write(MARGIN, 0.36 + TITLE * number, line, fontsize=13, weight="bold")
    _draw_comparison(sheet, e, view, panels_top)
    for number, line in enumerate(told):
        sheet.write(MARGIN, text_top + LINE * (number + 1), line, fontsize=8.5, color="0.25")
    sheet.write(MARGIN, maps_top + 0.15, _maps_title(e, shown), fontsize=11, weight="bold")
    sheet.colour_key(MARGIN + 4 * (MAP + GUTTER), maps_top + 0.05)
    for i in range(shown):
        left = MARGIN + (i % COLUMNS) * (MAP + GUTTER)
        top = maps_top + 2 * TITLE + (i // COLUMNS) * row
        picture = _laid_over(e.selected_maps[i], view)
        sheet.draw(left, top, MAP, picture, f"map {e.selected[i]}", facts(e, i))
    return sheet.figure


def save_report(explanation: Explanation, view: Image.Image, path: Path) -> None:
    """Write the picture as PNG."""
    report_picture(explanation, view).savefig(path)


@dataclass(frozen=True)
class _Sheet:
    """A figure on which places are inches from the upper left corner."""

    figure: Figure
    height: float

    def write(self, left: float, base: float, text: str, **style: Any) -> None:
        self.figure.text(
            left / WIDTH, 1 - base / self.height, text, va="baseline", parse_math=False, **style
        )

    def draw(
        self, left: float, top: float, side: float, picture: Image.Image, title: str, below: str
    ) -> None:
        box = (left / WIDTH, 1 - (top + side) / self.height, side / WIDTH, side / self.height)
        axes = self.figure.add_axes(box)
        axes.imshow(picture, aspect="auto")
        axes.set_axis_off()
        self.write(left, top - 0.06, title, fontsize=9.5)
        for number, line in enumerate(below.splitlines()):
            self.write(left, top + side + LINE * (number + 1), line, fontsize=8)

    def colour_key(self, left: float, top: float) -> None:
        """A bar that says what the colours mean."""
        box = (left / WIDTH, 1 - (top + 0.1) / self.height, 0.13, 0.11 / self.height)
        axes = self.figure.add_axes(box)
        axes.imshow([[i / 255 for i in range(256)]], cmap=COLOURS, aspect="auto")
        axes.set_axis_off()
        self.write(left - 0.13, top + 0.1, "0", fontsize=8)
        self.write(left + 0.13 * WIDTH + 0.06, top + 0.1, "1 = each map's maximum", fontsize=8)


def _draw_comparison(sheet: _Sheet, e: Explanation, view: Image.Image, top: float) -> None:
    panels = [
        ("photo, as the network sees it", view),
        (f"annealcam: {len(e.selected)} maps", _laid_over(e.map, view)),
        (f"Grad-CAM: all {len(e.alpha)} maps", _laid_over(e.baselines["gradcam"], view)),
        ("Grad-CAM++", _laid_over(e.baselines["gradcam++"], view)),
    ]
    for i, (title, picture) in enumerate(panels):
        sheet.draw(MARGIN + i * (PANEL + GUTTER), top, PANEL, picture, title, "")


def _maps_title(e: Explanation, shown: int) -> str:
    if not shown:
        return "No feature map was selected"
    more = len(e.selected) - shown
    return "The selected feature maps, most important first" + (
        f" ({more} more are in maps.npz)" if more else ""
    )


def _laid_over(raw: Any, view: Image.Image) -> Image.Image:
    """The map in colour over the view; negative values show as nothing."""
    return overlay(raw.clip(min=0), view, strength=STRENGTH)


def facts(e: Explanation, i: int) -> str:
    """Return what is to be said of the i-th selected map."""
    channel = e.selected[i]
    share = f"{e.contribution[channel]:+.3g} logit"
    if e.logits[e.target] > 0:
        share += f" ({e.logit_shares[i]:.1%} of it)"
    return (
        f"importance {e.importance[channel]:.2e}\n{share}\n"
        f"largest cosine {e.largest_cosines[i]:.2f}"
    )


def headline(e: Explanation) -> str:
    """Return one line: what was predicted, by which network, at which layer."""
    told = e.provenance
    name = told["target_name"] or f"class {e.target}"
    asked = "" if e.target == told["predicted"] else " (asked for, not predicted)"
    return (
        f"{name}{asked}, probability {e.probability:.2g}: "
        f"{len(e.selected)} of {told['channels']} maps  ·  {told['model']}, layer {told['layer']}"
    )


def how(e: Explanation) -> str:
    """Return how the maps were selected, and how sure that is the optimum."""
    told, info = e.provenance, e.selection.info
    relative = told.get("objective") == "relative"
    text = (
        f"{told['candidates_in_all']} of {told['channels']} maps are alive and of positive "
        f"importance ({told['importance']}); {told['dead']} are dead. "
    )
    if told["left_out"]:
        kind = f"{e.problem.d} varied ones" if relative else f"The {e.problem.d} most relevant"
        text += (
            f"{kind} are candidates; {told['left_out']} left out carry "
            f"{told['left_out_relevance_share']:.0%} of the relevance. "
        )
    beta = f"beta {e.problem.beta:.3g}"
    if relative:
        beta = f"beta {told['beta']:.3g} (in the energy {e.problem.beta:.3g})"
    text += f"Energy {e.energy:.6g} at {beta}, by {e.selection.sampler}"
    if "success_probability" in info:
        text += (
            f" (tau {told['tau']:g}, normalisation {told['normalisation']}): success probability "
            f"F = {info['success_probability']:.3g} a shot, "
            f"{chance(info['best_of_shots_probability'])} for the best of {e.selection.reads}; "
            f"guessing as often: {chance(info['guess_probability'])}"
        )
    text += {True: ". Proved optimal", False: ". Proved not optimal", None: ". Optimum unknown"}[
        e.optimal
    ]
    if "nodes" in info:
        text += f" (branch and bound, {info['nodes']} nodes)"
    elif "optimum" in info:
        text += " (enumeration tells in milliseconds)"
    return f"{text}. The selection carries {e.carried_share:.0%} of the positive contributions."
