"""How faithful an explanation is: what its maps do to the logit, and what the class changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.links import is_two_sided
from annealcam._internal.text import maps_counted, percentage
from annealcam._internal.types import Array
from annealcam.attribution.activations import capture
from annealcam.attribution.candidates import build_problem
from annealcam.attribution.network.inputs import batches
from annealcam.attribution.network.layer_output import Reshape
from annealcam.attribution.network.model_output import Output
from annealcam.attribution.targets import names_of_classes
from annealcam.errors import TargetError
from annealcam.evaluation.calibration import DRAWS, Figure, defined, plain, random_selections
from annealcam.evaluation.class_sensitivity import ClassCheck
from annealcam.explanation import Explanation
from annealcam.metrics.channels import ChannelFaithfulness, along_beta, faithfulness_of_many
from annealcam.samplers.baselines import greedy
from annealcam.settings import Settings

MOST = 0.9  # of the layer's effect on the logit


def check_explanation(
    model: nn.Module,
    image: Any,
    e: Explanation,
    settings: Settings,
    *,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    output: Output | None = None,
    reshape_transform: Reshape | None = None,
) -> dict[str, Any]:
    """Measure how faithful the maps of an explanation are, and how class-sensitive it is.

    Returns plain values, ready for JSON; a number without a value is None. Link, direction and run
    of the layer are those of the explanation; `output` and `reshape_transform` are needed if the
    explanation was made with them.

    `figures`: every figure of the explanation with Grad-CAM's and those of 20 random selections of
    as many live maps of positive contribution. It has a verdict, `better` or `worse`, only where
    the explanation lies beyond all of these (see docs/metrics.md for how often that happens):
    `kept` and `lost`, the shares of the logit that the maps keep alone, and
    that are lost without them (see `channel_faithfulness`; for Grad-CAM, as many maps of largest
    alpha); `lead`, the lead over the next class, in logits, that is lost without them; `fidelity`;
    `next_class`, `least_class` and `random_classifier`, the rank correlation of the map with that
    for another class, and with that under random classifiers.
    `channels`: kept and lost shares and probabilities of the selection, of the maps of largest
    contribution, of those of largest alpha, and the means of random ones. Where the outputs are
    numbers (link `identity`) there are values in place of probabilities, and no figure compares
    classes.
    `curve`: along beta, with every map a candidate and greedy selection, how many maps are
    selected and what they keep (see `along_beta`).
    `classes`: how similar the map is to that of the next class and of the least likely class (see
    `class_sensitivity`), with Grad-CAM's similarity for comparison.

    >>> from annealcam.pipeline import explain
    >>> from annealcam.settings import resolve
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 3))
    >>> image, settings = torch.randn(3, 8, 8), resolve(sampler="exact")
    >>> e = explain(net, image, layer="1", sampler="exact")
    >>> check = check_explanation(net, image, e, settings)
    >>> [row["method"] for row in check["channels"]]
    ['selection', 'top-k by contribution', 'top-k by alpha', 'random']
    >>> [row["figure"] for row in check["figures"]]
    ['kept', 'lost', 'lead', 'fidelity', 'next_class', 'least_class', 'random_classifier']
    """
    if e.provenance.get("target_is_a_function"):
        raise TargetError("target: a function of the logits; the check is for classes")
    given = e.link == "identity" or e.provenance.get("link_reason") == "given"
    link = e.link if given else None
    ((model, images),), _ = batches(model, image, link=link, output=output)
    image = images[0]
    two_sided = is_two_sided(e.logits, e.link)
    names = names_of_classes(class_names, len(e.logits), two_sided=two_sided)
    classes = ClassCheck(model, image, e, settings, names, reshape_transform)
    channels, figures = channel_figures(model, image, e, classes)
    return {
        "channels": channels,
        "curve": _curve(model, image, e, classes),
        "classes": classes.rows(),
        "figures": [figure.as_row() for figure in (*figures, *classes.figures())],
    }


def check_sentences(check: dict[str, Any]) -> list[str]:
    """Return the result of `check_explanation` as sentences.

    >>> check_sentences({"channels": [], "curve": [], "classes": [], "figures": []})
    []
    """
    return selection_sentences(check) + [row["sentence"] for row in check["figures"]]


def selection_sentences(check: dict[str, Any]) -> list[str]:
    """Return what the selected maps do, and how few maps keep most, as sentences.

    >>> selection_sentences({"channels": [], "curve": []})
    []
    """
    rows = check["channels"][:1]
    quantity = "value" if rows and "value" in rows[0] else "probability"
    effect = effect_on("identity" if quantity == "value" else "softmax")
    lines = [
        f"{row['method']}: {maps_counted(row['maps'])} alone keep{'s' * (row['maps'] == 1)} "
        f"{_percent(row['kept_share'])} of "
        f"{effect} ({quantity} {row[f'{quantity}_kept']:.3f} of {row[quantity]:.3f}); "
        f"{_percent(row['lost_share'])} is lost without {'it' if row['maps'] == 1 else 'them'} "
        f"({quantity} {row[f'{quantity}_dropped']:.3f})"
        for row in rows
    ]
    return lines + _fewest(check["curve"], effect)


def effect_on(link: str) -> str:
    """Return what shares are parts of.

    >>> effect_on("identity")
    'the output'
    """
    return f"the {'output' if link == 'identity' else 'logit'}"


def _fewest(curve: list[dict[str, Any]], effect: str) -> list[str]:
    """Return how few maps along beta keep `MOST` of the layer's effect."""
    if not curve:
        return []
    enough = [row for row in curve if (row["kept_share"] or 0.0) >= MOST]
    if not enough:
        return [f"no beta selects maps that keep {100 * MOST:.0f} % of {effect}"]
    least = min(enough, key=lambda row: row["maps"])
    return [
        f"{least['maps']} maps keep {_percent(least['kept_share'])} of {effect}, the fewest "
        f"along beta that keep {100 * MOST:.0f} % (beta {least['beta']:.4g}, every map a "
        f"candidate, greedy selection); as many maps of largest importance keep "
        f"{_percent(least['kept_share_top'])}"
    ]


