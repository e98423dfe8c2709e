"""Results reach their place as a whole: written aside, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annealcam.errors import OutputError


@contextmanager
def written_aside(folder: str | os.PathLike[str], *, marker: str) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` when the block ends without an error.

    An older `folder` is replaced only if it is empty or holds a file named `marker` (so that it
    is a result of ours); whatever interrupts the block, the older one stays as it was.

    Raises:
        OutputError: the folder cannot be written, or holds something that is not ours.
    """
    target = Path(folder)
    _refuse_foreign(target, marker)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.new-", dir=target.parent))
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
    try:
        yield aside
        _swap(aside, target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _refuse_foreign(target: Path, marker: str) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir():
        raise OutputError(f"{target}: is a file; choose a folder for the result")
    if any(target.iterdir()) and not (target / marker).is_file():
        raise OutputError(
            f"{target}: holds files that are not a result (no {marker}); choose another folder"
        )


def _swap(aside: Path, target: Path) -> None:
    """Put `aside` in the place of `target`; the older one is deleted last."""
    aside.chmod(0o777 & ~_umask())  # mkdtemp makes it private; a result is an ordinary folder
    older = target.with_name(f".{target.name}.old-{os.getpid()}")
    if target.exists():
        target.rename(older)
    try:
        aside.rename(target)
    except OSError:
        if older.exists():
            older.rename(target)
        raise
    shutil.rmtree(older, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
