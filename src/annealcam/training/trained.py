"""Training of the paper's network on a labelled set, its checkpoint and its model card."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.environment import environment
from annealcam._internal.extras import is_installed
from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.storage.files import file_written_aside
from annealcam._internal.text import short_repr
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
from annealcam.training.examples import Features, Photos, features_of, photos_of
from annealcam.training.fit import Epoch, OnEpoch, Recipe, accuracy, best_of, fit, usual_recipe

PARTS = ("train", "validation", "test")
SPLIT_SEED = 0  # independent of the training's: test photos must be new to every seed
CACHE = Path("~/.cache/annealcam/features")
Examples: TypeAlias = dict[str, Features | Photos]


@dataclass(frozen=True, eq=False, repr=False)
class Trained:
    """A fitted network.

    Attributes:
        network, trunk: the network, and the trunk it was built on.
        classes: names of the classes.
        epochs: loss and accuracy of every epoch.
        about: data, hashes, accuracy, seed, recipe and versions: the header of the checkpoint.
    """

    network: PaperNetwork
    trunk: Trunk
    classes: tuple[str, ...]
    epochs: list[Epoch]
    about: dict[str, Any]

    def __repr__(self) -> str:
        return short_repr(
            "Trained", data=self.about["data"], trunk=self.trunk.name, maps=self.about["maps"],
            classes=len(self.classes), epochs=len(self.epochs),
            test_accuracy=self.about["accuracy"]["test"],
        )  # fmt: skip

    def save(self, file: str | os.PathLike[str]) -> Path:
        """Write the checkpoint and, beside it, its model card; return the path of the card.

        Raises:
            ArgumentError: the name of the file does not end in .safetensors.
            OutputError: a file cannot be written.
        """
        target = checked_output(file)
        with file_written_aside(target) as aside:
            write_checkpoint(aside, self.network, self.trunk, self.classes, self.about)
        card_file = target.with_suffix(".md")
        with file_written_aside(card_file) as aside:
            aside.write_text(card(target.stem, self.about), encoding="utf-8")
        return card_file


def checked_output(file: str | os.PathLike[str]) -> Path:
    """Return the path of a checkpoint, after checking that it can be written there.

    Raises:
        ArgumentError: the name does not end in .safetensors, or its folder does not exist.
    """
    path = Path(file)
    if path.suffix != ".safetensors":
        raise ArgumentError(
            f"output={str(path)!r}: the name of a checkpoint must end in .safetensors"
        )
    if not path.parent.is_dir():
        raise ArgumentError(f"output={str(path)!r}: the folder {str(path.parent)!r} does not exist")
    return path


@renamed_arguments(tell="on_epoch")
@shows_progress
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
    progress: ProgressOption = None,
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Fit the paper's network to a labelled set of photos.

    The trunk is frozen, and its features are computed once and kept in `cache`; with `finetune` it
    is trained as well, from the photos. The trunk `plain` is always trained. The parts of the set
    do not depend on `seed`.

    Args:
        data: name of a set, as for `load_set`.
        trunk, cut: name of a trunk and its last layer, as for `load_trunk`.
        maps: number of feature maps of the head (N_f).
        seed: seed of the head's initial weights, the order of the photos, and dropout.
        recipe: the recipe; None takes `usual_recipe`.
        finetune: whether a pretrained trunk is trained as well.
        root, download: as for `load_set`.
        cache: folder of cached features; None takes ~/.cache/annealcam/features.
        progress: True for a bar, or a function that is called with the current step, the number of
            finished photos, and the total.
        on_epoch: called with each epoch.

    Raises:
        ArgumentError: set or trunk is unknown, or a number is out of range.
        ModelError: the trunk cannot be loaded or cut.

    >>> trained = train("digits", trunk="plain", recipe=usual_recipe("digits", epochs=1))
    >>> trained.about["accuracy"]["test"] > 0.5
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
    examples = _examples(base, sets, frozen, Path(cache or CACHE).expanduser(), reporter(progress))
    return fitted(sets, base, examples, maps=maps, recipe=recipe, seed=seed, on_epoch=on_epoch)


def fitted(
    sets: Mapping[str, LabelledSet],
    trunk: Trunk,
    examples: Examples,
    *,
    maps: int,
    recipe: Recipe,
    seed: int,
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Fit the paper's network to the examples of a set's parts.

    The trunk is frozen if the examples are its features.
    """
    classes, frozen = sets["train"].classes, not examples["train"].of_trunk
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PaperNetwork(
            trunk.layers, features=trunk.features, maps=maps, classes=len(classes), frozen=frozen
        )
    epochs = fit(
        network, examples["train"], examples["validation"], recipe, seed=seed, on_epoch=on_epoch
    )
    about = _about(sets, examples, trunk, network, recipe, epochs, seed)
    return Trained(network, trunk, classes, epochs, about)


def _examples(
    trunk: Trunk,
    sets: dict[str, LabelledSet],
    frozen: bool,
    cache: Path,
    progress: Progress,
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
        | {
            name: importlib.metadata.version(name)
            for name in ("torch", "torchvision", "timm")
            if is_installed(name)
        },
        "environment": environment(),
    }


def split_hash(hashes: Mapping[str, str]) -> str:
    """Return one hash of the division into parts, from the fingerprints of the parts.

    >>> split_hash({"train": "a", "validation": "b", "test": "c"})[:15]
    'sha256:e141783f'
    """
    lines = "\n".join(f"{part} {hashes[part]}" for part in PARTS)
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def card(name: str, about: Mapping[str, Any]) -> str:
    """Return the model card as Markdown: the network, its training photos and its accuracy."""
    maps = about["maps"]
    parts = {part: about["parts"][part] for part in ("train", "validation", "test")}
    trunk = f"`{about['trunk']}`" + (f" up to `{about['cut']}`" if about["cut"] else "")
    photos = ", ".join(f"{counts['photos']} {part}" for part, counts in parts.items())
    lines = [
        f"# {name}",
        "",
        f"A classifier of {len(about['classes'])} classes with {maps} feature maps to choose from: "
        f"Conv3x3, ReLU, BatchNorm and one linear layer on {trunk} "
        f"({'frozen' if about['frozen'] else 'trained as well'}).",
        "Made to study which maps a prediction rests on, not to decide anything about anyone.",
        "",
        f"- accuracy on the test part: {about['accuracy']['test']:.4f} "
        f"({parts['test']['photos']} photos; those of the validation part: "
        f"{about['accuracy']['validation']:.4f})",
        f"- data: {about['data']}, {photos} photos",
        f"- split: seed {about['split_seed']}, hash {about['split_hash']}",
        *(f"- photos of {part}: hash {counts['hash']}" for part, counts in parts.items()),
        f"- classes: {', '.join(about['classes'])}",
        f"- preprocessing: {about['preprocess']}",
        f"- training: seed {about['seed']}, epoch {about['best_epoch']} of "
        f"{about['recipe']['epochs']} kept (the best on the validation part)",
        f"- recipe: {', '.join(f'{k} {v}' for k, v in sorted(about['recipe'].items()))}",
        f"- versions: {', '.join(f'{k} {v}' for k, v in sorted(about['versions'].items()))}",
        f"- photos that could not be read: {len(about['skipped'])}",
        *(f"  - {reason}" for reason in about["skipped"]),
    ]
    if about["frozen"] and about["trunk"] == "efficientnet-lite0":
        lines += [
            "",
            "The trunk was trained on ImageNet, of whose training photos Imagenette's are.",
        ]
    return "\n".join(lines) + "\n"