def _curve(
    model: nn.Module, image: Tensor, e: Explanation, classes: ClassCheck
) -> list[dict[str, Any]]:
    """Return the maps selected along beta and what they keep.

    There are no rows without a candidate, and none for the objective `evidence`, whose beta does
    not weigh relevance against redundancy.
    """
    settings = classes.settings
    if settings.objective == "evidence":
        return []
    layer, how = e.provenance["layer"], classes.same_maps
    captured = capture(model, image[None], layer=layer, targets=[e.target], **how)
    maps, gradients = captured.activations[0], captured.gradients[0]
    weight = torch.from_numpy(e.importance.copy()).to(maps.device)

    def select(beta: float) -> Int[Array, " k"]:
        candidates, problem = build_problem(
            maps, gradients, weight, beta=beta, limit=None, objective=settings.objective
        )
        return candidates.channels.cpu().numpy()[greedy(problem).astype(bool)]

    curve = along_beta(
        model, image, layer=layer, target=e.target, select=select, weight=e.importance, **how
    )
    columns = (curve.betas, curve.maps, curve.kept, curve.kept_top)
    return [
        {
            "beta": float(beta),
            "maps": int(k),
            "kept_share": _mean(kept),
            "kept_share_top": _mean(top),
        }
        for beta, k, kept, top in zip(*columns, strict=True)
    ]


def channel_figures(
    model: nn.Module, image: Tensor, e: Explanation, classes: ClassCheck
) -> tuple[list[dict[str, Any]], list[Figure]]:
    """Return a row for each kind of selection, and the figures of their effect on the logits."""
    selections = _selections(e, classes.settings.seed)
    every = [channels for draws in selections.values() for channels in draws]

    def measured(target: int) -> ChannelFaithfulness:
        return faithfulness_of_many(
            model, image, layer=e.provenance["layer"], target=target, selections=every,
            **classes.same_maps,
        )  # fmt: skip

    own, rows, start = measured(e.target), [], 0
    quantity = "value" if e.link == "identity" else "probability"
    for method, draws in selections.items():
        part = slice(start, start + len(draws))
        start += len(draws)
        rows.append(
            {
                "method": method,
                "maps": len(draws[0]),
                "kept_share": _mean(own.kept_share[part]),
                "lost_share": _mean(own.lost_share[part]),
                quantity: float(own.probability[start - 1]),
                f"{quantity}_kept": float(own.probability_kept[part].mean()),
                f"{quantity}_dropped": float(own.probability_dropped[part].mean()),
            }
        )
    effect = effect_on(e.link)
    figures = [
        _effect("kept", f"share of {effect} that the maps keep alone", own.kept_share),
        _effect("lost", f"share of {effect} that is lost without the maps", own.lost_share),
    ]
    if classes.others:
        next_ = measured(classes.others["next"])
        lead = (own.logit - own.logit_dropped) - (next_.logit - next_.logit_dropped)
        meaning = f"lead over {classes.name_of('next')} that is lost without the maps, in logits"
        figures.append(_effect("lead", meaning, lead, is_share=False))
    return rows, figures


def _effect(
    name: str, meaning: str, values: Float[Array, " all"], *, is_share: bool = True
) -> Figure:
    """Return a figure from the values of all selections, in the order of `_selections`."""
    own, _, gradcam, *random = values.tolist()
    return Figure(
        name, meaning, "higher", own, gradcam, defined(np.array(random)), is_share=is_share
    )


def _selections(e: Explanation, seed: int) -> dict[str, list[Int[Array, " _"]]]:
    """Return the explanation's channels, as many of largest contribution or alpha, and random."""
    k = len(e.selected)
    live = np.where(e.contribution != 0, e.alpha, -np.inf)  # a dead map contributes nothing
    return {
        "selection": [e.selected],
        "top-k by contribution": [np.argsort(-e.contribution, kind="stable")[:k]],
        "top-k by alpha": [np.argsort(-live, kind="stable")[:k]],
        "random": random_selections(e.contribution, k, draws=DRAWS, seed=seed),
    }


def _mean(values: Float[Array, "*n"] | float) -> float | None:
    """Return the mean as a plain number, or None where it has no value."""
    return plain(np.mean(values))


def _percent(share: float | None) -> str:
    return "no defined share" if share is None else percentage(share)
