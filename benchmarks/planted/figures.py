"""Figures of the planted experiment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from annealcam._internal.heatmaps import overlay
from annealcam._internal.types import Array
from annealcam.attribution.cam import CAM_METHODS
from annealcam.audit.figures import NAMES
from annealcam.audit.observations import METHODS
from annealcam.audit.scores import SCORES
from annealcam.models.images import load_photo
from annealcam.models.load import load_checkpoint
from annealcam.models.preprocess import view_of
from annealcam.pipeline import cam, explain
from annealcam.render.figures.sheets import (
    BLUE,
    GREY,
    SKY,
    empty_sheet,
    legend,
    open_frame,
)  # fmt: skip

from .experiment import CONTROL, PLANTED, Experiment
from .revealed import compare
from .trial import LAYER, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "annealcam": BLUE, **{cam.name: cam.colour for cam in CAM_METHODS.values()},
    "topk_importance": SKY,
}  # fmt: skip
PHOTOS = ("skimage:coffee", "skimage:chelsea")  # bundled
SIDE = 300


def inside_figure(experiment: Experiment) -> Figure:
    """Return the share of each method's map on the patch, a dot for each class and seed."""
    figure = empty_sheet(
        f"Share of the map on the patch, {experiment.provenance['data']}: each dot is one network, "
        "with its 95 % interval over photos", height=3.8, width=9.0,
    )  # fmt: skip
    panels = figure.subplots(1, 2, sharey=True)
    titles = {PLANTED: "networks that learned with the patch", CONTROL: "without (control)"}
    for axes, (network, title) in zip(panels, titles.items(), strict=True):
        open_frame(axes)
        axes.set_title(title, fontsize=9.5, loc="left")
        rows = experiment.of(network)
        for place, method in enumerate(METHODS):
            values = np.array([row["inside"][method] for row in rows])
            x = place + np.linspace(-0.25, 0.25, len(rows)) if len(rows) > 1 else [place]
            ends = np.abs(values[:, 1:].T - values[:, 0])
            axes.errorbar(x, values[:, 0], yerr=ends, fmt="o", ms=4, lw=1, color=COLOURS[method])
        area = np.mean([row["area"] for row in rows])
        axes.axhline(area, color=GREY, lw=1, ls="--", label="the patch's share of the area")
        axes.set_xticks(range(len(METHODS)), [NAMES[m] for m in METHODS], fontsize=8.5)
        axes.set_ylim(bottom=0)
    panels[0].set_ylabel("share of the map on the patch", fontsize=9)
    legend(figure, *panels)
    return figure


def places_figure(experiment: Experiment) -> Figure:
    """Return the number of networks in which each ranking puts the planted class first."""
    shown = [(s, m) for s in SCORES for m in METHODS if m in experiment.rows[0]["places"][s]]
    figure = empty_sheet(
        "Networks in which the class ranks first (of "
        f"{len(experiment.of(PLANTED))} networks): with the shortcut, and in the control without",
        height=1.2 + 0.3 * len(shown), width=9.0,
    )  # fmt: skip
    axes = figure.add_subplot()
    open_frame(axes)
    for row, (score, method) in enumerate(shown):
        axes.barh(
            row - 0.18,
            experiment.first(PLANTED, score, method),
            height=0.34,
            color=COLOURS[method],
            label="learned with the patch" if row == 0 else None,
        )
        axes.barh(row + 0.18, experiment.first(CONTROL, score, method), height=0.34, color="0.75",
                  label="control" if row == 0 else None)  # fmt: skip
    axes.set_yticks(range(len(shown)), [f"{s}, {NAMES[m]}" for s, m in shown], fontsize=8.5)
    axes.set_xlim(0, len(experiment.of(PLANTED)))
    axes.set_xlabel("networks in which the class ranks first", fontsize=9)
    axes.set_xticks(range(len(experiment.of(PLANTED)) + 1))
    axes.invert_yaxis()
    legend(figure, axes)
    return figure


