"""Does an explanation deserve trust? What its maps do to the logit; whether it knows the class."""

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
from annealcam.attribution.capture import capture
from annealcam.attribution.layer_maps import build_problem
from annealcam.errors import AnnealcamWarning
from annealcam.explanation import Explanation
from annealcam.metrics.channels import along_beta, faithfulness_of_many
from annealcam.metrics.sensitivity import class_sensitivity, other_classes
from annealcam.pipeline import explain
from annealcam.samplers.selection import select as select_by
from annealcam.settings import Settings

DRAWS = 10  # of random maps
MOST = 0.9  # of the layer's say


def check(
    model: nn.Module,
    image: Float[Tensor, "channels height width"],
    e: Explanation,
    settings: Settings,
    *,
    class_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return, as plain values, how faithful an explanation's maps are, and how class sensitive.

    `channels`: for the selection, for the maps of largest contribution, and for random live ones,
    all of one size: the share of the layer's say that they keep alone, and that goes with them
    (see `channel_faithfulness`). `curve`: along beta, with every map a candidate and greedy
    selection, how many maps are selected and what they keep (see `along_beta`). `classes`: how
    like the map is to that of the next class and of the least likely one (see
    `class_sensitivity`), with Grad-CAM's beside it. A number that has no value is None.

    >>> from annealcam.settings import resolve
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 3))
    >>> image, how = torch.randn(3, 8, 8), resolve(sampler="exact")
    >>> found = check(net, image, explain(net, image, layer="1", sampler="exact"), how)
    >>> [row["method"] for row in found["channels"]], [row["other"] for row in found["classes"]]
    (['selection', 'top-k by contribution', 'random'], ['next', 'least'])
    """
    return {
        "channels": _channels(model, image, e),
        "curve": _curve(model, image, e, settings),
        "classes": [
            _class(model, image, e, settings, which, class_names) for which in ("next", "least")
        ],
    }


def sentences(found: dict[str, Any]) -> list[str]:
    """Return what a check found, as lines to be read.

    >>> sentences({"channels": [], "curve": [], "classes": []})
    []
    """
    lines = [
        f"{row['method']}: {row['maps']} maps keep {_percent(row['kept_share'])} of the layer's "
        f"say alone (probability {row['probability_kept']:.3f}); without them "
        f"{_percent(row['lost_share'])} is lost"
        for row in found["channels"]
    ]
    lines += _few(found["curve"])
    for row in found["classes"]:
        lines.append(f"against {row['class']} ({row['other']}): {row['verdict']}")
    return lines


def _few(curve: list[dict[str, Any]]) -> list[str]:
    """How few maps keep `MOST` of the layer's say, along beta."""
    if not curve:
        return []
    enough = [row for row in curve if (row["kept_share"] or 0.0) >= MOST]
    if not enough:
        return [f"no beta selects maps that keep {MOST:.0%} of the layer's say"]
    least = min(enough, key=lambda row: row["maps"])
    return [
        f"{least['maps']} maps keep {_percent(least['kept_share'])} of the layer's say, the fewest "
        f"along beta that keep {MOST:.0%} (beta {least['beta']:.4g}, all maps candidates, greedily "
        f"selected); as many of largest importance keep {_percent(least['kept_share_top'])}"
    ]


def _curve(
    model: nn.Module, image: Tensor, e: Explanation, settings: Settings
) -> list[dict[str, Any]]:
    """What is selected along beta, and keeps; nothing where there is no candidate at all."""
    layer = e.provenance["layer"]
    maps = capture(model, image[None], layer=layer, targets=[e.target]).activations[0]
    weight = torch.from_numpy(e.importance.copy()).to(maps.device)

    def select(beta: float) -> Int[Array, " k"]:
        found, problem = build_problem(
            maps, weight, beta=beta, limit=len(weight), objective=settings.objective
        )
        return found.channels.cpu().numpy()[select_by(problem, "greedy").n.astype(bool)]

    curve = along_beta(
        model, image, layer=layer, target=e.target, select=select, weight=e.importance
    )
    columns = (curve.betas, curve.maps, curve.kept, curve.kept_top)
    return [
        {
            "beta": float(beta),
            "maps": int(k),
            "kept_share": _number(kept),
            "kept_share_top": _number(top),
        }
        for beta, k, kept, top in zip(*columns, strict=True)
    ]


def _channels(model: nn.Module, image: Tensor, e: Explanation) -> list[dict[str, Any]]:
    chosen = _selections(e)
    flat = [channels for several in chosen.values() for channels in several]
    found = faithfulness_of_many(
        model, image, layer=e.provenance["layer"], selections=flat, target=e.target
    )
    rows, start = [], 0
    for method, several in chosen.items():
        own = slice(start, start + len(several))
        start += len(several)
        rows.append(
            {
                "method": method,
                "maps": len(e.selected),
                "kept_share": _number(found.kept_share[own]),
                "lost_share": _number(found.lost_share[own]),
                "probability": float(found.probability[start - 1]),
                "probability_kept": float(found.probability_kept[own].mean()),
                "probability_dropped": float(found.probability_dropped[own].mean()),
            }
        )
    return rows


def _selections(e: Explanation) -> dict[str, list[Int[Array, " _"]]]:
    """The explanation's channels, and as many of largest contribution, and at random."""
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
    (other,) = other_classes(e.logits[None], np.array([e.target]), which=which)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnnealcamWarning)  # this one is not shown
        second = explain(
            model, image, layer=e.provenance["layer"], target=int(other), **vars(settings)
        )
    assert isinstance(second, Explanation)
    own = class_sensitivity(e.map[None], second.map[None])
    whole = class_sensitivity(e.baselines["gradcam"][None], second.baselines["gradcam"][None])
    return {
        "other": which,
        "class": str(other) if class_names is None else class_names[other],
        "rank_correlation": _number(own.rank_correlation),
        "top_overlap": _number(own.top_overlap),
        "verdict": own.verdict(),
        "gradcam_rank_correlation": _number(whole.rank_correlation),
    }


def _number(values: Float[Array, " n"] | float) -> float | None:
    """The mean as a plain number, or None where it has no value."""
    mean = float(np.mean(values))
    return mean if math.isfinite(mean) else None


def _percent(share: float | None) -> str:
    return "no defined share" if share is None else f"{share:.1%}"
