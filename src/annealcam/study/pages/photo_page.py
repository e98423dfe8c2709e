"""The page of one photo: its selection problem, the selections, and the annealing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from annealcam.render.html.graph import HEIGHT, LARGEST, SMALLEST, WIDTH, layout, threshold_of
from annealcam.render.html.page import POLICY, page, picture_uri
from annealcam.study.analysis.results import Setting
from annealcam.study.figures.panels import run_name, selector_style
from annealcam.study.pages.loaded import PHOTO_SIDE, is_tiny, smaller
from annealcam.study.pages.overview import NO_FORMS, PACKAGE
from annealcam.study.pages.photo_maps import MapPictures
from annealcam.study.pages.photos import Photo, PhotoResult, Row, maps_of, share_of_draws
from annealcam.study.pages.tables import Cell, Table, figure, run_cell, truth, word
from annealcam.study.pages.text import cleaned, figure_of

if TYPE_CHECKING:
    from markupsafe import Markup

MARK = "●"
MOST_NAMED = 12  # maps in a cell
TOP = 26.0  # space above the highest node of the graph, for its name
# Selectors that choose their number of maps, or take the optimum's; names for narrow columns.
_MARKED = {"exact": "optimum", "anneal": "annealer", "topk_alpha": "top-k by alpha",
           "topk_contribution": "top-k by contribution"}  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """The position of a photo among all that have pages, with the files before and after it."""

    number: int
    count: int
    previous: str | None
    next: str | None


def turns(photos: Sequence[Photo]) -> Iterator[Turn]:
    """Yield the position of each photo."""
    files = [None, *(f"{photo.stem}.html" for photo in photos), None]
    for i in range(len(photos)):
        yield Turn(i + 1, len(photos), files[i], files[i + 2])


def photo_page(
    photo: Photo,
    results: Sequence[PhotoResult],
    turn: Turn,
    *,
    study: str,
    finished: bool,
    picture: Image.Image | None,
    no_picture: str,
    explained: Mapping[Setting, str],
    maps: Mapping[Setting, MapPictures],
) -> str:
    """Return a photo's page; `explained` links to the explanations that exist."""
    names = [cleaned(f"{s.setting[0]}, layer {s.setting[1]}") for s in results]
    return page(
        "photo.html.j2",
        package=PACKAGE,
        policy=POLICY + NO_FORMS,
        name=photo.title,
        label=cleaned(photo.label),
        study=study,
        finished=finished,
        number=turn.number,
        count=turn.count,
        previous=turn.previous,
        next=turn.next,
        picture=None if picture is None else _uri(picture),
        tiny=picture is not None and is_tiny(picture),
        no_picture=no_picture,
        views=[
            _view(s, name, explained.get(s.setting), maps.get(s.setting))
            for s, name in zip(results, names, strict=True)
        ],
    )  # fmt: skip


def _uri(picture: Image.Image) -> str:
    return picture_uri(smaller(picture, PHOTO_SIDE), quality=None if is_tiny(picture) else 82)


def _view(
    result: PhotoResult, name: str, explained: str | None, maps: MapPictures | None
) -> dict[str, Any]:
    J, h = result.J, result.h
    d = len(h)
    return {
        "name": name,
        "headline": headline(result),
        "about": list(_about(result)),
        "explained": explained,
        "maps": maps.pictures if maps else {},
        "no_maps": maps.reason if maps else "",
        "graph": graph_of(result),
        "candidates": candidate_table(result),
        "channels": result.candidates,
        "J": [
            [f"{J[p, q]:.3f}" if p > q else "" for q in range(d)] for p in range(d)
        ] if d > 1 else [],
        "selectors": selector_table(result),
        "sized": sized_table(result),
        "annealing": annealing_table(result),
    }  # fmt: skip


