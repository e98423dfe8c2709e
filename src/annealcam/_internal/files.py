"""Results reach their place as a whole: written aside, then renamed."""

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

UNFINISHED = ".*.new-*"  # how files and folders are called until they are whole
_SETTLED = 10.0  # seconds after which a result set aside was left by a process that died
_ABANDONED = 3600.0  # seconds after which an unfinished folder is nobody's any more


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Make a folder, and those above it, if it is not there.

    Raises:
        OutputError: it cannot be made.
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

    An older `folder` is replaced only if it is empty, or is a result: holds a file named `marker`
    and nothing whose name is not among `names`. Whatever interrupts the block, the older one stays;
    if the machine dies in the moment between two renames, the next call puts it back.

    Raises:
        OutputError: the folder cannot be written, or holds something that is not ours.
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
            os.fsync(written.fileno())  # a name must not outlive a power cut that its bytes do not
        aside.replace(target)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # what stood in the way is told already
            aside.unlink(missing_ok=True)


def _tidy(target: Path) -> None:
    """Mend what a process that was killed left: an older result set aside, unfinished new ones."""
    older = _older(target)
    if older.exists() and not target.exists() and _age(older) > _SETTLED:
        older.rename(target)
    for unfinished in target.parent.glob(f".{glob.escape(target.name)}.new-*"):
        if _age(unfinished) > _ABANDONED:
            shutil.rmtree(unfinished, ignore_errors=True)


def _age(folder: Path) -> float:
    """Seconds since the folder was last touched, a renaming included."""
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
    """Put `aside` in the place of `target`; the older one is deleted last."""
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
