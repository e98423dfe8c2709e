"""Which explanations in a folder are finished, so that an interrupted command goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annealcam._internal.storage.checksums import CHECKSUMS, damaged
from annealcam._internal.storage.reading import reading
from annealcam._internal.storage.resumable import differences, read_json
from annealcam._internal.text import storable
from annealcam.cli.photos.names import folded, result_names
from annealcam.errors import ArgumentError, ImageError, OutputError
from annealcam.explanation import MARKER
from annealcam.models.images import digest_of
from annealcam.models.photo_files import FoundPhotos

FEW = 3  # photos, whose results of other settings are replaced
RESERVED = ("index.html", "summary.csv", CHECKSUMS)  # files beside the folders of results


@dataclass(frozen=True)
class Task:
    """A photo, the folder of its results, and the record of an older result there, if any."""

    photo: str
    folder: Path
    older: Mapping[str, Any] | None = None

    def is_finished(self, identity: Mapping[str, Any]) -> bool:
        """Return whether the folder holds an intact result of this identity."""
        if self.older is None or self.older.get("identity") != identity:
            return False
        try:
            with reading(self.folder):
                return (self.folder / CHECKSUMS).exists() and not any(damaged(self.folder))
        except OutputError:
            return False


def tasks_of(found: FoundPhotos, output: Path) -> list[Task]:
    """Return the photos with their folders: no two have the same one, on whatever system.

    A folder that holds the result of another photo is left alone; the name then gets a number.
    """
    tasks: list[Task] = []
    taken = {folded(name) for name in RESERVED}
    for photo, root in zip(found.files, found.roots, strict=True):
        for name in result_names(photo, root):
            if folded(name) in taken:
                continue
            older = _recorded(output / name)
            if older is None or _is_of(photo, older):
                break
        taken.add(folded(name))
        tasks.append(Task(photo, output / name, older))
    return tasks


def other_settings(tasks: Sequence[Task], request: Mapping[str, Any]) -> Iterator[tuple[Task, str]]:
    """Yield the tasks with an older result of other settings, and the first differences."""
    for task in tasks:
        if task.older:  # that of a damaged result is empty
            recorded = _identity(task.older).get("request")
            if not isinstance(recorded, Mapping):
                yield task, "it has no record of its settings"
            elif found := list(differences(recorded, request)):
                more = f"; and {len(found) - 2} more" if len(found) > 2 else ""
                yield task, "; ".join(found[:2]) + more


def refuse_other_settings(
    tasks: Sequence[Task], request: Mapping[str, Any], output: Path
) -> list[tuple[Task, str]]:
    """Refuse to continue the work of many photos with other settings; return those of few.

    Raises:
        ArgumentError: there are more than `FEW` photos, and one has a result of other settings.
    """
    found = list(other_settings(tasks, request))
    if found and len(tasks) > FEW:
        task, text = found[0]
        raise ArgumentError(
            f"{output}: holds results with other settings, such as {task.folder.name} ({text}); "
            "choose another folder, or replace them by --overwrite"
        )
    return found


def _recorded(folder: Path) -> dict[str, Any] | None:
    """Return the provenance of the result in a folder, or None; that of a damaged one is empty."""
    if not (folder / MARKER).exists():
        return None
    try:
        provenance = read_json(folder / MARKER).get("provenance")
    except OutputError:
        return {}
    return provenance if isinstance(provenance, dict) else {}


def _identity(older: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what determined an older result; that of a damaged one is empty."""
    identity = older.get("identity")
    return identity if isinstance(identity, Mapping) else {}


def _is_of(photo: str, older: Mapping[str, Any]) -> bool:
    """Return whether a result is that of a photo: of this name, or else of this content."""
    if older.get("photo", storable(photo)) == storable(photo):
        return True
    try:
        return bool(_identity(older).get("photo") == digest_of(photo))
    except ImageError:
        return False
