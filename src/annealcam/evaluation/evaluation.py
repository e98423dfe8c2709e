"""Photos, methods and metrics into one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Int
from PIL import Image

from annealcam._internal.deprecation import renamed_value
from annealcam._internal.environment import environment
from annealcam._internal.map_axes import refuse_other_axes
from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of, whole
from annealcam.attribution.activations import Capture
from annealcam.attribution.contrast import Against, contrasted_classes, resolve_against
from annealcam.attribution.network.hooks import find_layer
from annealcam.errors import ArgumentError, ImageError
from annealcam.evaluation.grids import GridChoice, GridScores, predictions, score_grids
from annealcam.evaluation.masks import Where, mask_in_view
from annealcam.evaluation.methods import (
    DEFAULT_METHODS,
    METHODS,
    RENAMED,
    MethodMap,
    map_of,
    method_maps,
)
from annealcam.evaluation.scores import (
    LOCALISATION,
    METRICS,
    OF_CLASSES,
    ON_GRIDS,
    MethodBatch,
    resolve_metrics,
)
from annealcam.evaluation.set_overlap import overlap_lines
from annealcam.evaluation.table import Line, table_of
from annealcam.metrics.randomised import classifier_layer, random_weights
from annealcam.metrics.sensitivity import other_classes
from annealcam.models.images import load_photo
from annealcam.models.loaded import LoadedModel
from annealcam.models.network_layer import CapturedBatch, NetworkLayer, capture_batches
from annealcam.render.notebook.cards import card
from annealcam.settings import Settings

_OF_AGAINST = ", a class of against"  # ends the reason of a photo that is not evaluated


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Methods by metrics: the table, the scores of every photo, and their provenance.

    `lines` is the table, with a `Line` for each method and metric; `rows` has the scores of each
    photo and method; `skipped` lists the photos that were left out, with the reasons, and
    `unreadable` is the number of those that could not be read; `notes` holds what else a reader
    must know. `grid_rows` has the scores by the metrics on grids, of each grid, cell and method.
    """

    lines: list[Line]
    rows: list[dict[str, Any]]
    skipped: list[str]
    notes: list[str]
    provenance: dict[str, Any]
    grid_rows: list[dict[str, Any]] = field(default_factory=list)
    unreadable: int = 0

    @property
    def sizes(self) -> dict[str, float | None]:
        """Mean number of maps behind each method's result; None for the reference maps."""
        counts: dict[str, list[Any]] = {}
        for row in self.rows or self.grid_rows:
            counts.setdefault(row["method"], []).append(row["maps"])
        return {
            method: None if None in sizes else float(np.mean(sizes))
            for method, sizes in counts.items()
        }

    def __repr__(self) -> str:
        return short_repr(
            "Evaluation", photos=self.provenance["photos"], methods=len(self.sizes),
            metrics=len(self.provenance["metrics"]), skipped=len(self.skipped),
        )  # fmt: skip

    def _repr_html_(self) -> str:
        """Return the table of means for notebooks; brackets hold 95 % intervals."""
        metrics = list(dict.fromkeys(line.metric for line in self.lines))
        cells = {(line.method, line.metric): _mean_of(line) for line in self.lines}
        arrows = {"higher": " ↑", "lower": " ↓", None: ""}
        return str(card(
            f"{len(self.sizes)} methods by {len(metrics)} metrics over "
            f"{self.provenance['photos']} photos",
            header=("method", *(f"{name}{arrows[METRICS[name].better]}" for name in metrics)),
            rows=[(method, *(cells.get((method, name), "") for name in metrics))
                  for method in dict.fromkeys(line.method for line in self.lines)],
            notes=[*self.notes, "mean [95 % interval]; ↑ higher is better, ↓ lower is better",
                   *([f"photos left out: {len(self.skipped)}"] if self.skipped else [])],
        ))  # fmt: skip


def _mean_of(line: Line) -> str:
    """Return the mean of a metric with its interval, if there are any."""
    if line.mean is None:
        return "no value"
    ends = "" if line.low is None else f" [{line.low:.3g}, {line.high:.3g}]"
    return f"{line.mean:.3g}{ends}".replace("-", "−")


