"""What a notebook shows of an explanation: pictures and one line of facts, in one piece of HTML."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from markupsafe import Markup
from PIL import Image

from annealcam._internal.heatmaps import overlay
from annealcam._internal.types import Array
from annealcam.explanation import Explanation
from annealcam.render.html.maps import STRENGTH, fitted, heat_picture
from annealcam.render.html.page import picture_uri
from annealcam.render.text import headline

MAP_SIDE, TILE_SIDE = 260, 96  # pixels
MOST_TILES = 8

_FIGURE = Markup(
    '<figure style="margin:0;display:inline-block;vertical-align:top">'
    '<img src="{uri}" alt="{caption}" width="{width}" height="{height}">'
    '<figcaption style="font-size:.85em">{caption}</figcaption></figure>'
)


def notebook_html(e: Explanation) -> Markup:
    """Return the map over the image, the selected maps and one line of facts; texts are escaped."""
    figures = [_figure(e, e.map, MAP_SIDE, "the selected maps together")]
    for channel, values in list(zip(e.selected, e.selected_maps, strict=True))[:MOST_TILES]:
        figures.append(_figure(e, values.clip(min=0), TILE_SIDE, f"map {channel}"))
    more = len(e.selected) - MOST_TILES
    facts = f"{headline(e)}  ·  {e.carried_share:.0%} of the positive contributions"
    return Markup('<div style="max-width:60em">{}{}<p>{}</p></div>').format(
        Markup(" ").join(figures), f" and {more} more" if more > 0 else "", facts
    )


def _figure(e: Explanation, raw: Float[Array, "h w"], side: int, caption: str) -> Markup:
    height, width = e.map.shape if e.view is None else e.view.shape[:2]
    size = fitted(width / height, side)
    if e.view is None:
        picture = heat_picture(raw, size).convert("RGBA").convert("RGB")
    else:
        view = Image.fromarray(np.asarray(e.view)).resize(size[::-1])
        picture = overlay(raw, view, strength=STRENGTH)
    uri = picture_uri(picture, quality=None)
    return _FIGURE.format(uri=uri, caption=caption, width=size[1], height=size[0])
