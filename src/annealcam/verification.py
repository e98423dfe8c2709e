"""Whether results on disk are what was written: checksums, and what can be read of the contents."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annealcam._internal.storage.checksums import CHECKSUMS, damaged
from annealcam._internal.storage.reading import reading
from annealcam._internal.storage.resumable import read_json
from annealcam._internal.text import short_repr
from annealcam.errors import ArgumentError, MissingExtraError, OutputError
from annealcam.explanation import MARKER, Explanation
from annealcam.models.checkpoint_files import is_checkpoint, verify_checkpoint
from annealcam.render.notebook.cards import card

CHECKPOINT = "checkpoint"


def _read_atlas(folder: Path) -> None:
    from annealcam.atlas.atlas import check_photos, open_atlas

    opened = open_atlas(folder)
    if not opened.verified:
        check_photos(opened)


def _read_study(folder: Path) -> None:
    from annealcam.study.run import store

    finished = store.read_manifest(folder).get("finished")
    store.read_logs(folder)
    if not (folder / CHECKSUMS).exists():
        store.refuse_changed(folder)
    if finished:
        store.read_table(folder)
        store.read_checks(folder)


def _json_reader(name: str) -> Callable[[Path], Any]:
    return lambda folder: read_json(folder / name)


# What a folder with a file of this name is, and how it is read; the first that fits counts.
KINDS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    MARKER: ("explanation", Explanation.load),
    "audit.json": ("audit", _json_reader("audit.json")),
    "atlas.json": ("atlas", _read_atlas),
    "evaluation.json": ("evaluation", _json_reader("evaluation.json")),
    "manifest.json": ("study", _read_study),
    "report.json": ("report", _json_reader("report.json")),
    "result.json": ("annealing", _json_reader("result.json")),
    "hardware.json": ("hardware", _json_reader("hardware.json")),
    "path.csv": ("path", lambda _: None),
}
_OTHERS: tuple[str, Callable[[Path], Any]] = ("files", lambda _: None)


@dataclass(frozen=True, repr=False)
class Verified:
    """What is known about one result folder, or one checkpoint.

    Attributes:
        folder: the folder, or the file of the checkpoint.
        kind: what it holds, such as `explanation`; `files` for any other folder with checksums.
        status: `intact`; `damaged`; or `unverified` where there are no checksums, as in results of
            earlier versions and in work that is not finished.
        faults: a line for each file that is changed, missing or unknown.
    """

    folder: Path
    kind: str
    status: str
    faults: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return short_repr(
            "Verified", folder=str(self.folder), kind=self.kind, status=self.status,
            faults=len(self.faults),
        )  # fmt: skip


class VerifiedList(list[Verified]):
    """The entries of `verify`, which notebooks show as a table."""

    def _repr_html_(self) -> str:
        """Return a row for each result, and the faults."""
        counts = Counter(entry.status for entry in self)
        return str(card(
            f"{len(self)} result{'s' if len(self) != 1 else ''}: "
            + ", ".join(f"{count} {status}" for status, count in counts.items()),
            header=("result", "kind", "status"),
            rows=[(entry.folder, entry.kind, entry.status) for entry in self],
            notes=[f"{entry.folder}: {fault}" for entry in self for fault in entry.faults],
        ))  # fmt: skip


def verify(path: str | os.PathLike[str]) -> VerifiedList:
    """Compare all results within a folder with their checksums, and read them.

    Every result folder holds the SHA-256 of each of its files in `SHA256SUMS`, which
    `sha256sum --check` reads as well, and every checkpoint of `annealcam train` states its own. Of
    explanations, atlases and studies, shapes and numbers are also checked, and the energy of an
    explanation is computed again. The checksums find damage; they do not show who wrote a result,
    since whoever can change a file can change its checksum.

    Args:
        path: a result folder, a folder with results at any depth, or the file of a checkpoint.

    Returns:
        One entry for each result, in the order of their paths.

    Raises:
        ArgumentError: the path is no folder or checkpoint, or there is no result within it.

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
    if is_checkpoint(root):
        return VerifiedList([_verified_checkpoint(root)])
    if not root.is_dir():
        raise ArgumentError(
            f"path={os.fspath(path)!r}: is no folder and no checkpoint; give the folder of a result"
        )
    found = VerifiedList(_results(root))
    if not found:
        raise ArgumentError(f"path={os.fspath(path)!r}: holds no result of annealcam")
    return found


def _results(root: Path) -> Iterator[Verified]:
    """Yield what is known about each result; neither links nor unfinished ones are followed."""
    for name, folders, files in os.walk(root):
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        folder = Path(name)
        kind = next((KINDS[file] for file in KINDS if file in files), None)
        if kind is not None or CHECKSUMS in files:
            yield _verified(folder, *(kind or _OTHERS))
        for file in sorted(files):
            if is_checkpoint(folder / file):
                yield _verified_checkpoint(folder / file)


def _verified(folder: Path, kind: str, read: Callable[[Path], Any]) -> Verified:
    """Return what is known about one result folder."""
    try:
        with reading(folder):
            faults = tuple(damaged(folder))
            if not faults:
                with suppress(MissingExtraError):  # then the checksums alone are compared
                    read(folder)
    except OutputError as error:
        faults = (str(error),)
    if faults:
        return Verified(folder, kind, "damaged", faults)
    has_sums = (folder / CHECKSUMS).exists()
    return Verified(folder, kind, "intact" if has_sums else "unverified")


def _verified_checkpoint(file: Path) -> Verified:
    """Return what is known about one checkpoint."""
    try:
        has_sum = verify_checkpoint(file)
    except OutputError as error:
        return Verified(file, CHECKPOINT, "damaged", (str(error),))
    return Verified(file, CHECKPOINT, "intact" if has_sum else "unverified")
