"""What the record of an explanation holds beside its settings: counts, evidence, and doubts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from annealcam._internal.text import signed_maps
from annealcam._internal.types import Array
from annealcam.attribution.activations import Capture
from annealcam.attribution.candidates import Candidates
from annealcam.attribution.evidence import drawn_evidence
from annealcam.explanation import DOUBTFUL_SHARE
from annealcam.qubo.evidence import cosine
from annealcam.qubo.solution import Selection

DOUBTFUL_FIDELITY = 0.8  # of a selection: one that draws the evidence less well has a warning
DOUBTFUL_COMPLETENESS = 0.1  # error of the sum of all contributions that gives a warning
BESIDE_GRID = (
    "; if the network reads only the class token behind this layer, choose an earlier one, such as "
    "the norm before the last attention"
)


def candidates_record(maps: Float[Tensor, " maps *grid"], candidates: Candidates) -> dict[str, Any]:
    """Return how many maps there are, and which of them were no candidates."""
    return {
        "channels": len(maps),
        "dead": candidates.dead,
        "candidates_in_all": len(candidates.channels) + candidates.left_out,
        "left_out": candidates.left_out,
        "left_out_relevance_share": candidates.left_out_share,
        "negative_share": float((maps < 0).float().mean()),
    }


def path_record(captured: Capture) -> dict[str, Any]:
    """Return how the contributions of a single image were made, and how nearly they add up.

    `completeness` is None where it was not measured, or where the layer has no effect to share.
    """
    whole = math.inf if captured.completeness is None else float(captured.completeness[0])
    return {
        "gradient_steps": captured.steps,
        "completeness": whole if math.isfinite(whole) else None,
    }


def evidence_record(candidates: Candidates, n: Int[Array, " d"], *, named: bool) -> dict[str, Any]:
    """Return what the evidence problem is, and the best over all maps beside the selection n.

    `loss` is the distance of the selection's energy from that of the best selection over all maps,
    and `gap` the distance of the latter from a lower bound, as shares of its energy.

    Args:
        candidates: of the image; the record is empty unless they are those of an evidence problem.
        n: the selection.
        named: whether the user named beta, so that the head did not decide it.
    """
    found = candidates.evidence
    if found is None:
        return {}
    problem = found.problem
    return {
        "evidence": found.kind,
        "beta": problem.beta,
        "beta_was_named": named,
        "incoherence": found.head.incoherence if math.isfinite(found.head.incoherence) else None,
        "reason": None if named else found.head.reason,
        "evidence_scale": problem.scale,
        "energy_unit": problem.energy_unit,
        "dust": found.dust,
        "residual": problem.residual(n),
        "loss": _share(problem.value(n) - found.best_value, found.best_value),
        "gap": _share(found.best_value - found.least_value, found.best_value),
        "best_residual": found.best_residual,
        "best_proved": found.proved,
        "best_fidelity": found.best_fidelity,
        "best_selected": found.best.tolist(),
    }


def certified_by(candidates: Candidates, selection: Selection) -> Selection:
    """Return a selection with what the proof over all maps shows of it, if its sampler proved none.

    A selection as good as the proved best over all maps is optimal; a worse one is not, if no
    candidate was left out.
    """
    found = candidates.evidence
    if found is None or not found.proved or selection.optimal is not None:
        return selection
    best = found.best_value * found.problem.energy_unit
    optimal = selection.energy <= best + found.problem.problem.tie
    if not optimal and candidates.left_out:
        return selection
    return replace(selection, optimal=optimal, info={**selection.info, "optimum": best})


def _share(part: float, whole: float) -> float:
    return float(part / abs(whole)) if whole else 0.0


def fidelity_of(
    contribution_maps: Float[Tensor, " maps *grid"], channels: Int[Tensor, " k"]
) -> float:
    """Return the cosine of what some maps draw with the evidence; 0 where that is zero.

    >>> import torch
    >>> round(fidelity_of(torch.tensor([[[3.0, 0.0]], [[0.0, 4.0]]]), torch.tensor([0])), 6)
    0.6
    """
    drawn = contribution_maps[channels].sum(dim=0)
    pictures = (drawn, drawn_evidence(contribution_maps)[0])
    return cosine(*(np.asarray(picture.detach().cpu()) for picture in pictures))


def doubts(provenance: Mapping[str, Any], carried: float, fidelity: float) -> tuple[str, ...]:
    """Return what a reader must know before trusting the result; it is stored with it.

    Args:
        provenance: the record.
        carried: share of the positive contributions that the selected maps carry.
        fidelity: with which they draw the evidence.
    """
    texts, number = [], provenance.get("link") == "identity"
    whole = provenance["completeness"]
    if whole is not None and not abs(whole - 1.0) <= DOUBTFUL_COMPLETENESS:
        texts.append(
            f"the contributions add up to {whole:.2f} of the layer's effect on the score: choose a "
            "later layer, or read the sizes of the contributions with care"
        )
    if provenance.get("runs", 1) > 1 and not provenance["run_was_chosen"]:
        texts.append(
            f"layer {provenance['layer']!r} runs {provenance['runs']} times in a forward pass: run "
            f"{provenance['run']} is explained; choose another one by `run`"
        )
    if provenance.get("output_taken") not in (None, "logits", "by the function `output`"):
        texts.append(
            f"the network returns several outputs: {provenance['output_taken']} is explained; "
            "choose another one by `output`"
        )
    if provenance["negative_share"] > 0:
        signed = f"layer {provenance['layer']!r} has {signed_maps(provenance['negative_share'])}"
        is_convolutional = provenance.get("form", "channels first") == "channels first"
        texts.append(signed + ("; a layer after a ReLU is better" if is_convolutional else ""))
    draws = provenance["objective"] == "evidence" and provenance["beta"] == 0
    if provenance["candidates_in_all"] == 0:
        empty = "no map is alive and of positive importance: the explanation is empty"
        texts.append(empty + (BESIDE_GRID if provenance.get("prefix_tokens") else ""))
    elif provenance.get("evidence") == "signed":
        texts.append(
            "no position has positive evidence: the selected maps draw the evidence against the "
            f"{'output' if number else 'class'}, and the explanation map is zero"
        )
    elif draws and fidelity < DOUBTFUL_FIDELITY:
        texts.append(
            f"the selected maps draw the evidence with a fidelity of {fidelity:.2f}, under "
            f"{DOUBTFUL_FIDELITY}: the evidence is spread over more maps than were selected"
        )
    elif not draws and carried < DOUBTFUL_SHARE:
        texts.append(
            f"the selected maps carry little of what raises the {'output' if number else 'logit'}, "
            "under 10 %: the map shows little of what the prediction rests on"
        )
    return tuple(texts)
