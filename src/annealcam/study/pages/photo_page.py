"""The page of one photo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from annealcam.render.html.page import POLICY, page, picture_uri
from annealcam.study.figures.columns import Setting
from annealcam.study.pages.graph import graph_of
from annealcam.study.pages.overview import FURTHER, PACKAGE, Card
from annealcam.study.pages.photos import Photo
from annealcam.study.pages.pictures import SIDE, TINY, smaller
from annealcam.study.pages.sight import Sight
from annealcam.study.pages.sight_tables import (
    annealing_table,
    candidate_table,
    headline,
    selector_table,
    sized_table,
)
from annealcam.study.pages.text import cleaned, figure_of, file_stem, real


@dataclass(frozen=True)
class Turn:
    """Where a photo stands among all that have pages."""

    number: int
    count: int
    previous: str | None
    next: str | None


def turns(photos: Sequence[Photo]) -> Iterator[Turn]:
    """Yield the place of each photo, with the files of those before and after it."""
    files = [None, *(f"{photo.stem}.html" for photo in photos), None]
    for i in range(len(photos)):
        yield Turn(i + 1, len(photos), files[i], files[i + 2])


def explained_stem(photo: Photo, setting: Setting) -> str:
    """Return what the file of a photo's explanation in one setting is called."""
    return file_stem(photo.label, photo.name, *setting)


def photo_page(
    photo: Photo,
    sights: Sequence[Sight],
    turn: Turn,
    *,
    study: str,
    finished: bool,
    picture: Image.Image | None,
    no_picture: str,
    explained: Mapping[Setting, str],
) -> str:
    """Return a photo's page; `explained` holds links to explanations that are there."""
    names = [cleaned(f"{s.setting[0]}, layer {s.setting[1]}") for s in sights]
    return page(
        "photo.html.j2",
        package=PACKAGE,
        policy=POLICY + FURTHER,
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
            _view(s, name, explained.get(s.setting)) for s, name in zip(sights, names, strict=True)
        ],
    )  # fmt: skip


def is_tiny(picture: Image.Image) -> bool:
    """Return whether a photo has so few pixels that each is to be seen."""
    return max(picture.size) <= TINY


def _uri(picture: Image.Image) -> str:
    return picture_uri(smaller(picture, SIDE), quality=None if is_tiny(picture) else 82)


def _view(sight: Sight, name: str, explained: str | None) -> dict[str, Any]:
    J, h = sight.J, sight.h
    d = len(h)
    return {
        "name": name,
        "headline": headline(sight),
        "about": list(_about(sight)),
        "explained": explained,
        "graph": graph_of(sight),
        "candidates": candidate_table(sight),
        "channels": sight.candidates,
        "J": [
            [f"{J[p, q]:.3f}" if p > q else "" for q in range(d)] for p in range(d)
        ] if d > 1 else [],
        "selectors": selector_table(sight),
        "sized": sized_table(sight),
        "annealing": annealing_table(sight),
    }  # fmt: skip


def _about(sight: Sight) -> Iterator[tuple[str, str]]:
    row = sight.first
    yield "network", f"{row['model']}, layer {row['layer']}"
    yield "predicted", str(row["predicted"])
    chance = figure_of(row["probability"], ".1%")
    yield "explained", f"{row['target']}, with probability {chance}"
    yield "maps", f"{figure_of(row['channels'])}, of which {figure_of(row['dead'])} dead"
    left = (row["candidates_in_all"] or 0) - (row["d"] or 0)
    out = f"; {left} more were left out" if left > 0 else ""
    yield "candidates", f"{figure_of(row['d'])}{out}"
    if sight.gap is not None and sight.annealed:
        row = sight.annealed
        end = f"driver {row['normalisation']}; {figure_of(row['final_gap'])} at the end"
        yield "minimum gap", f"{figure_of(row['gap'])} at s = {figure_of(row['gap_s'])}, {end}"


def card_of(photo: Photo, sights: Sequence[Sight], *, thumb: str | None, tiny: bool) -> Card:
    """Return how a photo is shown in the overview."""
    annealed = [s for s in sights if s.success is not None]
    hardest = min(annealed, key=lambda s: s.success or 0.0, default=sights[0])
    k = hardest.exact["k"] if hardest.exact else None
    gaps = [s.gap for s in sights if s.gap is not None]
    chances = [real(s.first["probability"]) for s in sights]
    return Card(
        href=f"photos/{photo.stem}.html",
        name=photo.title,
        label=str(cleaned(photo.label)),
        predicted=tuple(dict.fromkeys(str(s.first["predicted"]) for s in sights)),
        thumb=thumb,
        tiny=tiny,
        success=hardest.success,
        gap=min(gaps, default=None),
        probability=min((p for p in chances if p is not None), default=None),
        d=int(hardest.first["d"] or 0),
        k=k,
    )  # fmt: skip
