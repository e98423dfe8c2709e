"""The selected maps as cards: where each looks, what it carries, which other one it is like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from annealcam.explanation import Explanation
from annealcam.render.html.maps import heat_uri
from annealcam.render.html.page import picture_uri

if TYPE_CHECKING:
    from annealcam.atlas.atlas import Atlas

MOST_CARDS = 24
CROPS, CROP_SIDE = 4, 120


@dataclass(frozen=True)
class Card:
    """One selected map; `share` of the logit is None where the logit is not positive.

    `bar` is the size of the contribution against the largest one, `like` the selected map of
    largest cosine with this one. `usually` and `crops` are what an atlas knows.
    """

    channel: int
    heat: str
    importance: float
    alpha: float
    contribution: float
    share: float | None
    bar: float
    cosine: float
    like: int | None
    usually: str = ""
    crops: tuple[str, ...] = ()


def cards(e: Explanation, aspect: float, atlas: Atlas | None) -> list[Card]:
    """Return a card for each selected map, most important first, at most `MOST_CARDS`."""
    places = np.searchsorted(e.candidates, e.selected)
    J = e.problem.J[np.ix_(places, places)]
    positive = float(e.logits[e.target]) > 0
    largest = float(np.abs(e.contribution[e.selected]).max(initial=0.0)) or 1.0
    found = []
    for i, channel in enumerate(e.selected[:MOST_CARDS]):
        usually, crops = _usual(int(channel), atlas)
        like = int(np.argmax(J[i])) if len(J) > 1 else None
        found.append(
            Card(
                channel=int(channel),
                heat=heat_uri(e.selected_maps[i], aspect),
                importance=float(e.importance[channel]),
                alpha=float(e.alpha[channel]),
                contribution=float(e.contribution[channel]),
                share=float(e.logit_shares[i]) if positive else None,
                bar=abs(float(e.contribution[channel])) / largest,
                cosine=float(e.largest_cosines[i]),
                like=None if like is None else int(e.selected[like]),
                usually=usually,
                crops=crops,
            )
        )
    return found


def _usual(channel: int, atlas: Atlas | None) -> tuple[str, tuple[str, ...]]:
    if atlas is None:
        return "", ()
    crops = atlas.crops(channel)[:CROPS]
    return atlas.portrait(channel).responds_to(), tuple(map(_small, crops))


def _small(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((CROP_SIDE, CROP_SIDE))
    return picture_uri(small, quality=80)
