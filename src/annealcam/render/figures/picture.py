"""The picture of an explanation: its map, the evidence and other methods, and the selected maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from annealcam._internal.heatmaps import NEGATIVE, POSITIVE, palette, signed_cover
from annealcam._internal.pictures.scenes import View, VolumeView
from annealcam._internal.text import maps_counted
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
from annealcam.render.figures.paper import Box, Sheet
from annealcam.render.subject_text import evidence_key
from annealcam.render.views import view_of_explanation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6
MOST_MAPS = 24
STRENGTH = 0.65
PANELS_BESIDE = {"volume": 3, "signal": 3}
SIDE, SMALL, MOSAIC = 448, 224, 1200  # pixels of a panel, a selected map, and all slices
# Inches.
WIDTH, MARGIN, GUTTER = 12.0, 0.25, 0.12
MAP = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GUTTER) / COLUMNS
PANELS_TOP, LINE, TITLE, FACTS = 0.85, 0.17, 0.3, 1.13


def report_picture(explanation: Explanation, photo: Image.Image | None = None) -> Figure:
    """Return a figure of the photo, the explanation, the evidence, other CAMs and selected maps.

    All maps are resized in the same way, and each is divided by its own maximum. Volumes are shown
    as slices through the maximum of a map and as a mosaic, signals as curves.

    Args:
        explanation: the result to draw.
        photo: the part of the photo that the network sees. Default, and for volumes and signals:
            the explanation's own view.
    """
    return _sheet(explanation, photo).figure()


def save_report(explanation: Explanation, photo: Image.Image | None, path: Path) -> None:
    """Write the picture as PNG."""
    _sheet(explanation, photo).image().save(path)


def _sheet(e: Explanation, photo: Image.Image | None) -> Sheet:
    """Return all texts and pictures at their places."""
    view = view_of_explanation(e, photo)
    shown = min(len(e.selected), MOST_MAPS)
    title, lines = wrap(headline(e), 84), _lines(e, view)
    panels = _panels(e, view)
    slices = view.mosaic(MOSAIC) if isinstance(view, VolumeView) else None
    scenes = [view.scene(raw, side=SMALL, small=True) for raw in e.selected_maps[:shown]]
    grid = _Grid(len(panels), PANELS_BESIDE.get(view.noun, 5), panels[0][1])
    maps = _Grid(shown, COLUMNS, scenes[0].picture if shown else panels[0][1], below=FACTS)
    panels_top = PANELS_TOP + TITLE * (len(title) - 1)
    slices_top = panels_top + grid.height + (0.3 if e.evidence is not None else 0.12)
    text_top = slices_top
    if slices is not None:
        text_top += LINE + (WIDTH - 2 * MARGIN) / slices.aspect + 0.1
    maps_top = text_top + LINE * len(lines) + 0.2
    height = maps_top + TITLE + maps.height + (TITLE if shown else 0) + 0.05
    sheet = Sheet(WIDTH, height)

    for number, line in enumerate(title):
        sheet.write(MARGIN, 0.36 + TITLE * number, line, size=13, bold=True)
    for i, (title_, picture) in enumerate(panels):
        _draw(sheet, grid.box(i, panels_top), picture, title_)
    if e.evidence is not None:
        left = grid.box(2, panels_top)[0] if grid.rows == 1 else MARGIN
        _signed_key(sheet, left, panels_top + grid.height + 0.06, evidence_key(e))
    if slices is not None and isinstance(view, VolumeView):
        wide = WIDTH - 2 * MARGIN
        place = (MARGIN, slices_top + LINE, wide, wide / slices.aspect)
        _draw(sheet, place, slices.overlay(e.map, strength=STRENGTH), view.mosaic_caption)
    for number, line in enumerate(lines):
        sheet.write(MARGIN, text_top + LINE * (number + 1), line, size=8.5, grey=0.25)
    sheet.write(MARGIN, maps_top + 0.15, _maps_title(e, shown), size=11, bold=True)
    _colour_key(sheet, MARGIN + 4 * (MAP + GUTTER), maps_top + 0.05)
    for i, scene in enumerate(scenes):
        picture = scene.overlay(e.selected_maps[i], strength=STRENGTH)
        place = maps.box(i, maps_top + 2 * TITLE)
        _draw(sheet, place, picture, f"map {e.selected[i]}", map_facts(e, i))
    return sheet


@dataclass(frozen=True)
class _Grid:
    """Pictures of one size in rows of `columns`, with text of some height below each of them."""

    count: int
    most_columns: int
    picture: Image.Image
    below: float = 0.0

    @property
    def columns(self) -> int:
        return self.most_columns if self.below else min(self.most_columns, self.count)

    @property
    def width(self) -> float:
        return (WIDTH - 2 * MARGIN - (self.columns - 1) * GUTTER) / self.columns

    @property
    def side(self) -> float:
        return self.width * self.picture.height / self.picture.width

    @property
    def rows(self) -> int:
        return math.ceil(self.count / self.columns)

    @property
    def height(self) -> float:
        """Height of all rows, with the titles of all but the first one."""
        return self.rows * (self.side + TITLE + self.below) - (0 if self.below else TITLE)

    def box(self, i: int, top: float) -> tuple[float, float, float, float]:
        """Return left, top, width and height of the i-th picture; the first row begins at `top`."""
        row, column = divmod(i, self.columns)
        below = top + row * (self.side + TITLE + self.below)
        return MARGIN + column * (self.width + GUTTER), below, self.width, self.side


def _draw(sheet: Sheet, place: Box, picture: Image.Image, title: str, below: str = "") -> None:
    left, top, _, height = place
    sheet.draw(place, picture)
    sheet.write(left, top - 0.06, title, size=9.5)
    for number, line in enumerate(below.splitlines()):
        sheet.write(left, top + height + LINE * (number + 1), line, size=8)


def _colour_key(sheet: Sheet, left: float, top: float) -> None:
    """Draw the colour bar from 0 to each map's maximum."""
    wide = 0.13 * WIDTH
    colours = np.round(255 * palette()).astype(np.uint8)
    sheet.draw((left, top - 0.01, wide, 0.11), Image.fromarray(colours[None]))
    sheet.write(left - 0.13, top + 0.1, "0", size=8)
    sheet.write(left + wide + 0.06, top + 0.1, "1 = each map's maximum", size=8)


