"""An explanation in sentences, and the short facts of its maps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from annealcam._internal.text import chance, number
from annealcam.explanation import Explanation
from annealcam.qubo.problem import MAX_ENUMERATED
from annealcam.render.subject_text import (
    is_number,
    outcome,
    reading_sentences,
    remark,
    score_name,
    share_text,
    subject,
)

PROOFS = {
    True: "The selection is proved optimal",
    False: "The selection is proved not to be optimal",
    None: "It is not known whether the selection is optimal",
}
DEGREES = (
    (0.95, "nearly the same"), (0.8, "roughly the same"), (-1.0, "only partly the same"),
)  # fmt: skip
COMPLETE = 0.01  # error of the sum of all contributions below which they add up


def headline(e: Explanation) -> str:
    """Return the class and its probability, or an output and its value, maps, network and layer."""
    p = e.provenance
    about = f" ({remark(e)})" if remark(e) and not is_number(e) else ""
    what = f", {outcome(e)}" if outcome(e) else ""
    if is_number(e):
        about, what = f": {outcome(e)}, {remark(e)}" if outcome(e) else "", ""
    return (
        f"{subject(e)}{about}{what}: "
        f"{len(e.selected)} of {p['channels']} maps  ·  {p['model']}, layer {p['layer']}"
    )


def is_evidence(e: Explanation) -> bool:
    """Return whether the selection was made by the evidence objective."""
    return e.provenance.get("objective") == "evidence" and "energy_unit" in e.provenance


def map_facts(e: Explanation, i: int) -> str:
    """Return what is known about the i-th selected map as lines."""
    channel = int(e.selected[i])
    lines = [
        f"{importance_name(e)} {number(float(e.importance[channel]))}",
        f"contribution {e.contribution[channel]:+.3g}",
        f"largest cosine {e.largest_cosines[i]:.2f}",
        f"{'sure' if channel in e.core else 'not sure'}, inclusion {inclusion_of(e, channel):.2f}",
    ]
    if share := share_text(e.shares[i]):
        lines.insert(2, f"share of the {score_name(e)} {share}")
    if (swap := stand_in(e, channel)) is not None:
        lines.append(f"stand-in {swap[0]}, price {swap[1]}")
    return "\n".join(lines)


def importance_name(e: Explanation) -> str:
    """Return the name of the quantity by which maps are ranked."""
    return {"gradcam": "alpha", "contribution": "importance"}.get(
        e.provenance["importance"], e.provenance["importance"]
    )


def inclusion_of(e: Explanation, channel: int) -> float:
    """Return the probability of a candidate to be part of a nearly best selection."""
    return float(e.inclusion[np.searchsorted(e.candidates, channel)])


def stand_in(e: Explanation, channel: int) -> tuple[int, str] | None:
    """Return the map that takes a selected one's place at the least price, and the price.

    For the evidence objective the price is the increase of what it minimises: of the residual for
    beta 0, of the lost share of the contributions for beta 1. For others it is that of the energy.
    """
    if channel not in e.stand_ins:
        return None
    other, cost = e.stand_ins[channel]
    if not is_evidence(e):
        return other, f"{cost:+.3g}"
    return other, f"{100 * cost / e.provenance['energy_unit']:+.2g} %"


def price_sentence(e: Explanation) -> str:
    """Return what the price of a stand-in is measured in."""
    if not is_evidence(e):
        return "Price of a stand-in: the increase of the energy."
    kinds = {
        0.0: "the increase of the residual, the part of the evidence that is not drawn",
        1.0: f"the contribution that is lost, as a share of that of the largest {len(e.selected)}",
    }
    return (
        f"Price of a stand-in: {kinds.get(e.provenance['beta'], 'the increase of the objective')}."
    )


def fidelity_sentence(e: Explanation) -> str:
    """Return the fidelity and what it means; empty for results of version 0.1."""
    if e.fidelity is None or not len(e.selected):
        return ""
    k, channels = len(e.selected), e.provenance["channels"]
    maps = f"together, the {k} selected maps draw" if k > 1 else "the selected map alone draws"
    signed = e.provenance.get("evidence") == "signed"
    part = "evidence map" if signed else "positive part of the evidence map"
    degree = next(words for least, words in DEGREES if e.fidelity >= least)
    return (
        f"Fidelity {e.fidelity:.2f}: {maps} {degree} evidence as all {channels} maps "
        f"(cosine with the {part}; 1 for the same picture)."
    )


def completeness_sentence(e: Explanation) -> str:
    """Return how nearly the contributions add up; empty where they do, or where it is unknown."""
    whole = e.provenance.get("completeness")
    if whole is None or abs(whole - 1.0) <= COMPLETE:
        return ""
    return (
        f"The contributions of all maps add up to {whole:.2f} of the layer's effect on the "
        f"{score_name(e)}."
    )


def core_sentence(e: Explanation) -> str:
    """Return which selected maps are sure."""
    k, sure = len(e.selected), e.core.tolist()
    if not k:
        return ""
    if len(sure) == k:
        return "All selected maps are sure." if k > 1 else "The selected map is sure."
    without = "other selections that are nearly as good do without"
    if not sure:
        them = "each of them" if k > 1 else "it"
        none = "None of the selected maps is" if k > 1 else "The selected map is not"
        return f"{none} sure: {without} {them}."
    verb = "are" if len(sure) > 1 else "is"
    names = ", ".join(map(str, sure))
    return f"{len(sure)} of the {k} selected maps {verb} sure ({names}); {without} the rest."


def objective_sentence(e: Explanation) -> str:
    """Return what the selection optimises, and why."""
    p = e.provenance
    if not is_evidence(e):
        if not e.problem.d:
            return f"Objective {p.get('objective', 'sum')}: there are no candidates."
        beta = f"beta {e.problem.beta:.3g}"
        if p.get("objective") == "relative":
            beta = f"beta {p['beta']:.3g} ({e.problem.beta:.3g} in the energy)"
        name = f" {p['objective']}" if p.get("objective") else ""
        return f"Objective{name}: relevance against redundancy, {beta}."
    aims = {
        0.0: "the maps whose sum draws the evidence best",
        1.0: "the maps of largest contribution",
    }
    aim = aims.get(p["beta"], "maps that draw the evidence and have large contributions")
    why = "as given" if p["beta_was_named"] else f"because {p['reason']}"
    return f"Objective evidence: {aim}; beta is {p['beta']:.3g} {why}. {_size(e)}"


def cut_sentence(e: Explanation) -> str:
    """Return what the limit on the number of candidates costs; empty without a limit."""
    p = e.provenance
    if not is_evidence(e) or not p["left_out"]:
        return ""
    found = "" if p["best_proved"] else " found"
    start = f"Among all {p['candidates_in_all']} maps, the best selection{found}"
    if sorted(p["best_selected"]) == sorted(e.selected.tolist()):
        text = f"{start} is this one: the limit of {e.problem.d} candidates costs nothing."
    else:
        best = f"fidelity {p['best_fidelity']:.3f} and residual {p['best_residual']:.3f}"
        own = f"{e.fidelity:.3f} and {p['residual']:.3f}"
        text = (
            f"{start} has {best}; this one, among {e.problem.d} candidates, has {own} (energy "
            f"higher by {p['loss']:.2%})."
        )
    if p["best_proved"]:
        return text
    return f"{text} No selection of them can have an energy lower by more than {p['gap']:.2%}."


def selection_summary(e: Explanation) -> str:
    """Return sentences: the candidates, the objective, the sampler, the proof, the share."""
    parts = [_candidates(e), objective_sentence(e), _sampler(e), cut_sentence(e)]
    parts += reading_sentences(e)
    parts.append(share_sentence(e))
    return " ".join(part for part in parts if part)


def share_sentence(e: Explanation) -> str:
    """Return the share of the logit of the selected maps; empty where it is not known."""
    share = share_text(e.share) if len(e.selected) else ""
    if not share:
        return ""
    maps = "map has" if len(e.selected) == 1 else "maps together have"
    text = f"The selected {maps} {share} of the {score_name(e)}"
    faint = ", ".join(map(str, e.faint))
    one = len(e.faint) == 1
    if faint and len(e.selected) > 1:
        kind, verb = ("map", "has") if one else ("maps", "have")
        text += f"; {kind} {faint} {verb} under 0.1 %{'' if one else ' each'}"
    return f"{text}."


def share_definition(e: Explanation) -> str:
    """Return what a share of the logit is, in one sentence."""
    name = score_name(e)
    return (
        f"Share of the {name}: the contribution divided by what the layer adds to the {name}, that "
        f"is, the {name} less that with all maps at zero."
    )


def _size(e: Explanation) -> str:
    """Return why the selection has its size."""
    p, k = e.provenance, len(e.selected)
    if p["cardinality"] is not None:
        return f"The number of maps, {k}, was given."
    if e.problem.d < len(p["best_selected"]):
        return f"The limit on the number of candidates allows no more than {e.problem.d} maps."
    if p["best_fidelity"] >= p["fidelity"]:
        if k == 1:
            return f"One map is enough for a fidelity of {p['fidelity']:g}."
        return f"No selection found of fewer maps reaches a fidelity of {p['fidelity']:g}."
    return f"No selection found of up to {k} maps reaches a fidelity of {p['fidelity']:g}."


def _candidates(e: Explanation) -> str:
    p = e.provenance
    dead = f"{p['dead']} maps are dead."
    if is_evidence(e):
        verb = "draw" if p["beta"] == 0 else "draw or carry"
        text = (
            f"{p['candidates_in_all']} of {p['channels']} maps {verb} 0.1 % of the evidence or "
            f"more; {dead}"
        )
        if p["dust"]:
            text += f" Maps that {verb} less are left aside ({p['dust']})."
        if p["left_out"]:
            text += f" The {e.problem.d} most promising maps are candidates."
        return text
    text = (
        f"{p['candidates_in_all']} of {p['channels']} maps are alive and have positive importance "
        f"({p['importance']}); {dead}"
    )
    if p["left_out"]:
        relative = p.get("objective") == "relative"
        kind = "most relevant and least similar" if relative else "most relevant"
        text += (
            f" The {e.problem.d} {kind} maps are candidates; the {p['left_out']} maps left out "
            f"hold {p['left_out_relevance_share']:.0%} of the relevance."
        )
    return text


def _sampler(e: Explanation) -> str:
    p, info = e.provenance, e.selection.info
    text = f"The sampler {e.selection.sampler} reaches energy {e.energy:.6g}"
    if is_evidence(e):
        text += f" (residual {p['residual']:.3f})"
    if "success_probability" in info:
        shots = e.selection.shots
        text += (
            f" at tau {p['tau']:g} and driver normalisation {p['normalisation']}. The probability "
            f"of finding the optimum is F = {info['success_probability']:.3g} for one shot, "
            f"{best_of_shots_chance(info)} for the best of {shots} shots and "
            f"{chance(info['guess_probability'])} for the best of {shots} random guesses"
        )
    text += f". {PROOFS[e.optimal]}"
    if "nodes" in info:
        text += f" (branch and bound, {info['nodes']} nodes)"
    elif "optimum" in info and e.problem.d <= MAX_ENUMERATED:
        text += " (by enumeration of all selections)"
    elif "optimum" in info:
        text += " (by branch and bound)"
    return f"{text}."


def best_of_shots_chance(info: Mapping[str, Any]) -> str:
    """Return the success probability of the best shot as text, never rounded up to 1.

    >>> best_of_shots_chance({"best_of_shots_probability": 1.0, "success_probability": 0.2})
    'over 0.999'
    """
    best, F = info["best_of_shots_probability"], info["success_probability"]
    return chance(best if F == 1 else min(best, math.nextafter(1, 0)))
