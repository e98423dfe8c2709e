"""An explanation in words and numbers, as the page's templates take it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from annealcam._internal.text import chance, number
from annealcam.app import pictures
from annealcam.app.engine import OpenedPhoto
from annealcam.app.known import Known
from annealcam.app.pictures import name_of
from annealcam.explanation import Explanation
from annealcam.render.html.page import page

PACKAGE = "annealcam.app"
TOP = 5
PROOFS = {True: "proved", False: "no", None: "unknown"}


def answer_html(seen: OpenedPhoto, e: Explanation, known: Known) -> str:
    """Return the maps beside each other, the facts, and the selected feature maps."""
    return page(
        "answer.html.j2",
        package=PACKAGE,
        name=name_of(e),
        headline=headline(e),
        panels=pictures.panels(seen, e),
        facts=facts(e),
        warnings=e.provenance["warnings"],
        maps=[card(seen, e, int(channel), known) for channel in e.selected],
        known=bool(known),
    )


def headline(e: Explanation) -> str:
    """Return what stands under the class's name."""
    told = e.provenance
    asked = "" if e.target == told["predicted"] else "not the predicted class · "
    return (
        f"{asked}probability {e.probability:.2g} · {len(e.selected)} of {told['channels']} "
        f"feature maps of {told['model']}, layer {told['layer']}"
    )


def facts(e: Explanation) -> list[tuple[str, str]]:
    """Return what is known about the selection, as names and values."""
    told, info = e.provenance, e.selection.info
    found = [
        ("energy", f"{e.energy:.6g}"),
        ("optimal", proof(e)),
        ("sampler", e.selection.sampler),
    ]
    if "success_probability" in info:
        found += [
            ("F, one shot", chance(info["success_probability"])),
            (f"best of {e.selection.shots}", _best(info)),
            (f"{e.selection.shots} guesses", chance(info["guess_probability"])),
        ]
    found += [
        ("logit", f"{e.logits[e.target]:.3g}"),
        ("share carried", f"{e.carried_share:.0%}"),
        ("candidates", f"{e.problem.d} of {told['candidates_in_all']}"),
    ]
    return found


def proof(e: Explanation) -> str:
    """Return whether the selection is optimal, in a word or two."""
    if e.optimal is False and "optimum" in e.selection.info:
        return f"no, {e.selection.info['optimum']:.6g} is"
    return PROOFS[e.optimal]


def _best(info: Mapping[str, Any]) -> str:
    """The chance of the best of the shots; rounding makes no certainty of it."""
    best, F = info["best_of_shots_probability"], info["success_probability"]
    return chance(best if F == 1 else min(best, math.nextafter(1, 0)))


def card(seen: OpenedPhoto, e: Explanation, channel: int, known: Known) -> dict[str, Any]:
    """Return one selected feature map: its picture, and what is said of it."""
    (i,) = np.flatnonzero(e.selected == channel)
    share = f" ({e.logit_shares[i]:.1%})" if e.logits[e.target] > 0 else ""
    return {
        "channel": channel,
        "uri": pictures.feature_map(seen, e, channel),
        "importance": number(float(e.importance[channel])),
        "contribution": f"{e.contribution[channel]:+.3g}{share}",
        "cosine": f"{e.largest_cosines[i]:.2f}",
        "usual": known.get(channel),
    }


def class_choices(e: Explanation, names: Sequence[str] | None) -> list[tuple[str, int]]:
    """Return all classes, as (words, index): the most probable first, the others by name."""
    z = e.logits.astype(np.float64)
    p = np.exp(z - z.max())
    p /= p.sum()
    words = _words(names, len(z))
    top = [int(i) for i in np.argsort(-p, kind="stable")[:TOP]]
    others = sorted(set(range(len(p))) - set(top), key=lambda i: (words[i].casefold(), i))
    return [(f"{words[i]} · {p[i]:.2g}", i) for i in top] + [(words[i], i) for i in others]


def _words(names: Sequence[str] | None, count: int) -> list[str]:
    """A name for each class; those that several have get their numbers."""
    if names is None:
        return [f"class {i}" for i in range(count)]
    often = Counter(names)
    return [name if often[name] == 1 else f"{name} ({i})" for i, name in enumerate(names)]
