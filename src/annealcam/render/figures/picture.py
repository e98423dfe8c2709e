"""The picture of an explanation: its map, the evidence and other methods, and the selected maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from annealcam._internal.heatmaps import (
    COLOURS,
    NEGATIVE,
    POSITIVE,
    overlay,
    signed_cover,
    signed_overlay,
)
from annealcam.attribution.cam import BESIDE
from annealcam.explanation import Explanation
from annealcam.render.explanation_text import (
    completeness_sentence,
    core_sentence,
    fidelity_sentence,
    headline,
    map_facts,
    price_sentence,
    selection_summary,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6
MOST_MAPS = 24
STRENGTH = 0.65
# Positions are in inches from the upper left corner, so that no text is cut off.
WIDTH, MARGIN, GUTTER = 12.0, 0.25, 0.12
MAP = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GUTTER) / COLUMNS
PANELS_TOP, LINE, TITLE, FACTS = 0.85, 0.17, 0.3, 1.13


def report_picture(explanation: Explanation, view: Image.Image) -> Figure:
    """Return a figure of the photo, the explanation, the evidence, other CAMs and selected maps.

    All maps are resized in the same way, and each is divided by its own maximum.

    Args:
        explanation: the result to draw.
        view: the part of the photo that the network sees.
    """
    from matplotlib.figure import Figure

    e = explanation
    shown = min(len(e.selected), MOST_MAPS)
    warnings = [f"Warning: {text}." for text in e.provenance["warnings"]]
    texts = [fidelity_sentence(e), completeness_sentence(e), _core_text(e), selection_summary(e)]
    lines = [line for text in [*texts, *warnings] for line in wrap(text, 165)]
    panels = _panels(e, view)
    side = (WIDTH - 2 * MARGIN - (len(panels) - 1) * GUTTER) / len(panels)
    title = wrap(headline(e), 84)
    panels_top = PANELS_TOP + TITLE * (len(title) - 1)
    text_top = panels_top + side + (0.3 if e.evidence is not None else 0.12)
    maps_top = text_top + LINE * len(lines) + 0.2
    row = TITLE + MAP + FACTS
    height = maps_top + TITLE + row * math.ceil(shown / COLUMNS) + 0.05
    sheet = _Sheet(Figure(figsize=(WIDTH, height), dpi=110, facecolor="white"), height)

    for number, line in enumerate(title):
        sheet.write(MARGIN, 0.36 + TITLE * number, line, fontsize=13, weight="bold")
    for i, (title_, picture) in enumerate(panels):
        sheet.draw(MARGIN + i * (side + GUTTER), panels_top, side, picture, title_, "")
    if e.evidence is not None:
        sheet.signed_key(MARGIN + 2 * (side + GUTTER), panels_top + side + 0.06)
    for number, line in enumerate(lines):
        sheet.write(MARGIN, text_top + LINE * (number + 1), line, fontsize=8.5, color="0.25")
    sheet.write(MARGIN, maps_top + 0.15, _maps_title(e, shown), fontsize=11, weight="bold")
    sheet.colour_key(MARGIN + 4 * (MAP + GUTTER), maps_top + 0.05)
    for i in range(shown):
        left = MARGIN + (i % COLUMNS) * (MAP + GUTTER)
        top = maps_top + 2 * TITLE + (i // COLUMNS) * row
        picture = _overlaid(e.selected_maps[i], view)
        sheet.draw(left, top, MAP, picture, f"map {e.selected[i]}", map_facts(e, i))
    return sheet.figure


def save_report(explanation: Explanation, view: Image.Image, path: Path) -> None:
    """Write the picture as PNG."""
    report_picture(explanation, view).savefig(path)


@dataclass(frozen=True)
class _Sheet:
    """A figure on which positions are inches from the upper left corner."""

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
        """Draw the colour bar from 0 to each map's maximum."""
        box = (left / WIDTH, 1 - (top + 0.1) / self.height, 0.13, 0.11 / self.height)
        axes = self.figure.add_axes(box)
        axes.imshow([[i / 255 for i in range(256)]], cmap=COLOURS, aspect="auto")
        axes.set_axis_off()
        self.write(left - 0.13, top + 0.1, "0", fontsize=8)
        self.write(left + 0.13 * WIDTH + 0.06, top + 0.1, "1 = each map's maximum", fontsize=8)

    def signed_key(self, left: float, top: float) -> None:
        """Draw the colours from the most negative to the most positive evidence."""
        bar, words = 0.7, 0.52  # inches
        base = 1 - (top + 0.1) / self.height
        box = ((left + words) / WIDTH, base, bar / WIDTH, 0.11 / self.height)
        axes = self.figure.add_axes(box)
        values = np.linspace(-1.0, 1.0, 256)
        colours = [
            (*(part / 255 for part in (POSITIVE if value > 0 else NEGATIVE)), cover)
            for value, cover in zip(values, signed_cover(values), strict=True)
        ]
        axes.imshow([colours], aspect="auto")
        axes.set_axis_off()
        self.write(left, top + 0.1, "against", fontsize=8)
        self.write(left + words + bar + 0.06, top + 0.1, "for the class", fontsize=8)


def _panels(e: Explanation, view: Image.Image) -> list[tuple[str, Image.Image]]:
    """Return titles and pictures: the photo, the explanation, the evidence, and other methods."""
    panels = [
        ("photo as the network sees it", view),
        (f"annealcam: {len(e.selected)} maps", _overlaid(e.map, view)),
    ]
    if e.evidence is not None:
        title = f"evidence: all {len(e.alpha)} maps"
        panels.append((title, signed_overlay(e.evidence, view, strength=STRENGTH)))
    for cam in BESIDE[:2]:  # as many as the sheet is wide
        title = f"{cam.label}: all {len(e.alpha)} maps"
        panels.append((title, _overlaid(e.baselines[cam.name], view)))
    return panels


def _core_text(e: Explanation) -> str:
    return f"{core_sentence(e)} {price_sentence(e)}" if len(e.selected) else ""


def _maps_title(e: Explanation, shown: int) -> str:
    if not shown:
        return "No feature map was selected"
    more = len(e.selected) - shown
    return "The selected feature maps, most important first" + (
        f" ({more} more are in maps.npz)" if more else ""
    )


def _overlaid(raw: Any, view: Image.Image) -> Image.Image:
    """Return the map in colour over the view; negative values appear as zero."""
    return overlay(raw.clip(min=0), view, strength=STRENGTH)
