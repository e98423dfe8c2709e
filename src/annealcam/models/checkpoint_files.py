"""The file of a checkpoint: its header, what tensors it holds, and the SHA-256 of both.

A file of safetensors begins with the length of a JSON text in 8 bytes; the text holds the metadata,
and dtype, shape and place of each tensor. The bytes of the tensors follow. Nothing here needs
torch, so that checkpoints can be verified without it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from annealcam._internal.storage.reading import MAX_TEXT, json_of
from annealcam.errors import OutputError

KEY = "annealcam"  # one key alone: the order of several in the metadata is not fixed
FORMAT = "annealcam-checkpoint-1"
_METADATA, _SHA256 = "__metadata__", "sha256"
_KEYS = {  # of headers that state no SHA-256; any other key is a damaged one
    "format", "trunk", "cut", "trunk_hash", "frozen", "preprocess", "maps", "classes", "about",
}  # fmt: skip
_BLOCK = 2**20
_MARKS = (b'"annealcam":"{', b"annealcam-checkpoint-")  # a single wrong bit leaves one of them


@dataclass(frozen=True)
class StoredCheckpoint:
    """What the file of a checkpoint holds, without the tensors themselves.

    Attributes:
        header: what a network is built from, and how it was trained.
        shapes: dtype, as safetensors names it, and shape of each tensor by its name.
        stated: the SHA-256 that the file states; None in files of earlier versions.
        found: the SHA-256 of the header and the tensors as they are.
    """

    header: dict[str, Any]
    shapes: dict[str, tuple[str, tuple[int, ...]]]
    stated: str | None
    found: str

    @property
    def intact(self) -> bool:
        """Whether the content is what was written, as far as the file states it."""
        return self.stated in (None, self.found)


def is_checkpoint(file: Path) -> bool:
    """Return whether a file is one that `annealcam train` wrote, as it is or damaged.

    >>> is_checkpoint(Path("mine.pth"))
    False
    """
    if file.suffix != ".safetensors" or not file.is_file():
        return False
    try:
        with file.open("rb") as stream:
            start = stream.read(_BLOCK)
    except OSError:  # which is found when it is read
        return False
    return any(mark in start for mark in _MARKS)


def sealed(header: Mapping[str, Any], content: bytes) -> dict[str, str]:
    """Return the metadata of a checkpoint: the header, with the SHA-256 of everything.

    Args:
        header: the header.
        content: a file of safetensors with the same tensors and no metadata.
    """
    length = int.from_bytes(content[:8], "little")
    digest = _digest(header, json_of(content[8 : 8 + length]))
    digest.update(content[8 + length :])
    text = json.dumps({**header, _SHA256: digest.hexdigest()}, sort_keys=True, allow_nan=False)
    return {KEY: text}


def read_stored(file: Path) -> StoredCheckpoint:
    """Return what a checkpoint holds; the tensors are read once for their SHA-256.

    Raises:
        OSError: the file cannot be read.
        KeyError: it is a file of safetensors, but no checkpoint.
        ValueError: it is damaged.
    """
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > MAX_TEXT:
            raise ValueError(f"its header has {length} bytes")
        entries = json_of(stream.read(length))
        if not isinstance(entries, dict):
            raise ValueError("its header holds no mapping")
        header = json_of(entries.pop(_METADATA, {})[KEY].encode())
        if not isinstance(header, dict):
            raise ValueError("its header holds no mapping")
        stated = header.pop(_SHA256, None)
        if stated is None and not header.keys() <= _KEYS:
            raise ValueError(f"its header has the key {min(header.keys() - _KEYS)!r}")
        digest = _digest(header, entries)
        size = _hashed(stream, digest)
    shapes = {name: _checked(entry, size) for name, entry in entries.items()}
    return StoredCheckpoint(header, shapes, stated, digest.hexdigest())


def verify_checkpoint(file: Path) -> bool:
    """Return whether a checkpoint states its SHA-256, which those of earlier versions do not.

    Raises:
        OutputError: it is changed or damaged.
    """
    try:
        stored = read_stored(file)
    except Exception as error:  # of any type, as the header may hold anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OutputError(f"cannot be read as a checkpoint ({reason[:200]})") from error
    if not stored.intact:
        raise OutputError("is changed or damaged: its SHA-256 is not the one in its header")
    return stored.stated is not None


def _digest(header: Mapping[str, Any], entries: Mapping[str, Any]) -> Any:
    return hashlib.sha256(json.dumps([header, entries], sort_keys=True).encode())


def _hashed(stream: IO[bytes], digest: Any) -> int:
    """Update a digest by the rest of a stream; return the number of bytes."""
    size = 0
    while block := stream.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return size


def _checked(entry: Any, size: int) -> tuple[str, tuple[int, ...]]:
    """Return dtype and shape of a tensor that fits into the bytes of the file."""
    dtype, shape = str(entry["dtype"]), tuple(entry["shape"])
    if not all(type(side) is int and side >= 0 for side in shape) or math.prod(shape) > size:
        raise ValueError(f"a tensor has the shape {list(shape)}, and the file {size} bytes")
    return dtype, shape
