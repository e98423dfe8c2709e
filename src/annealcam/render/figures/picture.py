"""The picture of an explanation: three methods over the photo, and the selected maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from PIL import Image

from annealcam._internal.heatmaps import COLOURS, overlay
from annealcam.attribution.cam import BESIDE
from annealcam.explanation import Explanation
from annealcam.render.text import headline, map_facts, selection_summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6
MOST_MAPS = 24
STRENGTH = 0.65
# Positions are in inches from the upper left corner, so that no text is cut off.
WIDTH, MARGIN, GUTTER = 12.0, 0.25, 0.12
PANEL = (WIDTH - 2 * MARGIN - 3 * GUTTER) / 4
MAP = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GUTTER) / COLUMNS
PANELS_TOP, LINE, TITLE, FACTS = 0.85, 0.17, 0.3, 0.79


def report_picture(explanation: Explanation, view: Image.Image) -> Figure:
    """Return a figure of the photo, the explanation, Grad-CAM, Grad-CAM++ and the selected maps.

    All maps are resized in the same way, and each is divided by its own maximum.

    Args:
        explanation: the result to draw.
        view: the part of the photo that the network sees.
    """
    from matplotlib.figure import Figure

    e = explanation
    shown = min(len(e.selected), MOST_MAPS)
    warnings = [f"Warning: {text}." for text in e.provenance["warnings"]]
    lines = [line for text in [selection_summary(e), *warnings] for line in wrap(text, 165)]
    title = wrap(headline(e), 84)
    panels_top = PANELS_TOP + TITLE * (len(title) - 1)
    text_top = panels_top + PANEL + 0.12
    maps_top = text_top + LINE * len(lines) + 0.2
    row = TITLE + MAP + FACTS
    height = maps_top + TITLE + row * math.ceil(shown / COLUMNS) + 0.05
    sheet = _Sheet(Figure(figsize=(WIDTH, height), dpi=110, facecolor="white"), height)

    for number, line in enumerate(title):
        sheet.write(MARGIN, 0.36 + TITLE * number, line, fontsize=13, weight="bold")
    _draw_comparison(sheet, e, view, panels_top)
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


def _draw_comparison(sheet: _Sheet, e: Explanation, view: Image.Image, top: float) -> None:
    panels = [
        ("photo as the network sees it", view),
        (f"annealcam: {len(e.selected)} maps", _overlaid(e.map, view)),
    ]
    for cam in BESIDE[:2]:  # as many as the sheet is wide
        title = f"{cam.label}: all {len(e.alpha)} maps"
        panels.append((title, _overlaid(e.baselines[cam.name], view)))
    for i, (title, picture) in enumerate(panels):
        sheet.draw(MARGIN + i * (PANEL + GUTTER), top, PANEL, picture, title, "")


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
