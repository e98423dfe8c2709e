"""The cards of the selected maps on the page of an explanation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from annealcam._internal.pictures.scenes import View, VolumeView
from annealcam.atlas.atlas import Atlas
from annealcam.explanation import Explanation
from annealcam.qubo.problem import abs_cosine
from annealcam.render.explanation_text import inclusion_of, stand_in
from annealcam.render.html.maps import heat_uri, page_scene, photo_uri
from annealcam.render.html.page import picture_uri
from annealcam.render.subject_text import share_text

MOST_CARDS = 24
CROPS, CROP_SIDE = 4, 120


@dataclass(frozen=True)
class Card:
    """One selected map.

    Attributes:
        heat: the map as a picture; `photo` is the input below it where it differs between maps.
        share: share of the logit, as text; empty where the layer adds nothing to it.
        faint: whether the share is under 0.1 %.
        inclusion: probability to be part of a nearly best selection.
        core: whether the map is sure.
        stand_in: the map that takes its place at the least price, and the price.
        bar: absolute contribution divided by the largest one.
        like: the selected map of largest cosine with this one.
        usually: what the map responds to, from an atlas.
        crops: pictures of the regions of largest activation, from an atlas.
    """

    channel: int
    heat: str
    photo: str
    importance: float
    alpha: float
    contribution: float
    share: str
    faint: bool
    bar: float
    cosine: float
    like: int | None
    inclusion: float
    core: bool
    stand_in: tuple[int, str] | None
    usually: str = ""
    crops: tuple[str, ...] = ()


def cards(e: Explanation, view: View, atlas: Atlas | None) -> list[Card]:
    """Return a card for each selected map, most important first, at most `MOST_CARDS`."""
    flat = e.selected_maps.reshape(len(e.selected), e.map.size).astype(np.float64)
    cosines, core = abs_cosine(flat), set(e.core.tolist())
    shares, faint = e.shares, set(e.faint.tolist())
    largest = float(np.abs(e.contribution[e.selected]).max(initial=0.0)) or 1.0
    all_cards = []
    for i, channel in enumerate(map(int, e.selected[:MOST_CARDS])):
        usually, crops = _usual(channel, atlas)
        scene = page_scene(view, e.selected_maps[i], small=True)
        contribution = float(e.contribution[channel])
        all_cards.append(
            Card(
                channel=channel,
                heat=heat_uri(scene, e.selected_maps[i]),
                photo=photo_uri(scene.picture) if isinstance(view, VolumeView) else "",
                importance=float(e.importance[channel]),
                alpha=float(e.alpha[channel]),
                contribution=contribution,
                share=share_text(shares[i]),
                faint=channel in faint,
                bar=abs(contribution) / largest,
                cosine=float(e.largest_cosines[i]),
                like=int(e.selected[np.argmax(cosines[i])]) if len(cosines) > 1 else None,
                inclusion=inclusion_of(e, channel),
                core=channel in core,
                stand_in=stand_in(e, channel),
                usually=usually,
                crops=crops,
            )
        )
    return all_cards


def _usual(channel: int, atlas: Atlas | None) -> tuple[str, tuple[str, ...]]:
    if atlas is None:
        return "", ()
    crops = atlas.crops(channel)[:CROPS]
    return atlas.portrait(channel).responds_to(), tuple(map(_crop_uri, crops))


def _crop_uri(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((CROP_SIDE, CROP_SIDE))
    return picture_uri(small, quality=80)
