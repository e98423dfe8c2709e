"""Networks with and without a planted shortcut, and what an audit observes of both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from annealcam._internal.storage.files import make_folder
from annealcam._internal.types import Array, Progress
from annealcam.audit.observations import (
    Observations,
    observe,
    read_observations,
    write_observations,
)
from annealcam.data.labelled import LabelledSet
from annealcam.data.splits import draw_per_class
from annealcam.errors import ArgumentError
from annealcam.models.checkpoints import read_header
from annealcam.models.load import load_checkpoint, load_trunk
from annealcam.models.network_layer import NetworkLayer
from annealcam.models.trunks import Trunk
from annealcam.settings import Settings, resolve
from annealcam.training.examples import Features, Photos, features_of, photos_of
from annealcam.training.fit import OnEpoch, usual_recipe
from annealcam.training.trained import CACHE, Trained, fitted

from .patch import Patch, Planted, planted, stamped


@dataclass(frozen=True, eq=False)
class Restamped(Features):
    """Features of a set of which some photos are stamped.

    `stamped` holds the features of the stamped photos; `at[i]` is the row of photo i, or -1 for a
    photo without a patch.
    """

    stamped: Features
    at: Int[Array, " all"]

    def inputs(self, numbers: Int[Array, " b"], mirrored: Bool[Array, " b"]) -> Tensor:
        """Return the features of these photos, of the `mirrored` ones those of the mirror image."""
        features = super().inputs(numbers, mirrored).numpy()
        rows = self.at[self.rows[numbers]]
        for i in np.flatnonzero(rows >= 0):
            turned = mirrored[i] and self.stamped.mirrored is not None
            source = self.stamped.mirrored if turned else self.stamped.photos
            assert source is not None
            features[i] = source[rows[i]]
        return torch.from_numpy(features)


def train_planted(
    sets: Mapping[str, LabelledSet],
    label: int | None,
    patch: Patch,
    *,
    trunk: str,
    cut: str | None = None,
    maps: int = 32,
    share: float = 0.9,
    elsewhere: float = 0.02,
    epochs: int = 20,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Fit the paper's network to a set with a planted shortcut; without a label, to the plain set.

    The parts `train` and `validation` get the shortcut, as if they had been collected together,
    but the test part does not. The recipe is that of `annealcam train`. Features of a frozen trunk
    come from the cache; only those of stamped photos are computed for each planting.

    Args:
        sets: the parts `train`, `validation` and `test` of one set.
        label: the class whose photos get the patch.
        patch: the patch.
        trunk, cut, maps: as for `annealcam.training.trained.train`.
        share, elsewhere, seed: as for `planted`; the seed is also that of the training.
        epochs: number of passes through the photos.
        cache: folder of cached features; None takes ~/.cache/annealcam/features.
        progress: called with the current step, the number of finished photos, and the total.
        on_epoch: called with each epoch.

    Raises:
        ArgumentError: there is no such class or trunk, or a number is out of range.

    >>> from annealcam.data.sets import load_set
    >>> digits = {part: load_set("digits", part=part) for part in ("train", "validation", "test")}
    >>> trained = train_planted(digits, 3, Patch(side=0.25), trunk="plain", maps=8, epochs=1)
    >>> trained.about["planted"]["class"]
    '3'
    """
    base = load_trunk(trunk, cut)
    recipe = usual_recipe(sets["train"].name, epochs=epochs)
    folder = Path(cache or CACHE).expanduser()
    stamps: dict[str, Planted | None] = {
        part: planted(photos, label, patch, share=share, elsewhere=elsewhere, seed=seed)
        if label is not None and part != "test"
        else None
        for part, photos in sets.items()
    }
    examples = {
        part: _examples(base, photos, stamps[part], folder, progress)
        for part, photos in sets.items()
    }
    shown = {part: s.photos if s is not None else sets[part] for part, s in stamps.items()}
    trained = fitted(shown, base, examples, maps=maps, recipe=recipe, seed=seed, on_epoch=on_epoch)
    trained.about["planted"] = _provenance(sets["train"], label, patch, share, elsewhere)
    return trained


def _provenance(
    photos: LabelledSet, label: int | None, patch: Patch, share: float, elsewhere: float
) -> dict[str, Any] | None:
    if label is None:
        return None
    return {"class": photos.classes[label], "share": share, "elsewhere": elsewhere, **vars(patch)}


