"""Photos through methods and metrics, into one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from annealcam._checks import one_of, whole
from annealcam._types import Progress
from annealcam.errors import ArgumentError, ImageError
from annealcam.evaluation.methods import METHODS, Answer, answers
from annealcam.evaluation.scores import DEFAULT, METRICS, Asked
from annealcam.evaluation.table import Line, table_of
from annealcam.metrics.sensitivity import other_classes
from annealcam.settings import Settings
from annealcam.vision.capture import capture
from annealcam.vision.images import load_photo
from annealcam.vision.layers import default_layer
from annealcam.vision.models import LoadedModel


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Methods by metrics: the table, the scores of every photo, and how they were made."""

    lines: list[Line]
    rows: list[dict[str, Any]]
    skipped: list[str]
    provenance: dict[str, Any]


def evaluate(
    network: LoadedModel,
    photos: Sequence[str],
    settings: Settings,
    *,
    layer: str | None = None,
    methods: Sequence[str] = METHODS,
    metrics: Sequence[str] = DEFAULT,
    batch: int = 8,
    model_name: str = "",
    progress: Progress | None = None,
) -> Evaluation:
    """Score methods by metrics over photos: same layer, same logit, the predicted class.

    Args:
        network: as `load_model` returns it.
        photos: files, or `skimage:` names; those that cannot be read are listed and left out.
        settings: of the method `annealcam`; its seed is that of all that is random.
        layer: None takes the default layer.
        methods, metrics: names of `METHODS` and `METRICS`.
        batch: photos that go through the network together.

    Raises:
        ArgumentError: no photo, or a method or metric that is not known.
        ImageError: not one photo can be read.
        AnnealcamError: as `explain`.
    """
    for name in methods:
        one_of("methods", name, METHODS)
    for name in metrics:
        one_of("metrics", name, METRICS)
    if not photos or not methods or not metrics:
        raise ArgumentError("photos, methods, metrics: at least one of each")
    skipped: list[str] = []
    rows: list[dict[str, Any]] = []
    tell = progress or (lambda *_: None)
    for names, images in _batches(network, photos, whole("batch", batch, least=1), skipped):
        layer = layer or default_layer(network.model, images[:1])
        rows += _score(network, names, images, settings, layer, methods, metrics)
        tell("evaluating", len(rows) // len(methods) + len(skipped), len(photos))
    if not rows:
        raise ImageError(f"photos: none of {len(photos)} can be read; the first: {skipped[0]}")
    scores = {
        method: {m: [row[m] for row in rows if row["method"] == method] for m in metrics}
        for method in methods
    }
    told = {
        "model": model_name, "layer": layer, "photos": len(rows) // len(methods),
        "metrics": {name: METRICS[name][0] for name in metrics}, **settings.as_provenance(),
    }  # fmt: skip
    return Evaluation(table_of(scores, seed=settings.seed), rows, skipped, told)


def photos_in(place: Path) -> list[str]:
    """Return a photo, or all files below a folder in order of their names.

    Raises:
        ArgumentError: there is nothing.
    """
    if not place.is_dir():
        return [str(place)]
    found = sorted(str(file) for file in place.rglob("*") if file.is_file())
    if not found:
        raise ArgumentError(f"photos={str(place)!r}: an empty folder")
    return found


def _batches(
    network: LoadedModel, photos: Sequence[str], size: int, skipped: list[str]
) -> Iterator[tuple[list[str], torch.Tensor]]:
    names, images = [], []
    for number, photo in enumerate(photos):
        try:
            images.append(network.preprocess(load_photo(photo)))
            names.append(photo)
        except ImageError as error:
            skipped.append(str(error))
        if images and (len(images) == size or number == len(photos) - 1):
            yield names, torch.stack(images)
            names, images = [], []
    if images:
        yield names, torch.stack(images)


def _score(
    network: LoadedModel,
    names: Sequence[str],
    images: torch.Tensor,
    settings: Settings,
    layer: str,
    methods: Sequence[str],
    metrics: Sequence[str],
) -> list[dict[str, Any]]:
    """A row for each photo and method of a batch."""
    captured = capture(network.model, images, layer=layer)
    targets = captured.targets.tolist()
    logits = captured.logits.cpu().numpy()
    seeds = [settings.seed + i for i in range(len(names))]
    own = answers(captured, settings, methods, seeds=seeds)
    other: Sequence[dict[str, Answer]] = own
    if "sensitivity" in metrics:
        second = other_classes(logits, np.array(targets), which="next").tolist()
        again = capture(network.model, images, layer=layer, targets=second)
        other = answers(again, settings, methods, seeds=seeds)
    rows = []
    for method in methods:
        asked = Asked(
            network.model, images.to(captured.logits.device), layer, targets,
            [a[method] for a in own], [a[method] for a in other],
        )  # fmt: skip
        found = {metric: METRICS[metric][1](asked) for metric in metrics}
        for i, name in enumerate(names):
            channels = asked.answers[i].channels
            rows.append(
                {"photo": name, "method": method, "target": targets[i],
                 "maps": None if channels is None else len(channels),
                 **{metric: float(values[i]) for metric, values in found.items()}}
            )  # fmt: skip
    return rows
