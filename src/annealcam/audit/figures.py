"""Pictures of an audit: the ranking of classes, and the usual maps of one class over its photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from annealcam._internal.heatmaps import overlay
from annealcam._internal.types import Array
from annealcam.attribution.cam import BESIDE, CAM_METHODS
from annealcam.audit.audit import Audit
from annealcam.audit.scores import SCORES, Standing
from annealcam.render.figures.sheets import (
    BLUE,
    GREY,
    empty_sheet,
    legend,
    open_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES = 20  # bars of a ranking
IN_A_ROW = 5  # photos of a map
SIDE = 200  # pixels of a photo
COLOURS = {"annealcam": BLUE, **{cam.name: cam.colour for cam in BESIDE}}
NAMES = {
    "annealcam": "annealcam", **{cam.name: cam.label for cam in CAM_METHODS.values()},
    "topk": "top-k by importance",
}  # fmt: skip


def ranking_figure(found: Audit) -> Figure:
    """Return the classes ranked by each score, with 95 % bootstrap intervals over photos."""
    scores = list(found.rankings)
    classes = min(MOST_CLASSES, len(found.photos.classes))
    figure = empty_sheet(
        f"Classes by how doubtful their maps are, the most doubtful on top  ·  {found.network.model_name}"
        f", layer {found.network.layer}, {len(found.looked)} photos of {found.photos.name}",
        width=3.6 * len(scores) + 0.6, height=1.9 + 0.27 * classes,
    )  # fmt: skip
    panels = figure.subplots(1, len(scores), squeeze=False)[0]
    for axes, score in zip(panels, scores, strict=True):
        _panel(axes, found, score)
    from matplotlib.patches import Patch

    legend(figure, *panels, annealcam=Patch(color=BLUE))  # first, as everywhere
    return figure


def usual_figure(found: Audit, label: int) -> Figure | None:
    """Return a class's usual maps over the photos for which each contributes most; None: none.

    Only photos of the class for which the map is selected are shown.
    """
    usual = found.usual(label)
    if not usual:
        return None
    share, name = found.dictionary[:, label], found.photos.classes[label]
    figure = empty_sheet(
        f"The usual maps of {name!r}, over the photos of the class where each contributes most  ·  "
        f"{found.network.model_name}, layer {found.network.layer}",
        width=9.0, height=0.9 + 1.55 * len(usual),
    )  # fmt: skip
    grid = figure.add_gridspec(len(usual), 1 + IN_A_ROW, width_ratios=[1.2] + [1.0] * IN_A_ROW)
    for row, channel in enumerate(usual):
        told = figure.add_subplot(grid[row, 0])
        told.set_axis_off()
        top = found.photos.classes[int(found.profiles[channel].argmax())]
        words = f"map {channel}\nselected for {share[channel]:.0%}\nresponds most to\n{top}"
        told.text(0, 0.5, words, fontsize=9, va="center", parse_math=False)
        for place, picture in enumerate(_overlays(found, label, channel)):
            axes = figure.add_subplot(grid[row, 1 + place])
            axes.imshow(picture)
            axes.set_axis_off()
    return figure


def _panel(axes: Axes, found: Audit, score: str) -> None:
    open_frame(axes)
    shown = found.rankings[score]["annealcam"][:MOST_CLASSES]
    rows = {standing.label: row for row, standing in enumerate(shown)}
    for method, colour in COLOURS.items():
        standings = found.rankings[score].get(method, [])
        own = [s for s in standings if s.label in rows and np.isfinite(s.score)]
        if method == "annealcam":
            _bars(axes, own, [rows[s.label] for s in own], colour)
        else:
            axes.plot([s.score for s in own], [rows[s.label] for s in own], "o", ms=5,
                      mfc="none", mec=colour, mew=1.4, label=NAMES[method])  # fmt: skip
    names = [found.photos.classes[s.label] for s in shown]
    axes.set_yticks(range(len(shown)), [n if len(n) < 20 else f"{n[:19]}…" for n in names],
                    fontsize=8)  # fmt: skip
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.invert_yaxis()
    axes.set_title(score, fontsize=9.5, loc="left", weight="bold")
    axes.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    low = min((s.low for s in shown if np.isfinite(s.low)), default=0.0)
    axes.set_xlabel(_wrapped(SCORES[score]), fontsize=8)
    if low > 0.5:  # likeness lies near 1: bars from 0 would hide what differs
        axes.set_xlim(left=max(0.0, low - 0.1))


def _bars(axes: Axes, own: list[Standing], rows: list[int], colour: str) -> None:
    values = np.array([s.score for s in own])
    ends = np.abs(np.array([[s.low for s in own], [s.high for s in own]]) - values)
    axes.barh(rows, values, color=colour, height=0.62, alpha=0.85, label=NAMES["annealcam"])
    axes.errorbar(values, rows, xerr=ends, fmt="none", ecolor="black", elinewidth=1.1, capsize=2)


def _overlays(found: Audit, label: int, channel: int) -> list[Array]:
    """One channel over the photos of a class for which it is selected and contributes most."""
    looked = found.looked
    there = np.flatnonzero((looked.labels == label) & looked.selected[:, channel])
    best = there[np.argsort(-looked.gains[there, channel], kind="stable")][:IN_A_ROW]
    rows = {name: i for i, name in enumerate(found.photos.images)}
    photos = [found.photos.open(rows[looked.images[i]]) for i in best]
    targets = [int(looked.targets[i]) for i in best]
    maps: Float[Array, "n h w"] = (
        found.network.capture(found.network.inputs(photos), targets)
        .activations[:, channel]
        .cpu()
        .numpy()
    )
    return [
        np.asarray(overlay(np.maximum(raw, 0.0), view, strength=0.75))
        for raw, view in zip(maps, (found.network.view(p, SIDE) for p in photos), strict=True)
    ]


def _wrapped(text: str) -> str:
    from textwrap import wrap

    return "\n".join(wrap(text, 36))
