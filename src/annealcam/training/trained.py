"""train(): a labelled set and a trunk in, the paper's network with what is known of it out."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch

from annealcam._internal.files import file_written_aside
from annealcam._internal.types import Progress
from annealcam._internal.validation import whole
from annealcam._version import __version__
from annealcam.data.labelled import LabelledSet
from annealcam.data.sets import load_set
from annealcam.errors import ArgumentError
from annealcam.models.checkpoints import write_checkpoint
from annealcam.models.load import load_trunk
from annealcam.models.paper_network import PaperNetwork
from annealcam.models.trunks import Trunk
from annealcam.training.card import card
from annealcam.training.examples import Features, Photos, features_of, photos_of
from annealcam.training.fit import Epoch, Tell, accuracy, best_of, fit
from annealcam.training.recipe import Recipe, usual_recipe

PARTS = ("train", "validation", "test")
SPLIT_SEED = 0  # not the training's: a photo that one seed tests must be new to every seed
CACHE = Path("~/.cache/annealcam/features")
Examples: TypeAlias = dict[str, Features | Photos]


@dataclass(frozen=True, eq=False)
class Trained:
    """A fitted network, its epochs, and `about`: data, hashes, accuracy, seed, recipe, versions."""

    network: PaperNetwork
    trunk: Trunk
    classes: tuple[str, ...]
    epochs: list[Epoch]
    about: dict[str, Any]

    def save(self, file: str | os.PathLike[str]) -> Path:
        """Write the checkpoint, and its model card beside it; return the card's path.

        Raises:
            ArgumentError: the file's name does not end in .safetensors.
            OutputError: it cannot be written.
        """
        target = checked_output(file)
        with file_written_aside(target) as aside:
            write_checkpoint(aside, self.network, self.trunk, self.classes, self.about)
        beside = target.with_suffix(".md")
        with file_written_aside(beside) as aside:
            aside.write_text(card(target.stem, self.about), encoding="utf-8")
        return beside


def checked_output(file: str | os.PathLike[str]) -> Path:
    """Return the path of a checkpoint to be written.

    Raises:
        ArgumentError: its name does not end in .safetensors, or its folder is not there.
    """
    path = Path(file)
    if path.suffix != ".safetensors":
        raise ArgumentError(f"output={str(path)!r}: a checkpoint's name ends in .safetensors")
    if not path.parent.is_dir():
        raise ArgumentError(f"output={str(path)!r}: there is no folder {str(path.parent)!r}")
    return path


def train(
    data: str,
    *,
    trunk: str,
    cut: str | None = None,
    maps: int = 16,
    seed: int = 0,
    recipe: Recipe | None = None,
    finetune: bool = False,
    root: str | os.PathLike[str] | None = None,
    download: bool = False,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> Trained:
    """Fit the paper's network to a labelled set of photos.

    The trunk stays as it is, and its features are computed once and kept in `cache` (else
    ~/.cache/annealcam/features); with `finetune` it is trained too, from the photos. The trunk
    `plain` is always trained. The set's parts do not depend on `seed`, which decides the head's
    first weights, the order of the photos and what dropout leaves out.

    Args:
        data: a name that `load_set` knows.
        trunk: a name that `load_trunk` knows, and `cut` its last layer.
        maps: N_f.
        recipe: how to fit; else `usual_recipe`.
        progress: told what is being read or computed; `tell`: told of each epoch.

    Raises:
        ArgumentError: an unknown set or trunk, or a number outside of its domain.
        ModelError: the trunk cannot be had or cut.

    >>> from annealcam.training.recipe import usual_recipe
    >>> found = train("digits", trunk="plain", recipe=usual_recipe("digits", epochs=1))
    >>> found.about["accuracy"]["test"] > 0.5
    True
    """
    whole("maps", maps, least=1)
    whole("seed", seed)
    sets = {
        part: load_set(data, part=part, root=root, download=download, seed=SPLIT_SEED)
        for part in PARTS
    }
    base = load_trunk(trunk, cut)
    frozen = base.pretrained and not finetune
    recipe = recipe or usual_recipe(data, finetune=base.pretrained and finetune)
    examples = _examples(base, sets, frozen, Path(cache or CACHE).expanduser(), progress)
    return fitted(sets, base, examples, maps=maps, recipe=recipe, seed=seed, tell=tell)


def fitted(
    sets: Mapping[str, LabelledSet],
    trunk: Trunk,
    examples: Examples,
    *,
    maps: int,
    recipe: Recipe,
    seed: int,
    tell: Tell | None = None,
) -> Trained:
    """Fit the paper's network to the examples of a set's parts: the second half of `train`.

    The trunk is frozen where the examples are its features.
    """
    classes, frozen = sets["train"].classes, not examples["train"].of_trunk
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PaperNetwork(
            trunk.layers, features=trunk.features, maps=maps, classes=len(classes), frozen=frozen
        )
    epochs = fit(network, examples["train"], examples["validation"], recipe, seed=seed, tell=tell)
    about = _about(sets, examples, trunk, network, recipe, epochs, seed)
    return Trained(network, trunk, classes, epochs, about)


def _examples(
    trunk: Trunk,
    sets: dict[str, LabelledSet],
    frozen: bool,
    cache: Path,
    progress: Progress | None,
) -> Examples:
    if not frozen:
        return {part: photos_of(trunk, s, progress=progress) for part, s in sets.items()}
    return {
        part: features_of(trunk, s, cache=cache, mirrored=part == "train", progress=progress)
        for part, s in sets.items()
    }


def _about(
    sets: Mapping[str, LabelledSet],
    examples: Examples,
    trunk: Trunk,
    network: PaperNetwork,
    recipe: Recipe,
    epochs: list[Epoch],
    seed: int,
) -> dict[str, Any]:
    hashes = {part: s.fingerprint() for part, s in sets.items()}
    return {
        "data": sets["train"].name,
        "split_seed": SPLIT_SEED,
        "split_hash": split_hash(hashes),
        "parts": {
            part: {"photos": len(examples[part].labels), "hash": hashes[part]} for part in PARTS
        },
        "skipped": [reason for e in examples.values() for reason in e.skipped],
        "classes": list(sets["train"].classes),
        "trunk": trunk.name,
        "cut": trunk.cut,
        "frozen": network.frozen,
        "preprocess": repr(trunk.preprocess),
        "maps": network.block[0].out_channels,
        "seed": seed,
        "recipe": asdict(recipe),
        "best_epoch": best_of(epochs).number,
        "accuracy": {
            "validation": best_of(epochs).accuracy,
            "test": accuracy(network, examples["test"]),
        },
        "versions": {"annealcam": __version__}
        | {name: importlib.metadata.version(name) for name in ("torch", "torchvision", "timm")},
    }


def split_hash(hashes: Mapping[str, str]) -> str:
    """Return one hash of which photos are in which part, from the parts' fingerprints.

    >>> split_hash({"train": "a", "validation": "b", "test": "c"})[:15]
    'sha256:e141783f'
    """
    told = "\n".join(f"{part} {hashes[part]}" for part in PARTS)
    return f"sha256:{hashlib.sha256(told.encode()).hexdigest()}"
