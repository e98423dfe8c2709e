"""An atlas beside the passes that it cannot do without; the pictures of docs/atlas.md.

    ANNEALCAM_DATA=FOLDER .venv/bin/python benchmarks/atlas.py [--per-class 100]
    .venv/bin/python benchmarks/atlas.py --pictures docs/img

Without `--pictures`: Imagenette's test part through the default network's last layer, on one core:
the time to read, resize and cut the photos and to run them forth and back, then that of the whole
atlas, and its size. With it: two figures from data that are bundled: the digits, and pieces cut at
random out of scikit-image's photos.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import process_time
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image

from annealcam.atlas.build import build_atlas
from annealcam.attribution.activations import capture
from annealcam.data.labelled import LabelledSet, set_of_pixels
from annealcam.data.sets import load_set
from annealcam.models.images import load_photo
from annealcam.models.load import load_model
from annealcam.render.figures.atlas import channel_sheet, class_sheet

LAYER, BATCH = "bn2", 16
PIECES = {"cat": "chelsea", "coffee": "coffee", "rocket": "rocket", "astronaut": "astronaut"}


def passes(data: LabelledSet) -> float:
    """Seconds of a core for the passes alone."""
    network = load_model()
    start = process_time()
    for i in range(0, len(data), BATCH):
        numbers = range(i, min(i + BATCH, len(data)))
        images = torch.stack([network.preprocess(data.open(j)) for j in numbers])
        capture(network.model, images, layer=LAYER)
    return process_time() - start


def pieces(each: int = 20, side: int = 224, seed: int = 0) -> LabelledSet:
    """Squares of 0.3 to 0.7 of each photo's shorter side."""
    rng = np.random.default_rng(seed)
    cut, names, labels = [], [], []
    for label, (name, photo) in enumerate(PIECES.items()):
        whole = load_photo(f"skimage:{photo}")
        for number in range(each):
            size = int(min(whole.size) * rng.uniform(0.3, 0.7))
            left, top = (int(rng.integers(0, length - size + 1)) for length in whole.size)
            piece = whole.crop((left, top, left + size, top + size))
            cut.append(np.asarray(piece.resize((side, side), Image.Resampling.LANCZOS)))
            names.append(f"{name}-{number}")
            labels.append(label)
    return set_of_pixels("pieces", "all", list(PIECES), names, np.array(labels), np.stack(cut))


def draw(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        digits = build_atlas(load_set("digits"), "digits", "block.1", Path(place) / "digits")
        channel_sheet(digits, 5).savefig(folder / "atlas-map.jpg")
        photos = build_atlas(pieces(), "efficientnet-lite0", LAYER, Path(place) / "pieces")
        class_sheet(photos, "astronaut", most=5).savefig(folder / "atlas-class.jpg")


def main(
    per_class: Annotated[int | None, typer.Option()] = None,
    pictures: Annotated[Path | None, typer.Option()] = None,
) -> None:
    torch.set_num_threads(1)
    if pictures is not None:
        draw(pictures)
        return
    data = load_set("imagenette")
    if per_class is not None:
        own = [data.of_class(label)[:per_class] for label in range(len(data.classes))]
        data = data.subset(np.concatenate(own))
    with tempfile.TemporaryDirectory() as place:
        alone, start = passes(data), process_time()
        atlas = build_atlas(data, "efficientnet-lite0", LAYER, Path(place) / "atlas", batch=BATCH)
        whole = process_time() - start
        size = sum(file.stat().st_size for file in atlas.folder.iterdir())
    print(f"{len(data)} photos, {atlas.channels} maps: passes {alone:.1f} s, atlas {whole:.1f} s")
    print(f"ratio {whole / alone:.2f}; {size / 1e6:.1f} MB")


if __name__ == "__main__":
    typer.run(main)
