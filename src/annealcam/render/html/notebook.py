"""What a notebook shows of an explanation: pictures and one line of facts, in one piece of HTML."""

from __future__ import annotations

from jaxtyping import Float
from markupsafe import Markup

from annealcam._internal.pictures.scenes import PhotoView, Scene
from annealcam._internal.types import Array
from annealcam.explanation import Explanation
from annealcam.render.explanation_text import headline
from annealcam.render.html.maps import STRENGTH
from annealcam.render.html.page import picture_uri
from annealcam.render.subject_text import evidence_key, map_title, score_name, share_text
from annealcam.render.views import view_of_explanation

MAP_SIDE, TILE_SIDE = 260, 96  # pixels
WIDE_SIDE, WIDE_TILE = 420, 140  # of slices and curves
MOST_TILES = 8

_FIGURE = Markup(
    '<figure style="margin:0;display:inline-block;vertical-align:top;width:{width}px">'
    '<img src="{uri}" alt="{caption}" width="{width}" height="{height}">'
    '<figcaption style="font-size:.85em">{caption}</figcaption></figure>'
)


def notebook_html(e: Explanation) -> Markup:
    """Return map, evidence, selected maps and one line of facts; texts are escaped."""
    view = view_of_explanation(e)
    plain = isinstance(view, PhotoView)
    scene = view.scene(e.map, side=MAP_SIDE if plain else WIDE_SIDE)
    figures = [_figure(scene, e.map, "the selected maps together")]
    if e.evidence is not None:
        negative, positive = evidence_key(e)
        caption = f"evidence: vermillion {positive}, blue {negative} it"
        figures.append(_figure(scene, e.evidence, caption, signed=True))
    for channel, values in list(zip(e.selected, e.selected_maps, strict=True))[:MOST_TILES]:
        tile = view.scene(values, side=TILE_SIDE if plain else WIDE_TILE, small=True)
        figures.append(_figure(tile, values, map_title(e, int(channel))))
    more = len(e.selected) - MOST_TILES
    facts = headline(e)
    if share := share_text(e.share) if len(e.selected) else "":
        facts += f"  ·  {share} of the {score_name(e)}"
    if e.fidelity is not None:
        facts += f"  ·  fidelity {e.fidelity:.2f} (cosine with the evidence)"
    notes = " ".join(text for text in (view.caption, view.note) if text)
    return Markup('<div style="max-width:60em">{}{}<p>{}</p>{}</div>').format(
        Markup(" ").join(figures), f" and {more} more" if more > 0 else "", facts,
        Markup("<p>{}</p>").format(notes) if notes else "",
    )  # fmt: skip


def _figure(
    scene: Scene, raw: Float[Array, "*grid"], caption: str, *, signed: bool = False
) -> Markup:
    draw = scene.signed_overlay if signed else scene.overlay
    picture = draw(raw, strength=STRENGTH)
    uri = picture_uri(picture.convert("RGB"))
    return _FIGURE.format(uri=uri, caption=caption, width=picture.width, height=picture.height)
