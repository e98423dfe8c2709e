"""Two classes of one photo beside each other: why the one, and not the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from annealcam.app import pictures
from annealcam.app.answer import PACKAGE, PROOFS
from annealcam.app.engine import OpenedPhoto
from annealcam.app.known import Known
from annealcam.app.pictures import name_of
from annealcam.explanation import Explanation
from annealcam.render.html.page import page

Side = tuple[OpenedPhoto, Explanation]


def two_html(first: Side, second: Side, known: Known) -> str:
    """Return both maps, both classes' numbers, and the maps selected for both or for one."""
    (seen, e), (_, other) = first, second
    names = (name_of(e), name_of(other))
    both = np.intersect1d(e.selected, other.selected)
    groups = [
        ("Selected for both", "for both classes", e, both),
        (f"Only for {names[0]}", f"for {names[0]} alone", e, np.setdiff1d(e.selected, both)),
        (f"Only for {names[1]}", f"for {names[1]} alone", other,
         np.setdiff1d(other.selected, both)),
    ]  # fmt: skip
    return page(
        "two.html.j2",
        package=PACKAGE,
        names=names,
        headline=_headline(e, other),
        photo=pictures.photo(seen),
        sides=[_side(*first), _side(*second)],
        facts=_facts(e, other),
        groups=[
            {"title": title, "what": what, "cards": _cards(seen, by, (e, other), channels, known)}
            for title, what, by, channels in groups
        ],
        shared=f"{len(both)} of {len(np.union1d(e.selected, other.selected))}",
        layer=e.provenance["layer"],
    )


def _headline(e: Explanation, other: Explanation) -> str:
    lead = float(e.logits[e.target] - e.logits[other.target])
    ahead, behind = (e, other) if lead >= 0 else (other, e)
    return f"{name_of(ahead)} leads {name_of(behind)} by {abs(lead):.3g} in the logit"


def _side(seen: OpenedPhoto, e: Explanation) -> dict[str, Any]:
    return {
        "name": name_of(e),
        "map": pictures.explanation(seen, e),
        "gradcam": pictures.baselines(seen, e)[0],
    }


def _facts(*both: Explanation) -> list[list[str]]:
    return [
        ["logit", *(f"{e.logits[e.target]:.3g}" for e in both)],
        ["probability", *(f"{e.probability:.2g}" for e in both)],
        ["maps", *(str(len(e.selected)) for e in both)],
        ["energy", *(f"{e.energy:.5g}" for e in both)],
        ["optimal", *(PROOFS[e.optimal] for e in both)],
    ]


def _cards(
    seen: OpenedPhoto,
    by: Explanation,
    both: tuple[Explanation, Explanation],
    channels: Any,
    known: Known,
) -> list[dict[str, Any]]:
    """Feature maps that `by` holds; those that separate the two classes most come first."""
    apart = both[0].contribution[channels] - both[1].contribution[channels]
    return [
        {
            "channel": int(channel),
            "uri": pictures.feature_map(seen, by, int(channel)),
            "usual": known.get(int(channel)),
            "contributions": [(name_of(e), f"{e.contribution[channel]:+.3g}") for e in both],
        }
        for channel in channels[np.argsort(-np.abs(apart), kind="stable")]
    ]
