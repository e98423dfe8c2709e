"""Sets that torchvision knows how to fetch, to check and to read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from annealcam._internal.validation import one_of
from annealcam.data.labelled import LabelledSet, joined, set_of_files, set_of_pixels
from annealcam.data.roots import in_root
from annealcam.data.splits import DIVIDED, HELD_OUT, PARTS, divide
from annealcam.errors import ArgumentError


class _Known(NamedTuple):
    """Where a set lies below the root, how a part of its own is read, and which it has."""

    folder: str
    read: Callable[[Path, str, bool], LabelledSet]
    train: str | None  # what torchvision calls the part that is not `test`; None: there is one part


def load_torchvision(name: str, root: Path, *, part: str, download: bool, seed: int) -> LabelledSet:
    """Return a part of `stl10`, `cifar10`, `caltech101` or `oxford-pet`.

    A tenth of each class of the set's own train part is `validation`; caltech101 has no parts of
    its own and is divided 60 : 20 : 20. It comes without its class Faces_easy, whose photos are
    those of Faces cut closer: the same photo would be in two parts.

    Raises:
        ArgumentError: an unknown part, or the set is not there, not whole or cannot be had.
    """
    one_of("part", part, PARTS)
    known = SETS[name]

    def read(own: str) -> LabelledSet:
        make = partial(known.read, root, own)
        return in_root(name, root, (known.folder,), make, download=download)

    if known.train is None:
        whole = read("all")
        return whole if part == "all" else divide(whole, part, held=DIVIDED, seed=seed)
    if part == "test":
        return read("test")
    train = read(known.train)
    if part == "all":
        return joined([train, read("test")], part=part)
    return divide(train, part, held=HELD_OUT, seed=seed)


def _stl10(root: Path, own: str, download: bool) -> LabelledSet:
    from torchvision.datasets import STL10

    class Labelled(STL10):  # type: ignore[misc]
        """Without the photos that have no labels: 2.8 GB that nobody here would read or check."""

        train_list = STL10.train_list[:2]

    found = Labelled(str(root), split=own, download=download)
    if not hasattr(found, "classes"):
        raise ArgumentError(
            f"data='stl10': {root / found.base_folder / found.class_names_file} is missing; "
            "unpack the set again"
        )
    return _numbered("stl10", own, found, found.labels, found.data.transpose(0, 2, 3, 1))


def _cifar10(root: Path, own: str, download: bool) -> LabelledSet:
    from torchvision.datasets import CIFAR10

    # CIFAR's files are pickles; torchvision unpickles those alone whose checksum it knows.
    found = CIFAR10(str(root), train=own == "train", download=download)
    return _numbered("cifar10", own, found, found.targets, found.data)


def _numbered(name: str, own: str, found: Any, labels: Any, pixels: Any) -> LabelledSet:
    """A set whose photos torchvision holds in one array: they are called by their numbers."""
    names = [f"{own}-{i:05d}" for i in range(len(pixels))]
    return set_of_pixels(name, own, found.classes, names, np.asarray(labels), pixels)


def _caltech101(root: Path, own: str, download: bool) -> LabelledSet:
    from torchvision.datasets import Caltech101

    found = Caltech101(str(root), download=download)  # it leaves BACKGROUND_Google out
    top = Path(found.root) / "101_ObjectCategories"
    classes = tuple(c for c in found.categories if c != "Faces_easy")
    photos = [
        (f"{category}/image_{number:04d}.jpg", classes.index(category))
        for category, number in zip(
            [found.categories[y] for y in found.y], found.index, strict=True
        )
        if category in classes
    ]
    files = [(image, label, top / image) for image, label in photos]
    return set_of_files("caltech101", own, classes, files)


def _oxford_pet(root: Path, own: str, download: bool) -> LabelledSet:
    from torchvision.datasets import OxfordIIITPet

    found = OxfordIIITPet(str(root), split=own, download=download)
    labelled = zip(found._images, found._labels, strict=True)
    files = [(file.name, label, file) for file, label in labelled]
    return set_of_files("oxford-pet", "train" if own == "trainval" else own, found.classes, files)


SETS = MappingProxyType(
    {
        "stl10": _Known("stl10_binary", _stl10, "train"),
        "cifar10": _Known("cifar-10-batches-py", _cifar10, "train"),
        "caltech101": _Known("caltech101", _caltech101, None),
        "oxford-pet": _Known("oxford-iiit-pet", _oxford_pet, "trainval"),
    }
)
