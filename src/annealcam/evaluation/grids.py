"""Grids of photos of different classes, and the maps of each class over its grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from annealcam._internal.map_axes import refuse_other_axes
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array, Progress
from annealcam._internal.validation import real, whole
from annealcam.attribution.cam import cam_maps
from annealcam.attribution.contrast import Against
from annealcam.attribution.network.hooks import borrowed, run
from annealcam.attribution.network.model_output import probabilities
from annealcam.errors import ArgumentError, ImageError, ModelError
from annealcam.evaluation.methods import method_maps
from annealcam.evaluation.scores import METRICS, MethodGrid
from annealcam.evaluation.table import Line, table_of
from annealcam.models.images import load_photo
from annealcam.models.network_layer import NetworkLayer, capture_batches
from annealcam.settings import Settings


@dataclass(frozen=True)
class GridChoice:
    """Which photos make grids, and how many.

    Attributes:
        side: photos in a row and in a column.
        most: number of grids at most; None: as many as there are without using a photo twice.
        probability: photos count whose predicted class has a higher probability.

    >>> GridChoice(side=3).cells
    9
    """

    side: int = 2
    most: int | None = None
    probability: float = 0.5

    def __post_init__(self) -> None:
        whole("grid side", self.side, least=2)
        if self.most is not None:
            whole("number of grids", self.most, least=1)
        if not 0 <= real("grid probability", self.probability) < 1:
            raise ArgumentError(f"grid probability={self.probability}: must be in [0, 1)")

    @property
    def cells(self) -> int:
        """Number of photos in a grid."""
        return self.side**2

    @property
    def chance(self) -> float:
        """Share of a uniform map in one cell."""
        return 1 / self.cells


@dataclass(frozen=True)
class Prediction:
    """The class that the network predicts for a photo, and its probability."""

    photo: str
    target: int
    probability: float


@dataclass(frozen=True, eq=False, repr=False)
class GridScores:
    """Scores on grids: the table, a row for each cell and method, and how the grids were made."""

    lines: list[Line] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return short_repr("GridScores", lines=len(self.lines), rows=len(self.rows))


def score_grids(
    network: NetworkLayer,
    photos: Sequence[str],
    settings: Settings,
    *,
    methods: Sequence[str],
    metrics: Sequence[str],
    choice: GridChoice,
    batch: int,
    skip: Callable[[str, ImageError], Any],
    against: Against = None,
    progress: Progress | None = None,
) -> GridScores:
    """Make grids of photos that the network is sure of, and score methods on them.

    A grid explains the class that was predicted for each of its photos alone. The score of a grid
    is the mean over its cells; intervals and paired differences are over grids, which share no
    photo.

    Args:
        network: the network and its layer.
        photos: files, or `skimage:` names.
        settings: of the method `annealcam`; its seed also draws the grids.
        methods, metrics: names of `METHODS`, and of the metrics on grids in `METRICS`.
        choice: which photos make grids.
        batch: photos that pass through the network together.
        skip: called for each photo that cannot be read, with the reason.
        against: what the classes are contrasted with; it names the class of no photo.
        progress: called with a description, the number of steps done, and of all steps.

    Raises:
        ArgumentError: too few photos of different classes have a probability that high, or the
            layer has too few positions for the grid.
        AnnealcamError: as `explain`.
    """
    report = progress or (lambda *_: None)
    predicted: list[Prediction] = []
    for found in predictions(network, photos, batch, skip):
        predicted += found
        report("choosing photos for grids", len(predicted), len(photos))
    grids = choose_grids(predicted, choice, seed=settings.seed)
    arrange, size, note = _arrangement(network, grids[0], choice.side)
    rows: list[dict[str, Any]] = []
    for number, grid in enumerate(grids):
        rows += _score_grid(
            network, arrange(grid), grid, number, settings, against, methods, metrics,
            max(1, batch // choice.cells),
        )  # fmt: skip
        report("grids", number + 1, len(grids))
    confident = sum(p.probability > choice.probability for p in predicted)
    provenance = {
        "side": choice.side, "grids": len(grids), "chance": choice.chance, "grid_pixels": size,
        "photos_used": len(grids) * choice.cells, "photos_confident": confident,
        "photos_read": len(predicted), "probability_above": choice.probability,
        "chosen": "photos of different predicted classes, each in one grid", "seed": settings.seed,
    }  # fmt: skip
    text = (
        f"grids: {len(grids)} of {choice.side} x {choice.side} photos of different predicted "
        f"classes; {confident} of {len(predicted)} photos have a probability above "
        f"{choice.probability:g}, and none is in two grids; {note}chance {choice.chance:.3f}"
    )
    lines = _lines(rows, len(grids), methods, metrics, choice, settings.seed)
    return GridScores(lines, rows, [text], provenance)


def choose_grids(
    predictions: Sequence[Prediction], choice: GridChoice, *, seed: int
) -> list[list[Prediction]]:
    """Return grids of confident photos of different predicted classes; no photo is in two grids.

    Each grid takes one random photo of each of the classes that have most photos left, ties broken
    at random, which gives the largest number of grids. Their order and the places in a grid are
    random.

    Raises:
        ArgumentError: too few classes have a photo of that probability.

    >>> photos = [Prediction(f"{i}.jpg", i % 5, 0.9) for i in range(20)]
    >>> len(choose_grids(photos, GridChoice(), seed=0))
    5
    """
    rng = np.random.default_rng(seed)
    classes: dict[int, list[Prediction]] = defaultdict(list)
    for index in rng.permutation(len(predictions)):
        if predictions[index].probability > choice.probability:
            classes[predictions[index].target].append(predictions[index])
    if len(classes) < choice.cells:
        raise ArgumentError(
            f"photos: a grid of {choice.side} x {choice.side} needs photos of {choice.cells} "
            f"different predicted classes with a probability above {choice.probability:g}, and "
            f"here {len(classes)} classes have any; give more photos, or lower the probability or "
            "the side"
        )
    grids = []
    while sum(bool(left) for left in classes.values()) >= choice.cells:
        order = rng.permutation(sorted(classes)).tolist()
        largest = sorted(order, key=lambda target: -len(classes[target]))[: choice.cells]
        grid = [classes[target].pop() for target in largest]
        grids.append([grid[place] for place in rng.permutation(choice.cells)])
    return [grids[index] for index in rng.permutation(len(grids))[: choice.most]]


def compose(images: Sequence[Float[Tensor, "..."]], side: int) -> Float[Tensor, "1 3 h w"]:
    """Return images (3, H, W) side by side, row by row, as one image (1, 3, side H, side W).

    Raises:
        ArgumentError: the images differ in size.

    >>> compose([torch.full((3, 1, 1), float(i)) for i in range(4)], 2)[0, 0].tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    sizes = {tuple(image.shape) for image in images}
    if len(sizes) > 1:
        raise ArgumentError(
            f"photos: the model's preprocessing gives different sizes ({sorted(sizes)[:2]}); a "
            "grid needs photos of one size"
        )
    rows = [torch.cat(list(images[i : i + side]), dim=2) for i in range(0, side**2, side)]
    return torch.cat(rows, dim=1)[None]


