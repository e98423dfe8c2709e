"""An atlas, built: photos once through the network, resumed where it stopped."""

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

from annealcam._internal import resumable as resumed
from annealcam._internal.text import signed_maps
from annealcam._internal.types import Array, Progress
from annealcam._internal.validation import whole
from annealcam._version import __version__
from annealcam.atlas import parts, store
from annealcam.atlas.atlas import Atlas, open_atlas
from annealcam.atlas.parts import Part
from annealcam.atlas.tally import Tally
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ArgumentError, ImageError
from annealcam.models.loaded import LoadedModel
from annealcam.models.network_layer import NetworkLayer, capture_batches
from annealcam.settings import Settings, resolve

SHARD = 8  # batches; about ten seconds of work on one core
THUMBNAIL = 160  # pixels; a crop of a third of them can still be recognised


@dataclass(frozen=True, eq=False)
class _Work:
    """What a shard needs to know."""

    data: LabelledSet
    layer: NetworkLayer
    settings: Settings
    top: int
    targets: Sequence[int] | None
    batch: int

    def part(self, first: int, numbers: Int[Array, " n"], tell: Progress) -> Part:
        """Return the part of a shard: its first batch, and the numbers of its photos."""
        classes = len(self.data.classes)
        tally = Tally(channels=self.layer.channels, classes=classes, top=self.top)
        skipped: list[dict[str, str]] = []
        targets = self.targets

        def skip(number: int, error: ImageError) -> None:
            skipped.append({"image": self.data.images[number], "reason": str(error)})
            tell("photos", 1, 0)

        for batch, captured in enumerate(
            capture_batches(
                self.layer,
                ((number, partial(self.data.open, number)) for number in numbers.tolist()),
                batch_size=self.batch,
                skip=skip,
                target_of=None if targets is None else lambda n: targets[self.data.labels[n]],
            ),
            start=first,
        ):
            views = {n: self.layer.view(p, THUMBNAIL) for n, p in captured.photos_by_key.items()}
            labels = self.data.labels[captured.keys]
            tally.add(batch, views, labels, captured.captured, self.settings)
            tell("photos", len(labels), 0)
        return tally.part(skipped)


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
    progress: Progress | None = None,
) -> Atlas:
    """Build the atlas of a layer over a labelled set, or go on with it; return it.

    Each photo goes once through the network, forth and back. For every channel a these are kept:
    the `top` photos by max_ij f^(a)_ij with the box about that place (`peak_boxes`), the mean over
    each class of mean_ij f^(a)_ij, and for how many photos of each class a is selected.

    Photos are done in shards; each shard's part is kept in FOLDER.parts until the atlas is whole.
    Whatever stops a build, the same call goes on where it stopped, and ends with the same atlas,
    bit for bit. An atlas that is whole, of the same photos, network and choices, is returned as
    it is.

    Args:
        data: the photos, by class.
        model: a name for `load_model`, or what it returns.
        layer: a module's name; None takes the default layer, as the first photo finds it.
        folder: of the atlas.
        model_name: the network's name where `model` is none; reports find the atlas by it.
        top: regions kept of every channel, at most one a photo.
        photos_per_class: so many photos of each class, drawn by `seed`; None takes all.
        settings: how maps are selected; None takes those of `explain` and the exact optimum.
        targets: the network's class to explain for each class of the data; None explains the
            predicted class of every photo.
        seed: of the drawing of photos, and of the selection where `settings` is None.
        batch: photos that go through the network together.
        shard: batches that are kept together.
        device: where the network runs.
        progress: called with what is being done, the number of photos done, and of all.

    Raises:
        ArgumentError: no photos, an argument is out of range, or the folder holds another atlas.
        ImageError: not one photo can be read.
        AnnealcamError: the network or a disk did not play along; what is done is kept.

    >>> import tempfile
    >>> from annealcam.data.sets import load_set
    >>> with tempfile.TemporaryDirectory() as place:
    ...     atlas = build_atlas(load_set("digits"), "digits", None, f"{place}/atlas",
    ...                         photos_per_class=2)
    ...     atlas.channels, atlas.counts.tolist()
    (16, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    top, batch = whole("top", top, least=1), whole("batch", batch, least=1)
    shard, target = whole("shard", shard, least=1), Path(folder)
    tell = progress or (lambda *_: None)
    settings = resolve(sampler="exact", seed=seed) if settings is None else settings
    tell("looking at the data", 0, 1)
    photos = _photos(data, photos_per_class, seed)
    tell("opening the network", 0, 1)
    network_layer = NetworkLayer.open(
        model, layer, photos.first_photo(), model_name=model_name, device=device
    )
    work = _Work(photos, network_layer, settings, top, _targets(targets, len(data.classes)), batch)
    identity = _identity(work, photos_per_class, seed, batch)
    done = Path(f"{target}.parts")
    if (target / store.MANIFEST).exists():
        told = store.read_manifest(target).get("identity")
        resumed.refuse_another(told, identity, "atlas", f"{target}: holds")
    else:
        store.refuse_foreign(target)
        resumed.open_parts(done, {**identity, "shard": shard}, of="atlas")
        _write(target, work, identity, _do(work, done, batch, shard, tell))
    resumed.remove_parts(done)
    return open_atlas(target)


def _photos(data: LabelledSet, per_class: int | None, seed: int) -> LabelledSet:
    """The photos that are looked at, class after class: few classes in a batch, few sums."""
    own = [data.of_class(label) for label in range(len(data.classes))]
    if per_class is not None:
        most = whole("photos_per_class", per_class, least=1)
        rng = np.random.default_rng(seed)
        own = [np.sort(rng.permutation(numbers)[:most]) for numbers in own]
    chosen = np.concatenate([*own, np.array([], dtype=np.int64)])
    if not len(chosen):
        raise ArgumentError(f"data={data.name!r}: part {data.part!r} holds no photos")
    return data.subset(chosen)


def _targets(targets: Sequence[int] | None, classes: int) -> Sequence[int] | None:
    if targets is not None and len(targets) != classes:
        raise ArgumentError(f"targets: {len(targets)}, but the data have {classes} classes")
    return None if targets is None else [int(target) for target in targets]


def _do(work: _Work, folder: Path, batch: int, shard: int, tell: Progress) -> Part:
    """Do all shards that are not done, and put all parts together."""
    count = len(work.data)
    shards = np.split(np.arange(count), range(batch * shard, count, batch * shard))
    files = [resumed.part_file(folder, number) for number in range(len(shards))]
    missing = [number for number, file in enumerate(files) if not file.exists()]
    photos_done = count - sum(len(shards[number]) for number in missing)

    def more(what: str, photos: int, _: int) -> None:
        nonlocal photos_done
        photos_done += photos
        tell(what, photos_done, count)

    more("photos", 0, 0)
    for number in missing:
        parts.write_part(work.part(number * shard, shards[number], more), files[number])
    tell("putting the parts together", count, count)
    return reduce(Part.and_others, map(parts.read_part, files))  # one by one: they may be many


def _write(folder: Path, work: _Work, identity: dict[str, Any], whole_part: Part) -> None:
    data, found = work.data, whole_part
    if not found.counts.any():
        raise ImageError(f"data={data.name!r}: not one photo can be read")
    strongest = found.strongest
    regions = [
        [
            {"image": data.images[n], "label": int(data.labels[n]), "peak": peak,
             "mean": mean, "box": box}
            for peak, mean, n, box, is_one in zip(*columns, strict=True)
            if is_one
        ]
        for columns in zip(
            *(values.tolist() for values in vars(strongest).values()), strongest.taken.tolist(),
            strict=True,
        )
    ]  # fmt: skip
    told = {
        "model": work.layer.model_name,
        "layer": work.layer.layer,
        "data": data.name,
        "classes": list(data.classes),
        "counts": found.counts.tolist(),
        "channels": work.layer.channels,
        "settings": {
            "annealcam": __version__,
            "part": data.part,
            "photos": int(found.counts.sum()),
            "skipped": list(found.skipped),
            "warnings": list(_doubts(found)),
            "explained": "predicted" if work.targets is None else "label",
            "top": work.top,
            **work.settings.as_provenance(),
        },
        "identity": identity,
    }
    table = store.Table(found.profiles(), found.selected, regions)
    pictures = {data.images[n]: webp for n, webp in found.thumbnails.items()}
    store.write(folder, told, table, pictures)


def _doubts(found: Part) -> Iterator[str]:
    negative, entries = found.signs.tolist()
    if negative:
        yield (
            f"{signed_maps(negative / entries)}; regions show where a map is high, but one may "
            "be selected because it is low"
        )


def _identity(work: _Work, per_class: int | None, seed: int, batch: int) -> dict[str, Any]:
    """All that decides about the bits of the atlas."""
    return {
        "model": work.layer.model_name,
        "layer": work.layer.layer,
        "data": work.data.name,
        "part": work.data.part,
        "photos_per_class": per_class,
        "seed": seed,
        "top": work.top,
        "batch": batch,
        "targets": work.targets,
        "settings": work.settings.as_provenance(),
        "photos": work.data.fingerprint(),
        "weights": work.layer.fingerprint(),
        "versions": {
            "annealcam": __version__,
            "torch": torch.__version__,
            "numpy": version("numpy"),
            "machine": platform.machine(),
        },
    }
