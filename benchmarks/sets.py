"""Flip sets and sufficient sets on a folder of photos: the figures of docs/sets.md.

    .venv/bin/python benchmarks/sets.py FOLDER [--searched 25]

The predicted class of every photo below the folder is explained by the default network (last layer,
1280 maps) and by the paper's three heads (`block.1`). Flip sets are compared with maps dropped by
contribution until the prediction changes, sufficient sets with as many maps of largest
contribution. `--searched` photos, evenly spaced, also go through earlier layers, where effects do
not add up. Prints Markdown: means over the photos with 95 % bootstrap intervals, and the processor
time of the whole call for each photo, on one thread, from the image to the confirmed result.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from time import process_time
from typing import Annotated, Any

import numpy as np
import torch
import typer
from PIL import Image
from rich.progress import track
from scipy.special import log_softmax
from torch import Tensor, nn

import annealcam as ac
from annealcam._internal.statistics import mean_interval
from annealcam.attribution.activations import capture
from annealcam.metrics.masked import masked_logits
from annealcam.models.images import load_image
from annealcam.models.photo_files import photos_in
from annealcam.sets.best_subset import best_subset
from annealcam.sets.masked_runs import MapEffects, for_each_image, measure_effects

HEADS = ("paper-16", "paper-24", "paper-32")
EARLIER = ("blocks.6.0.bn1", "blocks.5")
Columns = dict[str, list[float]]


def effects_of(model: nn.Module, image: Tensor, layer: str) -> MapEffects:
    options = {"layer": layer, "target": None, "class_names": None}
    return for_each_image(measure_effects, model, image, **options)


def dropped_by_contribution(e: MapEffects, target: int) -> float:
    """Number of maps dropped by contribution, largest first, until the prediction changes."""
    order = np.argsort(-e.alone[:, target], kind="stable")
    logits = e.every - np.cumsum(e.alone[order], axis=0)
    others = np.delete(logits, target, axis=1).max(axis=1)
    flips = others > logits[:, target]
    return float(flips.argmax() + 1) if flips.any() else np.nan


def timed(call: Any, **options: Any) -> tuple[Any, float]:
    start = process_time()
    result = call(**options)
    return result, process_time() - start


def flip_columns(columns: Columns, model: nn.Module, image: Tensor, layer: str) -> None:
    s, seconds = timed(ac.flip_set, model=model, image=image, layer=layer)
    e = effects_of(model, image, layer)
    by_contribution = dropped_by_contribution(e, s.target)
    columns["flipped"].append(s.flipped)
    columns["proved"].append(s.proved)
    columns["seconds"].append(seconds)
    if s.flipped and np.isfinite(by_contribution):
        columns["flip set"].append(len(s.channels))
        columns["dropped by contribution"].append(by_contribution)
        columns["difference"].append(by_contribution - len(s.channels))
        runner_up = int(np.argsort(-e.every)[1])
        columns["to the runner-up"].append(s.competitor == runner_up)


def sufficient_columns(
    columns: Columns, model: nn.Module, image: Tensor, layer: str, k: int
) -> None:
    s, seconds = timed(ac.sufficient_set, model=model, image=image, layer=layer, cardinality=k)
    e = effects_of(model, image, layer)
    best = best_subset(e.alone, e.none, s.target, min(k, len(e.alone)))
    top = np.argsort(-e.alone[:, s.target], kind="stable")[:k]
    logits = e.none + e.alone[top].sum(axis=0)
    by_contribution = float(log_softmax(logits)[s.target])
    columns["class kept"].append(s.kept)
    columns["class kept, top contribution"].append(logits.argmax() == s.target)
    columns["log p"].append(s.log_probability)
    columns["log p, top contribution"].append(by_contribution)
    columns["gain in log p"].append(s.log_probability - by_contribution)
    columns["relaxation above the optimum"].append(best.bound - best.log_probability)
    columns["proved"].append(s.proved)
    columns["seconds"].append(seconds)


def searched_columns(columns: Columns, model: nn.Module, image: Tensor, layer: str) -> None:
    """Flip sets where effects do not add up, beside maps dropped by gradient times map."""
    s, seconds = timed(ac.flip_set, model=model, image=image, layer=layer)
    c = capture(model, image[None], layer=layer)
    contribution = (c.activations * c.gradients)[0].sum(dim=(1, 2)).cpu().numpy()
    rank = np.argsort(np.argsort(-contribution, kind="stable"))
    kept = rank[None, :] >= np.arange(1, len(rank) + 1)[:, None]
    logits = masked_logits(model, image[None], layer=layer, masks=kept[None])[0]
    flips = logits.argmax(axis=1) != s.target
    columns["flipped"].append(s.flipped)
    columns["proved"].append(s.proved)
    columns["seconds"].append(seconds)
    columns["masked runs"].append(s.runs)
    if s.flipped and flips.any():
        columns["flip set"].append(len(s.channels))
        columns["dropped by contribution"].append(flips.argmax() + 1)
        columns["difference"].append(flips.argmax() + 1 - len(s.channels))


def print_table(title: str, columns: Columns) -> None:
    print(f"\n### {title}, {max(map(len, columns.values()))} photos\n")
    print("| | mean [95 %] | median | photos |\n| --- | --- | --- | --- |")
    for name, values in columns.items():
        array = np.array(values, dtype=np.float64)
        low, high = mean_interval(array, seed=0)
        middle = f"{np.median(array):.3g}"
        print(f"| {name} | {array.mean():.4g} [{low:.4g}, {high:.4g}] | {middle} | {len(array)} |")


def measure(name: str, layer: str, sizes: tuple[int, ...], photos: list[Image.Image]) -> None:
    """Print the tables of one network with a linear head."""
    model, preprocess, _ = ac.load_model(name)
    tables: dict[str, Columns] = defaultdict(lambda: defaultdict(list))
    for photo in track(photos, name):
        image = preprocess(photo)
        flip_columns(tables[f"flip set, {name}, {layer}"], model, image, layer)
        for k in sizes:
            columns = tables[f"sufficient set of {k}, {name}, {layer}"]
            sufficient_columns(columns, model, image, layer, k)
    for title, columns in tables.items():
        print_table(title, columns)


def measure_search(layer: str, photos: list[Image.Image]) -> None:
    """Print the table of an earlier layer of the default network."""
    model, preprocess, _ = ac.load_model()
    columns: Columns = defaultdict(list)
    for photo in track(photos, layer):
        searched_columns(columns, model, preprocess(photo), layer)
    print_table(f"flip set, efficientnet-lite0, {layer}, by search", columns)


def main(
    folder: Path,
    searched: Annotated[int, typer.Option(help="Photos for earlier layers.")] = 25,
    heads: Annotated[bool, typer.Option(help="Measure the paper's heads as well.")] = True,
) -> None:
    torch.set_num_threads(1)
    photos = [load_image(path) for path in photos_in(folder)]
    measure("efficientnet-lite0", "bn2", (5, 10), photos)
    for name in HEADS if heads else ():
        measure(name, "block.1", (3, 5), photos)
    if searched:
        spaced = np.linspace(0, len(photos) - 1, min(searched, len(photos))).astype(int)
        for layer in EARLIER:
            measure_search(layer, [photos[i] for i in spaced])


if __name__ == "__main__":
    typer.run(main)