def compose_shrunk(images: Sequence[Float[Tensor, "..."]], side: int) -> Float[Tensor, "1 3 h w"]:
    """Return images side by side as `compose` does, shrunk so that the grid has their size.

    Pixels are averaged by area.

    >>> compose_shrunk([torch.full((3, 2, 2), float(i)) for i in range(4)], 2)[0, 0].tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    return interpolate(compose(images, side), size=tuple(images[0].shape[1:]), mode="area")


def predictions(
    network: NetworkLayer,
    photos: Sequence[str],
    batch: int,
    skip: Callable[[str, ImageError], Any],
) -> Iterator[list[Prediction]]:
    """Yield the predictions for each batch of photos that can be read.

    Raises:
        ArgumentError: the outputs of the network are numbers.
    """
    named = ((photo, partial(load_photo, photo)) for photo in photos)
    for found in capture_batches(network, named, batch_size=batch, skip=skip):
        targets = found.captured.targets
        network.refuse_numbers("a grid, or a contrast with a class,")
        every = probabilities(found.captured.logits, found.captured.link)
        of_targets = every.gather(1, targets[:, None])[:, 0]
        yield [
            Prediction(*values)
            for values in zip(found.keys, targets.tolist(), of_targets.tolist(), strict=True)
        ]


def _arrangement(
    network: NetworkLayer, grid: Sequence[Prediction], side: int
) -> tuple[Callable[[Sequence[Prediction]], Tensor], list[int], str]:
    """Return how grids are composed, their size in pixels, and a note if photos are shrunk.

    A network that refuses the large image, because its head flattens maps of one size, gets photos
    that are shrunk.
    """

    def arranged(composed: Callable[..., Tensor], grid: Sequence[Prediction]) -> Tensor:
        return composed([network.inputs([load_photo(p.photo)])[0] for p in grid], side)

    large = arranged(compose, grid)
    try:
        with borrowed(network.model), torch.no_grad():
            run(network.model, large)
    except ModelError:
        size = list(arranged(compose_shrunk, grid).shape[2:])
        note = f"photos are shrunk, since the network takes {size[0]} x {size[1]} pixels only; "
        return partial(arranged, compose_shrunk), size, note
    return partial(arranged, compose), list(large.shape[2:]), ""


def _score_grid(
    network: NetworkLayer,
    image: Tensor,
    grid: Sequence[Prediction],
    number: int,
    settings: Settings,
    against: Against,
    methods: Sequence[str],
    metrics: Sequence[str],
    at_once: int,
) -> list[dict[str, Any]]:
    """Return a row for each cell of a grid and each method."""
    side = round(len(grid) ** 0.5)
    rows = []
    for first in range(0, len(grid), at_once):
        cells = range(first, min(first + at_once, len(grid)))
        images = image.repeat(len(cells), 1, 1, 1)
        targets = [grid[cell].target for cell in cells]
        captured = network.capture(images, targets, against=against, integrated=settings.integrated)
        refuse_other_axes(captured.activations, layer=captured.layer, needed_by="a grid of photos")
        seeds = [settings.seed + number * len(grid) + cell for cell in cells]
        results = method_maps(
            captured, settings, methods, seeds=seeds, model=network.model, images=images
        )
        reference = cam_maps(captured.activations, captured.gradients, "gradcam").cpu().numpy()
        for i, cell in enumerate(cells):
            contributions = captured.contribution_maps[i]
            for method, result in results[i].items():
                scored = MethodGrid(result, cell, side, reference[i], contributions)
                rows.append(
                    {"grid": number, "cell": cell, "photo": grid[cell].photo, "method": method,
                     "target": grid[cell].target,
                     "maps": None if result.channels is None else len(result.channels),
                     **{m: score(scored) for m in metrics if (score := METRICS[m].grid_score)}}
                )  # fmt: skip
    return rows


def _lines(
    rows: Sequence[Mapping[str, Any]],
    grids: int,
    methods: Sequence[str],
    metrics: Sequence[str],
    choice: GridChoice,
    seed: int,
) -> list[Line]:
    """Return the table over grids, with the level of chance."""
    scores: dict[str, dict[str, Float[Array, " n"]]] = {}
    for method in methods:
        own = [row for row in rows if row["method"] == method]
        scores[method] = {
            metric: _means_of_defined([row[metric] for row in own], grids) for metric in metrics
        }
    return table_of(scores, seed=seed, null=choice.chance)


def _means_of_defined(values: Sequence[float], grids: int) -> Float[Array, " n"]:
    """Return the mean of each grid over the cells that have a score; NaN where none has."""
    table = np.asarray(values, dtype=np.float64).reshape(grids, -1)
    defined = np.isfinite(table)
    sums, counts = np.where(defined, table, 0.0).sum(axis=1), defined.sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
