"""Sets that lie in folders: a folder a class, with or without folders for the parts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from annealcam._internal.validation import one_of
from annealcam.data.imagenet import class_names
from annealcam.data.labelled import LabelledSet, set_of_files
from annealcam.data.splits import HELD_OUT, PARTS, divide
from annealcam.errors import ArgumentError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm")
_VALIDATION = ("val", "validation")


def load_folder(
    folder: str | os.PathLike[str], *, name: str = "folder", part: str = "test", seed: int = 0
) -> LabelledSet:
    """Return a part of the photos in class folders (`FOLDER/cat/1.jpg`).

    If FOLDER holds `train` and one or more of `val` (or `validation`) and `test`, these are the
    parts, and an `unseen` folder is one more. A single folder beside `train` is the part `test`,
    whatever its name; then a tenth of each class of `train` is `validation`. Without such folders,
    each class is divided, 60 % train, 20 % validation, 20 % test. Photos are called by their
    path from the folder that holds the class folders (in the part `all`: from FOLDER).

    Raises:
        ArgumentError: no such folder, no class folders, a class without photos, photos below a
            class's own folder, an unknown part, or too few photos to divide.
    """
    top = Path(folder).expanduser()
    classes, files = _entries(top, name)
    parts = _parts(classes, name)
    if not parts:
        one_of("part", part, PARTS)
        _refuse_half(top, classes, name)
        _refuse_none(top, classes, files, name)
        whole = _read([top], top, classes, name=name, part="all")
        return whole if part == "all" else divide(whole, part, seed=seed)
    return _read_part(top, parts, name=name, part=part, seed=seed)


def _parts(folders: Sequence[str], name: str) -> dict[str, str]:
    """Which folder is which part; nothing where the folders are classes."""
    validation = [folder for folder in _VALIDATION if folder in folders]
    if len(validation) == 2:
        raise ArgumentError(f"data={name!r}: holds both val and validation; leave one of them")
    held = validation + [folder for folder in ("test",) if folder in folders]
    if "train" not in folders or not held:
        return {}
    parts = {"train": "train"}
    if len(held) == 2:
        parts["validation"] = held[0]
    parts["test"] = held[-1]
    if "unseen" in folders:
        parts["unseen"] = "unseen"
    return parts


def _read_part(top: Path, parts: dict[str, str], *, name: str, part: str, seed: int) -> LabelledSet:
    known = dict.fromkeys(["train", "validation", "test", *parts, "all"])
    one_of("part", part, known)
    # All parts count the same classes, so that a label means the same in each.
    classes = sorted({c for folder in parts.values() for c in _entries(top / folder, name)[0]})
    _refuse_none(top / "train", classes, _entries(top / "train", name)[1], name)
    if part == "all":
        return _read(
            [top / folder for folder in parts.values()], top, classes, name=name, part=part
        )
    folder = top / parts.get(part, "train")
    found = _read([folder], folder, classes, name=name, part=part)
    divided = "validation" not in parts and part in ("train", "validation")
    return divide(found, part, held=HELD_OUT, seed=seed) if divided else found


def _read(
    folders: Sequence[Path], base: Path, classes: Sequence[str], *, name: str, part: str
) -> LabelledSet:
    """Return the photos of classes in all of these folders, called by their path from `base`."""
    photos = [
        (file.relative_to(base).as_posix(), label, file)
        for label, folder in enumerate(classes)
        for file in _photos(folders, folder, name)
    ]
    return set_of_files(name, part, class_names(classes), photos)


def _photos(folders: Sequence[Path], class_folder: str, name: str) -> list[Path]:
    """The photos of one class: every file with a photo's suffix, readable or not."""
    found: list[Path] = []
    for folder in folders:
        inside = folder / class_folder
        below, files = _entries(inside, name) if os.path.isdir(inside) else ([], [])
        if below:
            raise ArgumentError(
                f"data={name!r}: {inside} holds a folder, {below[0]}; "
                "put the photos straight into the folder of their class"
            )
        found += [inside / file for file in files if file.lower().endswith(SUFFIXES)]
    if not found:
        where = " or ".join(str(folder / class_folder) for folder in folders)
        raise ArgumentError(
            f"data={name!r}: class {class_folder!r} has no photo in {where}; "
            f"add some ({' '.join(SUFFIXES)}), or remove the class"
        )
    return found


def _refuse_half(top: Path, folders: Sequence[str], name: str) -> None:
    """Folders for parts alone, but no set of them, are not classes either."""
    if folders and {"train", "test", "unseen", *_VALIDATION} >= set(folders):
        raise ArgumentError(
            f"data={name!r}: {top} holds {', '.join(folders)}, not train and one of val and test "
            f"or both; add what is missing, or give folder:{top / folders[0]}"
        )


def _refuse_none(top: Path, classes: Sequence[str], files: Sequence[str], name: str) -> None:
    if not classes:
        what = "photos but no folders" if files else "nothing"
        raise ArgumentError(
            f"data={name!r}: {top} holds {what}; "
            "put the photos of each class into a folder of its own"
        )


def _entries(folder: Path, name: str) -> tuple[list[str], list[str]]:
    """The names of the folders and of the files in a folder, sorted, without hidden ones."""
    try:
        with os.scandir(folder) as scanned:
            seen = sorted((e.name, e.is_dir()) for e in scanned if not e.name.startswith("."))
    except OSError as error:
        raise ArgumentError(
            f"data={name!r}: {folder} cannot be read ({error.strerror or error}); "
            "give a folder that holds a folder of photos for each class"
        ) from error
    return [n for n, is_dir in seen if is_dir], [n for n, is_dir in seen if not is_dir]
