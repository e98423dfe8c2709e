"""Where sets lie on disk, and what is said when they do not."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from annealcam.errors import ArgumentError

Made = TypeVar("Made")


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder that holds the sets: `root`, else ANNEALCAM_DATA, else the user's cache.

    >>> str(data_root("sets"))
    'sets'
    """
    chosen = root or os.environ.get("ANNEALCAM_DATA") or Path("~/.cache/annealcam/data")
    return Path(chosen).expanduser()


def in_root(
    name: str,
    root: Path,
    folders: Sequence[str],
    make: Callable[[bool], Made],
    *,
    download: bool,
) -> Made:
    """Return what `make(download)` reads of a set that lies in one of the folders below `root`.

    Raises:
        ArgumentError: none of the folders is there and `download` is not asked for, the download
            fails, or what is there is not whole.
    """
    there = [root / folder for folder in folders if (root / folder).is_dir()]
    if not there and not download:
        places = " or ".join(str(root / folder) for folder in folders)
        raise ArgumentError(
            f"data={name!r}: not found (looked for {places}); name the folder above it by root or "
            "ANNEALCAM_DATA, or fetch the set with download=True (--download)"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        return make(download)
    except ArgumentError:
        raise
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        what = f"cannot be downloaded into {root}" if download else f"{there[0]} cannot be used"
        mend = "try again, or unpack it there by hand" if download else "remove it and --download"
        reason = " ".join(str(error).split())
        raise ArgumentError(f"data={name!r}: {what} ({reason}); {mend}") from error
