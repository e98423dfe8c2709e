"""Trials: networks with and without a planted shortcut, and what an audit sees of both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from annealcam._internal.files import make_folder
from annealcam._internal.types import Progress
from annealcam.atlas.layer import LayerOfNetwork
from annealcam.audit.observations import Looked, look
from annealcam.audit.patch import Patch
from annealcam.audit.planted import few_of, stamped
from annealcam.audit.shortcut import train_planted
from annealcam.audit.store import read_looked, write_looked
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ArgumentError
from annealcam.models.checkpoints import load_checkpoint, read_header
from annealcam.settings import Settings, resolve

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
        parts = {**sets, "train": few_of(sets["train"], plan.train_per_class)}
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
    photos = few_of(sets["test"], plan.photos_per_class)
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
        layer = LayerOfNetwork(load_checkpoint(str(network)), network.stem, LAYER, plan.maps)
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
