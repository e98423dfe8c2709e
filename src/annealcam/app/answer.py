"""An explanation as HTML for the page: pictures, facts and the selected feature maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from annealcam._internal.links import is_two_sided, probabilities
from annealcam._internal.pictures.scenes import (
    PhotoView,
    Scene,
    View,
    VolumeView,
    view_of_result,
)
from annealcam._internal.text import chance, maps_counted, number
from annealcam._internal.types import Array
from annealcam.app.engine import OpenedPhoto
from annealcam.app.responses import Responses
from annealcam.attribution.cam import BESIDE
from annealcam.attribution.targets import names_of_classes
from annealcam.explanation import Explanation
from annealcam.render.explanation_text import best_of_shots_chance
from annealcam.render.figures.picture import STRENGTH
from annealcam.render.html.page import page, picture_uri
from annealcam.render.subject_text import (
    is_number,
    outcome,
    remark,
    score_name,
    share_text,
    subject,
)
from annealcam.render.views import view_of_explanation
from annealcam.sets.flip import FlipSet

PACKAGE = "annealcam.app"
TOP = 5  # classes that are listed first
PROOFS = {True: "proved", False: "no", None: "unknown"}
SIDE, SMALL = 448, 176  # pixels of a picture, and of a feature map
QUALITY = 82  # of the pictures
MOST_DRAWN = 12  # maps of a flip set


def answer_html(
    photo: OpenedPhoto,
    e: Explanation,
    responses: Responses,
    likely: Sequence[tuple[str, int, float]] = (),
) -> str:
    """Return the maps beside each other, the facts, and the selected feature maps.

    `likely` are classes of `likely_classes`, to which the page can switch.
    """
    return page(
        "answer.html.j2",
        package=PACKAGE,
        name=subject(e),
        finding=finding(e),
        headline=headline(e),
        likely=[(label, f"{p:.2g}", index == e.target) for label, index, p in likely],
        score_name=score_name(e),
        panels=[
            photo_panel(photo, e),
            explanation_panel(photo, e),
            evidence_panel(photo, e),
            *baseline_panels(photo, e),
        ],
        facts=facts(e),
        warnings=e.provenance["warnings"],
        maps=[card(photo, e, int(channel), responses) for channel in e.selected],
        has_responses=bool(responses),
    )


def finding(e: Explanation) -> str:
    """Return the answer in a sentence: how few maps draw the evidence, and how well."""
    count = len(e.selected)
    verb = "draws" if count == 1 else "draw"
    maps = f"{count} of {e.provenance['channels']} feature maps {verb} the evidence"
    return f"{maps}." if e.fidelity is None else f"{maps} with a fidelity of {e.fidelity:.2f}."


def headline(e: Explanation) -> str:
    """Return the line below the name of the class."""
    p = e.provenance
    words = [remark(e), outcome(e)]
    if is_number(e):
        words.reverse()
    return " · ".join([*(text for text in words if text), f"{p['model']}, layer {p['layer']}"])


def facts(e: Explanation) -> list[tuple[str, str]]:
    """Return names and values of what is known about the selection."""
    info, shots = e.selection.info, e.selection.shots
    annealing = []
    if "success_probability" in info:
        annealing = [
            ("F, one shot", chance(info["success_probability"])),
            (f"best of {shots} shots", best_of_shots_chance(info)),
            (f"best of {shots} guesses", chance(info["guess_probability"])),
        ]
    return [
        ("fidelity", "unknown" if e.fidelity is None else f"{e.fidelity:.2f}"),
        ("sure maps", f"{len(e.core)} of {len(e.selected)}"),
        (f"share of the {score_name(e)}", share_text(e.share) or "unknown"),
        ("value" if is_number(e) else "logit", f"{e.logits[e.target]:.3g}"),
        ("candidates", f"{e.problem.d} of {e.provenance['candidates_in_all']}"),
        ("optimal", proof(e)),
        ("energy", f"{e.energy:.6g}"),
        ("sampler", e.selection.sampler),
        *annealing,
    ]


def proof(e: Explanation) -> str:
    """Return in a few words whether the selection is optimal."""
    if e.optimal is False and "optimum" in e.selection.info:
        return f"no, the lowest energy is {e.selection.info['optimum']:.6g}"
    return PROOFS[e.optimal]


def card(photo: OpenedPhoto, e: Explanation, channel: int, responses: Responses) -> dict[str, Any]:
    """Return the picture and the numbers of one selected feature map."""
    (i,) = np.flatnonzero(e.selected == channel)
    share = f" ({text})" if (text := share_text(e.shares[i])) else ""
    return {
        "channel": channel,
        "uri": map_uri(photo, e, channel),
        "importance": number(float(e.importance[channel])),
        "contribution": f"{e.contribution[channel]:+.3g}{share}",
        "cosine": f"{e.largest_cosines[i]:.2f}",
        "sure": channel in e.core,
        "stand_in": e.stand_ins.get(channel, (None,))[0],
        "response": responses.get(channel),
    }


def flip_html(s: FlipSet, photo: OpenedPhoto) -> str:
    """Return the set in sentences, with its first maps over the photo."""
    channels = [int(channel) for channel in s.channels[:MOST_DRAWN]]
    return page(
        "flip.html.j2",
        package=PACKAGE,
        sentences=[s.sentence, *([s.margin_sentence] if len(s.channels) else [])],
        maps=[(channel, channel_uri(photo, channel)) for channel in channels],
        more=len(s.channels) - len(channels),
    )


def likely_classes(e: Explanation, names: Sequence[str] | None) -> list[tuple[str, int, float]]:
    """Return label, index and probability of the most probable classes; a number has none."""
    p = probabilities(e.logits, e.link)
    labels = class_labels(e, names)
    return [(labels[i], i, float(p[i])) for i in map(int, np.argsort(-p, kind="stable")[:TOP])]


def class_labels(e: Explanation, names: Sequence[str] | None) -> list[str]:
    """Return a label for each class, in the order of the outputs."""
    count = len(probabilities(e.logits, e.link))
    names = names_of_classes(names, count, two_sided=is_two_sided(e.logits, e.link))
    return _labels(names, count, e.output_noun)


def _labels(names: Sequence[str] | None, count: int, noun: str) -> list[str]:
    """Return a label for each class; names that occur several times get the class number."""
    if names is None:
        return [f"{noun} {i}" for i in range(count)]
    counts = Counter(names)
    return [name if counts[name] == 1 else f"{name} ({i})" for i, name in enumerate(names)]


@dataclass(frozen=True)
class Panel:
    """A picture (data URI) with its title; `kind` selects the colour of the method."""

    title: str
    note: str
    kind: str
    uri: str
    alt: str


def photo_panel(photo: OpenedPhoto, e: Explanation) -> Panel:
    """Return the photo as the network sees it."""
    view = view_of_explanation(e, photo.large)
    uri = _stored(photo, "photo", lambda: _uri(_scene(view, e).bare()), view)
    return Panel(view.noun.capitalize(), "as the network sees it", "photo", uri, f"The {view.noun}")


def explanation_panel(photo: OpenedPhoto, e: Explanation) -> Panel:
    """Return the map of the selected feature maps over the photo."""
    view = view_of_explanation(e, photo.large)
    uri = _uri(_scene(view, e).overlay(e.map, strength=STRENGTH))
    alt = f"Evidence for {e.class_name} in the {len(e.selected)} selected maps"
    return Panel("annealcam", maps_counted(len(e.selected)), "annealcam", uri, alt)


def evidence_panel(photo: OpenedPhoto, e: Explanation) -> Panel:
    """Return the evidence of all feature maps, for and against the class."""
    view = view_of_explanation(e, photo.large)
    evidence = e.map if e.evidence is None else e.evidence

    def draw() -> str:
        return _uri(_scene(view, e).signed_overlay(evidence, strength=STRENGTH))

    uri = _stored(photo, "evidence", draw, view)
    alt = f"Evidence for and against {e.class_name} in all maps"
    return Panel("Evidence", "+ orange, − blue", "evidence", uri, alt)


def baseline_panels(photo: OpenedPhoto, e: Explanation) -> list[Panel]:
    """Return the baselines over the photo; they do not depend on the selection."""
    view, panels = view_of_explanation(e, photo.large), []
    for cam in BESIDE:

        def draw(raw: Float[Array, "*grid"] = e.baselines[cam.name]) -> str:
            return _uri(_scene(view, e).overlay(raw, strength=STRENGTH))

        alt = f"Evidence for {e.class_name} by {cam.label}"
        uri = _stored(photo, cam.name, draw, view)
        panels.append(Panel(cam.label, f"all {len(e.alpha)} maps", cam.css_name, uri, alt))
    return panels


def map_uri(photo: OpenedPhoto, e: Explanation, channel: int) -> str:
    """Return a small picture of one selected feature map over the photo."""
    (place,) = np.flatnonzero(e.selected == channel)
    view = view_of_explanation(e, photo.large)
    return _stored(photo, f"map {channel}", lambda: _map_uri(view, e.selected_maps[place]))


def channel_uri(photo: OpenedPhoto, channel: int) -> str:
    """Return a small picture of any feature map over the photo."""
    raw = photo.forward_pass.captured.activations[0, channel].cpu().numpy()
    view = view_of_result(photo.forward_pass.view(0), raw.shape, None)
    if photo.large is not None and raw.ndim == 2:
        view = PhotoView(photo.large)
    return _stored(photo, f"map {channel}", lambda: _map_uri(view, raw))


def _map_uri(view: View, raw: Float[Array, "*grid"]) -> str:
    return _uri(view.scene(raw, side=SMALL, small=True).overlay(raw, strength=STRENGTH))


def _scene(view: View, e: Explanation) -> Scene:
    """Return the scene of the large pictures: slices go through the maximum of the explanation."""
    return view.scene(e.map, side=SIDE)


def _uri(picture: Image.Image) -> str:
    return picture_uri(picture, quality=QUALITY)


def _stored(
    photo: OpenedPhoto, name: str, draw: Callable[[], str], view: View | None = None
) -> str:
    """Return a picture that is drawn once; slices through a maximum are drawn each time."""
    if isinstance(view, VolumeView):
        return draw()
    if name not in photo.drawn:
        photo.drawn[name] = draw()
    return photo.drawn[name]