def _signed_key(sheet: Sheet, left: float, top: float, ends: tuple[str, str]) -> None:
    """Draw the colours from the most negative to the most positive evidence, and its words."""
    bar, words = 0.7, 0.52  # inches
    values = np.linspace(-1.0, 1.0, 256)
    cover = signed_cover(values)[:, None]
    full = np.where(values[:, None] > 0, POSITIVE, NEGATIVE)
    colours = np.round(cover * full + (1 - cover) * 255).astype(np.uint8)  # over white
    sheet.draw((left + words, top - 0.01, bar, 0.11), Image.fromarray(colours[None]))
    sheet.write(left, top + 0.1, ends[0], size=8)
    sheet.write(left + words + bar + 0.06, top + 0.1, ends[1], size=8)


def _panels(e: Explanation, view: View) -> list[tuple[str, Image.Image]]:
    """Return titles and pictures: the photo, the explanation, the evidence, and other methods."""
    scene = view.scene(e.map, side=SIDE)
    panels = [
        (f"{view.noun} as the network sees it", scene.bare()),
        (f"annealcam: {maps_counted(len(e.selected))}", scene.overlay(e.map, strength=STRENGTH)),
    ]
    if e.evidence is not None:
        title = f"evidence: all {len(e.alpha)} maps"
        panels.append((title, scene.signed_overlay(e.evidence, strength=STRENGTH)))
    for cam in BESIDE[:2]:  # as many as the sheet is wide
        title = f"{cam.label}: all {len(e.alpha)} maps"
        panels.append((title, scene.overlay(e.baselines[cam.name], strength=STRENGTH)))
    return panels


def _lines(e: Explanation, view: View) -> list[str]:
    """Return all sentences, broken into lines."""
    warnings = [f"Warning: {text}." for text in e.provenance["warnings"]]
    texts = [
        view.caption, view.note, fidelity_sentence(e), completeness_sentence(e), _core_text(e),
        selection_summary(e),
    ]  # fmt: skip
    return [line for text in [*texts, *warnings] for line in wrap(text, 165)]


def _core_text(e: Explanation) -> str:
    return f"{core_sentence(e)} {price_sentence(e)}" if len(e.selected) else ""


def _maps_title(e: Explanation, shown: int) -> str:
    if not shown:
        return "No feature map was selected"
    more = len(e.selected) - shown
    return "The selected feature maps, most important first" + (
        f" ({more} more are in maps.npz)" if more else ""
    )
