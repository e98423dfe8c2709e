"""The whole experiment: classes times seeds, each with a control network without the shortcut."""

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

from .revealed import patch_regions, places, reveal
from .selections import RULES, compare_selections
from .trial import Plan, Trial, run_trial

PLANTED, CONTROL = "planted", "control"


@dataclass(frozen=True, eq=False)
class Experiment:
    """All trials, and a row of `reveal` and `places` for each class, seed and network."""

    trials: Sequence[Trial]
    rows: Sequence[Mapping[str, Any]]
    classes: tuple[str, ...]
    provenance: Mapping[str, Any]

    def of(self, network: str) -> list[Mapping[str, Any]]:
        """Return the rows of the `planted` or of the `control` networks."""
        return [row for row in self.rows if row["network"] == network]

    def mean(self, network: str, *names: str) -> float:
        """Return the mean of one entry over classes and seeds; NaN without finite values."""
        values = [_entry(row, names) for row in self.of(network)]
        finite = [v for v in values if math.isfinite(v)]
        return float(np.mean(finite)) if finite else math.nan

    def first(self, network: str, score: str, method: str) -> int:
        """Return the number of networks in which the ranking puts the class first."""
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
    """Run a trial for each class and seed, and a control trial without shortcut for each seed.

    Finished trials are kept in `folder`, from which the same call continues. The control networks
    observe the same photos, with and without the patch.

    Args:
        sets: the parts `train`, `validation` and `test`.
        labels: the classes that get the shortcut, one at a time.
        seeds: number of seeds 0, 1, ... of the training, the planting and the patch's places.
        plan: the options of all trials.
        cache: folder of cached features.
        progress: called with the current step, the number of finished photos, and the total.

    Raises:
        ArgumentError: there is no class, a class twice, or no seed.
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
            regions = patch_regions(sets["test"], trial, plan, progress=progress)
            selections = {
                network: compare_selections(sets["test"], each, label, plan)
                for network, each in ((PLANTED, trial), (CONTROL, control))
            }
            rows += [
                row | {"maps": plan.maps, "selections": selections[row["network"]]}
                for row in _rows(trial, control, label, len(classes), regions)
            ]
    provenance = {
        "annealcam": __version__,
        "data": sets["test"].name,
        "classes": [classes[label] for label in labels],
        "seeds": seeds,
        "plan": plan.as_provenance(),
        "versions": trials[0].about["versions"],
        "photos_hash": {part: photos.fingerprint() for part, photos in sets.items()},
    }
    return Experiment(trials, rows, classes, provenance)


def _rows(
    trial: Trial, control: Trial, label: int, classes: int, regions: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    for network, each in ((PLANTED, trial), (CONTROL, control)):
        yield {
            "network": network,
            "label": label,
            "seed": trial.seed,
            "accuracy": each.about["accuracy"]["test"],
            **reveal(each, label),
            "regions": regions["regions"] if network == PLANTED else None,
            "regions_on_patch": regions["on_patch"] if network == PLANTED else None,
            "places": places(each, label, classes),
        }


def flat(row: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Return a row of the CSV table: numbers and names only."""
    cells: dict[str, Any] = {"network": row["network"], "class": classes[row["label"]]}
    plain = (int, float, type(None))
    cells |= {k: v for k, v in row.items() if isinstance(v, plain) and k != "label"}
    cells["patch_maps"] = " ".join(map(str, row["patch_maps"]))
    for method in METHODS:
        for kind in ("inside", "inside_without"):
            mean, low, high = row[kind][method]
            cells |= {f"{kind}:{method}": mean, f"{kind}_low:{method}": low,
                      f"{kind}_high:{method}": high}  # fmt: skip
    for rule in RULES:
        selected = row["selections"][rule]
        cells |= {f"{key}:{rule}": selected[key] for key in ("with", "without", "due")}
        cells |= {f"on_patch_{k}:{rule}": share for k, share in selected["on_patch"].items()}
    cells |= {f"{key}:network": value for key, value in row["selections"]["network"].items()}
    for score, methods in row["places"].items():
        cells |= {f"place:{score}:{method}": place for method, place in methods.items()}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in cells.items()}  # fmt: skip


def as_json(experiment: Experiment) -> str:
    """Return provenance and rows as JSON."""
    rows = [flat(row, experiment.classes) for row in experiment.rows]
    return (
        json.dumps(
            {**experiment.provenance, "rows": rows}, indent=1, ensure_ascii=False, allow_nan=False
        )
        + "\n"
    )


def _entry(row: Mapping[str, Any], names: Sequence[str]) -> float:
    value: Any = row
    for name in names:
        value = value[name]
    return float(value[0] if isinstance(value, list) else value)
