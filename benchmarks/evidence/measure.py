"""What is measured on grids, on single photos, and on the paper's heads.

Each function returns, for each quantity and method, one number for each grid or photo, so that
differences can be paired and intervals be drawn over the same units. NaN: not defined there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.forward_pass import run_forward
from annealcam.attribution.network.hooks import find_layer
from annealcam.metrics import (
    fidelity,
    grid_pointing,
    masked_logits,
    rank_correlation,
    single_map_grid_pointing,
)
from annealcam.metrics.randomised import classifier_layer, random_weights
from annealcam.pipeline import explain_pass
from annealcam.settings import resolve

from ..timing import side_by_side
from .methods import (
    RANDOM,
    SELECTORS,
    Array,
    Photo,
    explained,
    explained_at_most,
    maps_of_methods,
    random_live,
    top,
)
from .networks import BATCH, Grid, Subject

Table: TypeAlias = Mapping[str, list[float]]
Report: TypeAlias = Callable[[str, int, int], None]
CELLS = 4
CHANCE = 1 / CELLS
RANDOM_DRAWS = 10
DRAWING = {"objective": "evidence", "beta": 0.0}


def own_cells(subject: Subject, grids: Sequence[Grid], k: int, report: Report) -> Table:
    """Return the share of each map in its class's own cell, as means over the cells of a grid."""
    table = defaultdict(list)
    for number, grid in enumerate(grids):
        report(f"{subject.title}: grids", number, len(grids))
        images = grid.image.expand(CELLS, -1, -1, -1)
        photos = explained(
            subject.network.model, images, layer=subject.layer, target=grid.classes, sizes=[k],
            first=CELLS * number,
        )  # fmt: skip
        cells = [own_cell(photo, cell) for cell, photo in enumerate(photos[k])]
        for name in cells[0]:
            table[name].append(float(np.nanmean([cell[name] for cell in cells])))
    return table


def own_cell(photo: Photo, cell: int) -> dict[str, float]:
    def share(map_: Array, sharpness_of: Array | None = None) -> float:
        value = grid_pointing(map_, cell, sharpness_of=sharpness_of)
        return CHANCE if np.isnan(value) else value  # an empty map points nowhere

    ours, gradcam = photo.explanation.map, photo.gradcam
    draws = [photo.drawn(random_live(photo, draw)) for draw in range(RANDOM_DRAWS)]
    return {name: share(map_) for name, map_ in maps_of_methods(photo).items()} | {
        RANDOM: float(np.mean([share(map_) for map_ in draws])),
        "single maps of evidence": single_map_grid_pointing(
            photo.maps[photo.explanation.selected], cell
        ),
        "evidence map (all maps)": share(photo.evidence),
        "Grad-CAM, as sharp as evidence": share(gradcam, ours),
        "evidence, as sharp as Grad-CAM": share(ours, gradcam),
        "random live maps, as sharp as Grad-CAM": float(
            np.mean([share(map_, gradcam) for map_ in draws])
        ),
    }


def single_photos(subject: Subject, sizes: Sequence[int], report: Report) -> dict[str, Table]:
    """Return three quantities for each k.

    `cosine k`: of each map with the evidence map; `contributions k`: what the maps contribute, as a
    share of the top k's; `rank correlation k`: of each map with that under a random classifier.
    """
    tables: dict[str, Any] = defaultdict(lambda: defaultdict(list))
    model, predicted = subject.network.model, subject.predicted
    classifier = find_layer(model, classifier_layer(model, subject.images[:1]))
    for number, images in enumerate(subject.images.split(BATCH)):
        first = BATCH * number
        report(f"{subject.title}: photos", first, len(predicted))
        options: dict[str, Any] = {
            "layer": subject.layer, "target": predicted[first : first + len(images)],
            "sizes": sizes, "first": first,
        }  # fmt: skip
        photos = explained(model, images, **options)
        with random_weights(classifier, seed=number):
            random = explained(model, images, **options)
        for k in sizes:
            for photo, other in zip(photos[k], random[k], strict=True):
                _add_photo(tables, photo, other, k)
    return tables


def _add_photo(tables: Any, photo: Photo, other: Photo, k: int) -> None:
    """Add one photo's values; `other`: the same photo under a random classifier."""
    maps, others = maps_of_methods(photo), maps_of_methods(other)
    total = photo.contributions[top(photo.contributions, k)].sum()
    for name, map_ in maps.items():
        tables[f"cosine {k}"][name].append(float(fidelity(map_, photo.evidence)))
        rho = rank_correlation(map_[None], others[name][None])
        tables[f"rank correlation {k}"][name].append(float(rho[0]))
    for name, select in SELECTORS.items():
        share = photo.contributions[select(photo)].sum() / total
        tables[f"contributions {k}"][name].append(float(share))


def cost(subject: Subject, k: int, runs: int) -> dict[str, Any]:
    """Time whole explanations of a batch beside the network's own passes, in turn.

    The passes are one forward pass and the backward pass from the predicted logits to the images,
    with frozen weights; and as a second peer only back to the layer, which is what Grad-CAM takes.
    """
    model, images = subject.network.model, subject.images[:BATCH]

    def explain() -> Any:
        return ac.explain(model, images, layer=subject.layer, cardinality=k, sampler="local")

    def passes() -> None:
        x = images.clone().requires_grad_()
        model(x).max(dim=1).values.sum().backward()

    layer = explain()[0].provenance["layer"]
    peers = {"forward and backward": passes,
             "back to the layer": lambda: capture(model, images, layer=layer)}  # fmt: skip
    model.requires_grad_(False)
    times: dict[str, Any] = {}
    for name, peer in peers.items():
        ours, theirs = side_by_side(explain, peer, runs)
        times[name] = {"ratio": ours.median / theirs.median, "seconds": ours.median,
                       "ratio of minima": ours.minimum / theirs.minimum}  # fmt: skip
    return times


def heads(subject: Subject, sizes: Sequence[int], report: Report) -> dict[str, Any]:
    """Return `kept k`: whether the maps alone keep the class; and the selected maps, `channels k`.

    Methods that select fewer maps than k, for want of candidates, are compared as they are.
    """
    result: dict[str, Any] = defaultdict(lambda: defaultdict(list))
    model, predicted = subject.network.model, subject.predicted
    for number, images in enumerate(subject.images.split(BATCH)):
        first = BATCH * number
        report(subject.title, first, len(predicted))
        target = predicted[first : first + len(images)]
        options: dict[str, Any] = {"layer": subject.layer, "target": target}
        photos = explained(model, images, sizes=sizes, first=first, **options)
        passed = run_forward(model, images, **options)
        paper = [e.selected for e in explain_pass(passed, resolve("paper", sampler="local"))]
        drawing = {k: explained_at_most(model, images, passed, k, **DRAWING) for k in sizes}
        for k in sizes:
            chosen = {name: [select(p) for p in photos[k]] for name, select in SELECTORS.items()}
            chosen["evidence, beta 0: draws it always"] = [e.selected for e in drawing[k]]
            chosen["preset paper, its own k"] = paper
            masks = np.zeros((len(images), len(chosen), len(photos[k][0].maps)), dtype=bool)
            for m, selections in enumerate(chosen.values()):
                for i, channels in enumerate(selections):
                    masks[i, m, channels] = True
            kept = masked_logits(model, images, layer=str(subject.layer), masks=masks).argmax(2)
            for m, (name, selections) in enumerate(chosen.items()):
                result[f"kept {k}"][name] += (kept[:, m] == target).astype(float).tolist()
                result[f"channels {k}"][name] += [channels.tolist() for channels in selections]
    return result
