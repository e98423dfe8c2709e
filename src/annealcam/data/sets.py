"""Labelled sets of photos by name."""

from __future__ import annotations

import os

from annealcam._internal.validation import whole
from annealcam.data.digits import load_digits
from annealcam.data.folders import load_folder
from annealcam.data.imagenette import load_imagenette
from annealcam.data.labelled import LabelledSet
from annealcam.data.roots import data_root
from annealcam.data.torchvision_sets import SETS, load_torchvision
from annealcam.errors import ArgumentError, suggest

__all__ = ["NAMES", "LabelledSet", "data_root", "load_set"]

FOLDER = "folder:"
NAMES = ("digits", "imagenette", *SETS)


def load_set(
    name: str,
    *,
    part: str = "test",
    root: str | os.PathLike[str] | None = None,
    download: bool = False,
    seed: int = 0,
) -> LabelledSet:
    """Return one part of a labelled set of photos.

    Args:
        name: `digits` (bundled with scikit-learn), `imagenette`, `stl10`, `cifar10`, `caltech101`,
            `oxford-pet`, or `folder:PATH` (a folder a class).
        part: `train`, `validation`, `test`, `all`, or `unseen` where the set has it. What a set
            does not divide itself is divided by `seed` and the photos' names.
        root: where sets lie; else the environment's ANNEALCAM_DATA, else ~/.cache/annealcam/data.
        download: whether a set that is not in `root` is fetched into it.

    Raises:
        ArgumentError: an unknown set or part, or the set is not there, not whole or too small.

    >>> digits = load_set("digits", part="train")
    >>> len(digits), digits.classes[3], digits.of_class(3).shape
    (1079, '3', (109,))
    """
    seed = whole("seed", seed)
    if not isinstance(name, str):
        raise ArgumentError(f"data={name!r}: must be a name; one of {_known()}")
    if name.startswith(FOLDER) and name != FOLDER:
        return load_folder(name.removeprefix(FOLDER), name=name, part=part, seed=seed)
    if name == "digits":
        return load_digits(part=part, seed=seed)
    if name == "imagenette":
        return load_imagenette(data_root(root), part=part, download=download, seed=seed)
    if name in SETS:
        return load_torchvision(name, data_root(root), part=part, download=download, seed=seed)
    raise ArgumentError(f"data={name!r}: unknown{suggest(name, NAMES)}; one of {_known()}")


def _known() -> str:
    return f"{', '.join(NAMES)}, {FOLDER}PATH"