def _about(result: PhotoResult) -> Iterator[tuple[str, str]]:
    row = result.first
    yield "network", f"{row['model']}, layer {row['layer']}"
    yield "predicted", str(row["predicted"])
    chance = figure_of(row["probability"], ".1%")
    yield "explained", f"{row['target']}, with probability {chance}"
    yield "maps", f"{figure_of(row['channels'])}, of which {figure_of(row['dead'])} dead"
    left = (row["candidates_in_all"] or 0) - (row["d"] or 0)
    out = f"; {left} more were left out" if left > 0 else ""
    yield "candidates", f"{figure_of(row['d'])}{out}"
    if result.gap is not None and result.annealed:
        row = result.annealed
        end = f"driver {row['normalisation']}; {figure_of(row['final_gap'])} at the end"
        yield "minimum gap", f"{figure_of(row['gap'])} at s = {figure_of(row['gap_s'])}, {end}"


def graph_of(result: PhotoResult) -> Markup | None:
    """Return the selection problem as a graph in SVG, or None for fewer than two candidates.

    Nodes are candidates, larger the more relevant; filled ones are those of the optimum. An edge
    joins two similar maps, wider the more similar they are.
    """
    if len(result.candidates) < 2:
        return None
    from annealcam.render.html.svg import tag

    J, selected = result.J, result.n
    h = np.clip(np.nan_to_num(result.h), 0.0, 1.0)
    radii = SMALLEST + (LARGEST - SMALLEST) * h
    J = np.clip(np.nan_to_num(J), 0.0, 1.0)
    places = layout(J, radii)
    least = threshold_of(J)
    drawn = []
    for p, q in np.argwhere(np.triu(least <= J, 1)).tolist():
        (x1, y1), (x2, y2) = places[[p, q]].tolist()
        text = f"maps {result.candidates[p]} and {result.candidates[q]}: |cosine| {J[p, q]:.3f}"
        drawn.append(tag("line", tag("title", text), x1=x1, y1=y1, x2=x2, y2=y2, class_="edge",
                         stroke_width=1.0 + 6.0 * float(J[p, q])))  # fmt: skip
    for p, channel in enumerate(result.candidates):
        x, y = places[p].tolist()
        drawn += _node(channel, x, y, float(radii[p]), float(h[p]), selected[p])
    text = (
        f"{len(result.candidates)} candidate maps, {sum(selected)} of them selected; "
        f"pairs of |cosine| {least:g} or more are joined"
    )
    box = f"0 {-TOP:g} {WIDTH:g} {HEIGHT + TOP:g}"
    return tag("svg", *drawn, viewBox=box, role="img", aria_label=text, class_="graph")


def _node(
    channel: int, x: float, y: float, radius: float, h: float, selected: bool
) -> Iterator[Markup]:
    """Yield the ring of a selected candidate, its body, and its number above."""
    from annealcam.render.html.svg import tag

    kind = "selected" if selected else "not selected"
    if selected:
        yield tag("circle", cx=x, cy=y, r=radius + 4, class_="ring")
    title = tag("title", f"map {channel}, {kind}: relevance h {h:.3f}")
    yield tag("circle", title, cx=x, cy=y, r=radius, class_=f"body {kind}")
    yield tag("text", str(channel), x=x, y=y - radius - (9 if selected else 5), class_="name")


def candidate_table(result: PhotoResult) -> Table | None:
    """Return the candidates, with the selectors that select each."""
    if not result.candidates:
        return None
    J, h = result.J, result.h
    rows = {row["selector"]: row for row in result.free if row["selector"] in _MARKED}
    if result.annealed:
        rows["anneal"] = result.annealed
    shown = {name: maps_of(rows[name]) for name in _MARKED if name in rows}
    drawn = any(row["draw"] is not None for row in result.free)
    head = ("map", "relevance h", "largest |cosine|", *(_MARKED[s] for s in shown))
    body = []
    for i, channel in enumerate(result.candidates):
        cells = [figure(channel), figure(float(h[i]), ".3f"), figure(float(J[i].max()), ".3f")]
        cells += [_mark(channel in maps) for maps in shown.values()]
        cells += [figure(share_of_draws(result.free, channel), ".0%")] if drawn else []
        body.append(tuple(cells))
    annealer = f" The annealer: {_main_run(result)}." if result.annealed else ""
    return Table(
        "The candidate maps: their relevance h, their largest redundancy |cosine| with another "
        f"candidate, and the selectors that select them.{annealer}",
        (*head, *(("random draws",) if drawn else ())), tuple(body),
    )  # fmt: skip


def _main_run(result: PhotoResult) -> str:
    row = result.annealed or {}
    return run_name(row["normalisation"], row["tau"])


