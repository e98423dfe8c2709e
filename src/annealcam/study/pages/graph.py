"""The selection problem of a photo as a graph: candidates, how relevant and how alike they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from annealcam.render.html.graph import HEIGHT, LARGEST, SMALLEST, WIDTH, layout, threshold_of
from annealcam.study.pages.sight import Sight

if TYPE_CHECKING:
    from markupsafe import Markup

HEAD = 26.0  # above the highest node, for its name


def graph_of(sight: Sight) -> Markup | None:
    """Return the graph as an SVG element; None where there is nothing to compare.

    Nodes are candidates, larger the more relevant; filled ones are the optimum's. An edge joins
    two that are alike, wider the more they are.
    """
    if len(sight.candidates) < 2:
        return None
    from annealcam.render.html.svg import tag

    J, selected = sight.J, sight.n
    h = np.clip(np.nan_to_num(sight.h), 0.0, 1.0)
    radii = SMALLEST + (LARGEST - SMALLEST) * h
    J = np.clip(np.nan_to_num(J), 0.0, 1.0)
    places = layout(J, radii)
    least = threshold_of(J)
    drawn = []
    for p, q in np.argwhere(np.triu(least <= J, 1)).tolist():
        (x1, y1), (x2, y2) = places[[p, q]].tolist()
        told = f"maps {sight.candidates[p]} and {sight.candidates[q]}: |cosine| {J[p, q]:.3f}"
        drawn.append(tag("line", tag("title", told), x1=x1, y1=y1, x2=x2, y2=y2, class_="edge",
                         stroke_width=1.0 + 6.0 * float(J[p, q])))  # fmt: skip
    for p, channel in enumerate(sight.candidates):
        x, y = places[p].tolist()
        drawn += _node(channel, x, y, float(radii[p]), float(h[p]), selected[p])
    told = (
        f"{len(sight.candidates)} candidate maps, {sum(selected)} of them selected; "
        f"pairs of |cosine| {least:g} or more are joined"
    )
    box = f"0 {-HEAD:g} {WIDTH:g} {HEIGHT + HEAD:g}"
    return tag("svg", *drawn, viewBox=box, role="img", aria_label=told, class_="graph")


def _node(
    channel: int, x: float, y: float, radius: float, h: float, selected: bool
) -> Iterator[Markup]:
    """A candidate: its ring where it is selected, its body, and its number above."""
    from annealcam.render.html.svg import tag

    kind = "selected" if selected else "not selected"
    if selected:
        yield tag("circle", cx=x, cy=y, r=radius + 4, class_="ring")
    title = tag("title", f"map {channel}, {kind}: relevance h {h:.3f}")
    yield tag("circle", title, cx=x, cy=y, r=radius, class_=f"body {kind}")
    yield tag("text", str(channel), x=x, y=y - radius - (9 if selected else 5), class_="name")
