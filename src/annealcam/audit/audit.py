"""audit(): a network and labelled photos in, classes ranked by how doubtful their maps are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from annealcam._internal.types import Array, Progress
from annealcam._internal.validation import one_of
from annealcam._version import __version__
from annealcam.audit.observations import METHODS, Looked, look
from annealcam.audit.scores import SCORES, Standing, dictionary, photo_scores, profiles, ranked
from annealcam.audit.store import in_parts
from annealcam.data.labelled import LabelledSet
from annealcam.data.splits import draw_per_class
from annealcam.errors import ArgumentError, suggest
from annealcam.evaluation.masks import Where
from annealcam.models.loaded import LoadedModel
from annealcam.models.network_layer import NetworkLayer
from annealcam.settings import Settings, resolve

EXPLAIN = ("label", "predicted")


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes:
        photos, network: what was looked at, and by which layer.
        looked: what was seen of every photo.
        rankings: of each score and method, the classes, the most doubtful first.
        dictionary: for what share of each class's photos each map is selected, (maps, classes).
        profiles: each map's mean over each class's photos, (maps, classes).
        provenance: model, layer, data, settings, seed, versions.
    """

    photos: LabelledSet
    network: NetworkLayer
    looked: Looked
    rankings: Mapping[str, Mapping[str, list[Standing]]]
    dictionary: Array
    profiles: Array
    provenance: Mapping[str, Any]

    @property
    def headline(self) -> str:
        """The score that classes are ranked by first: `outside` with masks, else `sameness`."""
        return "outside" if "outside" in self.rankings else "sameness"

    def worst(self, most: int = 3) -> list[int]:
        """Return the classes that stand first by the headline score."""
        standings = self.rankings[self.headline]["annealcam"]
        return [s.label for s in standings if np.isfinite(s.score)][:most]

    def usual(self, label: int, most: int = 4) -> list[int]:
        """Return the maps most often selected for a class; of equals the larger contribution."""
        share = self.dictionary[:, label]
        own = self.looked.gains[self.looked.labels == label]
        gain = own.mean(axis=0) if len(own) else np.zeros(len(share))
        order = np.lexsort((np.arange(len(share)), -gain, -share))[:most]
        return [int(channel) for channel in order if share[channel] > 0]


def audit(
    photos: LabelledSet,
    model: str | LoadedModel,
    *,
    layer: str | None = None,
    parts: Path,
    masks: Mapping[str, Where] | None = None,
    explain: str = "label",
    photos_per_class: int | None = None,
    settings: Settings | None = None,
    model_name: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Audit:
    """Rank the classes of a labelled set by how doubtful the maps are that a network rests on.

    Args:
        photos: the photos; best those that the network has not learned from.
        model: a name for `load_model`, or what it returns; `model_name` is for the record.
        layer: a module's name; None takes the default layer.
        parts: a folder for what is done so far; the caller removes it (`remove_parts`).
        masks: where the objects are, by the photos' names: then there is the score `outside`.
        explain: the class that is explained for a photo: its `label`, or the `predicted` one.
        photos_per_class: so many of each class, drawn by `seed`; None takes all.
        settings: how maps are selected; None takes those of `explain` and the exact optimum.
        seed: of the drawing, the selection and the bootstrap.
        device: where the network runs.
        progress: called with what is being done, the number of photos done, and of all.

    Raises:
        ArgumentError: a class of the data is none of the network's, or `parts` is another audit's.
        AnnealcamError: the network or a disk did not play along; what is done is kept.

    >>> import tempfile
    >>> from annealcam.data.sets import load_set
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = audit(load_set("digits"), "digits", layer="block.1", parts=Path(folder) / "p",
    ...                   photos_per_class=3)
    >>> len(found.rankings["sameness"]["annealcam"])
    10
    """
    one_of("explain", explain, EXPLAIN)
    settings = settings or resolve(sampler="exact", seed=seed)
    few = draw_per_class(photos, photos_per_class, seed=seed)
    if not len(few):
        raise ArgumentError(f"data={photos.name!r}: part {photos.part!r} holds no photos")
    network = NetworkLayer.open(
        model, layer, few.first_photo(), model_name=model_name, device=device
    )
    targets = matched(photos.classes, network) if explain == "label" else None
    told = _provenance(few, network, settings, explain, photos_per_class, seed, masks)
    count = 0

    def shard(own: LabelledSet) -> Looked:
        def tell(what: str, done: int, _: int) -> None:
            if progress:
                progress(what, count + done, len(few))

        return look(own, network, settings, targets=targets, masks=masks, progress=tell)

    def done(photos_done: int) -> None:
        nonlocal count
        count = photos_done

    looked = in_parts(few, shard, parts, told, done=done)
    classes = len(photos.classes)
    return Audit(
        few, network, looked, _rankings(looked, classes, seed, with_masks=bool(masks)),
        dictionary(looked, classes), profiles(looked, classes),
        {**told, "photos": len(looked), "skipped": list(looked.skipped)},
    )  # fmt: skip


def matched(classes: Sequence[str], network: NetworkLayer) -> list[int]:
    """Return the network's class for each class of the data, by name; without names, by order.

    Raises:
        ArgumentError: a class of the data is none of the network's.
    """
    names = network.class_names
    if names is None:
        return list(range(len(classes)))  # one too many is told of by the network itself
    folded = [str(name).casefold() for name in names]
    for name in classes:
        if folded.count(name.casefold()) != 1:
            raise ArgumentError(
                f"data: class {name!r} is no class of model {network.model_name!r}"
                f"{suggest(name, names)}; give --explain predicted, which takes the predicted "
                "class of every photo"
            )
    return [folded.index(name.casefold()) for name in classes]


def _rankings(
    looked: Looked, classes: int, seed: int, *, with_masks: bool
) -> dict[str, dict[str, list[Standing]]]:
    found: dict[str, dict[str, list[Standing]]] = {}
    for score in SCORES:
        if score == "outside" and not with_masks:
            continue
        found[score] = {
            method: ranked(
                photo_scores(looked, score, classes=classes, method=method),
                looked.labels, classes, seed=seed,
            )
            for method in (METHODS if score != "foreign" else METHODS[:1])
        }  # fmt: skip
    return found


def _provenance(
    photos: LabelledSet,
    network: NetworkLayer,
    settings: Settings,
    explain: str,
    per_class: int | None,
    seed: int,
    masks: Mapping[str, Where] | None,
) -> dict[str, Any]:
    return {
        "annealcam": __version__,
        "torch": torch.__version__,
        "model": network.model_name,
        "layer": network.layer,
        "weights": network.fingerprint(),
        "channels": network.channels,
        "data": photos.name,
        "part": photos.part,
        "classes": list(photos.classes),
        "photos_hash": photos.fingerprint(),
        "photos_per_class": per_class,
        "explain": explain,
        "seed": seed,
        "masks": None if masks is None else {"photos": len(masks), "hash": _hash(masks)},
        "settings": settings.as_provenance(),
    }


def _hash(masks: Mapping[str, Where]) -> str:
    """One hash of all masks: their files' bytes, or their boxes."""
    digest = hashlib.sha256()
    for photo in sorted(masks):
        where = masks[photo]
        digest.update(photo.encode("utf-8", "surrogateescape"))
        told = where.tobytes() if isinstance(where, np.ndarray) else repr(where).encode()
        digest.update(where.read_bytes() if isinstance(where, Path) else told)
    return f"sha256:{digest.hexdigest()}"
