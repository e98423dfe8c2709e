"""Which selection finds the map that the patch raises most, and whether it draws the patch.

The map that the patch raises most is the one whose contribution to the logit of the class grows
most, on the mean over the class's test photos, when the patch is stamped on them:

    argmax_a mean_i (sum_jk g_a(x_i with the patch) - sum_jk g_a(x_i))

A rule that ranks maps by their contribution has an advantage there by construction. So the map of
which the largest share is due to the patch (`compare`) stands beside it, whatever its contribution.
All rules select five maps of every photo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import binomtest

from annealcam._internal.statistics import mean_interval
from annealcam._internal.types import Array
from annealcam.attribution.activations import Capture
from annealcam.attribution.cam import selection_map
from annealcam.attribution.evidence import Head
from annealcam.attribution.importance import gradcam_weights
from annealcam.audit.shares import share_inside
from annealcam.data.labelled import LabelledSet
from annealcam.data.splits import draw_per_class
from annealcam.map_selection import select_maps, selected_channels
from annealcam.models.load import load_checkpoint
from annealcam.models.network_layer import NetworkLayer
from annealcam.settings import resolve

from .patch import stamped
from .revealed import compare
from .trial import LAYER, Plan, Trial

SIZE = 5  # maps of a selection
FOUND = 0.5  # share of a network's photos with the patch for which a found map is selected
ALL = "all maps"
DRAWN = ("contributions", "alpha")
Rule = Callable[[Capture], Bool[Array, "n maps"]]


def _solved(captured: Capture, **options: Any) -> Bool[Array, "n maps"]:
    settings = resolve(sampler="exact", cardinality=SIZE, **options)
    selected = np.zeros(captured.activations.shape[:2], dtype=bool)
    own = captured if settings.integrated else captured.plain()
    for row, channels in zip(selected, selected_channels(own, settings), strict=True):
        row[channels] = True
    return selected


def _formerly(captured: Capture) -> Bool[Array, "n maps"]:
    """Select by a former default: `relative`, with the importance mean g x mean f."""
    settings = resolve(sampler="exact", cardinality=SIZE, objective="relative")
    f, g = captured.activations, captured.gradients
    weights = g.mean(dim=(-2, -1)) * f.mean(dim=(-2, -1))
    selected = np.zeros(f.shape[:2], dtype=bool)
    for row, *each in zip(selected, f, g, weights, strict=True):
        row[select_maps(*each, settings, fewer=True).channels.cpu().numpy()] = True
    return selected


def _top(captured: Capture, importance: str) -> Bool[Array, "n maps"]:
    weights = captured.importance(importance)
    selected = torch.zeros(weights.shape, dtype=torch.bool, device=weights.device)
    return selected.scatter(1, weights.topk(SIZE, dim=1).indices, True).cpu().numpy()


RULES: Mapping[str, Rule] = MappingProxyType({
    "evidence (default)": _solved,
    "evidence, beta 0": partial(_solved, beta=0.0),
    "top 5 by alignment": partial(_top, importance="alignment"),
    "top 5 by contribution": partial(_top, importance="contribution"),
    "top 5 by alpha": partial(_top, importance="gradcam"),
    "relative": partial(_solved, objective="relative"),
    "relative, mean g x mean f": _formerly,
    "paper": partial(_solved, preset="paper"),
    ALL: lambda captured: np.ones(captured.activations.shape[:2], dtype=bool),
})  # fmt: skip


def compare_selections(
    test: LabelledSet, trial: Trial, label: int, plan: Plan
) -> dict[str, dict[str, Any]]:
    """Return what each rule selects and draws on the photos of a class, with and without the patch.

    For each rule: `with` and `without`, the share of the photos with and without the patch for
    which the map that the patch raises most is selected; `due`, the share of those with the patch
    for which the map with the largest share due to the patch is selected; and `on_patch`, for each
    of `DRAWN`, the mean share of the map of the selection on the patch. The entry `network` holds
    the numbers of these two maps, the logit that the patch adds through the first and through all
    maps, the share of maps that are not zero, the share of the photos for which the default draws
    the evidence, and the median incoherence.
    """
    clean, marked = _captured(test, trial, label, plan)
    facts = _network(clean, marked)
    due = int(compare(trial.clean, trial.stamped, label).due.argmax())
    coverage = trial.stamped.coverage[trial.stamped.labels == label]
    result: dict[str, dict[str, Any]] = {"network": facts | {"most_due": due}}
    for name, rule in RULES.items():
        selected = rule(marked)
        result[name] = {
            "with": float(selected[:, facts["raised"]].mean()),
            "without": float(rule(clean)[:, facts["raised"]].mean()),
            "due": float(selected[:, due].mean()),
            "on_patch": {
                drawn: _finite_mean(share_inside(maps, coverage))
                for drawn, maps in _maps(marked, selected).items()
            },
        }
    return result


def _captured(test: LabelledSet, trial: Trial, label: int, plan: Plan) -> tuple[Capture, Capture]:
    """Return the capture of the class's photos without and with the patch."""
    photos = draw_per_class(test, plan.photos_per_class)
    photos = photos.subset(np.flatnonzero(photos.labels == label))
    model, preprocess, classes = load_checkpoint(str(trial.file))
    layer = NetworkLayer(model, LAYER, preprocess, classes, trial.file.stem, plan.maps)

    def capture(shown: LabelledSet) -> Capture:
        images = layer.inputs([shown.open(i) for i in range(len(shown))])
        return layer.capture(images, label, integrated=True)

    return capture(photos), capture(stamped(photos, trial.patch).photos)


