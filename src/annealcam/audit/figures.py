"""Figures of an audit: the rankings of the classes, and the usual maps of one class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from annealcam._internal.heatmaps import overlay
from annealcam._internal.types import Array
from annealcam.attribution.cam import BESIDE, CAM_METHODS
from annealcam.audit.run import Audit
from annealcam.audit.scores import SCORES, RankedClass
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

MOST_CLASSES = 20  # classes of a ranking
PHOTOS_PER_MAP = 5
SIDE = 200  # pixels
COLOURS = {"annealcam": BLUE, **{cam.name: cam.colour for cam in BESIDE}}
NAMES = {
    "annealcam": "annealcam", **{cam.name: cam.label for cam in CAM_METHODS.values()},
    "topk_importance": "top-k by importance",
}  # fmt: skip


def ranking_figure(audit: Audit) -> Figure:
    """Return the classes ranked by each score, with 95 % bootstrap intervals over photos."""
    scores = list(audit.rankings)
    classes = min(MOST_CLASSES, len(audit.photos.classes))
    figure = empty_sheet(
        "Classes ranked by how suspicious their maps are, the most suspicious on top  ·  "
        f"{audit.network.model_name}, layer {audit.network.layer}, {len(audit.observations)} "
        f"photos of {audit.photos.name}",
        width=3.6 * len(scores) + 0.6, height=1.9 + 0.27 * classes,
    )  # fmt: skip
    panels = figure.subplots(1, len(scores), squeeze=False)[0]
    for axes, score in zip(panels, scores, strict=True):
        _panel(axes, audit, score)
    from matplotlib.patches import Patch

    legend(figure, *panels, annealcam=Patch(color=BLUE))
    return figure


def usual_figure(audit: Audit, label: int) -> Figure | None:
    """Return a class's usual maps over the photos for which each contributes most.

    Only photos of the class for which the map is selected are shown. None if no map is selected
    for any photo of the class.
    """
    usual = audit.usual(label)
    if not usual:
        return None
    share, name = audit.dictionary[:, label], audit.photos.classes[label]
    figure = empty_sheet(
        f"The usual maps of {name!r}, over the photos of the class for which each contributes most"
        f"  ·  {audit.network.model_name}, layer {audit.network.layer}",
        width=9.0, height=0.9 + 1.55 * len(usual),
    )  # fmt: skip
    grid = figure.add_gridspec(
        len(usual), 1 + PHOTOS_PER_MAP, width_ratios=[1.2] + [1.0] * PHOTOS_PER_MAP
    )
    for row, channel in enumerate(usual):
        caption = figure.add_subplot(grid[row, 0])
        caption.set_axis_off()
        top = audit.photos.classes[int(audit.profiles[channel].argmax())]
        words = f"map {channel}\nselected for {share[channel]:.0%}\nresponds most to\n{top}"
        caption.text(0, 0.5, words, fontsize=9, va="center", parse_math=False)
        for place, picture in enumerate(_overlays(audit, label, channel)):
            axes = figure.add_subplot(grid[row, 1 + place])
            axes.imshow(picture)
            axes.set_axis_off()
    return figure


def _panel(axes: Axes, audit: Audit, score: str) -> None:
    open_frame(axes)
    shown = audit.rankings[score]["annealcam"][:MOST_CLASSES]
    rows = {ranked.label: row for row, ranked in enumerate(shown)}
    for method, colour in COLOURS.items():
        ranking = [
            ranked
            for ranked in audit.rankings[score].get(method, [])
            if ranked.label in rows and np.isfinite(ranked.score)
        ]
        places = [rows[ranked.label] for ranked in ranking]
        if method == "annealcam":
            _bars(axes, ranking, places, colour)
        else:
            axes.plot([ranked.score for ranked in ranking], places, "o", ms=5,
                      mfc="none", mec=colour, mew=1.4, label=NAMES[method])  # fmt: skip
    names = [audit.photos.classes[s.label] for s in shown]
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
    if low > 0.5:  # similarities lie near 1; bars from 0 would hide their differences
        axes.set_xlim(left=max(0.0, low - 0.1))


def _bars(axes: Axes, ranking: list[RankedClass], rows: list[int], colour: str) -> None:
    values = np.array([s.score for s in ranking])
    ends = np.abs(np.array([[s.low for s in ranking], [s.high for s in ranking]]) - values)
    axes.barh(rows, values, color=colour, height=0.62, alpha=0.85, label=NAMES["annealcam"])
    axes.errorbar(values, rows, xerr=ends, fmt="none", ecolor="black", elinewidth=1.1, capsize=2)


def _overlays(audit: Audit, label: int, channel: int) -> list[Array]:
    """Return overlays of a channel on the photos of a class for which it contributes most."""
    observations = audit.observations
    selected = np.flatnonzero((observations.labels == label) & observations.selected[:, channel])
    contributions = observations.contributions[selected, channel]
    best = selected[np.argsort(-contributions, kind="stable")][:PHOTOS_PER_MAP]
    rows = {name: i for i, name in enumerate(audit.photos.images)}
    photos = [audit.photos.open(rows[observations.images[i]]) for i in best]
    targets = [int(observations.targets[i]) for i in best]
    maps: Float[Array, "n h w"] = (
        audit.network.capture(audit.network.inputs(photos), targets)
        .activations[:, channel]
        .cpu()
        .numpy()
    )
    return [
        np.asarray(overlay(np.maximum(raw, 0.0), view, strength=0.75))
        for raw, view in zip(maps, (audit.network.view(p, SIDE) for p in photos), strict=True)
    ]


def _wrapped(text: str) -> str:
    from textwrap import wrap

    return "\n".join(wrap(text, 36))
