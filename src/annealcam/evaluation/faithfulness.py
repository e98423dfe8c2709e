"""How faithful an explanation is: what its maps do to the logit, and whether it knows the class."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.types import Array
from annealcam.attribution.activations import capture
from annealcam.attribution.candidates import build_problem
from annealcam.errors import AnnealcamWarning
from annealcam.explanation import Explanation
from annealcam.metrics.channels import along_beta, faithfulness_of_many
from annealcam.metrics.sensitivity import class_sensitivity, other_classes
from annealcam.pipeline import explain
from annealcam.samplers.baselines import greedy
from annealcam.settings import Settings

DRAWS = 10  # of random maps
MOST = 0.9  # of the layer's effect on the logit
EFFECT = "the layer's effect on the logit"


def check_explanation(
    model: nn.Module,
    image: Float[Tensor, "channels height width"],
    e: Explanation,
    settings: Settings,
    *,
    class_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Measure how faithful the maps of an explanation are, and how class-sensitive it is.

    Returns plain values, ready for JSON; a number without a value is None.

    `channels`: for the selection, for the maps of largest contribution, and for random maps of
    non-zero contribution, all of one size, the shares of the layer's effect on the logit
    that they keep alone and that are lost without them (see `channel_faithfulness`).
    `curve`: along beta, with every map a candidate and greedy selection, how many maps are
    selected and what they keep (see `along_beta`).
    `classes`: how similar the map is to that of the next class and of the least likely class (see
    `class_sensitivity`), with Grad-CAM's similarity for comparison.

    >>> from annealcam.settings import resolve
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 3))
    >>> image, settings = torch.randn(3, 8, 8), resolve(sampler="exact")
    >>> e = explain(net, image, layer="1", sampler="exact")
    >>> check = check_explanation(net, image, e, settings)
    >>> [row["method"] for row in check["channels"]], [row["other"] for row in check["classes"]]
    (['selection', 'top-k by contribution', 'random'], ['next', 'least'])
    """
    return {
        "channels": _channels(model, image, e),
        "curve": _curve(model, image, e, settings),
        "classes": [
            _class(model, image, e, settings, which, class_names) for which in ("next", "least")
        ],
    }


def check_sentences(check: dict[str, Any]) -> list[str]:
    """Return the result of `check_explanation` as sentences.

    >>> check_sentences({"channels": [], "curve": [], "classes": []})
    []
    """
    lines = [
        f"{row['method']}: {row['maps']} maps alone keep {_percent(row['kept_share'])} of "
        f"{EFFECT} (probability {row['probability_kept']:.3f}); without them "
        f"{_percent(row['lost_share'])} is lost"
        for row in check["channels"]
    ]
    lines += _fewest(check["curve"])
    for row in check["classes"]:
        lines.append(f"against {row['class']} ({row['other']}): {row['verdict']}")
    return lines


def _fewest(curve: list[dict[str, Any]]) -> list[str]:
    """Return how few maps along beta keep `MOST` of the layer's effect."""
    if not curve:
        return []
    enough = [row for row in curve if (row["kept_share"] or 0.0) >= MOST]
    if not enough:
        return [f"no beta selects maps that keep {MOST:.0%} of {EFFECT}"]
    least = min(enough, key=lambda row: row["maps"])
    return [
        f"{least['maps']} maps keep {_percent(least['kept_share'])} of {EFFECT}, the fewest "
        f"along beta that keep {MOST:.0%} (beta {least['beta']:.4g}, every map a candidate, greedy "
        f"selection); as many maps of largest importance keep {_percent(least['kept_share_top'])}"
    ]


def _curve(
    model: nn.Module, image: Tensor, e: Explanation, settings: Settings
) -> list[dict[str, Any]]:
    """Return the maps selected along beta and what they keep.

    There are no rows without a candidate, and none for the objective `evidence`, whose beta does
    not weigh relevance against redundancy.
    """
    if settings.objective == "evidence":
        return []
    layer = e.provenance["layer"]
    captured = capture(model, image[None], layer=layer, targets=[e.target])
    maps, gradients = captured.activations[0], captured.gradients[0]
    weight = torch.from_numpy(e.importance.copy()).to(maps.device)

    def select(beta: float) -> Int[Array, " k"]:
        candidates, problem = build_problem(
            maps, gradients, weight, beta=beta, limit=None, objective=settings.objective
        )
        return candidates.channels.cpu().numpy()[greedy(problem).astype(bool)]

    curve = along_beta(
        model, image, layer=layer, target=e.target, select=select, weight=e.importance
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


def _channels(model: nn.Module, image: Tensor, e: Explanation) -> list[dict[str, Any]]:
    """Return a row for the selection and for each of the selections it is compared with."""
    selections = _selections(e)
    measured = faithfulness_of_many(
        model, image, layer=e.provenance["layer"], target=e.target,
        selections=[channels for draws in selections.values() for channels in draws],
    )  # fmt: skip
    rows, start = [], 0
    for method, draws in selections.items():
        part = slice(start, start + len(draws))
        start += len(draws)
        rows.append(
            {
                "method": method,
                "maps": len(e.selected),
                "kept_share": _mean(measured.kept_share[part]),
                "lost_share": _mean(measured.lost_share[part]),
                "probability": float(measured.probability[start - 1]),
                "probability_kept": float(measured.probability_kept[part].mean()),
                "probability_dropped": float(measured.probability_dropped[part].mean()),
            }
        )
    return rows


def _selections(e: Explanation) -> dict[str, list[Int[Array, " _"]]]:
    """Return the explanation's channels, as many of largest contribution, and random draws."""
    k = len(e.selected)
    rng = np.random.default_rng(e.provenance["seed"])
    pool = np.flatnonzero(e.contribution != 0)  # a dead map contributes nothing
    pool = pool if len(pool) >= k else np.arange(len(e.contribution))
    return {
        "selection": [e.selected],
        "top-k by contribution": [np.argsort(-e.contribution, kind="stable")[:k]],
        "random": [rng.choice(pool, size=k, replace=False) for _ in range(DRAWS)],
    }


def _class(
    model: nn.Module,
    image: Tensor,
    e: Explanation,
    settings: Settings,
    which: str,
    class_names: Sequence[str] | None,
) -> dict[str, Any]:
    """Return how similar the explanation is to that of another class."""
    (other,) = other_classes(e.logits[None], np.array([e.target]), which=which)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnnealcamWarning)  # this explanation is not shown
        second = explain(
            model, image, layer=e.provenance["layer"], target=int(other), **vars(settings)
        )
    assert isinstance(second, Explanation)
    sensitivity = class_sensitivity(e.map[None], second.map[None])
    gradcam = class_sensitivity(e.baselines["gradcam"][None], second.baselines["gradcam"][None])
    return {
        "other": which,
        "class": str(other) if class_names is None else class_names[other],
        "rank_correlation": _mean(sensitivity.rank_correlation),
        "top_overlap": _mean(sensitivity.top_overlap),
        "verdict": sensitivity.verdict(),
        "gradcam_rank_correlation": _mean(gradcam.rank_correlation),
    }


def _mean(values: Float[Array, "*n"] | float) -> float | None:
    """Return the mean as a plain number, or None where it has no value."""
    mean = float(np.mean(values))
    return mean if math.isfinite(mean) else None


def _percent(share: float | None) -> str:
    return "no defined share" if share is None else f"{share:.1%}"
