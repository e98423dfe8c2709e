"""Photos through methods and metrics, into one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int

from annealcam._internal.types import Array, Progress
from annealcam._internal.validation import one_of, whole
from annealcam.attribution.capture import capture
from annealcam.attribution.layers import default_layer
from annealcam.errors import ArgumentError, ImageError
from annealcam.evaluation.batches import Batch, batches
from annealcam.evaluation.masks import Where
from annealcam.evaluation.methods import METHODS, Answer, answers
from annealcam.evaluation.scores import LOCALISATION, METRICS, Asked, metrics_asked
from annealcam.evaluation.set_overlap import overlap_lines
from annealcam.evaluation.table import Line, table_of
from annealcam.metrics.sensitivity import other_classes
from annealcam.models.loaded import LoadedModel
from annealcam.settings import Settings


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Methods by metrics: the table, the scores of every photo, and how they were made.

    `skipped` says which photos could not be read, `notes` what else a reader must know.
    """

    lines: list[Line]
    rows: list[dict[str, Any]]
    skipped: list[str]
    notes: list[str]
    provenance: dict[str, Any]

    @property
    def sizes(self) -> dict[str, float | None]:
        """Mean number of maps behind each method's explanations; None if it is made of none."""
        counts: dict[str, list[Any]] = {}
        for row in self.rows:
            counts.setdefault(row["method"], []).append(row["maps"])
        return {m: None if None in own else float(np.mean(own)) for m, own in counts.items()}


@dataclass
class _Tally:
    """What has been gathered of the photos so far."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    selections: dict[str, list[Int[Array, " _"] | None]] = field(default_factory=dict)
    objects: int = 0


def evaluate(
    network: LoadedModel,
    photos: Sequence[str],
    settings: Settings,
    *,
    layer: str | None = None,
    methods: Sequence[str] = METHODS,
    metrics: Sequence[str] | None = None,
    masks: Mapping[str, Where] | None = None,
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
        methods, metrics: names of `METHODS` and `METRICS`; None takes the default metrics, and
            those of localisation if there are masks.
        masks: where the object is in each photo: a file, boxes, or a mask of the whole photo, as
            `find_masks` returns them. Photos without one have no score for localisation.
        batch: photos that go through the network together.

    Raises:
        ArgumentError: no photo, a method or metric that is not known, a cardinality above
            max_qubits, or a mask that does not fit.
        ImageError: not one photo can be read.
        AnnealcamError: as `explain`.
    """
    for name in methods:
        one_of("methods", name, METHODS)
    metrics = metrics_asked(metrics, masks=masks is not None)
    if not photos or not methods or not metrics:
        raise ArgumentError("photos, methods, metrics: at least one of each")
    if (settings.cardinality or 0) > settings.max_qubits:
        raise ArgumentError(
            f"cardinality={settings.cardinality}: above max_qubits={settings.max_qubits}; lower "
            "it, or raise max_qubits"
        )
    locate = masks if masks and set(metrics) & set(LOCALISATION) else {}
    skipped: list[str] = []
    tally, tell = _Tally(selections={method: [] for method in methods}), progress or _silent
    for some in batches(
        network, photos, whole("batch", batch, least=1), masks=locate, skipped=skipped
    ):
        layer = layer or default_layer(network.model, some.images[:1])
        _score(network, some, settings, layer, metrics, tally)
        tell("evaluating", len(tally.targets) + len(skipped), len(photos))
    if not tally.rows:
        raise ImageError(f"photos: none of {len(photos)} can be read; the first: {skipped[0]}")
    lines, notes = _lines(tally, list(methods), metrics, settings.seed)
    if locate:
        notes.append(f"masks: {tally.objects} of {len(tally.targets)} photos have one in view")
    told = {
        "model": model_name, "layer": layer, "photos": len(tally.targets),
        "metrics": {name: str(METRICS[name]) for name in metrics}, **settings.as_provenance(),
    }  # fmt: skip
    return Evaluation(lines, tally.rows, skipped, notes, told)


def _silent(_what: str, _done: int, _of: int) -> None:
    pass


def _lines(
    tally: _Tally, methods: list[str], metrics: list[str], seed: int
) -> tuple[list[Line], list[str]]:
    """The table, method by method, and what is to be told beside it."""
    scores = {
        method: {
            m: [row[m] for row in tally.rows if row["method"] == method]
            for m in metrics
            if METRICS[m].score
        }
        for method in methods
    }
    lines, notes = table_of(scores, seed=seed), []
    if "overlap" in metrics:
        shared, reason = overlap_lines(tally.selections, tally.targets, seed=seed)
        lines, notes = lines + shared, [reason] if reason else []
    return sorted(
        lines, key=lambda line: (methods.index(line.method), metrics.index(line.metric))
    ), notes


def _score(
    network: LoadedModel,
    batch: Batch,
    settings: Settings,
    layer: str,
    metrics: Sequence[str],
    tally: _Tally,
) -> None:
    """Add a row for each photo and method of a batch."""
    captured = capture(network.model, batch.images, layer=layer)
    targets = captured.targets.tolist()
    methods, before = list(tally.selections), len(tally.targets)
    seeds = [settings.seed + before + i for i in range(len(batch.names))]
    own = answers(captured, settings, methods, seeds=seeds)
    other: Sequence[dict[str, Answer]] = own
    if "sensitivity" in metrics:
        logits = captured.logits.cpu().numpy()
        second = other_classes(logits, np.array(targets), which="next").tolist()
        again = capture(network.model, batch.images, layer=layer, targets=second)
        other = answers(again, settings, methods, seeds=seeds)
    images = batch.images.to(captured.logits.device)
    tally.targets += targets
    tally.objects += sum(mask is not None for mask in batch.masks)
    for method in methods:
        asked = Asked(
            network.model, images, layer, targets, [a[method] for a in own],
            [a[method] for a in other], batch.masks, settings.seed,
        )  # fmt: skip
        channels = [answer.channels for answer in asked.answers]
        tally.selections[method] += channels
        found = {m: score(asked) for m in metrics if (score := METRICS[m].score)}
        for i, name in enumerate(batch.names):
            k = channels[i]
            tally.rows.append(
                {"photo": name, "method": method, "target": targets[i],
                 "maps": None if k is None else len(k),
                 **{metric: float(values[i]) for metric, values in found.items()}}
            )  # fmt: skip
