"""Sets of photos in folders: one folder per class, with or without folders for the parts."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from annealcam._internal.text import storable
from annealcam._internal.validation import one_of
from annealcam.data.labelled import LabelledSet, set_of_files
from annealcam.data.splits import HELD_OUT, PARTS, divide
from annealcam.errors import ArgumentError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm")
_VALIDATION = ("val", "validation")
_WORDNET_NUMBER = re.compile(r"n\d{8}")


def load_folder(
    folder: str | os.PathLike[str], *, name: str = "folder", part: str = "test", seed: int = 0
) -> LabelledSet:
    """Return a part of the photos in class folders (`FOLDER/cat/1.jpg`).

    If FOLDER holds `train` and one or more of `val` (or `validation`) and `test`, these are the
    parts, and an `unseen` folder is another part. If there is only one folder beside `train`, it is
    the part `test`, whatever its name, and a tenth of each class of `train` is `validation`.
    Without such folders each class is divided: 60 % train, 20 % validation, 20 % test. The name of
    a photo is its path relative to the folder of the class folders (in the part `all`: to FOLDER).

    Raises:
        ArgumentError: the folder or class folders are missing, a class has no photos or a
            subfolder, the part is unknown, or there are too few photos to divide.
    """
    top = Path(folder).expanduser()
    classes, files = _entries(top, name)
    parts = _parts(classes, name)
    if not parts:
        one_of("part", part, PARTS)
        _refuse_incomplete_parts(top, classes, name)
        _require_classes(top, classes, files, name)
        whole = _read([top], top, classes, name=name, part="all")
        return whole if part == "all" else divide(whole, part, seed=seed)
    return _read_part(top, parts, name=name, part=part, seed=seed)


def _parts(folders: Sequence[str], name: str) -> dict[str, str]:
    """Return the folder of each part; empty if the folders are classes."""
    validation = [folder for folder in _VALIDATION if folder in folders]
    if len(validation) == 2:
        raise ArgumentError(f"data={name!r}: holds both val and validation; remove one of them")
    held_out = validation + [folder for folder in ("test",) if folder in folders]
    if "train" not in folders or not held_out:
        return {}
    parts = {"train": "train"}
    if len(held_out) == 2:
        parts["validation"] = held_out[0]
    parts["test"] = held_out[-1]
    if "unseen" in folders:
        parts["unseen"] = "unseen"
    return parts


def _read_part(top: Path, parts: dict[str, str], *, name: str, part: str, seed: int) -> LabelledSet:
    names = dict.fromkeys(["train", "validation", "test", *parts, "all"])
    one_of("part", part, names)
    # All parts have the same classes, so that a label means the same in each.
    classes = sorted({c for folder in parts.values() for c in _entries(top / folder, name)[0]})
    _require_classes(top / "train", classes, _entries(top / "train", name)[1], name)
    if part == "all":
        return _read(
            [top / folder for folder in parts.values()], top, classes, name=name, part=part
        )
    folder = top / parts.get(part, "train")
    photos = _read([folder], folder, classes, name=name, part=part)
    divided = "validation" not in parts and part in ("train", "validation")
    return divide(photos, part, held=HELD_OUT, seed=seed) if divided else photos


def _read(
    folders: Sequence[Path], base: Path, classes: Sequence[str], *, name: str, part: str
) -> LabelledSet:
    """Return the photos of the classes in these folders, named by their path from `base`."""
    photos = [
        (storable(file.relative_to(base).as_posix()), label, file)
        for label, folder in enumerate(classes)
        for file in _photos(folders, folder, name)
    ]
    return set_of_files(name, part, class_names(classes), photos)


def _photos(folders: Sequence[Path], class_folder: str, name: str) -> list[Path]:
    """Return the photos of a class: all files with a photo's suffix, readable or not."""
    photos: list[Path] = []
    for folder in folders:
        inside = folder / class_folder
        subfolders, files = _entries(inside, name) if os.path.isdir(inside) else ([], [])
        if subfolders:
            raise ArgumentError(
                f"data={name!r}: {inside} holds a folder, {subfolders[0]}; "
                "move the photos into the folder of their class itself"
            )
        photos += [inside / file for file in files if file.lower().endswith(SUFFIXES)]
    if not photos:
        where = " or ".join(str(folder / class_folder) for folder in folders)
        raise ArgumentError(
            f"data={name!r}: class {class_folder!r} has no photo in {where}; "
            f"add some ({' '.join(SUFFIXES)}), or remove the class"
        )
    return photos


def _refuse_incomplete_parts(top: Path, folders: Sequence[str], name: str) -> None:
    """Raise an error if the folders are named as parts but are not a set of parts."""
    if folders and {"train", "test", "unseen", *_VALIDATION} >= set(folders):
        raise ArgumentError(
            f"data={name!r}: {top} holds {', '.join(folders)}, but not train with val or test or "
            f"both; add the missing folder, or give folder:{top / folders[0]}"
        )


def _require_classes(top: Path, classes: Sequence[str], files: Sequence[str], name: str) -> None:
    if not classes:
        what = "photos but no folders" if files else "nothing"
        raise ArgumentError(
            f"data={name!r}: {top} holds {what}; "
            "put the photos of each class into a folder of their own"
        )


def _entries(folder: Path, name: str) -> tuple[list[str], list[str]]:
    """Return the names of the folders and of the files in a folder, sorted, without hidden ones."""
    try:
        with os.scandir(folder) as scanned:
            # A link in a circle is no folder for os.path.isdir, and an error for is_dir.
            entries = sorted(
                (e.name, os.path.isdir(e.path)) for e in scanned if not e.name.startswith(".")
            )
    except OSError as error:
        raise ArgumentError(
            f"data={name!r}: {folder} cannot be read ({error.strerror or error}); "
            "give a folder that holds a folder of photos for each class"
        ) from error
    return [n for n, is_dir in entries if is_dir], [n for n, is_dir in entries if not is_dir]


def class_names(folders: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes from the names of their folders.

    If all are WordNet numbers of ImageNet's 1000 classes, such as `n01440764`, the names are those
    of the pretrained networks (torchvision's categories); otherwise those of the folders.

    >>> class_names(["n01440764", "n02102040"])
    ('tench', 'English springer')
    >>> class_names(["cat", "n02102040"])
    ('cat', 'n02102040')
    """
    if not all(_WORDNET_NUMBER.fullmatch(folder) for folder in folders):
        return tuple(map(storable, folders))
    from annealcam.models.cards.imagenet import names_by_wordnet_number

    names = names_by_wordnet_number()
    if not names.keys() >= set(folders):
        return tuple(folders)
    return tuple(names[folder] for folder in folders)
