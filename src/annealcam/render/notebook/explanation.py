"""Explanations on axes of matplotlib: the map over the photo, and all selected maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from annealcam._internal.heatmaps import palette
from annealcam._internal.pictures.scenes import PhotoView
from annealcam._internal.text import shorten, visible
from annealcam._internal.validation import whole
from annealcam.explanation import Explanation
from annealcam.render.html.maps import STRENGTH
from annealcam.render.subject_text import evidence_key, map_title
from annealcam.render.views import view_of_explanation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS, PANEL = 6, 2.1  # panels in a row, inches of one
MOST_LETTERS = 40
SIDE = 448  # pixels


def plot_explanation(
    axes: Axes,
    e: Explanation,
    *,
    photo: Image.Image | None = None,
    preprocess: Any = None,
    strength: float = 0.65,
) -> None:
    """Draw the overlay with a scale of the map in logit units per position."""
    _picture(axes, e.overlay(photo, preprocess, strength=strength))
    chance = "" if e.probability is None else f" ({e.probability:.3g})"
    name = shorten(visible(e.class_name), MOST_LETTERS)
    axes.set_title(f"{name}{chance}: {len(e.selected)} of {len(e.alpha)} maps", loc="left",
                   size=10, parse_math=False)  # fmt: skip
    _scale(axes, float(e.map.max(initial=0.0)))


def plot_maps(e: Explanation, most: int = 24) -> Any:
    """Draw the map, the evidence and the selected maps in one new figure; return all axes."""
    from matplotlib import pyplot

    shown = list(zip(e.selected, e.selected_maps, strict=True))[: whole("most", most, least=1)]
    view = view_of_explanation(e)
    side = SIDE if isinstance(view, PhotoView) else None
    panels = [("the selected maps together", _overlaid(view, e.map, side))]
    if e.evidence is not None:
        negative, positive = evidence_key(e)
        scene = view.scene(e.evidence, side=side or SIDE)
        caption = f"evidence: vermillion {positive},\nblue {negative} it"
        panels.append((caption, scene.signed_overlay(e.evidence, strength=STRENGTH)))
    for channel, raw in shown:
        panels.append((map_title(e, int(channel)), _overlaid(view, raw, side)))
    columns = min(COLUMNS if side else 3, len(panels))
    rows = -(-len(panels) // columns)
    width, height = panels[0][1].size
    size = (PANEL * columns * (1 if side else 2), (PANEL * height / width + 0.5) * rows
            * (1 if side else 2))  # fmt: skip
    grid = pyplot.subplots(rows, columns, squeeze=False, figsize=size, layout="constrained")[1]
    axes = grid.ravel()[: len(panels)]
    for empty in grid.ravel()[len(panels) :]:
        empty.remove()
    for panel, (title, picture) in zip(axes, panels, strict=True):
        _picture(panel, picture)
        panel.set_title(title, size=8.5, parse_math=False)
    return axes


def _overlaid(view: Any, raw: Any, side: int | None) -> Image.Image:
    picture: Image.Image = view.scene(raw, side=side or SIDE).overlay(raw, strength=STRENGTH)
    return picture


def _picture(axes: Axes, picture: Image.Image) -> None:
    axes.imshow(np.asarray(picture.convert("RGB")))
    axes.set_axis_off()


def _scale(axes: Axes, top: float) -> None:
    """Draw the colours beside the picture, without a change of its axes."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    beside = axes.inset_axes((1.02, 0.0, 0.03, 1.0))
    colours = ScalarMappable(Normalize(0.0, top or 1.0), ListedColormap(palette()))
    axes.figure.colorbar(colours, cax=beside, label="map (logit units per position)")