def channels_figure(experiment: Experiment) -> Figure:
    """Return the share of every channel due to the patch, against its selection rates."""
    trials = [trial for trial in experiment.trials if trial.label is not None]
    columns = min(3, len(trials))
    rows = math.ceil(len(trials) / columns)
    figure = empty_sheet(
        "Each dot is a map of one network: the share of its activation due to the patch, and the "
        "share of the class's photos for which it is selected",
        height=1.2 + 2.5 * rows, width=9.0,
    )  # fmt: skip
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes in panels[len(trials) :]:
        axes.set_axis_off()
    for axes, trial in zip(panels, trials, strict=False):
        assert trial.label is not None
        _channels(axes, trial, f"{experiment.classes[trial.label]}, seed {trial.seed}")
    legend(figure, *panels[: len(trials)])
    return figure


def photo_figure(experiment: Experiment) -> Figure:
    """Return bundled photos with the patch, explained for the class by the networks of seed 0."""
    trials = [trial for trial in experiment.trials if trial.label is not None and trial.seed == 0]
    names = METHODS[:-1]  # without top-k
    figure = empty_sheet(
        "Photos that are bundled with scikit-image, with the patch, explained for the class that "
        "had the patch in training", height=0.8 + 1.75 * len(trials) * len(PHOTOS), width=10.0,
    )  # fmt: skip
    grid = figure.add_gridspec(len(trials) * len(PHOTOS), 2 + len(names))
    for number, trial in enumerate(trials):
        for place, photo in enumerate(PHOTOS):
            row = number * len(PHOTOS) + place
            for column, (title, picture) in enumerate(_explained(trial, photo, experiment, names)):
                axes = figure.add_subplot(grid[row, column])
                axes.imshow(picture)
                axes.set_axis_off()
                axes.set_title(title, fontsize=8, parse_math=False)
    return figure


def _channels(axes: Axes, trial: Trial, title: str) -> None:
    open_frame(axes)
    assert trial.label is not None
    pair = compare(trial.clean, trial.stamped, trial.label)
    axes.plot(pair.due, pair.without, "o", ms=6, mfc="none", mec=GREY, label="without the patch")
    axes.plot(pair.due, pair.with_patch, "o", ms=4, color=BLUE, label="with the patch")
    axes.set_title(title, fontsize=9, loc="left", parse_math=False)
    axes.set_xlabel("share due to the patch", fontsize=8)
    axes.set_ylabel("selected for", fontsize=8)
    axes.set(xlim=(-0.03, 1.0), ylim=(-0.04, 1.04))
    axes.tick_params(labelsize=8)


def _explained(
    trial: Trial, name: str, experiment: Experiment, names: tuple[str, ...]
) -> list[tuple[str, Array]]:
    """Return the stamped photo, its maps, and the channel that is most due to the patch."""
    assert trial.label is not None
    model, preprocess, classes = load_checkpoint(str(trial.file))
    stamped = trial.patch.on(load_photo(name), name)
    image, view = preprocess(stamped), view_of(preprocess, stamped, SIDE)
    target, label = trial.label, experiment.classes[trial.label]
    e: Any = explain(model, image, layer=LAYER, target=target, sampler="exact")
    predicted = (classes or experiment.classes)[int(e.logits.argmax())]
    shown = [(f"predicted: {predicted}", np.asarray(view))]
    for method in names:
        raw = e.map if method == "annealcam" else cam(
            model, image, layer=LAYER, target=target, method=method
        )  # fmt: skip
        shown.append((f"{NAMES[method]}: {label}", _overlay(raw, view)))
    due = compare(trial.clean, trial.stamped, target).due
    channel = int(np.argmax(due))
    from annealcam.attribution.activations import capture

    raw = capture(model, image[None], layer=LAYER).activations[0, channel].cpu().numpy()
    return [*shown, (f"map {channel}: {due[channel]:.0%} patch", _overlay(raw, view))]


def _overlay(raw: Array, view: Image.Image) -> Array:
    return np.asarray(overlay(np.maximum(raw, 0.0), view, strength=0.75))
