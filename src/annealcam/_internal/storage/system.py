"""What writers need of the operating system: durable names, exchange in one step, and locks."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

fcntl = import_module("fcntl") if find_spec("fcntl") else None  # not on Windows
_HERE = -100  # AT_FDCWD: paths are relative to the working folder
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, and RENAME_SWAP of macOS
_NOT_THERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)  # of file systems without an exchange


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until all files and folders within a folder, and the folder itself, are on the disk."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            sync_tree(path)
        else:
            sync(path)
    sync(folder)


def exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; return False where the system has no such step."""
    call = _exchange_call()
    if call is None:
        return False
    if call(os.fsencode(first), os.fsencode(second)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_THERE:
        return False
    raise OSError(number, os.strerror(number), os.fspath(first))


@lru_cache(maxsize=1)
def _exchange_call() -> Callable[[bytes, bytes], int] | None:
    """Return the system's call, which takes two paths and returns 0 for success, or None."""
    if os.name != "posix":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    name = "renamex_np" if sys.platform == "darwin" else "renameat2"
    call = getattr(library, name, None)
    if call is None:
        return None
    if sys.platform == "darwin":
        return lambda first, second: int(call(first, second, _EXCHANGE))
    return lambda first, second: int(call(_HERE, first, _HERE, second, _EXCHANGE))


class Lock:
    """A lock on a file or folder, which the system removes when the process ends, however it ends.

    Attributes:
        held: True if this process holds the lock, False if another one does, and None where the
            system or the file system has no such locks.
    """

    def __init__(self, path: Path) -> None:
        self.held: bool | None = None
        self._descriptor = -1
        if fcntl is None:
            return
        self._descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.held = True
        except BlockingIOError:
            self.held = False
        except OSError:  # some network file systems
            self.held = None

    def is_on(self, path: Path) -> bool:
        """Return whether the path still names what was locked."""
        with suppress(FileNotFoundError):
            return fcntl is None or os.path.samestat(os.fstat(self._descriptor), path.stat())
        return False

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
