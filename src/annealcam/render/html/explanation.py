"""The page of one explanation: everything that is known of it, in one file that opens anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from annealcam._internal.text import chance, number
from annealcam.annealing.hardness import Hardness
from annealcam.atlas.atlas import Atlas
from annealcam.explanation import Explanation
from annealcam.render.explanation_hardness import explanation_hardness
from annealcam.render.html.annealing_panel import annealing_panel
from annealcam.render.html.cards import MOST_CARDS, cards
from annealcam.render.html.graph import HEIGHT, WIDTH, selection_graph
from annealcam.render.html.maps import PHOTO_SIDE, STRENGTH, colour_key, heat_uri
from annealcam.render.html.page import page, picture_uri, write_page
from annealcam.render.html.tiles import tiles
from annealcam.render.html.trust import blind, curve_chart, optimality, samplers
from annealcam.render.picture import how

BASELINES = {"gradcam": "Grad-CAM", "gradcam++": "Grad-CAM++"}
MOST_ANNEALED = 16  # qubits of an annealing panel


def explanation_html(
    e: Explanation,
    *,
    photo: Image.Image | None = None,
    checked: Mapping[str, Any] | None = None,
    comparison: Sequence[Mapping[str, Any]] | None = None,
    annealing: Hardness | None = None,
    atlas: Atlas | None = None,
) -> str:
    """Return the page of an explanation as HTML: one file, offline, readable without scripts.

    Args:
        e: the explanation.
        photo: what the network saw of it; None takes the explanation's own view.
        checked: what `checks.check` found: faithfulness and class sensitivity.
        comparison: the rows of `comparison.compare`.
        annealing: what the annealer meets in the explanation's problem.
        atlas: what the layer's maps usually respond to; one of another network or layer is not
            shown, and the page says so.
    """
    view = photo if photo is not None else _view(e)
    aspect = view.width / view.height if view is not None else e.map.shape[1] / e.map.shape[0]
    fitting = atlas if atlas is not None and atlas.fits(e) else None
    return page(
        "explanation.html.j2",
        e=e,
        told=dict(e.provenance),
        name=e.provenance["target_name"] or f"class {e.target}",
        photo=None if view is None else _photo_uri(view),
        aspect=f"{aspect:.4f}",
        panels=_panels(e, aspect),
        key=colour_key(),
        strength=STRENGTH,
        tiles=tiles(e, checked, annealing),
        how=how(e),
        cards=cards(e, aspect, fitting),
        most_cards=MOST_CARDS,
        graph=selection_graph(e) if e.problem.d else None,
        graph_size=(WIDTH, HEIGHT),
        annealing=annealing_panel(annealing) if annealing is not None else None,
        why_no_annealing=_why_not_annealed(e),
        optimality=optimality(e),
        checked=checked,
        curve=curve_chart(checked["curve"], len(e.selected)) if checked else None,
        samplers=samplers(comparison) if comparison else None,
        atlas=fitting,
        atlas_fits=(atlas is None) == (fitting is None),
        data=_data(e),
        blind=blind,
        number=number,
        chance=chance,
    )


def write_explanation(
    e: Explanation,
    path: Path,
    *,
    photo: Image.Image | None = None,
    checked: Mapping[str, Any] | None = None,
    comparison: Sequence[Mapping[str, Any]] | None = None,
    annealing: bool = True,
    atlas: Atlas | None = None,
) -> None:
    """Write the page of an explanation; the arguments are those of `Explanation.to_html`.

    Raises:
        OutputError: the file cannot be written.
    """
    hardness = explanation_hardness(e) if annealing else None
    html = explanation_html(
        e, photo=photo, checked=checked, comparison=comparison, annealing=hardness, atlas=atlas
    )
    write_page(html, path)


def _view(e: Explanation) -> Image.Image | None:
    return None if e.view is None else Image.fromarray(np.asarray(e.view))


def _photo_uri(view: Image.Image) -> str:
    small = view.convert("RGB")
    small.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    return picture_uri(small)


def _panels(e: Explanation, aspect: float) -> list[dict[str, str]]:
    """The methods in their order everywhere: annealcam, Grad-CAM, Grad-CAM++."""
    k, channels = len(e.selected), len(e.alpha)
    own = {
        "name": "annealcam",
        "kind": "annealcam",
        "about": f"{k} of {channels} maps" if k else "no map was selected",
        "heat": heat_uri(e.map, aspect),
    }
    others = [
        {
            "name": name,
            "kind": method.replace("++", "-plus"),
            "about": f"all {channels} maps",
            "heat": heat_uri(e.baselines[method], aspect),
        }
        for method, name in BASELINES.items()
        if method in e.baselines
    ]
    return [own, *others]


def _why_not_annealed(e: Explanation) -> str:
    d = e.problem.d
    if d == 0:
        return "There is nothing to anneal: no map is a candidate."
    if d > MOST_ANNEALED:
        return (
            f"With {d} candidates the problem is beyond what is simulated for a page "
            f"({MOST_ANNEALED} qubits); keep fewer (max_qubits) to see how hard it is to anneal."
        )
    return (
        "The annealing was not simulated for this page, or the result does not hold all that is "
        "needed to do it again."
    )


def _data(e: Explanation) -> Markup:
    """The numbers for machines; no text can end the element that holds them."""
    text = json.dumps(e.as_json(), indent=1, allow_nan=False, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
