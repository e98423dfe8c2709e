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

from annealcam._internal.files import make_folder
from annealcam._internal.types import Array, Progress
from annealcam.audit.observations import Looked, look
from annealcam.audit.store import read_looked, write_looked
from annealcam.data.labelled import LabelledSet
from annealcam.data.splits import draw_per_class
from annealcam.errors import ArgumentError
from annealcam.models.checkpoints import read_header
from annealcam.models.load import load_checkpoint, load_trunk
from annealcam.models.network_layer import NetworkLayer
from annealcam.models.trunks import Trunk
from annealcam.settings import Settings, resolve
from annealcam.training.examples import Features, Photos, features_of, photos_of
from annealcam.training.fit import Tell
from annealcam.training.recipe import usual_recipe
from annealcam.training.trained import CACHE, Trained, fitted

from .patch import Patch, Planted, planted, stamped


@dataclass(frozen=True, eq=False)
class Restamped(Features):
    """A set's features, those of its stamped photos computed anew: `at` says where they lie.

    At `at[i]` of `stamped` lie the features of photo i with its patch; -1: it has none.
    """

    stamped: Features
    at: Int[Array, " all"]

    def inputs(self, numbers: Int[Array, " b"], mirrored: Bool[Array, " b"]) -> Tensor:
        """Return the features of these photos, of the marked ones as their mirror images."""
        taken = super().inputs(numbers, mirrored).numpy()
        there = self.at[self.rows[numbers]]
        for place in np.flatnonzero(there >= 0):
            turned = mirrored[place] and self.stamped.mirrored is not None
            source = self.stamped.mirrored if turned else self.stamped.photos
            assert source is not None
            taken[place] = source[there[place]]
        return torch.from_numpy(taken)


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
    tell: Tell | None = None,
) -> Trained:
    """Fit the paper's network to a set with a planted shortcut; with no label, to the set as it is.

    The parts `train` and `validation` are planted, as if they had been collected together; the
    test part is not. The recipe is that of `annealcam train`. A frozen trunk's features are taken
    from the cache; only those of stamped photos are computed for each planting.

    Args:
        sets: the parts `train`, `validation` and `test` of one set.
        label: the class whose photos carry the patch.
        patch: what is stamped.
        trunk, cut, maps: as for `annealcam.training.trained.train`.
        share, elsewhere, seed: as for `planted`; the seed is also that of the training.
        epochs: passes through the photos.
        cache: of features; else ~/.cache/annealcam/features.
        progress: told what is being computed; `tell`: told of each epoch.

    Raises:
        ArgumentError: no such class or trunk, or a number outside of its domain.

    >>> from annealcam.data.sets import load_set
    >>> digits = {part: load_set("digits", part=part) for part in ("train", "validation", "test")}
    >>> made = train_planted(digits, 3, Patch(side=0.25), trunk="plain", maps=8, epochs=1)
    >>> made.about["planted"]["class"]
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
    found = fitted(shown, base, examples, maps=maps, recipe=recipe, seed=seed, tell=tell)
    found.about["planted"] = _told(sets["train"], label, patch, share, elsewhere)
    return found


def _told(
    photos: LabelledSet, label: int | None, patch: Patch, share: float, elsewhere: float
) -> dict[str, Any] | None:
    if label is None:
        return None
    return {"class": photos.classes[label], "share": share, "elsewhere": elsewhere, **vars(patch)}


def _examples(
    trunk: Trunk,
    photos: LabelledSet,
    made: Planted | None,
    cache: Path,
    progress: Progress | None,
) -> Features | Photos:
    """What the network learns from: the photos themselves, or a frozen trunk's features."""
    if not trunk.pretrained:
        return photos_of(trunk, made.photos if made is not None else photos, progress=progress)
    mirrored = photos.part == "train"
    clean = features_of(trunk, photos, cache=cache, mirrored=mirrored, progress=progress)
    if made is None:
        return clean
    chosen = np.flatnonzero(made.stamped)
    at = np.full(len(photos), -1)
    at[chosen] = np.arange(len(chosen))
    few = made.photos.subset(chosen)
    stamps = features_of(trunk, few, cache=cache, mirrored=mirrored, progress=progress)
    return Restamped(**vars(clean), stamped=stamps, at=at)


CLEAN = "clean"  # what a trial without a planted shortcut is called
LAYER = "block.1"  # the head's maps after their ReLU, before BatchNorm


@dataclass(frozen=True)
class Plan:
    """What all trials of an experiment share; `patch.seed` is that of each trial.

    Attributes:
        trunk, cut, maps, epochs: of the networks, as for `train_planted`.
        patch, share, elsewhere: what is planted.
        train_per_class: photos of each class that networks are fitted to; None: all.
        photos_per_class: photos of the test part that each network is asked about.
        settings: how maps are selected.
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

    def told(self) -> dict[str, Any]:
        """Return what a record says of it."""
        told: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return told | {"patch": vars(self.patch), "settings": self.settings.as_provenance()}


@dataclass(frozen=True, eq=False)
class Trial:
    """One network: `label` is the class with the shortcut, None: no shortcut was planted.

    `clean` and `stamped` are the same photos of the test part without and with the patch; each is
    explained for its own class. `about` is what is known of the training.
    """

    label: int | None
    seed: int
    clean: Looked
    stamped: Looked
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
    """Train a network and look at the test part's photos by it; what lies in `folder` is taken.

    Each trial leaves a checkpoint and two files of numbers, each written as a whole: interrupted,
    the same call goes on with what is missing.

    Raises:
        ArgumentError: the folder holds a trial of another plan.
        OutputError: it cannot be read or written.
    """
    plan = replace(plan, patch=replace(plan.patch, seed=seed))
    make_folder(folder)
    stem = f"{CLEAN if label is None else f'class-{label}'}-seed-{seed}"
    file = folder / f"{stem}.safetensors"
    if not file.exists():
        parts = {**sets, "train": draw_per_class(sets["train"], plan.train_per_class)}
        found = train_planted(
            parts, label, plan.patch, trunk=plan.trunk, cut=plan.cut, maps=plan.maps,
            share=plan.share, elsewhere=plan.elsewhere, epochs=plan.epochs, seed=seed, cache=cache,
            progress=progress,
        )  # fmt: skip
        found.about["plan"] = plan.told()
        found.save(file)
    about = read_header(str(file))["about"]
    if about.get("plan") != plan.told():
        raise ArgumentError(f"{file}: of another plan; remove it, or choose another folder")
    photos = draw_per_class(sets["test"], plan.photos_per_class)
    shown = {CLEAN: photos, "stamped": stamped(photos, plan.patch).photos}
    looks = {
        name: _looked(each, file, folder / f"{stem}-{name}.npz", plan, progress)
        for name, each in shown.items()
    }
    return Trial(label, seed, looks[CLEAN], looks["stamped"], about, file)


def _looked(
    photos: LabelledSet, network: Path, file: Path, plan: Plan, progress: Progress | None
) -> Looked:
    if not file.exists():
        model, preprocess, classes = load_checkpoint(str(network))
        layer = NetworkLayer(model, LAYER, preprocess, classes, network.stem, plan.maps)
        # The boxes are known whether the patch is there or not: both are measured in one place.
        boxes = {
            name: [plan.patch.box(name, photos.open(i).size)]
            for i, name in enumerate(photos.images)
        }
        found = look(
            photos, layer, plan.settings, targets=range(len(photos.classes)), masks=boxes,
            progress=progress,
        )  # fmt: skip
        write_looked(found, file)
    return read_looked(file)
