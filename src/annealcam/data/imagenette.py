"""Imagenette: ten classes of ImageNet, in its own folders or as torchvision unpacks it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from annealcam.data.folders import load_folder
from annealcam.data.labelled import LabelledSet
from annealcam.data.roots import in_root

FOLDERS = ("imagenette", "imagenette2", "imagenette2-320", "imagenette2-160")


def load_imagenette(root: Path, *, part: str, download: bool, seed: int) -> LabelledSet:
    """Return a part of Imagenette: `val` is the part `test`, a tenth of `train` is `validation`.

    An `unseen` folder beside them, if there is one, is a part too: photos that no network trained
    on ImageNet has seen. Downloaded are the photos of 320 pixels.

    Raises:
        ArgumentError: the set is not there, not whole, cannot be had, or has no such part.
    """

    top = in_root("imagenette", root, FOLDERS, partial(_folder, root), download=download)
    return load_folder(top, name="imagenette", part=part, seed=seed)


def _folder(root: Path, _fetch: bool) -> Path:
    """The folder that is there, else the one that torchvision makes."""
    for folder in FOLDERS:
        if (root / folder).is_dir():
            return root / folder
    from torchvision.datasets import Imagenette

    Imagenette(str(root), size="320px", download=True)
    return root / "imagenette2-320"
