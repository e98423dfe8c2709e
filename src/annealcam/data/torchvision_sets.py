"""Sets that torchvision downloads, checks and reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from annealcam._internal.extras import require_extra
from annealcam._internal.validation import one_of
from annealcam.data.folders import load_folder
from annealcam.data.labelled import LabelledSet, joined, set_of_files, set_of_pixels
from annealcam.data.splits import DIVIDED, HELD_OUT, PARTS, divide
from annealcam.errors import AnnealcamError, ArgumentError

IMAGENETTE = ("imagenette", "imagenette2", "imagenette2-320", "imagenette2-160")  # folders
Made = TypeVar("Made")


class _Source(NamedTuple):
    """The folder of a set below the root, a function that reads one of its parts, and its parts."""

    folder: str
    read: Callable[[Path, str, bool], LabelledSet]
    train: str | None  # torchvision's name of the part that is not `test`; None: a single part


def load_torchvision(name: str, root: Path, *, part: str, download: bool, seed: int) -> LabelledSet:
    """Return a part of `stl10`, `cifar10`, `caltech101` or `oxford-pet`.

    A tenth of each class of the set's train part is `validation`; caltech101 has no parts and is
    divided 60 : 20 : 20. Its class Faces_easy is left out, because its photos are those of Faces
    cut closer, and the same photo would be in two parts.

    Raises:
        ArgumentError: the part is unknown, or the set is missing or incomplete and cannot be
            downloaded.
        MissingExtraError: torchvision is not installed (extra `torchvision`).
    """
    one_of("part", part, PARTS)
    source = SETS[name]

    def read(split: str) -> LabelledSet:
        make = partial(source.read, root, split)
        return _read_or_download(name, root, (source.folder,), make, download=download)

    if source.train is None:
        whole = read("all")
        return whole if part == "all" else divide(whole, part, held=DIVIDED, seed=seed)
    if part == "test":
        return read("test")
    train = read(source.train)
    if part == "all":
        return joined([train, read("test")], part=part)
    return divide(train, part, held=HELD_OUT, seed=seed)


def load_imagenette(root: Path, *, part: str, download: bool, seed: int) -> LabelledSet:
    """Return a part of Imagenette: `val` is the part `test`, a tenth of `train` is `validation`.

    An `unseen` folder beside them is another part: photos that no network trained on ImageNet has
    seen. The version of 320 pixels is downloaded.

    Raises:
        ArgumentError: the part is unknown, or the set is missing or incomplete and cannot be
            downloaded.
    """
    top = _read_or_download(
        "imagenette", root, IMAGENETTE, partial(_imagenette, root), download=download
    )
    return load_folder(top, name="imagenette", part=part, seed=seed)


def _read_or_download(
    name: str,
    root: Path,
    folders: Sequence[str],
    make: Callable[[bool], Made],
    *,
    download: bool,
) -> Made:
    """Return the result of `make(download)` for a set in one of the folders below `root`.

    Raises:
        ArgumentError: there is no folder and `download` is False, the download fails, or the
            folder is incomplete.
    """
    existing = [root / folder for folder in folders if (root / folder).is_dir()]
    if not existing and not download:
        places = " or ".join(str(root / folder) for folder in folders)
        raise ArgumentError(
            f"data={name!r}: not found (no {places}); give the folder above it as root or "
            "ANNEALCAM_DATA, or download the set with download=True (--download)"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        return make(download)
    except AnnealcamError:
        raise
    except Exception as error:  # of any type, as torchvision reads whatever the files hold
        problem = f"cannot be downloaded into {root}" if download else f"{existing[0]} is damaged"
        remedy = "try again, or unpack it there" if download else "remove it and use --download"
        reason = " ".join(str(error).split())
        raise ArgumentError(f"data={name!r}: {problem} ({reason}); {remedy}") from error


def _imagenette(root: Path, _download: bool) -> Path:
    """Return the existing folder, or the one that torchvision downloads."""
    for folder in IMAGENETTE:
        if (root / folder).is_dir():
            return root / folder
    _datasets("imagenette").Imagenette(str(root), size="320px", download=True)
    return root / "imagenette2-320"


def _datasets(name: str) -> Any:
    require_extra("torchvision", extra="torchvision", needed_by=f"data={name!r}")
    from torchvision import datasets

    return datasets


def _stl10(root: Path, split: str, download: bool) -> LabelledSet:
    base: Any = _datasets("stl10").STL10

    class Labelled(base):  # type: ignore[misc]
        """STL10 without its 2.8 GB of unlabelled photos, which are not used here."""

        train_list = base.train_list[:2]

    source = Labelled(str(root), split=split, download=download)
    if not hasattr(source, "classes"):
        raise ArgumentError(
            f"data='stl10': {root / source.base_folder / source.class_names_file} is missing; "
            "unpack the set again"
        )
    return _numbered("stl10", split, source, source.labels, source.data.transpose(0, 2, 3, 1))


def _cifar10(root: Path, split: str, download: bool) -> LabelledSet:
    # CIFAR's files are pickles; torchvision unpickles only files with the right checksum.
    source = _datasets("cifar10").CIFAR10(str(root), train=split == "train", download=download)
    return _numbered("cifar10", split, source, source.targets, source.data)


def _numbered(name: str, split: str, source: Any, labels: Any, pixels: Any) -> LabelledSet:
    """Return a set whose photos torchvision holds in one array, named by their numbers."""
    names = [f"{split}-{i:05d}" for i in range(len(pixels))]
    return set_of_pixels(name, split, source.classes, names, np.asarray(labels), pixels)


def _caltech101(root: Path, split: str, download: bool) -> LabelledSet:
    # Its class BACKGROUND_Google is left out there.
    source = _datasets("caltech101").Caltech101(str(root), download=download)
    top = Path(source.root) / "101_ObjectCategories"
    classes = tuple(c for c in source.categories if c != "Faces_easy")
    photos = [
        (f"{category}/image_{number:04d}.jpg", classes.index(category))
        for category, number in zip(
            [source.categories[y] for y in source.y], source.index, strict=True
        )
        if category in classes
    ]
    files = [(image, label, top / image) for image, label in photos]
    return set_of_files("caltech101", split, classes, files)


def _oxford_pet(root: Path, split: str, download: bool) -> LabelledSet:
    source = _datasets("oxford-pet").OxfordIIITPet(str(root), split=split, download=download)
    labelled = zip(source._images, source._labels, strict=True)
    files = [(file.name, label, file) for file, label in labelled]
    return set_of_files(
        "oxford-pet", "train" if split == "trainval" else split, source.classes, files
    )


SETS = MappingProxyType(
    {
        "stl10": _Source("stl10_binary", _stl10, "train"),
        "cifar10": _Source("cifar-10-batches-py", _cifar10, "train"),
        "caltech101": _Source("caltech101", _caltech101, None),
        "oxford-pet": _Source("oxford-iiit-pet", _oxford_pet, "trainval"),
    }
)