def _network(clean: Capture, marked: Capture) -> dict[str, Any]:
    """Return facts about the network: see the entry `network` of `compare_selections`."""
    rise = _contributions(marked).mean(axis=0) - _contributions(clean).mean(axis=0)
    heads = [
        Head.of(g, drawn)
        for g, drawn in zip(marked.path_gradients, marked.contribution_maps, strict=True)
    ]
    return {
        "raised": int(rise.argmax()),
        "rise": float(rise.max()),
        "rise_of_all": float(rise.sum()),
        "alive": float(marked.activations.flatten(2).any(dim=2).float().mean()),
        "draws": float(np.mean([head.draws for head in heads])),
        "incoherence": float(np.median([head.incoherence for head in heads])),
    }


def _finite_mean(values: Float[Array, " n"]) -> float:
    """Return the mean over the maps that are not zero; NaN if all are."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _contributions(captured: Capture) -> Float[Array, "n maps"]:
    return captured.contribution_maps.double().sum(dim=(-2, -1)).cpu().numpy()


def _maps(captured: Capture, selected: Bool[Array, "n maps"]) -> dict[str, Float[Array, "n h w"]]:
    """Return the map of each selection, drawn in each of the ways of `DRAWN`."""
    alpha = gradcam_weights(captured.gradients)
    drawn = [
        (
            selection_map(f[row], weight[row], g[row], form="contributions"),
            selection_map(f[row], weight[row], g[row], form="relu_of_sum"),
        )
        for f, weight, g, row in zip(
            captured.activations, alpha, captured.contribution_maps,
            torch.from_numpy(selected).to(alpha.device), strict=True,
        )
    ]  # fmt: skip
    return {
        name: torch.stack(maps).cpu().numpy()
        for name, maps in zip(DRAWN, zip(*drawn, strict=True), strict=True)
    }


def selection_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the table of all rules over networks, with 95 % intervals.

    A map is found in a network if it is selected for half of the photos with the patch or more.
    Numbers of networks have Wilson intervals, means over networks bootstrap intervals.
    """
    yield (
        "| selection of 5 | networks in which it is found | photos with the patch | without | "
        "most due to it, with the patch | share of the map on the patch: contributions | alpha |"
    )
    yield f"|{7 * '---|'}"
    for name in RULES:
        of_rule = [row["selections"][name] for row in rows]
        shares = [each["with"] for each in of_rule]
        cells = [
            _mean(shares),
            _mean([each["without"] for each in of_rule]),
            _mean([each["due"] for each in of_rule]),
            *(_mean([each["on_patch"][drawn] for each in of_rule], 3) for drawn in DRAWN),
        ]
        found = _count(sum(share >= FOUND for share in shares), len(shares))
        if name == ALL:
            found, cells[:3] = "-", ["-", "-", "-"]
        yield f"| {name} | {found} | {' | '.join(cells)} |"
    drawn = np.mean([row["selections"]["network"]["draws"] for row in rows])
    alive = np.mean([row["selections"]["network"]["alive"] * row["maps"] for row in rows])
    yield ""
    yield (
        f"{SIZE} random maps hold it for {SIZE / alive:.2f} of the photos. The default draws the "
        f"evidence for {drawn:.0%} of the photos with the patch, and takes the maps of largest "
        "contribution for all others."
    )


def _count(successes: int, trials: int) -> str:
    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return f"{successes} of {trials} [{interval.low:.2f}, {interval.high:.2f}]"


def _mean(values: Sequence[float], digits: int = 2) -> str:
    finite = np.array(values)[np.isfinite(values)]
    if not len(finite):
        return "-"
    low, high = mean_interval(finite, seed=0)
    return f"{finite.mean():.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
