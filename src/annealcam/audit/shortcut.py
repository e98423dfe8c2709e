"""A network that learns a planted shortcut: the paper's head, fitted to stamped photos."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from annealcam._internal.types import Array, Progress
from annealcam.audit.patch import Patch
from annealcam.audit.planted import Planted, planted
from annealcam.data.labelled import LabelledSet
from annealcam.models.trunks import Trunk, load_trunk
from annealcam.training.examples import Features, Photos, features_of, photos_of
from annealcam.training.fit import Tell
from annealcam.training.recipe import usual_recipe
from annealcam.training.trained import CACHE, Trained, fitted


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
