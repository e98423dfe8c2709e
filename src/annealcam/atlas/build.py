"""Building an atlas: one pass of the photos through the network, resumable."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from annealcam._internal.environment import environment, one_thread, processor
from annealcam._internal.extras import require_extra
from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.storage.files import alone_at
from annealcam._internal.storage.resumable import PartStore, check_identity
from annealcam._internal.text import signed_maps
from annealcam._internal.types import Array, Progress
from annealcam._internal.validation import whole
from annealcam._version import __version__
from annealcam.atlas import store
from annealcam.atlas.atlas import Atlas, open_atlas
from annealcam.atlas.parts import Part, PartBuilder, read_part, write_part
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ArgumentError, ImageError
from annealcam.models.loaded import LoadedModel
from annealcam.models.network_layer import NetworkLayer, capture_batches
from annealcam.settings import Settings, resolve

SHARD = 8  # batches; about ten seconds of work on one core
THUMBNAIL = 160  # pixels; a crop of a third of them can still be recognised


@shows_progress
def build_atlas(
    data: LabelledSet,
    model: str | LoadedModel,
    layer: str | None,
    folder: str | Path,
    *,
    model_name: str | None = None,
    top: int = 9,
    photos_per_class: int | None = None,
    settings: Settings | None = None,
    targets: Sequence[int] | None = None,
    seed: int = 0,
    batch: int = 16,
    shard: int = SHARD,
    device: str = "cpu",
    progress: ProgressOption = None,
) -> Atlas:
    """Build the atlas of a layer over a labelled set, or continue an interrupted build.

    One forward and one backward pass are computed for each photo. For every channel a the atlas
    holds the `top` photos by max_ij f^(a)_ij with the box around that place (`peak_boxes`), the
    mean over each class of mean_ij f^(a)_ij, and the number of photos of each class for which a is
    selected.

    The photos are processed in shards, and finished shards are kept in FOLDER.parts until the
    atlas is complete. After an interruption the same call continues there and returns the same
    atlas, bit for bit: the network runs on one thread, and parts of a processor with other
    instruction sets are refused. A complete atlas of the same photos, network and settings is
    returned without any computation.

    Args:
        data: the photos, by class.
        model: a name for `load_model`, or its result.
        layer: name of a module; None takes the default layer, found with the first photo.
        folder: folder of the atlas.
        model_name: name of the network if `model` is not a name; reports find the atlas by it.
        top: number of regions of every channel, at most one per photo.
        photos_per_class: number of photos of each class, drawn by `seed`; None takes all.
        settings: settings of the selection; None takes those of `explain` with the exact optimum.
        targets: class of the network to explain for each class of the data; None explains the
            predicted class of every photo.
        seed: seed of the photos drawn, and of the selection if `settings` is None.
        batch: number of photos per forward pass.
        shard: number of batches per part.
        device: device of the network.
        progress: True for a bar, or a function that is called with the current step, the number of
            finished photos, and the total.

    Raises:
        ArgumentError: there are no photos, an argument is out of range, or the folder holds
            another atlas.
        ImageError: no photo can be read.
        MissingExtraError: pyarrow is not installed (extra `atlas`).
        AnnealcamError: the network fails or a file cannot be written; finished parts are kept.

    >>> import tempfile
    >>> from annealcam.data.sets import load_set
    >>> with tempfile.TemporaryDirectory() as place:
    ...     atlas = build_atlas(load_set("digits"), "digits", None, f"{place}/atlas",
    ...                         photos_per_class=2)
    ...     atlas.channels, atlas.counts.tolist()
    (16, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    require_extra("pyarrow", extra="atlas", needed_by="atlas")
    top, batch = whole("top", top, least=1), whole("batch", batch, least=1)
    shard, target = whole("shard", shard, least=1), Path(folder)
    report = reporter(progress)
    settings = resolve(sampler="exact", seed=seed) if settings is None else settings
    report("reading the data", 0, 1)
    photos = _photos(data, photos_per_class, seed)
    report("opening the network", 0, 1)
    network = NetworkLayer.open(
        model, layer, photos.first_photo(), model_name=model_name, device=device
    )
    work = _Work(photos, network, settings, top, batch, _targets(targets, len(data.classes)))
    identity = work.identity() | {"photos_per_class": photos_per_class, "seed": seed}
    parts = PartStore(Path(f"{target}.parts"), "atlas")
    with alone_at(target):
        if (target / store.MANIFEST).exists():
            manifest = store.AtlasFiles.of(target).manifest()
            check_identity(manifest.get("identity"), identity, target, "atlas")
        else:
            store.refuse_foreign(target)
            parts.open({**identity, "shard": shard, "processor": processor()})
            with one_thread():
                _write(target, work, identity, _complete(work, parts, shard, report))
        parts.remove()
    return open_atlas(target)


@dataclass(frozen=True, eq=False)
class _Work:
    """What determines the bits of an atlas; `part` computes a shard."""

    data: LabelledSet
    layer: NetworkLayer
    settings: Settings
    top: int
    batch: int
    targets: Sequence[int] | None

    def batches(self) -> list[tuple[int, Int[Array, "..."]]]:
        """Return the number of each batch and the numbers of its photos."""
        count = len(self.data)
        return list(enumerate(np.split(np.arange(count), range(self.batch, count, self.batch))))

    def part(self, batches: Sequence[tuple[int, Int[Array, "..."]]], progress: Progress) -> Part:
        """Return the sums over the photos of some batches."""
        classes = len(self.data.classes)
        builder = PartBuilder(channels=self.layer.channels, classes=classes, top=self.top)
        skipped: list[dict[str, str]] = []
        targets, labels = self.targets, self.data.labels

        def skip(number: int, error: ImageError) -> None:
            skipped.append({"image": self.data.images[number], "reason": str(error)})

        for batch, numbers in batches:
            # One call per batch: an unreadable photo must not shift others to another batch.
            for captured in capture_batches(
                self.layer,
                ((number, partial(self.data.open, number)) for number in numbers.tolist()),
                batch_size=self.batch,
                skip=skip,
                target_of=None if targets is None else lambda number: targets[labels[number]],
                integrated=self.settings.integrated,
            ):
                views = {
                    number: self.layer.view(photo, THUMBNAIL)
                    for number, photo in captured.photos_by_key.items()
                }
                classes_of_batch = labels[captured.keys]
                builder.add(batch, views, classes_of_batch, captured.captured, self.settings)
            progress("photos", int(numbers.size), 0)
        return builder.part(skipped)

    def read(self, file: Path) -> Part:
        """Return a part of this work from its file.

        Raises:
            OutputError: it cannot be read, or is of other work.
        """
        return read_part(
            file, channels=self.layer.channels, classes=len(self.data.classes), top=self.top,
            photos=len(self.data),
        )  # fmt: skip

    def identity(self) -> dict[str, Any]:
        """Return everything that determines the bits of the atlas."""
        return {
            "model": self.layer.model_name,
            "layer": self.layer.layer,
            "data": self.data.name,
            "part": self.data.part,
            "top": self.top,
            "batch": self.batch,
            "targets": self.targets,
            "settings": self.settings.as_provenance(),
            "photos": self.data.fingerprint(),
            "weights": self.layer.fingerprint(),
            **self.layer.reading,
            "versions": {
                "annealcam": __version__,
                "torch": torch.__version__,
                "numpy": version("numpy"),
                "machine": platform.machine(),
            },
        }


def _photos(data: LabelledSet, per_class: int | None, seed: int) -> LabelledSet:
    """Return the photos of the atlas, class after class: few classes per batch, few sums."""
    of_classes = [data.of_class(label) for label in range(len(data.classes))]
    if per_class is not None:
        most = whole("photos_per_class", per_class, least=1)
        rng = np.random.default_rng(seed)
        of_classes = [np.sort(rng.permutation(numbers)[:most]) for numbers in of_classes]
    numbers = np.concatenate([*of_classes, np.array([], dtype=np.int64)])
    if not len(numbers):
        raise ArgumentError(f"data={data.name!r}: part {data.part!r} holds no photos")
    return data.subset(numbers)


def _targets(targets: Sequence[int] | None, classes: int) -> Sequence[int] | None:
    if targets is not None and len(targets) != classes:
        raise ArgumentError(f"targets: {len(targets)} classes, but the data have {classes}")
    return None if targets is None else [int(target) for target in targets]


def _complete(work: _Work, parts: PartStore, shard: int, report: Progress) -> Part:
    """Compute the missing shards, and join all parts."""
    count, batches = len(work.data), work.batches()
    shards = [batches[i : i + shard] for i in range(0, len(batches), shard)]
    unfinished = (shards[number] for number in parts.missing(len(shards)))
    finished = count - sum(len(numbers) for batches in unfinished for _, numbers in batches)

    def add(step: str, photos: int, _: int) -> None:
        nonlocal finished
        finished += photos
        report(step, finished, count)

    add("photos", 0, 0)
    return reduce(
        Part.joined,
        parts.complete(
            len(shards), lambda number: work.part(shards[number], add), write_part, work.read
        ),
    )


def _write(folder: Path, work: _Work, identity: dict[str, Any], part: Part) -> None:
    data = work.data
    if not part.counts.any():
        raise ImageError(f"data={data.name!r}: no photo can be read")
    manifest = {
        "model": work.layer.model_name,
        "layer": work.layer.layer,
        "data": data.name,
        "classes": list(data.classes),
        "counts": part.counts.tolist(),
        "channels": work.layer.channels,
        "settings": {
            "annealcam": __version__,
            "part": data.part,
            "photos": int(part.counts.sum()),
            "skipped": list(part.skipped),
            "warnings": list(_warnings(part)),
            "explained": "predicted" if work.targets is None else "label",
            "top": work.top,
            **work.settings.as_provenance(),
            "environment": environment(batch=work.batch),
        },
        "identity": identity,
    }
    table = store.Table(part.profiles(), part.selected, _regions(part, data))
    thumbnails = {data.images[number]: webp for number, webp in part.thumbnails.items()}
    store.write(folder, manifest, table, thumbnails)


def _regions(part: Part, data: LabelledSet) -> list[list[dict[str, Any]]]:
    """Return the regions of every channel, as rows of the table."""
    strongest = part.strongest
    columns = (strongest.peaks, strongest.means, strongest.photos, strongest.boxes, strongest.taken)
    return [
        [
            {"image": data.images[number], "label": int(data.labels[number]), "peak": peak,
             "mean": mean, "box": box}
            for peak, mean, number, box, taken in zip(*channel, strict=True)
            if taken
        ]
        for channel in zip(*(values.tolist() for values in columns), strict=True)
    ]  # fmt: skip


def _warnings(part: Part) -> Iterator[str]:
    negative, entries = part.signs.tolist()
    if negative:
        yield (
            f"{signed_maps(negative / entries)}; regions show where a map is high, but it may be "
            "selected because it is low"
        )
