"""Audits: rankings of classes by how suspicious the maps are on which a network relies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from annealcam._internal.deprecation import renamed_attribute
from annealcam._internal.environment import environment, one_thread, processor
from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.storage.reading import bytes_of, reading
from annealcam._internal.storage.resumable import PartStore
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam._version import __version__
from annealcam.attribution.contrast import NAMED
from annealcam.audit.observations import (
    BATCH,
    METHODS,
    Observations,
    concatenate,
    observe,
    read_observations,
    write_observations,
)
from annealcam.audit.scores import (
    SCORES,
    RankedClass,
    class_dictionary,
    class_profiles,
    rank_classes,
    score_photos,
)
from annealcam.data.labelled import LabelledSet
from annealcam.data.splits import draw_per_class
from annealcam.errors import ArgumentError, ImageError, suggest
from annealcam.evaluation.masks import Where
from annealcam.models.loaded import LoadedModel
from annealcam.models.network_layer import NetworkLayer
from annealcam.render.notebook.cards import card
from annealcam.settings import Settings, resolve

EXPLAIN = ("label", "predicted")
SHARD = 128  # photos per part; a minute of work at most


MOST_CLASSES = 10  # in notebooks


@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """The result of an audit.

    Attributes:
        photos, network: the photos, and the network with its layer.
        observations: selections and maps of every photo.
        rankings: the classes ranked by each score and method, the most suspicious first.
        dictionary: share of each class's photos for which each map is selected, (maps, classes).
        profiles: spatial mean of each map, averaged over each class's photos, (maps, classes).
        provenance: model, layer, data, settings, seed, versions, environment.
    """

    photos: LabelledSet
    network: NetworkLayer
    observations: Observations
    rankings: Mapping[str, Mapping[str, list[RankedClass]]]
    dictionary: Array
    profiles: Array
    provenance: Mapping[str, Any]

    looked = renamed_attribute("looked", "observations")

    def __repr__(self) -> str:
        return short_repr(
            "Audit", model=self.network.model_name, layer=self.network.layer, data=self.photos.name,
            photos=len(self.observations), classes=len(self.photos.classes),
            headline=self.headline,
        )  # fmt: skip

    def _repr_html_(self) -> str:
        """Return the most suspicious classes for notebooks, with their usual maps."""
        ranking = self.rankings[self.headline]["annealcam"]
        names, rows = self.photos.classes, []
        for ranked in ranking[:MOST_CLASSES]:
            usual = ", ".join(map(str, self.usual(ranked.label))) or "none"
            interval = f"[{ranked.low:.3g}, {ranked.high:.3g}]"
            rows.append(
                (names[ranked.label], f"{ranked.score:.3g} {interval}", ranked.photos, usual)
            )
        more = len(ranking) - len(rows)
        return str(card(
            f"Audit of {self.network.model_name}, layer {self.network.layer}, over "
            f"{len(self.observations)} photos of {self.photos.name}",
            sentences=["The classes whose maps are the most suspicious come first."],
            header=("class", self.headline, "photos", "usual maps"),
            rows=rows,
            notes=[*([f"and {more} more classes"] if more > 0 else []),
                   f"{self.headline}: {SCORES[self.headline]}; brackets: 95 % intervals"],
        ))  # fmt: skip

    @property
    def headline(self) -> str:
        """Main score of the audit: `outside` with masks, else `sameness`."""
        return "outside" if "outside" in self.rankings else "sameness"

    def worst(self, most: int = 3) -> list[int]:
        """Return the classes that the headline score ranks first."""
        ranking = self.rankings[self.headline]["annealcam"]
        return [ranked.label for ranked in ranking if np.isfinite(ranked.score)][:most]

    def usual(self, label: int, most: int = 4) -> list[int]:
        """Return the maps selected most often for a class; among equals the larger contribution."""
        share = self.dictionary[:, label]
        of_class = self.observations.contributions[self.observations.labels == label]
        contribution = of_class.mean(axis=0) if len(of_class) else np.zeros(len(share))
        order = np.lexsort((np.arange(len(share)), -contribution, -share))[:most]
        return [int(channel) for channel in order if share[channel] > 0]


@shows_progress
def audit(
    photos: LabelledSet,
    model: str | LoadedModel,
    *,
    layer: str | None = None,
    parts: Path,
    masks: Mapping[str, Where] | None = None,
    explain: str = "label",
    against: str | None = None,
    photos_per_class: int | None = None,
    settings: Settings | None = None,
    model_name: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: ProgressOption = None,
) -> Audit:
    """Rank the classes of a labelled set by how suspicious the maps are that a network relies on.

    Args:
        photos: the photos, preferably not those of the network's training.
        model: a name for `load_model`, or its result; `model_name` is its name in the provenance.
        layer: name of a module; None takes the default layer.
        parts: folder of finished parts, from which the same call continues after an interruption,
            to the bit: the network runs on one thread, and parts of a processor with other
            instruction sets are refused; remove it once the result is written.
        masks: masks of the objects, by the photos' names; needed for the score `outside`.
        explain: explained class of a photo: its `label`, or the `predicted` one.
        against: explain why that class and not another one: `next` (the most likely other class) or
            `rest` (all others); None explains the logit. A named class, which would be contrasted
            with itself on its own photos, is not accepted.
        photos_per_class: number of photos of each class, drawn by `seed`; None takes all.
        settings: settings of the selection; None takes those of `explain` with the exact optimum.
        seed: seed of the photos drawn, the selection and the bootstrap.
        device: device of the network.
        progress: True for a bar, or a function that is called with the current step, the number of
            finished photos, and the total.

    Raises:
        ArgumentError: the network lacks a class of the data, or `parts` belongs to another audit.
        AnnealcamError: the network fails or a file cannot be written; finished parts are kept.

    >>> import tempfile
    >>> from annealcam.data.sets import load_set
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = audit(load_set("digits"), "digits", layer="block.1",
    ...                    parts=Path(folder) / "parts", photos_per_class=3)
    >>> len(result.rankings["sameness"]["annealcam"])
    10
    """
    one_of("explain", explain, EXPLAIN)
    if against is not None:
        one_of("against", against, NAMED)
    settings = settings or resolve(sampler="exact", seed=seed)
    photos = draw_per_class(photos, photos_per_class, seed=seed)
    if not len(photos):
        raise ArgumentError(f"data={photos.name!r}: part {photos.part!r} holds no photos")
    network = NetworkLayer.open(
        model, layer, photos.first_photo(), model_name=model_name, device=device
    )
    network.refuse_numbers("an audit")
    targets = match_classes(photos.classes, network) if explain == "label" else None
    identity = _identity(
        photos, network, settings, explain, against, photos_per_class, seed, masks
    )  # fmt: skip
    store = PartStore(parts, "audit")
    store.open({**identity, "processor": processor()})
    shards = [
        photos.subset(np.arange(start, min(start + SHARD, len(photos))))
        for start in range(0, len(photos), SHARD)
    ]
    inform = reporter(progress)
    finished = len(photos) - sum(len(shards[number]) for number in store.missing(len(shards)))

    def compute(number: int) -> Observations:
        nonlocal finished

        def report(step: str, done: int, _: int) -> None:
            inform(step, finished + done, len(photos))

        part = observe(
            shards[number], network, settings, targets=targets, against=against, masks=masks,
            progress=report,
        )  # fmt: skip
        finished += len(shards[number])
        return part

    read = partial(read_observations, photos=photos, channels=network.channels)
    with one_thread():
        record = environment(batch=BATCH, device=device)
        observations = concatenate(
            list(store.complete(len(shards), compute, write_observations, read))
        )
    classes = len(photos.classes)
    return Audit(
        photos, network, observations, _rankings(observations, classes, seed, bool(masks)),
        class_dictionary(observations, classes), class_profiles(observations, classes),
        {**identity, "photos": len(observations), "skipped": list(observations.skipped),
         "environment": record},
    )  # fmt: skip


def match_classes(classes: Sequence[str], network: NetworkLayer) -> list[int]:
    """Return the network's class for each class of the data, by name; without names, by order.

    Raises:
        ArgumentError: the network lacks a class of the data.
    """
    names = network.class_names
    if names is None:
        return list(range(len(classes)))  # the network itself rejects a class it lacks
    folded = [str(name).casefold() for name in names]
    for name in classes:
        if folded.count(name.casefold()) != 1:
            raise ArgumentError(
                f"data: class {name!r} is not a class of model {network.model_name!r}"
                f"{suggest(name, names)}; use explain='predicted' (--explain predicted) to explain "
                "the predicted class of every photo"
            )
    return [folded.index(name.casefold()) for name in classes]


def _rankings(
    observations: Observations, classes: int, seed: int, with_masks: bool
) -> dict[str, dict[str, list[RankedClass]]]:
    return {
        score: {
            method: rank_classes(
                score_photos(observations, score, classes=classes, method=method),
                observations.labels, classes, seed=seed,
            )
            for method in (METHODS if score != "foreign" else METHODS[:1])
        }
        for score in SCORES
        if with_masks or score != "outside"
    }  # fmt: skip


def _identity(
    photos: LabelledSet,
    network: NetworkLayer,
    settings: Settings,
    explain: str,
    against: str | None,
    per_class: int | None,
    seed: int,
    masks: Mapping[str, Where] | None,
) -> dict[str, Any]:
    """Return everything that determines the numbers of an audit."""
    return {
        "annealcam": __version__,
        "torch": torch.__version__,
        "model": network.model_name,
        "layer": network.layer,
        "weights": network.fingerprint(),
        **network.reading,
        "channels": network.channels,
        "data": photos.name,
        "part": photos.part,
        "classes": list(photos.classes),
        "photos_hash": photos.fingerprint(),
        "photos_per_class": per_class,
        "explain": explain,
        "against": against,
        "seed": seed,
        "masks": None if masks is None else {"photos": len(masks), "hash": _masks_hash(masks)},
        "settings": settings.as_provenance(),
    }


def _masks_hash(masks: Mapping[str, Where]) -> str:
    """Return one hash of all masks: the bytes of their files, or their boxes."""
    digest = hashlib.sha256()
    for photo in sorted(masks):
        where = masks[photo]
        digest.update(photo.encode("utf-8", "surrogateescape"))
        if isinstance(where, Path):
            with reading(where, error=ImageError):
                digest.update(bytes_of(where))
        else:
            digest.update(
                where.tobytes() if isinstance(where, np.ndarray) else repr(where).encode()
            )
    return f"sha256:{digest.hexdigest()}"
