"""Files and folders that are written completely or not at all: written aside, then exchanged.

Whatever is killed, and whenever, the older or the new result is there as a whole: content and names
are on the disk before they take the place of older ones. A writer holds a lock on what it writes,
so that the next one can tell what a dead process left, and remove it.
"""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from annealcam._internal.storage.checksums import CHECKSUMS, checksums_of
from annealcam._internal.storage.system import Lock, exchange, sync, sync_tree
from annealcam.errors import OutputError

UNFINISHED = ".*.new-*"  # names of files and folders until they are complete
_LONGEST = 220  # bytes of a name to which the parts of a hidden name can be added
_ABANDONED = 3600.0  # seconds after which, without locks, an unfinished one counts as left behind


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Create a folder and its parents, if they do not exist.

    Raises:
        OutputError: it cannot be created.
    """
    try:
        _make_folder(Path(folder).resolve())
    except OSError as error:
        raise OutputError(f"{os.fspath(folder)}: cannot be written ({error.strerror})") from error


@contextmanager
def written_aside(
    folder: str | os.PathLike[str],
    *,
    names: Collection[str],
    marker: str,
    checksums: bool = True,
) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` when the block ends without an error.

    The SHA-256 of each file is added as `SHA256SUMS`, unless the folder is a part of a larger
    result (`checksums=False`). An older `folder` is replaced only if it is
    empty, or if it is a result: it holds a file named `marker`, and all its names are among
    `names`. The two are exchanged in one step where the system can; elsewhere the older one is
    first renamed to `.NAME.old`, where `settled` finds it.

    Raises:
        OutputError: the folder cannot be written, or holds other files.
    """
    target = Path(folder).resolve()
    try:
        _refuse_foreign(target, {*names, CHECKSUMS}, marker)
        _make_folder(target.parent)
        _recover(target)
        aside, lock = _claimed(target, Path.mkdir)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    try:
        yield aside
        if checksums:
            (aside / CHECKSUMS).write_text(checksums_of(aside), encoding="utf-8")
        sync_tree(aside)
        _replace_folder(aside, target)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        lock.release()


@contextmanager
def file_written_aside(file: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path of an empty file that takes the place of `file` when the block ends well.

    Raises:
        OutputError: the file cannot be written.
    """
    target = Path(file).resolve()
    try:
        remove_unfinished(target.parent, glob.escape(_hidden(target, "new-")) + "*")
        aside, lock = _claimed(target, Path.touch)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror or error})") from error
    try:
        yield aside
        sync(aside)
        aside.replace(target)
        sync(target.parent)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # the error above names what is wrong
            aside.unlink(missing_ok=True)
        lock.release()


@contextmanager
def alone_at(target: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other processes of this machine from the same result while a block computes it.

    The sign of it is a hidden file beside the result, which the system unlocks when the process
    ends; so the next run removes it.

    Raises:
        OutputError: another process is at work on it, or the folder cannot be written.
    """
    path = Path(target).resolve()
    try:
        _make_folder(path.parent)
        remove_unfinished(path.parent, glob.escape(_hidden(path, "new-")) + "*")
        sign, lock = _claimed(path, Path.touch)
        others = path.parent.glob(glob.escape(_hidden(path, "new-")) + "*")
        is_alone = all(other == sign or not _is_held(other) for other in others)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
    try:
        if not is_alone:
            raise OutputError(
                f"{target}: another process is writing this result; wait for its end, or choose "
                "another name"
            )
        yield
    finally:
        with suppress(OSError):
            sign.unlink(missing_ok=True)
        lock.release()


def seal(folder: Path) -> None:
    """Write the SHA-256 of each file of a folder that grew part by part into its `SHA256SUMS`.

    Raises:
        OutputError: a file cannot be read, or the list cannot be written.
    """
    with file_written_aside(folder / CHECKSUMS) as aside:
        aside.write_text(checksums_of(folder), encoding="utf-8")


def unseal(folder: Path) -> None:
    """Remove the `SHA256SUMS` of a folder whose files are about to change.

    Raises:
        OutputError: it cannot be removed.
    """
    file = folder / CHECKSUMS
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{file}: cannot be removed ({error.strerror or error})") from error


def settled(folder: str | os.PathLike[str]) -> Path:
    """Return where a result folder is: a writer that was killed may have left it moved aside.

    >>> settled("no such folder").name
    'no such folder'
    """
    path = Path(folder)
    older = _older(path.resolve())
    return older if not path.exists() and older.exists() else path


def remove_unfinished(folder: Path, pattern: str = UNFINISHED) -> None:
    """Remove the files and folders that dead processes left unfinished in a folder."""
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):  # its writer has finished, or somebody else removed it
            lock = Lock(path)
            try:
                if lock.held or (lock.held is None and _age(path) > _ABANDONED):
                    _remove(path)
            finally:
                lock.release()


def _claimed(target: Path, make: Callable[[Path], None]) -> tuple[Path, Lock]:
    """Return a new name beside the target, and the lock that shows that its writer lives."""
    while True:
        aside = target.with_name(_hidden(target, "new-") + secrets.token_hex(8))
        make(aside)
        with suppress(FileNotFoundError):
            lock = Lock(aside)
            if lock.held is not False and lock.is_on(aside):
                return aside, lock
            lock.release()  # another process took it for one that was left behind


def _is_held(path: Path) -> bool:
    """Return whether a living process holds the lock on a file or folder."""
    with suppress(FileNotFoundError):
        lock = Lock(path)
        lock.release()
        return lock.held is False
    return False


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents; the names of new ones are on the disk afterwards."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def _recover(target: Path) -> None:
    """Move back an older result that a killed writer moved aside, and remove unfinished ones."""
    older = _older(target)
    if older.exists() and not target.exists():
        with suppress(FileNotFoundError):  # its writer has finished meanwhile
            lock = Lock(older)
            if lock.held is not False:
                older.rename(target)
            lock.release()
    remove_unfinished(target.parent, glob.escape(_hidden(target, "new-")) + "*")


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


def _replace_folder(aside: Path, target: Path) -> None:
    """Put a folder in the place of the target; an older target is at `aside` or removed then."""
    if not target.exists():
        aside.rename(target)
    elif not exchange(aside, target):
        older = _older(target)
        shutil.rmtree(older, ignore_errors=True)
        lock = Lock(target)  # while it is held, nobody moves the older one back
        target.rename(older)
        try:
            aside.rename(target)
        except BaseException:
            older.rename(target)
            raise
        finally:
            lock.release()
        shutil.rmtree(older, ignore_errors=True)
    sync(target.parent)


def _older(target: Path) -> Path:
    return target.with_name(_hidden(target, "old"))


def _hidden(target: Path, suffix: str) -> str:
    """Return a hidden name beside the target; a long one is cut, since a name has 255 bytes."""
    name = target.name
    if len(os.fsencode(name)) > _LONGEST:
        short = os.fsencode(name)[: _LONGEST // 2].decode("utf-8", "ignore")
        name = f"{short}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
    return f".{name}.{suffix}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Return the seconds since the last change of a file or folder, including its name."""
    return time.time() - path.stat().st_ctime