def _examples(
    trunk: Trunk,
    photos: LabelledSet,
    collection: Planted | None,
    cache: Path,
    progress: Progress | None,
) -> Features | Photos:
    """Return the training examples: photos, or the features of a frozen trunk."""
    if not trunk.pretrained:
        return photos_of(
            trunk, collection.photos if collection is not None else photos, progress=progress
        )
    mirrored = photos.part == "train"
    clean = features_of(trunk, photos, cache=cache, mirrored=mirrored, progress=progress)
    if collection is None:
        return clean
    chosen = np.flatnonzero(collection.stamped)
    at = np.full(len(photos), -1)
    at[chosen] = np.arange(len(chosen))
    few = collection.photos.subset(chosen)
    stamped_features = features_of(trunk, few, cache=cache, mirrored=mirrored, progress=progress)
    return Restamped(**vars(clean), stamped=stamped_features, at=at)


CLEAN = "clean"  # name of a trial without a planted shortcut
LAYER = "block.1"  # the head's maps after their ReLU, before BatchNorm


@dataclass(frozen=True)
class Plan:
    """The options of an experiment that all trials share; `patch.seed` is replaced by a trial's.

    Attributes:
        trunk, cut, maps, epochs: of the networks, as for `train_planted`.
        patch, share, elsewhere: the shortcut, as for `planted`.
        train_per_class: number of training photos of each class; None takes all.
        photos_per_class: number of test photos of each class that are observed.
        settings: settings of the selection.
    """

    trunk: str
    cut: str | None = None
    maps: int = 32
    epochs: int = 20
    patch: Patch = field(default_factory=Patch)
    share: float = 0.9
    elsewhere: float = 0.02
    train_per_class: int | None = 200
    photos_per_class: int = 20
    settings: Settings = field(default_factory=lambda: resolve(sampler="exact"))

    def as_provenance(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        options: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return options | {"patch": vars(self.patch), "settings": self.settings.as_provenance()}


@dataclass(frozen=True, eq=False)
class Trial:
    """One network and its observations; `label` is the class with the shortcut, None for none.

    `clean` and `stamped` are observations of the same test photos without and with the patch, each
    explained for its own class. `about` is the header of the checkpoint.
    """

    label: int | None
    seed: int
    clean: Observations
    stamped: Observations
    about: Mapping[str, Any]
    file: Path

    @property
    def patch(self) -> Patch:
        """The patch, with the seed of this trial."""
        return Patch(**self.about["plan"]["patch"])


def run_trial(
    sets: Mapping[str, LabelledSet],
    label: int | None,
    seed: int,
    plan: Plan,
    folder: Path,
    *,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Trial:
    """Train a network and observe the test photos with it, without and with the patch.

    `folder` gets a checkpoint and two files of observations, each written completely or not at
    all. The same call continues an interrupted trial, and reads a finished one.

    Raises:
        ArgumentError: the folder holds a trial of another plan.
        OutputError: the folder cannot be read or written.
    """
    plan = replace(plan, patch=replace(plan.patch, seed=seed))
    make_folder(folder)
    stem = f"{CLEAN if label is None else f'class-{label}'}-seed-{seed}"
    file = folder / f"{stem}.safetensors"
    if not file.exists():
        parts = {**sets, "train": draw_per_class(sets["train"], plan.train_per_class)}
        trained = train_planted(
            parts, label, plan.patch, trunk=plan.trunk, cut=plan.cut, maps=plan.maps,
            share=plan.share, elsewhere=plan.elsewhere, epochs=plan.epochs, seed=seed, cache=cache,
            progress=progress,
        )  # fmt: skip
        trained.about["plan"] = plan.as_provenance()
        trained.save(file)
    about = read_header(str(file))["about"]
    if about.get("plan") != plan.as_provenance():
        raise ArgumentError(
            f"{file}: holds a trial of another plan; remove it or choose another folder"
        )
    photos = draw_per_class(sets["test"], plan.photos_per_class)
    versions = {CLEAN: photos, "stamped": stamped(photos, plan.patch).photos}
    observations = {
        name: _observations(each, file, folder / f"{stem}-{name}.npz", plan, progress)
        for name, each in versions.items()
    }
    return Trial(label, seed, observations[CLEAN], observations["stamped"], about, file)


def _observations(
    photos: LabelledSet, network: Path, file: Path, plan: Plan, progress: Progress | None
) -> Observations:
    if not file.exists():
        model, preprocess, classes = load_checkpoint(str(network))
        layer = NetworkLayer(model, LAYER, preprocess, classes, network.stem, plan.maps)
        # Boxes are the same with and without the patch, so that both are measured in one place.
        boxes = {
            name: [plan.patch.box(name, photos.open(i).size)]
            for i, name in enumerate(photos.images)
        }
        observations = observe(
            photos, layer, plan.settings, targets=range(len(photos.classes)), masks=boxes,
            progress=progress,
        )  # fmt: skip
        write_observations(observations, file)
    return read_observations(file, photos=photos, channels=plan.maps)
