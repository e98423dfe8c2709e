"""The curve of the best k maps: what they keep, and their redundancy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from annealcam.render.figures.sheets import BLUE, GREY, empty_sheet, legend, open_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = (
    ("kept", "share of the logit", "kept alone   higher is better ↑"),
    ("cosine", "mean |cosine| of the pairs", "redundancy   lower is better ↓"),
)


def best_k_figure(rows: Sequence[Mapping[str, Any]], *, title: str) -> Figure:
    """Return two panels against k: what k maps keep of the logit, and their redundancy.

    Each panel shows the best k maps beside the k maps of largest importance. An open marker is an
    optimum that is not proved.

    >>> row = {"k": 2, "kept": 0.3, "kept_top": 0.4, "cosine": 0.1, "cosine_top": 0.5,
    ...        "proved": True}
    >>> len(best_k_figure([row], title="one").axes)
    2
    """
    figure = empty_sheet(title, width=8.0, height=3.6)
    ks = [row["k"] for row in rows]
    proved = np.array([bool(row["proved"]) for row in rows])
    for axes, (name, unit, head) in zip(figure.subplots(1, 2), PANELS, strict=True):
        open_frame(axes)
        for column, colour, mark, label in (
            (name, BLUE, "o", "the best k maps"),
            (f"{name}_top", GREY, "s", "the k maps of largest importance"),
        ):
            values = np.array([np.nan if row[column] is None else row[column] for row in rows])
            axes.plot(ks, values, color=colour, lw=1.4)
            filled = proved if column == name else np.ones_like(proved)
            axes.plot(np.array(ks)[filled], values[filled], mark, color=colour, ms=4.5, label=label)
            axes.plot(
                np.array(ks)[~filled], values[~filled], mark, color=colour, ms=4.5, mfc="white"
            )
        axes.set_ylim(bottom=0.0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_title(head, size=9.5, loc="left")
        axes.set_xlabel("k, number of selected maps", size=8.5)
        axes.set_ylabel(unit, size=8.5)
    legend(figure, *figure.axes)
    return figure
