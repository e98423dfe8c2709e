"""What the selected maps usually respond to, from an atlas: a few words and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from annealcam.app.cache import Cache
from annealcam.atlas.atlas import Atlas
from annealcam.explanation import Explanation
from annealcam.render.html.page import picture_uri

CROPS, SIDE = 3, 72  # pictures of a map, and their width in pixels
STORED = 4096


@dataclass(frozen=True)
class Response:
    """What one map usually responds to, in words and as small pictures (data URIs)."""

    words: str
    crops: tuple[str, ...]


Responses: TypeAlias = Mapping[int, Response]


class AtlasResponses:
    """The responses of maps in an atlas; without an atlas, there are none.

    >>> AtlasResponses(None).atlas is None
    True
    """

    def __init__(self, atlas: Atlas | None) -> None:
        self.atlas = atlas
        self._drawn: Cache[int, Response] = Cache(STORED)

    def of(self, e: Explanation) -> Responses:
        """Return the responses of the selected maps; none if the atlas is of other maps.

        Raises:
            OutputError: the atlas cannot be read any more.
        """
        atlas = self.atlas
        if atlas is None or not atlas.fits(e):
            return {}
        return {
            channel: self._drawn.get_or_make(channel, partial(self._draw, atlas, channel))
            for channel in map(int, e.selected)
        }

    @staticmethod
    def _draw(atlas: Atlas, channel: int) -> Response:
        crops = [crop.resize((SIDE, SIDE)) for crop in atlas.crops(channel)[:CROPS]]
        return Response(
            atlas.portrait(channel).responds_to(), tuple(picture_uri(crop) for crop in crops)
        )
