"""Training examples: photos, or the features that a frozen trunk computes from them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from annealcam._internal.storage.checksums import changed
from annealcam._internal.storage.files import written_aside
from annealcam._internal.storage.reading import array_from, reading
from annealcam._internal.storage.resumable import identity_hash, read_json, write_json
from annealcam._internal.types import Array, Progress
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ArgumentError, ImageError
from annealcam.models.trunks import Trunk

_FILES = ("photos.npy", "mirrored.npy", "about.json")
_BATCH = 32


@dataclass(frozen=True, eq=False)
class Features:
    """The trunk's features of a set's photos and of their mirror images, memory-mapped.

    `rows` are the numbers of the readable photos; `skipped` lists the errors of the others.
    """

    labels: Int[Array, " n"]
    rows: Int[Array, " n"]
    skipped: tuple[str, ...]
    photos: Float[Array, "all channels h w"]
    mirrored: Float[Array, "all channels h w"] | None
    of_trunk = False

    def inputs(self, numbers: Int[Array, " b"], mirrored: Bool[Array, " b"]) -> Tensor:
        """Return the features of these photos, of the `mirrored` ones those of the mirror image."""
        other = self.photos if self.mirrored is None else self.mirrored
        features = [
            (other if turned else self.photos)[row]
            for row, turned in zip(self.rows[numbers], mirrored, strict=True)
        ]
        return torch.from_numpy(np.stack(features))


@dataclass(frozen=True, eq=False)
class Photos:
    """The photos of a set, opened each time they are used."""

    labels: Int[Array, " n"]
    rows: Int[Array, " n"]
    skipped: tuple[str, ...]
    images: LabelledSet
    trunk: Trunk
    of_trunk = True

    def inputs(self, numbers: Int[Array, " b"], mirrored: Bool[Array, " b"]) -> Tensor:
        """Return these photos as inputs of the network, the `mirrored` ones as mirror images."""
        inputs = [self.trunk.preprocess(self.images.open(int(i))) for i in self.rows[numbers]]
        return torch.stack(
            [x.flip(-1) if turned else x for x, turned in zip(inputs, mirrored, strict=True)]
        )


def photos_of(trunk: Trunk, images: LabelledSet, *, progress: Progress | None = None) -> Photos:
    """Return the readable photos of a set as examples; each is opened once to check it.

    Raises:
        ArgumentError: no photo can be read.
    """
    skipped: dict[int, str] = {}
    for i in range(len(images)):
        _report(progress, f"reading {images.part} photos", i, len(images))
        try:
            images.open(i)
        except ImageError as error:
            skipped[i] = str(error)
    rows = _rows(images, skipped)
    return Photos(images.labels[rows], rows, tuple(skipped.values()), images, trunk)


def features_of(
    trunk: Trunk,
    images: LabelledSet,
    *,
    cache: Path,
    mirrored: bool = False,
    progress: Progress | None = None,
) -> Features:
    """Return the trunk's features of a set's photos, from the cache or computed for it.

    The name of a folder of the cache depends on the trunk (its weights, cut and preprocessing), on
    the part of the set (its fingerprint), and on whether there are mirror images. A folder is
    written completely or not at all.

    Raises:
        ArgumentError: no photo can be read.
        OutputError: the cache cannot be written, or is damaged.
    """
    folder = cache / _key(trunk, images, mirrored)
    if not (folder / "about.json").is_file():
        with written_aside(folder, names=_FILES, marker="about.json") as aside:
            skipped = _compute(trunk, images, aside, mirrored, progress)
            rows = _rows(images, skipped)
            about = {"rows": rows.tolist(), "skipped": list(skipped.values())}
            write_json(aside / "about.json", about)
    with reading(f"cache={folder}", "; delete it, and it is computed again"):
        wrong = changed(folder)
        if wrong:
            raise ValueError(f"{wrong[0]} is changed or damaged")
        about = read_json(folder / "about.json")
        rows = array_from({"rows": np.array(about["rows"])}, "rows", "i", (None,))
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(images):
            raise ValueError(f"about.json: a row is of none of the {len(images)} photos")
        shape = (len(images), *trunk.features)
        names = ("photos", "mirrored") if mirrored else ("photos",)
        stored = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}
        features = {name: array_from(stored, name, "f", shape) for name in names}
        return Features(
            images.labels[rows], rows, tuple(about["skipped"]), features["photos"],
            features.get("mirrored"),
        )  # fmt: skip


def _key(trunk: Trunk, images: LabelledSet, mirrored: bool) -> str:
    identity = [1, trunk.name, trunk.cut, trunk.fingerprint(), repr(trunk.preprocess)]
    identity += [images.part, images.fingerprint(), mirrored]
    name = re.sub(r"[^\w.]+", "-", os.path.basename(images.name)).strip("-.")
    return f"{name}-{images.part}-{identity_hash(identity)[:16]}"


def _compute(
    trunk: Trunk, images: LabelledSet, folder: Path, mirrored: bool, progress: Progress | None
) -> dict[int, str]:
    """Write the features of all photos, zeros for unreadable ones, and return their errors.

    The files are written in order and not through a memory map, which would kill the process on a
    full disk.
    """
    skipped: dict[int, str] = {}
    with (
        (folder / "photos.npy").open("wb") as first,
        (folder / "mirrored.npy").open("wb") as second,
    ):
        for file in (first, second):
            _write_header(file, (len(images), *trunk.features))
        for start in range(0, len(images), _BATCH):
            _report(progress, f"computing features of {images.part}", start, len(images))
            numbers = range(start, min(start + _BATCH, len(images)))
            batch = _opened(trunk, images, numbers, skipped)
            first.write(_feature_bytes(trunk, batch))
            if mirrored:
                second.write(_feature_bytes(trunk, batch.flip(-1)))
    if not mirrored:
        (folder / "mirrored.npy").unlink()
    return skipped


def _opened(trunk: Trunk, images: LabelledSet, numbers: range, skipped: dict[int, str]) -> Tensor:
    inputs: dict[int, Tensor] = {}
    for i in numbers:
        try:
            inputs[i] = trunk.preprocess(images.open(i))
        except ImageError as error:
            skipped[i] = str(error)
    blank = torch.zeros_like(next(iter(inputs.values()))) if inputs else torch.zeros(3, 224, 224)
    return torch.stack([inputs.get(i, blank) for i in numbers])


def _write_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _feature_bytes(trunk: Trunk, batch: Float[Tensor, "n 3 height width"]) -> bytes:
    with torch.inference_mode():
        return trunk.layers(batch).numpy().astype("<f4").tobytes()


def _rows(images: LabelledSet, skipped: dict[int, str]) -> Int[Array, " n"]:
    rows = np.array([i for i in range(len(images)) if i not in skipped], dtype=np.int64)
    if len(rows) == 0:
        raise ArgumentError(
            f"data={images.name!r}: none of its {len(images)} {images.part} photos can be read"
            f" ({next(iter(skipped.values()))})"
        )
    return rows


def _report(progress: Progress | None, step: str, done: int, total: int) -> None:
    if progress:
        progress(step, done, total)
