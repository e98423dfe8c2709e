"""The networks and layers of the benchmark, its photos, and the grids made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import annealcam as ac
from annealcam.errors import ArgumentError, ImageError
from annealcam.models.images import load_image
from annealcam.models.loaded import LoadedModel
from benchmarks.second_family import PREPROCESS, WEIGHTS, read_network

HEADS = ("paper-16", "paper-24", "paper-32")
LAYERS: dict[str, tuple[str | None, ...]] = {
    "efficientnet-lite0": ("bn2", "blocks.6.0.bn1", "blocks.5"),
    "efficientnet-lite1": ("bn2",),
    "efficientnet-lite2": ("bn2",),
    **dict.fromkeys(HEADS, ("block.1",)),
}
CONFIDENT = 0.5  # probability of the predicted class of each photo in a grid
BATCH = 8


@dataclass(frozen=True, eq=False)
class Subject:
    """A network, one of its layers, and the photos as the network takes them.

    Attributes:
        name: of the network.
        layer: the module's name; None for the network's default layer.
        images: (n, 3, H, W).
        folders: the folder of each photo; those of one class are in one folder.
        logits: (n, classes).
    """

    name: str
    network: LoadedModel
    layer: str | None
    images: Tensor
    folders: list[str]
    logits: Tensor

    @property
    def title(self) -> str:
        name = self.name.split("/")[-1].removesuffix(".safetensors")
        return f"{name}, {self.layer or 'default layer'}"

    @property
    def predicted(self) -> list[int]:
        return [int(c) for c in self.logits.argmax(dim=1)]


def open_network(name: str) -> LoadedModel:
    """Return a network of `load_model`; a file of `benchmarks.second_family` also by its path."""
    if Path(name).name == WEIGHTS:
        return LoadedModel(read_network(name), PREPROCESS, None)
    return ac.load_model(name)


def photo_files(folder: Path) -> list[Path]:
    """Return the files below a folder in an order that is random, but always the same."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [files[i] for i in np.random.default_rng(0).permutation(len(files))]


def open_subject(name: str, layer: str | None, files: list[Path], count: int) -> Subject:
    """Read at most `count` photos; files that are no photos are left out.

    Raises:
        ArgumentError: none of the files is a photo.
    """
    network = open_network(name)
    images, folders = [], []
    for file in files:
        if len(images) == count:
            break
        try:
            images.append(network.preprocess(load_image(file)))
        except ImageError as error:
            print(error)
            continue
        folders.append(file.parent.name)
    if not images:
        raise ArgumentError(f"--photos: no photo among {len(files)} files")
    stacked = torch.stack(images)
    with torch.inference_mode():
        logits = torch.cat([network.model(batch) for batch in stacked.split(BATCH)])
    return Subject(name, network, layer, stacked, folders, logits.clone())


@dataclass(frozen=True, eq=False)
class Grid:
    """Four photos side by side, (3, 2 H, 2 W), and the predicted class of each, row by row."""

    image: Tensor
    classes: list[int]


def grids_of(subject: Subject, count: int, seed: int = 0) -> list[Grid]:
    """Draw grids of four confident photos of different predicted classes and different folders.

    Raises:
        ArgumentError: there are not four such photos.
    """
    probability = subject.logits.double().softmax(dim=1).max(dim=1).values
    confident = np.flatnonzero(probability.numpy() > CONFIDENT)
    predicted, folders = subject.predicted, subject.folders
    need = min(4, len(set(folders)))
    rng, grids = np.random.default_rng(seed), []
    for _ in range(1000 * count):
        if len(confident) < 4 or len(grids) == count:
            break
        chosen = [int(i) for i in rng.choice(confident, 4, replace=False)]
        classes = [predicted[i] for i in chosen]
        if len(set(classes)) == 4 and len({folders[i] for i in chosen}) >= need:
            a, b, c, d = subject.images[chosen]
            image = torch.cat([torch.cat([a, b], dim=2), torch.cat([c, d], dim=2)], dim=1)
            grids.append(Grid(image, classes))
    if not grids:
        raise ArgumentError(
            f"--photos: {len(confident)} of {len(predicted)} photos are classified with a "
            f"probability above {CONFIDENT}; a grid takes four of different classes"
        )
    return grids
