"""Long work in parts: a folder that holds what is done, for the same work to go on with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from annealcam._internal.files import UNFINISHED, file_written_aside, make_folder
from annealcam.errors import ArgumentError, OutputError

IDENTITY = "parts.json"


def open_parts(folder: Path, identity: Mapping[str, Any], *, of: str) -> None:
    """Begin a folder of parts, or go on with one of the same identity.

    Args:
        folder: of the parts.
        identity: all that decides about the bits of what is made.
        of: what is made, in a word: `atlas`.

    Raises:
        ArgumentError: it holds the parts of another one; the first difference is named.
        OutputError: it cannot be read or written.
    """
    file = folder / IDENTITY
    if file.exists():
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(f"{file}: cannot be read ({error}); remove {folder}") from error
        refuse_another(told, identity, of, f"{folder}: holds parts of", "remove it, or ")
        return
    make_folder(folder)
    with file_written_aside(file) as aside:
        aside.write_text(json.dumps(identity, indent=1) + "\n", encoding="utf-8")


def refuse_another(
    told: Any, identity: Mapping[str, Any], of: str, where: str, mend: str = ""
) -> None:
    """Refuse to go on with what was made of other photos, by another network or otherwise.

    Raises:
        ArgumentError: the two differ.

    >>> refuse_another({"x": 1}, {"x": 2}, "atlas", "a: holds")
    Traceback (most recent call last):
    annealcam.errors.ArgumentError: a: holds another atlas (x 1, not 2); choose another folder
    """
    told = told if isinstance(told, dict) else {}
    mine = json.loads(json.dumps(identity))
    for name in dict.fromkeys([*mine, *told]):
        old, new = _leaf(told.get(name), mine.get(name))
        if old != new:
            raise ArgumentError(
                f"{where} another {of} ({name} {_short(old)}, not {_short(new)}); "
                f"{mend}choose another folder"
            )


def _leaf(old: Any, new: Any) -> tuple[Any, Any]:
    """The first pair of values that differ within two mappings; else the two as they are."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*new, *old]):
            if old.get(name) != new.get(name):
                return {name: old.get(name)}, {name: new.get(name)}
    return old, new


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def part_file(folder: Path, number: int) -> Path:
    """Return the file of a shard's part: where it is, the shard is done."""
    return folder / f"part-{number:05}.npz"


def remove_parts(folder: Path) -> None:
    """Remove a folder of parts, if it is there; what a user put into it stays."""
    if not (folder / IDENTITY).exists():
        return
    ours = [*folder.glob("part-*.npz"), *folder.glob(UNFINISHED), folder / IDENTITY]
    with suppress(OSError):  # a folder that holds more stays as well
        for file in ours:
            file.unlink(missing_ok=True)
        folder.rmdir()