def _mark(selected: bool) -> Cell:
    return Cell(MARK if selected else "", 1.0 if selected else 0.0)


def selector_table(result: PhotoResult) -> Table:
    """Return the selection of every selector, with its scores."""
    head = ("selector", "run", "maps", "k", "energy", "optimal", "relevance", "redundancy",
            "carried")  # fmt: skip
    body = tuple(_selector_row(row, run_cell(row["normalisation"], row["tau"]))
                 for row in result.means())  # fmt: skip
    return Table(
        "Energy: lower is better; none if maps outside the candidates are selected. Relevance: "
        "the sum of h. Redundancy: the mean |cosine| of the selected maps. Carried: the share of "
        "the positive contributions to the logit.", head, body, words=3,
    )  # fmt: skip


def sized_table(result: PhotoResult) -> Table | None:
    """Return the selections of a prescribed number of maps."""
    body = tuple(_selector_row(row, figure(row["cardinality"])) for row in result.sized())
    head = ("selector", "prescribed k", "maps", "k", "energy", "optimal", "relevance", "redundancy",
            "carried")  # fmt: skip
    caption = "Selections of a prescribed number of maps."
    return Table(caption, head, body, words=3) if body else None


def _selector_row(row: Row, second: Cell) -> tuple[Cell, ...]:
    name = selector_style(row["selector"])[0]
    draws = row.get("draws")
    title = f"{name}, mean of {draws} draws" if draws else name
    share = isinstance(row["optimal"], float)
    whole = isinstance(row["k"], int)
    return (
        word(title), second, word(map_list(row)),
        figure(row["k"], "" if whole else ".1f"), figure(row["energy"], ".4f"),
        figure(row["optimal"], ".0%") if share else truth(row["optimal"]),
        figure(row["relevance"], ".3f"), figure(row["redundancy"], ".3f"),
        figure(row["carried"], ".1%"),
    )  # fmt: skip


def annealing_table(result: PhotoResult) -> Table | None:
    """Return the success probability and the gap of every run of the annealer."""
    rows = [row for row in result.free if row["selector"] == "anneal"]
    if not rows:
        return None
    head = ("run", "success F of a shot", "one guess", "shots", "best of the shots",
            "as many guesses", "minimum gap", "at s", "gap at the end", "inside",
            "formula applies")  # fmt: skip
    body = tuple(
        (run_cell(row["normalisation"], row["tau"]), figure(row["success_probability"]),
         figure(row["guess"]), figure(row["shots"]), figure(row["best_of_shots"]),
         figure(row["guess_best"]), figure(row["gap"]), figure(row["gap_s"], ".3f"),
         figure(row["final_gap"]), truth(row["gap_interior"]), truth(row["landau_zener_applies"]))
        for row in rows
    )  # fmt: skip
    return Table(
        "F: the probability that one shot finds the optimum. Then the minimum gap between the two "
        "lowest levels along the run, its position s between 0 and 1, and the gap at the end. The "
        "formula is Landau and Zener's.", head, body,
    )  # fmt: skip


def headline(result: PhotoResult) -> str:
    """Return a sentence on the selection, and on the annealer's probability of finding it."""
    if result.exact is None:
        return "The table holds no optimum for this photo."
    k, d = result.exact["k"], result.exact["d"]
    if not d:
        return "No live map has positive importance: nothing can be selected."
    maps = map_list(result.exact) or "none"
    text = f"The proved optimum selects {k} of {d} candidate maps: {maps}."
    if result.annealed and result.success is not None:
        guess = figure_of(result.annealed["guess"])
        text += (
            f" One shot of the annealer ({_main_run(result)}) finds it with probability "
            f"{figure_of(result.success)}, one uniform guess with probability {guess}."
        )
    return text


def map_list(row: Row) -> str:
    """Return the channels of a row as text, shortened if there are many.

    >>> map_list({"selected": [3, 7]}), map_list({"selected": list(range(14))})
    ('3, 7', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, and 2 more')
    """
    maps = row.get("selected") or []
    more = len(maps) - MOST_NAMED
    text = ", ".join(map(str, maps[:MOST_NAMED]))
    return f"{text}, and {more} more" if more > 0 else text
