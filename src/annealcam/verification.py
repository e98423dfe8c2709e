"""Whether results on disk are what was written: checksums, and the contents of explanations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annealcam._internal.storage.checksums import CHECKSUMS, damaged
from annealcam._internal.storage.reading import reading
from annealcam.errors import ArgumentError, OutputError
from annealcam.explanation import MARKER, Explanation

# What a folder with a file of this name is; the first that fits counts.
KINDS = {
    MARKER: "explanation",
    "audit.json": "audit",
    "atlas.json": "atlas",
    "evaluation.json": "evaluation",
    "manifest.json": "study",
    "report.json": "report",
    "result.json": "annealing",
    "path.csv": "path",
}


@dataclass(frozen=True)
class Verified:
    """What is known about one result folder.

    Attributes:
        folder: the folder.
        kind: what it holds, such as `explanation`; `files` for any other folder with checksums.
        status: `intact`; `damaged`; or `unverified` where there are no checksums, as in results of
            earlier versions and in work that is not finished.
        faults: a line for each file that is changed, missing or unknown.
    """

    folder: Path
    kind: str
    status: str
    faults: tuple[str, ...] = ()


def verify(path: str | os.PathLike[str]) -> list[Verified]:
    """Compare all results within a folder with their checksums, and read the explanations.

    Every result folder holds the SHA-256 of each of its files in `SHA256SUMS`, which
    `sha256sum --check` reads as well. Of an explanation, shapes and numbers are also checked and
    the energy is computed again. The checksums find damage; they do not show who wrote a result,
    since whoever can change a file can change its checksum.

    Args:
        path: a result folder, or a folder with results at any depth.

    Returns:
        One entry for each result, in the order of their paths.

    Raises:
        ArgumentError: the path is no folder, or there is no result within it.

    >>> import tempfile
    >>> from annealcam._internal.storage.files import written_aside
    >>> folder = Path(tempfile.mkdtemp()) / "result"
    >>> with written_aside(folder, names=["a.txt"], marker="a.txt") as aside:
    ...     _ = (aside / "a.txt").write_text("finished")
    >>> verify(folder)[0].status
    'intact'
    >>> _ = (folder / "a.txt").write_text("finishes")
    >>> verify(folder)[0].faults
    ('a.txt: is changed or damaged',)
    """
    root = Path(path)
    if not root.is_dir():
        raise ArgumentError(f"path={os.fspath(path)!r}: is no folder; give the folder of a result")
    found = [_verified(folder, kind) for folder, kind in _results(root)]
    if not found:
        raise ArgumentError(f"path={os.fspath(path)!r}: holds no result of annealcam")
    return found


def _results(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield each result folder and its kind; links to folders are not followed."""
    for name, folders, files in os.walk(root):
        folders.sort()
        kind = next((KINDS[file] for file in KINDS if file in files), None)
        if kind is not None or CHECKSUMS in files:
            yield Path(name), kind or "files"


def _verified(folder: Path, kind: str) -> Verified:
    """Return what is known about one result folder."""
    try:
        with reading(folder):
            faults = tuple(damaged(folder))
            if not faults and kind == "explanation":
                Explanation.load(folder)
    except OutputError as error:
        faults = (str(error),)
    if faults:
        return Verified(folder, kind, "damaged", faults)
    has_sums = (folder / CHECKSUMS).exists()
    return Verified(folder, kind, "intact" if has_sums else "unverified")
