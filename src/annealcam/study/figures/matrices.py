"""Class overlap matrices, one panel a selector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.study.figures.columns import Columns, distinct, reals, where
from annealcam.study.figures.panels import grid, selector_style, settings_of, title_panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

PER_ROW = 4
MOST_NUMBERED = 12  # classes whose cells have room for numbers
MOST_NAMED = 30  # classes whose names can be read
SIDE = 2.9  # of a panel, in inches


def matrices_figure(columns: Columns) -> Figure:
    """Return the overlap of each pair of classes, of one setting, on one scale for all selectors.

    Above each panel stands the mean over the pairs of different classes.
    """
    ((model, layer),) = settings_of(columns)
    selectors = [selector for (selector,) in distinct(columns, "selector")]
    figure, panels = grid(
        f"Class overlap (Bhattacharyya coefficient of the selected maps) · {model}, layer {layer}",
        len(selectors), PER_ROW, size=(SIDE, SIDE),
    )  # fmt: skip
    classes = [name for (name,) in distinct(columns, "class_a")]
    for axes, selector in zip(panels, selectors, strict=True):
        image = _draw(axes, where(columns, selector=selector), classes)
    figure.colorbar(image, ax=panels, label="overlap: 0 no map shared, 1 the same maps", aspect=40)
    return figure


def _draw(axes: Axes, columns: Columns, classes: list[str]) -> AxesImage:
    B = np.full((len(classes), len(classes)), np.nan)
    place = {name: i for i, name in enumerate(classes)}
    for a, b, overlap in zip(
        columns["class_a"], columns["class_b"], reals(columns, "overlap"), strict=True
    ):
        B[place[a], place[b]] = overlap
    image = axes.imshow(B, vmin=0, vmax=1, cmap="viridis")
    apart = B[~np.eye(len(classes), dtype=bool)]
    mean = f"mean {np.nanmean(apart):.3f}" if np.isfinite(apart).any() else "one class"
    name, *_ = selector_style(columns["selector"][0])
    title_panel(axes, f"{name}{_run(columns)}\n{mean}")
    _name(axes, classes)
    if len(classes) <= MOST_NUMBERED:
        _number(axes, B)
    return image


def _run(columns: Columns) -> str:
    tau, normalisation = columns["tau"][0], columns["normalisation"][0]
    return f", τ = {tau:g}, {normalisation}" if tau is not None else ""


def _name(axes: Axes, classes: list[str]) -> None:
    if len(classes) > MOST_NAMED:
        axes.set(xticks=[], yticks=[], xlabel=f"{len(classes)} classes, in the order of the table")
        return
    names: dict[str, Any] = {"labels": classes, "size": 8, "parse_math": False}
    axes.set_xticks(range(len(classes)), rotation=90, **names)
    axes.set_yticks(range(len(classes)), **names)


def _number(axes: Axes, B: Float[Array, "classes classes"]) -> None:
    """Two digits in each cell below the diagonal: the others are the same."""
    size = min(9.0, 60.0 / len(B))
    for (a, b), overlap in np.ndenumerate(B):
        if a > b and np.isfinite(overlap):
            text = f"{overlap:.2f}".removeprefix("0")
            colour = "black" if overlap > 0.6 else "white"
            axes.text(b, a, text, ha="center", va="center", size=size, color=colour)
