"""What an explanation is about, in words: a class, a label or a number, and how it was read."""

from __future__ import annotations

import math

import numpy as np

from annealcam._internal.links import HALF, is_two_sided
from annealcam._internal.text import percentage
from annealcam.explanation import FAINT, Explanation

REASONS = {
    "given": "as given",
    "assumed: exclusive classes": "the classes are assumed to be exclusive",
}


def is_number(e: Explanation) -> bool:
    """Return whether the output is a number and no probability: neither class nor label."""
    return e.link == "identity"


def is_function(e: Explanation) -> bool:
    """Return whether a function of the logits is explained instead of a class."""
    return bool(e.provenance.get("target_is_a_function"))


def is_predicted(e: Explanation) -> bool:
    """Return whether the network predicts the target: of labels, each one above 1/2."""
    if e.output_noun == "label":
        return (e.probability or 0.0) > HALF
    return e.target == e.provenance["predicted"]


def subject(e: Explanation) -> str:
    """Return what is explained: a class, or a class and not another one."""
    if is_function(e):
        return "a function of the outputs"
    other = contrast(e)
    if other is None:
        return e.class_name
    return f"{e.class_name} {'less' if is_number(e) else 'and not'} {other}"


def contrast(e: Explanation) -> str | None:
    """Return the classes that the target is contrasted with; None where its logit is explained.

    The log-odds of a label, or of one of two sides, are its logit, so that it is contrasted with
    nothing in the rest.
    """
    against = e.provenance.get("against")
    if against is None or (against == "rest" and e.link == "sigmoid"):
        return None
    if names := e.provenance.get("against_names"):
        return " or ".join(names)
    noun = e.output_noun
    if isinstance(against, str):
        return {"next": f"the next {noun}", "rest": f"any other {noun}"}.get(against, against)
    return " or ".join(f"{noun} {j}" for j in np.atleast_1d(against))


def score_name(e: Explanation) -> str:
    """Return what the contributions are parts of."""
    if is_function(e):
        return "function"
    other, alone = contrast(e), "value" if is_number(e) else "logit"
    if other is None:
        return alone
    return f"difference from {other}" if is_number(e) else f"lead over {other}"


def share_text(share: float) -> str:
    """Return a share of the logit as text; empty where it is not known.

    >>> share_text(0.1234), share_text(0.0004), share_text(float("nan"))
    ('12.3 %', 'under 0.1 %', '')
    """
    if not math.isfinite(share):
        return ""
    return "under 0.1 %" if abs(share) < FAINT else percentage(share)


def map_title(e: Explanation, channel: int) -> str:
    """Return the name of a selected map, whether it is sure, and whether its share is faint."""
    marks = ["sure"] if channel in e.core else []
    marks += [f"under 0.1 % of the {score_name(e)}"] if channel in e.faint else []
    return f"map {channel} ({', '.join(marks)})" if marks else f"map {channel}"


def outcome(e: Explanation) -> str:
    """Return the probability of the target, or its value; empty for functions of the outputs."""
    if is_function(e):
        return ""
    if e.probability is not None:
        return f"probability {e.probability:.2g}"
    value = float(e.logits[e.target])
    if contrast(e) is None:
        return f"value {value:.3g}"
    others = e.logits[np.atleast_1d(e.provenance["against"])]
    return f"difference {value - float(others.mean()):.3g}"


def remark(e: Explanation) -> str:
    """Return that the target is not predicted, or whether a number is raised or lowered."""
    if is_function(e):
        return ""
    if is_number(e):
        return f"what {effects(e)[0]} it"
    if is_predicted(e):
        return ""
    return "not predicted" if e.output_noun == "label" else "not the predicted class"


def effects(e: Explanation) -> tuple[str, str]:
    """Return what positive and negative evidence do to the score: raise and lower it."""
    return ("lowers", "raises") if e.direction == "down" else ("raises", "lowers")


def evidence_key(e: Explanation) -> tuple[str, str]:
    """Return words for the negative and the positive end of the evidence."""
    if is_number(e) or is_function(e):
        return effects(e)[1], effects(e)[0]
    return "against", f"for the {e.output_noun}"


def introduction(e: Explanation) -> str:
    """Return the words above the name of what is explained."""
    if is_function(e) or is_number(e):
        return f"What {effects(e)[0]}"
    other = contrast(e) is not None
    if is_predicted(e):
        return "Why the network prefers" if other else "Why the network predicts"
    if other:
        return "Evidence for"
    return f"Evidence for a {e.output_noun} that the network does not predict"


def link_sentence(e: Explanation) -> str:
    """Return what makes probabilities of the outputs, and why; empty for results without a record.

    It names no probabilities where the outputs are numbers.
    """
    reason = e.provenance.get("link_reason")
    if reason is None:
        return ""
    reason = REASONS.get(reason, reason)
    if is_number(e):
        return f"The outputs are read as numbers: link identity, {reason}."
    return f"Probabilities by {e.link}: {reason}."


def reading_sentences(e: Explanation) -> list[str]:
    """Return how the outputs of the network and of the layer were read, where there was a choice.

    A softmax that is assumed is left out; `link_sentence` has it.
    """
    p = e.provenance
    usual = e.link == "softmax" and p.get("link_reason", "").startswith("assumed")
    sentences = [] if usual else [link_sentence(e)]
    if is_two_sided(e.logits, e.link):
        sentences.append("Class 0 and class 1 are the two sides of its output.")
    if (taken := p.get("output_taken")) is not None:
        which = taken if taken.startswith("the first") else f"the entry {taken!r}"
        sentences.append(
            f"The logits are taken {taken}."
            if taken.startswith("by ")
            else f"Of what the network returns, {which} is explained."
        )
    sentences += _of_layer(e)
    if is_function(e):
        sentences.append("The target is a function of the outputs, linearised at this input.")
    return [sentence for sentence in sentences if sentence]


def _of_layer(e: Explanation) -> list[str]:
    """Return how the maps were taken out of what the layer gives, where that is unusual."""
    p, sentences = e.provenance, []
    if (form := p.get("form")) not in (None, "channels first"):
        sentences.append(f"The output of the layer is read as maps: {form}.")
    if prefix := p.get("prefix_tokens"):
        first = f"The first {prefix} tokens have" if prefix > 1 else "The first token has"
        sentences.append(f"{first} no place in the maps.")
    if (rows := p.get("rows_of_an_image", 1)) > 1:
        sentences.append(f"The layer has {rows} rows for the input, the first axis of its maps.")
    if (runs := p.get("runs", 1)) > 1:
        sentences.append(
            f"The layer runs {runs} times in a forward pass; run {p['run']}, counted from 0, is "
            "explained."
        )
    return sentences
