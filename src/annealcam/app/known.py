"""What an atlas knows of the selected maps: a few words, and where they respond most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from annealcam.app.shelf import Shelf
from annealcam.atlas.atlas import Atlas
from annealcam.explanation import Explanation
from annealcam.render.html.page import picture_uri

CROPS, SIDE = 3, 72  # shown of a map, and how wide
KEPT = 4096


@dataclass(frozen=True)
class Usual:
    """What one map usually responds to, in words and as small pictures (data URIs)."""

    words: str
    crops: tuple[str, ...]


Known: TypeAlias = Mapping[int, Usual]


class Portraits:
    """An atlas, or none, as the page asks it.

    >>> Portraits(None).atlas is None
    True
    """

    def __init__(self, atlas: Atlas | None) -> None:
        self.atlas = atlas
        self._drawn: Shelf[int, Usual] = Shelf(KEPT)

    def of(self, e: Explanation) -> Known:
        """Return what is known of the selected maps; nothing where the atlas is of other maps.

        Raises:
            OutputError: the atlas cannot be read any more.
        """
        atlas = self.atlas
        if atlas is None or not atlas.fits(e):
            return {}
        return {
            channel: self._drawn.made(channel, partial(self._draw, atlas, channel))
            for channel in map(int, e.selected)
        }

    @staticmethod
    def _draw(atlas: Atlas, channel: int) -> Usual:
        crops = [crop.resize((SIDE, SIDE)) for crop in atlas.crops(channel)[:CROPS]]
        return Usual(
            atlas.portrait(channel).responds_to(), tuple(picture_uri(crop) for crop in crops)
        )
