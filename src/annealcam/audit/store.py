"""What was seen of a set's photos, kept in parts: whatever stops the work, it goes on there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from annealcam._internal.files import file_written_aside
from annealcam._internal.resumable import open_parts, part_file
from annealcam._internal.types import Array
from annealcam.audit.observations import Looked, joined
from annealcam.data.labelled import LabelledSet
from annealcam.errors import OutputError

SHARD = 128  # photos; a minute of work at most


def write_looked(looked: Looked, file: Path) -> None:
    """Write what was seen, as a whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    arrays: dict[str, Any] = {n: v for n, v in vars(looked).items() if isinstance(v, np.ndarray)}
    arrays |= {f"heat.{method}": maps for method, maps in looked.heat.items()}
    for name in ("images", "skipped"):
        arrays[name] = np.frombuffer(json.dumps(getattr(looked, name)).encode(), dtype=np.uint8)
    with file_written_aside(file) as aside, aside.open("wb") as opened:
        np.savez_compressed(opened, **arrays)


def read_looked(file: Path) -> Looked:
    """Return what `write_looked` wrote.

    Raises:
        OutputError: it cannot be read.
    """
    try:
        with np.load(file, allow_pickle=False) as found:
            told: dict[str, Any] = dict(found)
        for name in ("images", "skipped"):
            told[name] = tuple(json.loads(told[name].tobytes()))
        names = [name for name in told if name.startswith("heat.")]
        heat: dict[str, Array] = {name.removeprefix("heat."): told.pop(name) for name in names}
        return Looked(heat=heat, **told)
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise OutputError(f"{file}: cannot be read ({error}); remove it, to do it again") from error


def in_parts(
    photos: LabelledSet,
    seen: Callable[[LabelledSet], Looked],
    folder: Path,
    identity: Mapping[str, Any],
    *,
    done: Callable[[int], None] | None = None,
) -> Looked:
    """Return what is seen of a set's photos, shard by shard, those of `folder` taken from there.

    Args:
        photos: all of them.
        seen: does a shard.
        folder: of the parts; the caller removes it (`remove_parts`) when all is written.
        identity: all that decides about the numbers.
        done: told how many photos are done, after each shard.

    Raises:
        ArgumentError: the folder holds the parts of another audit.
        OutputError: it cannot be read or written.
    """
    open_parts(folder, identity, of="audit")
    parts = []
    for number, start in enumerate(range(0, len(photos), SHARD)):
        file = part_file(folder, number)
        if not file.exists():
            shard = photos.subset(np.arange(start, min(start + SHARD, len(photos))))
            write_looked(seen(shard), file)
        parts.append(read_looked(file))
        if done:
            done(min(start + SHARD, len(photos)))
    return joined(parts)
