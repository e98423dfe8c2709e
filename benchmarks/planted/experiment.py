"""The whole planted experiment: classes x seeds, each beside a network without the shortcut."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annealcam._internal.types import Progress
from annealcam._internal.validation import whole
from annealcam._version import __version__
from annealcam.audit.observations import METHODS
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ArgumentError

from .revealed import patch_regions, places, revealed
from .trial import Plan, Trial, run_trial

PLANTED, CONTROL = "planted", "control"


@dataclass(frozen=True, eq=False)
class Experiment:
    """All trials, and for each class, seed and network what `revealed` and `places` say."""

    trials: Sequence[Trial]
    rows: Sequence[Mapping[str, Any]]
    classes: tuple[str, ...]
    provenance: Mapping[str, Any]

    def of(self, network: str) -> list[Mapping[str, Any]]:
        """Return the rows of the `planted` or of the `control` networks."""
        return [row for row in self.rows if row["network"] == network]

    def mean(self, network: str, *names: str) -> float:
        """Return the mean over classes and seeds of one number; NaN where there is none."""
        values = [_deep(row, names) for row in self.of(network)]
        there = [v for v in values if math.isfinite(v)]
        return float(np.mean(there)) if there else math.nan

    def first(self, network: str, score: str, method: str) -> int:
        """Return how often the class stood first."""
        return sum(row["places"][score][method] == 1 for row in self.of(network))


def run_experiment(
    sets: Mapping[str, LabelledSet],
    labels: Sequence[int],
    seeds: int,
    plan: Plan,
    folder: Path,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Experiment:
    """Train a network for each class and seed, and one without a shortcut for each seed; look.

    `folder` holds what is done; the same call goes on with it. The control networks are asked of
    the same photos, with and without the patch.

    Args:
        sets: the parts `train`, `validation` and `test`.
        labels: the classes that get the shortcut, one at a time.
        seeds: how many: 0, 1, ... of the training, the planting and the places of the patch.
        plan: what is shared.
        cache: of features.
        progress: told what is being done.

    Raises:
        ArgumentError: no class, a class twice, or no seed.
    """
    whole("seeds", seeds, least=1)
    if not labels or len(set(labels)) < len(labels):
        raise ArgumentError(f"classes={list(labels)}: give one class or several different ones")
    classes = sets["test"].classes
    trials, rows = [], []
    for seed in range(seeds):
        control = run_trial(sets, None, seed, plan, folder, cache=cache, progress=progress)
        trials.append(control)
        for label in labels:
            trial = run_trial(sets, label, seed, plan, folder, cache=cache, progress=progress)
            trials.append(trial)
            on = patch_regions(sets["test"], trial, plan, progress=progress)
            rows += list(_rows(trial, control, label, len(classes), on))
    told = {
        "annealcam": __version__,
        "data": sets["test"].name,
        "classes": [classes[label] for label in labels],
        "seeds": seeds,
        "plan": plan.told(),
        "versions": trials[0].about["versions"],
        "photos_hash": {part: photos.fingerprint() for part, photos in sets.items()},
    }
    return Experiment(trials, rows, classes, told)


def _rows(
    trial: Trial, control: Trial, label: int, classes: int, on: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    for network, one in ((PLANTED, trial), (CONTROL, control)):
        yield {
            "network": network,
            "label": label,
            "seed": trial.seed,
            "accuracy": one.about["accuracy"]["test"],
            **revealed(one, label),
            "regions": on["regions"] if network == PLANTED else None,
            "regions_on_patch": on["on_patch"] if network == PLANTED else None,
            "places": places(one, label, classes),
        }


def flat(row: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Return a row of a table: numbers and names alone."""
    found: dict[str, Any] = {"network": row["network"], "class": classes[row["label"]]}
    plain = (int, float, type(None))
    found |= {k: v for k, v in row.items() if isinstance(v, plain) and k != "label"}
    found["patch_maps"] = " ".join(map(str, row["patch_maps"]))
    for method in METHODS:
        for kind in ("inside", "inside_without"):
            mean, low, high = row[kind][method]
            found |= {f"{kind}:{method}": mean, f"{kind}_low:{method}": low,
                      f"{kind}_high:{method}": high}  # fmt: skip
    for score, methods in row["places"].items():
        found |= {f"place:{score}:{method}": place for method, place in methods.items()}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in found.items()}  # fmt: skip


def as_json(found: Experiment) -> str:
    """Return provenance and rows as JSON."""
    rows = [flat(row, found.classes) for row in found.rows]
    told = {**found.provenance, "rows": rows}
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _deep(row: Mapping[str, Any], names: Sequence[str]) -> float:
    value: Any = row
    for name in names:
        value = value[name]
    return float(value[0] if isinstance(value, list) else value)
