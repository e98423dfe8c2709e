"""What a notebook shows of an explanation: pictures and one line of facts, in one piece of HTML."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from markupsafe import Markup
from PIL import Image

from annealcam._internal.heatmaps import overlay, signed_overlay
from annealcam._internal.types import Array
from annealcam.explanation import Explanation
from annealcam.render.explanation_text import headline
from annealcam.render.html.maps import STRENGTH, fitted, heat_picture, signed_picture
from annealcam.render.html.page import picture_uri

MAP_SIDE, TILE_SIDE = 260, 96  # pixels
MOST_TILES = 8
GREY = "#8a8f96"  # in place of a photo

_FIGURE = Markup(
    '<figure style="margin:0;display:inline-block;vertical-align:top">'
    '<img src="{uri}" alt="{caption}" width="{width}" height="{height}">'
    '<figcaption style="font-size:.85em">{caption}</figcaption></figure>'
)


def notebook_html(e: Explanation) -> Markup:
    """Return map, evidence, selected maps and one line of facts; texts are escaped."""
    figures = [_figure(e, e.map, MAP_SIDE, "the selected maps together")]
    if e.evidence is not None:
        caption = "evidence: vermillion for the class, blue against it"
        figures.append(_figure(e, e.evidence, MAP_SIDE, caption, signed=True))
    core = set(e.core.tolist())
    for channel, values in list(zip(e.selected, e.selected_maps, strict=True))[:MOST_TILES]:
        sure = " (sure)" if int(channel) in core else ""
        figures.append(_figure(e, values.clip(min=0), TILE_SIDE, f"map {channel}{sure}"))
    more = len(e.selected) - MOST_TILES
    facts = f"{headline(e)}  ·  {e.carried_share:.0%} of the positive contributions"
    if e.fidelity is not None:
        facts += f"  ·  fidelity {e.fidelity:.2f} (cosine with the evidence)"
    return Markup('<div style="max-width:60em">{}{}<p>{}</p></div>').format(
        Markup(" ").join(figures), f" and {more} more" if more > 0 else "", facts
    )


def _figure(
    e: Explanation, raw: Float[Array, "h w"], side: int, caption: str, *, signed: bool = False
) -> Markup:
    height, width = e.map.shape if e.view is None else e.view.shape[:2]
    size = fitted(width / height, side)
    if e.view is None:
        picture = (signed_picture if signed else heat_picture)(raw, size).convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, GREY), picture)
    else:
        view = Image.fromarray(np.asarray(e.view)).resize(size[::-1])
        picture = (signed_overlay if signed else overlay)(raw, view, strength=STRENGTH)
    uri = picture_uri(picture.convert("RGB"), quality=None)
    return _FIGURE.format(uri=uri, caption=caption, width=size[1], height=size[0])
