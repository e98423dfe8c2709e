"""What a network learns from: photos, or the features that a frozen trunk makes of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from annealcam._internal.files import written_aside
from annealcam._internal.types import Array, Progress
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ArgumentError, ImageError, OutputError
from annealcam.models.trunks import Trunk

_FILES = ("photos.npy", "mirrored.npy", "about.json")
_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Features:
    """The trunk's features of a set's photos and of their mirror images, memory-mapped.

    `rows` are the photos that could be read, `skipped` the others, with the reason.
    """

    labels: Int[Array, " n"]
    rows: Int[Array, " n"]
    skipped: tuple[str, ...]
    photos: Float[Array, "all channels h w"]
    mirrored: Float[Array, "all channels h w"] | None
    of_trunk = False

    def inputs(self, numbers: Int[Array, " b"], mirrored: Bool[Array, " b"]) -> Tensor:
        """Return the features of these photos, of the marked ones as their mirror images."""
        other = self.photos if self.mirrored is None else self.mirrored
        taken = [
            (other if turned else self.photos)[row]
            for row, turned in zip(self.rows[numbers], mirrored, strict=True)
        ]
        return torch.from_numpy(np.stack(taken))


@dataclass(frozen=True, eq=False)
class Photos:
    """A set's photos, opened anew whenever they are asked for."""

    labels: Int[Array, " n"]
    rows: Int[Array, " n"]
    skipped: tuple[str, ...]
    images: LabelledSet
    trunk: Trunk
    of_trunk = True

    def inputs(self, numbers: Int[Array, " b"], mirrored: Bool[Array, " b"]) -> Tensor:
        """Return these photos as the network sees them, the marked ones as mirror images."""
        opened = [self.trunk.preprocess(self.images.open(int(i))) for i in self.rows[numbers]]
        turned = [x.flip(-1) if m else x for x, m in zip(opened, mirrored, strict=True)]
        return torch.stack(turned)


def photos_of(trunk: Trunk, images: LabelledSet, *, progress: Progress | None = None) -> Photos:
    """Return a set's photos as examples, after looking once which of them can be read.

    Raises:
        ArgumentError: none can be read.
    """
    skipped: dict[int, str] = {}
    for i in range(len(images)):
        _told(progress, f"reading {images.part} photos", i, len(images))
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
    """Return the trunk's features of a set's photos, out of the cache or computed once for it.

    A folder of the cache belongs to one trunk (its weights, cut and preprocessing), one part of one
    set (its fingerprint), with or without mirror images. It is written aside and renamed.

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
            (aside / "about.json").write_text(json.dumps(about), encoding="utf-8")
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        rows = np.array(about["rows"])
        photos = np.load(folder / "photos.npy", mmap_mode="r")
        other = np.load(folder / "mirrored.npy", mmap_mode="r") if mirrored else None
        return Features(images.labels[rows], rows, tuple(about["skipped"]), photos, other)
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(f"cache={folder}: is damaged ({error}); delete it") from error


def _key(trunk: Trunk, images: LabelledSet, mirrored: bool) -> str:
    told = [1, trunk.name, trunk.cut, trunk.fingerprint(), repr(trunk.preprocess)]
    told += [images.part, images.fingerprint(), mirrored]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    name = re.sub(r"[^\w.]+", "-", os.path.basename(images.name)).strip("-.")
    return f"{name}-{images.part}-{digest[:16]}"


def _compute(
    trunk: Trunk, images: LabelledSet, folder: Path, mirrored: bool, progress: Progress | None
) -> dict[int, str]:
    """Write the features of all photos, zeros for those that cannot be read; return why not.

    Written in order and not through a mapping: on a full disk a mapping ends the process.
    """
    skipped: dict[int, str] = {}
    with (
        (folder / "photos.npy").open("wb") as first,
        (folder / "mirrored.npy").open("wb") as second,
    ):
        for file in (first, second):
            _head(file, (len(images), *trunk.features))
        for start in range(0, len(images), _AT_ONCE):
            _told(progress, f"computing features of {images.part}", start, len(images))
            numbers = range(start, min(start + _AT_ONCE, len(images)))
            batch = _opened(trunk, images, numbers, skipped)
            first.write(_run(trunk, batch))
            if mirrored:
                second.write(_run(trunk, batch.flip(-1)))
    if not mirrored:
        (folder / "mirrored.npy").unlink()
    return skipped


def _opened(trunk: Trunk, images: LabelledSet, numbers: range, skipped: dict[int, str]) -> Tensor:
    found: dict[int, Tensor] = {}
    for i in numbers:
        try:
            found[i] = trunk.preprocess(images.open(i))
        except ImageError as error:
            skipped[i] = str(error)
    blank = torch.zeros_like(next(iter(found.values()))) if found else torch.zeros(3, 224, 224)
    return torch.stack([found.get(i, blank) for i in numbers])


def _head(file: IO[bytes], shape: tuple[int, ...]) -> None:
    told = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, told)


def _run(trunk: Trunk, batch: Float[Tensor, "n 3 height width"]) -> bytes:
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


def _told(progress: Progress | None, what: str, done: int, of: int) -> None:
    if progress:
        progress(what, done, of)