@dataclass
class _Collected:
    """The results of the photos so far; `in_view` counts the photos with a mask in view."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    selections: dict[str, list[Int[Array, " _"] | None]] = field(default_factory=dict)
    in_view: int = 0


@shows_progress
def evaluate(
    network: LoadedModel,
    photos: Sequence[str],
    settings: Settings,
    *,
    layer: str | None = None,
    methods: Sequence[str] = DEFAULT_METHODS,
    metrics: Sequence[str] | None = None,
    masks: Mapping[str, Where] | None = None,
    grids: GridChoice | None = None,
    against: int | str | Sequence[int | str] | None = None,
    batch: int = 8,
    model_name: str = "",
    progress: ProgressOption = None,
) -> Evaluation:
    """Score methods by metrics over photos, all on one layer and the logit of the predicted class.

    The metrics of grid pointing make grids of the photos themselves: of those that the network is
    sure of, each in one grid, with different predicted classes. The classes that were predicted for
    the single photos are explained. Photos keep their size, so that a grid of 2 x 2 photos of 224 x
    224 pixels is an image of 448 x 448; a network that does not accept this gets photos that are
    shrunk, which the notes state.

    Args:
        network: as returned by `load_model`.
        photos: files, or `skimage:` names; those that cannot be read are skipped and listed.
        settings: of the method `annealcam`; its seed is the seed of all random choices.
        layer: None: the default layer.
        methods: names from `METHODS`; those that run the network for every map are not among the
            default ones.
        metrics: names from `METRICS`; None: the default metrics, with those of localisation if
            there are masks.
        masks: the object in each photo, as returned by `find_masks`: a file, boxes, or a mask of
            the whole photo. Photos without a mask have no localisation score.
        grids: which photos make grids; None: 2 x 2, as many grids as there are without using a
            photo twice, of photos whose predicted class has a probability above 0.5.
        against: all methods explain why the predicted class and not another one: `next`, `rest`, a
            class or a list of classes, as in `explain`; None: the logit alone. Photos that are
            predicted to show a named class are skipped. `kept` and `lost` are shares of the logit
            of the predicted class in any case, and the curves follow its probability.
        batch: photos that pass through the network together.
        model_name: for the provenance.
        progress: True for a bar, or a function that is called with a description, the number of
            photos done, and of all photos.

    Raises:
        ArgumentError: there is no photo, a method or metric is unknown, a metric of pixels meets
            maps without rows and columns, a metric of classes meets outputs that are numbers, the
            cardinality is above max_qubits, a mask does not fit its photo, every photo is predicted
            to show a class of `against`, or there are too few confident photos of different classes
            for a grid.
        ImageError: none of the photos can be read.
        AnnealcamError: as `explain`.
    """
    report = reporter(progress)
    methods = [renamed_value("methods", name, RENAMED) for name in methods]
    for name in methods:
        one_of("methods", name, METHODS)
    metrics_were_chosen = metrics is not None
    metrics = resolve_metrics(metrics, masks=masks is not None)
    if not photos or not methods or not metrics:
        raise ArgumentError("photos, methods, metrics: give at least one of each.")
    if settings.limit is not None and (settings.cardinality or 0) > settings.limit:
        raise ArgumentError(
            f"cardinality={settings.cardinality}: above max_qubits={settings.limit}; lower "
            "it, or raise max_qubits"
        )
    batch = whole("batch", batch, least=1)
    skipped: dict[str, str] = {}
    count, excluded = len(photos), 0
    network_layer = NetworkLayer.open(network, layer, _first_photo(photos), model_name=model_name)
    contrast = resolve_against(against, network_layer.class_names)
    metrics = _of_link(metrics, network_layer.link, chosen=metrics_were_chosen)
    if contrasted_classes(contrast):
        photos = _not_predicted(network_layer, photos, contrast, batch, skipped)
        excluded = sum(reason.endswith(_OF_AGAINST) for reason in skipped.values())
    grid_scores = GridScores()
    if on_grids := [name for name in metrics if name in ON_GRIDS]:
        grid_scores = score_grids(
            network_layer, photos, settings, methods=methods, metrics=on_grids,
            choice=grids or GridChoice(), against=contrast, batch=batch, progress=report,
            skip=lambda photo, error: skipped.setdefault(photo, str(error)),
        )  # fmt: skip
    on_photos = [name for name in metrics if name not in ON_GRIDS]
    used_masks = masks if masks and set(metrics) & set(LOCALISATION) else {}
    collected = _Collected(selections={method: [] for method in methods})
    for captured in capture_batches(
        network_layer,
        ((photo, partial(load_photo, photo)) for photo in (photos if on_photos else ())),
        batch_size=batch,
        skip=lambda photo, error: skipped.setdefault(photo, str(error)),
        against=contrast,
        integrated=settings.integrated,
    ):
        _score(network_layer, captured, settings, contrast, on_photos, used_masks, collected)
        report("evaluating", len(collected.targets), len(photos))
    lines, notes = _table(collected, methods, on_photos, settings.seed)
    if used_masks:
        notes.append(
            f"masks: {collected.in_view} of {len(collected.targets)} photos have one in view"
        )
    provenance = {
        "model": model_name, "layer": network_layer.layer, "photos": count - len(skipped),
        "link": network_layer.link,
        "against": contrast, "metrics": {name: str(METRICS[name]) for name in metrics},
        **settings.as_provenance(),
        "environment": environment(batch=batch),
        **({"grids": grid_scores.provenance} if on_grids else {}),
    }  # fmt: skip
    lines = sorted(
        [*lines, *grid_scores.lines],
        key=lambda line: (methods.index(line.method), metrics.index(line.metric)),
    )
    notes += grid_scores.notes
    return Evaluation(
        lines, collected.rows, list(skipped.values()), notes, provenance, grid_scores.rows,
        len(skipped) - excluded,
    )  # fmt: skip


def _of_link(metrics: list[str], link: str, *, chosen: bool) -> list[str]:
    """Return the metrics without those of classes where the outputs are numbers.

    Raises:
        ArgumentError: one of them was chosen.
    """
    if link != "identity":
        return metrics
    of_classes = [name for name in metrics if name in (*OF_CLASSES, *ON_GRIDS)]
    if chosen and of_classes:
        raise ArgumentError(
            f"metrics={of_classes[0]!r}: compares classes, and the outputs of the network are "
            "numbers (link 'identity'); leave it out"
        )
    return [name for name in metrics if name not in of_classes]


def _first_photo(photos: Sequence[str]) -> Image.Image:
    """Return the first photo that can be read."""
    reasons: list[ImageError] = []
    for photo in photos:
        try:
            return load_photo(photo)
        except ImageError as error:
            reasons.append(error)
    raise ImageError(f"photos: none of {len(photos)} photos can be read. The first: {reasons[0]}")


def _not_predicted(
    network: NetworkLayer,
    photos: Sequence[str],
    against: Against,
    batch: int,
    skipped: dict[str, str],
) -> list[str]:
    """Return the photos whose predicted class is not one that is contrasted with.

    Raises:
        ArgumentError: there are none.
    """
    contrasted, names = contrasted_classes(against), network.class_names
    targets = {
        prediction.photo: prediction.target
        for found in predictions(
            network, photos, batch, lambda photo, error: skipped.setdefault(photo, str(error))
        )
        for prediction in found
    }
    for photo, target in targets.items():
        if target in contrasted:
            name = str(target) if names is None else names[target]
            skipped[photo] = f"{photo}: is predicted to show {name!r}{_OF_AGAINST}"
    left = [photo for photo in photos if photo in targets and photo not in skipped]
    if not left:
        raise ArgumentError(
            f"against={against}: every photo is predicted to show a class that it would be "
            "contrasted with; name other classes"
        )
    return left


def _table(
    collected: _Collected, methods: list[str], metrics: list[str], seed: int
) -> tuple[list[Line], list[str]]:
    """Return the table of the metrics on photos, and the notes on it."""
    scores = {
        method: {
            metric: [row[metric] for row in collected.rows if row["method"] == method]
            for metric in metrics
            if METRICS[metric].score
        }
        for method in methods
    }
    lines, notes = table_of(scores, seed=seed), []
    if "overlap" in metrics:
        overlaps, reason = overlap_lines(collected.selections, collected.targets, seed=seed)
        lines, notes = lines + overlaps, [reason] if reason else []
    return lines, notes


def _score(
    network: NetworkLayer,
    batch: CapturedBatch[str],
    settings: Settings,
    against: Against,
    metrics: Sequence[str],
    masks: Mapping[str, Where],
    collected: _Collected,
) -> None:
    """Add a row for each photo and method of a batch."""
    captured = batch.captured
    for name in metrics:
        if METRICS[name].of_pixels:
            refuse_other_axes(
                captured.activations, layer=captured.layer, needed_by=f"metrics={name!r}"
            )
    in_view = [
        None if photo not in masks
        else mask_in_view(network.preprocess, masks[photo], photo, image.size)
        for photo, image in zip(batch.keys, batch.photos, strict=True)
    ]  # fmt: skip
    targets = captured.targets.tolist()
    methods, before = list(collected.selections), len(collected.targets)
    seeds = [settings.seed + before + i for i in range(len(batch.keys))]
    draw = partial(
        method_maps, settings=settings, methods=methods, seeds=seeds, model=network.model,
        images=batch.images,
    )  # fmt: skip
    results = draw(captured)

    def drawn_again(captured: Capture) -> list[dict[str, MethodMap]]:
        """Return the results of another capture; a random selection keeps its maps."""
        others = draw(captured)
        for i, maps in enumerate(others):
            if "random" in maps and (same := results[i]["random"].channels) is not None:
                maps["random"] = MethodMap(map_of(captured, i, same, settings), same)
        return others

    other_results, random_results = _other_results(
        network, batch, settings, against, metrics, drawn_again
    )
    other_results, random_results = other_results or results, random_results or results
    evidence = captured.contribution_maps.sum(dim=1).cpu().numpy()
    images = batch.images.to(captured.logits.device)
    collected.targets += targets
    collected.in_view += sum(mask is not None for mask in in_view)
    for method in methods:
        own, others, random = (
            [maps[method] for maps in maps_of]
            for maps_of in (results, other_results, random_results)
        )
        method_batch = MethodBatch(
            network.model, images, network.layer, targets, own, others, random, evidence, in_view,
            settings.seed,
        )  # fmt: skip
        channels = [result.channels for result in method_batch.results]
        collected.selections[method] += channels
        scores = {m: score(method_batch) for m in metrics if (score := METRICS[m].score)}
        for i, (photo, target) in enumerate(zip(batch.keys, targets, strict=True)):
            selected = channels[i]
            collected.rows.append(
                {"photo": photo, "method": method, "target": target,
                 "maps": None if selected is None else len(selected),
                 **{metric: float(values[i]) for metric, values in scores.items()}}
            )  # fmt: skip


def _other_results(
    network: NetworkLayer,
    batch: CapturedBatch[str],
    settings: Settings,
    against: Against,
    metrics: Sequence[str],
    draw: Callable[[Capture], list[dict[str, MethodMap]]],
) -> tuple[list[dict[str, MethodMap]] | None, list[dict[str, MethodMap]] | None]:
    """Return the results for the next likely classes and under a random classifier, if needed."""
    captured, of_others, of_random = batch.captured, None, None
    targets = captured.targets.tolist()
    how: Any = {"against": against, "integrated": settings.integrated}
    if "sensitivity" in metrics:
        logits = captured.logits.cpu().numpy()
        others = other_classes(
            logits, np.array(targets), which="next", excluded=contrasted_classes(against)
        )
        of_others = draw(network.capture(batch.images, others.tolist(), **how))
    if "random_classifier" in metrics:
        classifier = find_layer(network.model, classifier_layer(network.model, batch.images))
        with random_weights(classifier, seed=settings.seed):  # some methods run the network again
            of_random = draw(network.capture(batch.images, targets, **how))
    return of_others, of_random
