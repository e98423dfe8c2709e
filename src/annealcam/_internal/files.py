"""Files and folders that are written completely or not at all: written aside, then renamed."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from annealcam.errors import OutputError

UNFINISHED = ".*.new-*"  # names of files and folders until they are complete
_SETTLED = 10.0  # seconds after which a result that was moved aside belongs to a dead process
_ABANDONED = 3600.0  # seconds after which an unfinished folder belongs to a dead process


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Create a folder and its parents, if they do not exist.

    Raises:
        OutputError: it cannot be created.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{os.fspath(folder)}: cannot be written ({error.strerror})") from error


@contextmanager
def written_aside(
    folder: str | os.PathLike[str], *, names: Collection[str], marker: str
) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` when the block ends without an error.

    An older `folder` is replaced only if it is empty, or if it is a result: it holds a file named
    `marker`, and all its names are among `names`. If the block is interrupted, the older folder is
    kept; if the machine fails between the two renames, the next call restores it.

    Raises:
        OutputError: the folder cannot be written, or holds other files.
    """
    target = Path(folder).resolve()
    try:
        _tidy(target)
        _refuse_foreign(target, names, marker)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.new-{secrets.token_hex(8)}")
        aside.mkdir()
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    try:
        yield aside
        _swap(aside, target)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def file_written_aside(file: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path beside `file` that takes its place when the block ends without an error.

    Raises:
        OutputError: the file cannot be written.
    """
    target = Path(file)
    aside = target.with_name(f".{target.name}.new-{secrets.token_hex(8)}")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())  # else a power cut could keep the name and lose the bytes
        aside.replace(target)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # the error above says what is wrong
            aside.unlink(missing_ok=True)


def _tidy(target: Path) -> None:
    """Restore an older result that a killed process moved aside, and remove unfinished ones."""
    older = _older(target)
    if older.exists() and not target.exists() and _age(older) > _SETTLED:
        older.rename(target)
    for unfinished in target.parent.glob(f".{glob.escape(target.name)}.new-*"):
        if _age(unfinished) > _ABANDONED:
            shutil.rmtree(unfinished, ignore_errors=True)


def _age(folder: Path) -> float:
    """Return the seconds since the last change of the folder, including its name."""
    return time.time() - folder.stat().st_ctime


def _refuse_foreign(target: Path, names: Collection[str], marker: str) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"{target}: is a file; choose a folder for the result")
    inside = {path.name for path in target.iterdir()}
    foreign = sorted(inside - set(names)) or sorted(inside if marker not in inside else ())
    if foreign:
        raise OutputError(
            f"{target}: holds {foreign[0]}, which is no part of a result; choose another folder"
        )


def _swap(aside: Path, target: Path) -> None:
    """Replace `target` by `aside`; the older folder is deleted last."""
    older = _older(target)
    shutil.rmtree(older, ignore_errors=True)
    if target.exists():
        target.rename(older)
    try:
        aside.rename(target)
    except BaseException:
        if older.exists():
            older.rename(target)
        raise
    shutil.rmtree(older, ignore_errors=True)


def _older(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")
