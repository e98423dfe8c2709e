"""Two classes of one photo beside each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int

from annealcam._internal.types import Array
from annealcam.app.answer import (
    PACKAGE,
    PROOFS,
    baseline_panels,
    explanation_panel,
    map_uri,
    photo_panel,
)
from annealcam.app.engine import OpenedPhoto
from annealcam.app.responses import Responses
from annealcam.explanation import Explanation
from annealcam.render.html.page import page
from annealcam.render.subject_text import is_number

Side = tuple[OpenedPhoto, Explanation]


def comparison_html(first: Side, second: Side, responses: Responses) -> str:
    """Return both maps, the numbers of both classes, and the maps selected for both or for one."""
    (photo, e), (_, other) = first, second
    pair, names = (e, other), (e.class_name, other.class_name)
    noun = e.output_noun
    nouns = "classes" if noun == "class" else f"{noun}s"
    common = np.intersect1d(e.selected, other.selected)
    groups = [
        ("Selected for both", f"for both {nouns}", e, common),
        (f"Only for {names[0]}", f"for {names[0]} alone", e, np.setdiff1d(e.selected, common)),
        (f"Only for {names[1]}", f"for {names[1]} alone", other,
         np.setdiff1d(other.selected, common)),
    ]  # fmt: skip
    return page(
        "comparison.html.j2",
        package=PACKAGE,
        names=names,
        headline=_headline(e, other),
        noun=noun,
        nouns=nouns,
        score="value" if is_number(e) else "logit",
        photo=photo_panel(photo, e),
        sides=[_side(*first), _side(*second)],
        facts=_facts(e, other),
        groups=[
            {"title": title, "what": what, "cards": _cards(photo, by, pair, channels, responses)}
            for title, what, by, channels in groups
        ],
        shared=f"{len(common)} of {len(np.union1d(e.selected, other.selected))}",
        layer=e.provenance["layer"],
    )


def _headline(e: Explanation, other: Explanation) -> str:
    lead = float(e.logits[e.target] - e.logits[other.target])
    ahead, behind = (e, other) if lead >= 0 else (other, e)
    noun = "value" if is_number(e) else "logit"
    return f"the {noun} of {ahead.class_name} is {abs(lead):.3g} above that of {behind.class_name}"


def _side(photo: OpenedPhoto, e: Explanation) -> dict[str, Any]:
    return {
        "name": e.class_name,
        "map": explanation_panel(photo, e),
        "baseline": baseline_panels(photo, e)[0],
    }


def _probabilities(*pair: Explanation) -> list[list[str]]:
    """Return the row of the probabilities; none where the outputs are numbers."""
    values = [e.probability for e in pair]
    known = [f"{value:.2g}" for value in values if value is not None]
    return [["probability", *known]] if len(known) == len(values) else []


def _facts(*pair: Explanation) -> list[list[str]]:
    return [
        ["value" if is_number(pair[0]) else "logit", *(f"{e.logits[e.target]:.3g}" for e in pair)],
        *_probabilities(*pair),
        ["maps", *(str(len(e.selected)) for e in pair)],
        ["energy", *(f"{e.energy:.5g}" for e in pair)],
        ["optimal", *(PROOFS[e.optimal] for e in pair)],
    ]


def _cards(
    photo: OpenedPhoto,
    by: Explanation,
    pair: tuple[Explanation, Explanation],
    channels: Int[Array, " k"],
    responses: Responses,
) -> list[dict[str, Any]]:
    """Return maps that `by` selects; those that separate the two classes most come first."""
    difference = pair[0].contribution[channels] - pair[1].contribution[channels]
    return [
        {
            "channel": int(channel),
            "uri": map_uri(photo, by, int(channel)),
            "response": responses.get(int(channel)),
            "contributions": [(e.class_name, f"{e.contribution[channel]:+.3g}") for e in pair],
        }
        for channel in channels[np.argsort(-np.abs(difference), kind="stable")]
    ]
