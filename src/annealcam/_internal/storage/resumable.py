"""Resumable work: a folder keeps the finished parts, and the same call continues from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from annealcam._internal.storage.files import file_written_aside, make_folder, remove_unfinished
from annealcam._internal.storage.reading import arrays_of, bytes_of, json_of, reading
from annealcam._internal.storage.system import Lock
from annealcam._internal.types import Array
from annealcam.errors import ArgumentError, OutputError

Part = TypeVar("Part")


@dataclass(frozen=True)
class PartStore:
    """The folder of one piece of work: a record of its identity, and a file for each finished part.

    The identity is a mapping of everything that determines the bits of the result. It is written
    to the record when the work starts, and work is continued only with an equal identity. Each
    part is written aside and renamed, so that every part file that exists is complete.

    Attributes:
        folder: folder of the work.
        result: the result in one word, for errors: `atlas`.
        record: name of the JSON file that holds the identity.
        parts: subfolder of the part files; empty: the folder itself.
        suffix: suffix of the part files.
    """

    folder: Path
    result: str
    record: str = "parts.json"
    parts: str = ""
    suffix: str = ".npz"

    def open(
        self,
        identity: Mapping[str, Any],
        *,
        read: Callable[[Path], dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Start the work, or continue it if its identity is equal; return the record.

        Args:
            identity: everything that determines the bits of the result.
            read: reads the record; None takes `read_json`.

        Raises:
            ArgumentError: the folder holds work of another identity; the differences are listed.
            OutputError: the folder cannot be read or written.
        """
        file = self.folder / self.record
        if file.exists():
            record = (read or read_json)(file)
            check_identity(record.get("identity"), identity, self.folder, self.result)
            return record
        record = {"identity": dict(identity), "finished": False}
        make_folder(self.folder)
        write_json(file, record)
        return record

    def file(self, number: int) -> Path:
        """Return the file of a part; the part is finished if the file exists."""
        return self.folder / self.parts / f"part-{number:05}{self.suffix}"

    def missing(self, count: int) -> list[int]:
        """Return the numbers of the unfinished parts among the first `count`."""
        return [number for number in range(count) if not self.file(number).exists()]

    def complete(
        self,
        count: int,
        compute: Callable[[int], Part],
        write: Callable[[Part, Path], None],
        read: Callable[[Path], Part],
    ) -> Iterator[Part]:
        """Compute and write the missing parts, then yield all parts in order, one at a time.

        Raises:
            OutputError: another process is computing parts.
        """
        with self.alone():
            for number in self.missing(count):
                write(compute(number), self.file(number))
        yield from (read(self.file(number)) for number in range(count))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes of this machine from the same work while a block runs.

        Raises:
            OutputError: another process is at work.
        """
        with reading(self.folder):
            lock = Lock(self.folder)
        try:
            if lock.held is False:
                raise OutputError(
                    f"{self.folder}: another process is writing this {self.result}; wait for its "
                    "end, or choose another folder"
                )
            yield
        finally:
            lock.release()

    def remove_unfinished(self) -> None:
        """Remove the files that dead writers left beside the parts.

        Raises:
            OutputError: one cannot be removed.
        """
        try:
            remove_unfinished(self.folder / self.parts)
        except OSError as error:
            raise OutputError(f"{error.filename}: cannot be removed ({error.strerror})") from error

    def remove(self) -> None:
        """Remove record and parts once the result is written; files of the user's are kept."""
        if not (self.folder / self.record).exists():
            return
        with suppress(OSError):  # rmdir fails while the folder holds other files
            self.remove_unfinished()
            for file in (self.folder / self.parts).glob(f"part-*{self.suffix}"):
                file.unlink(missing_ok=True)
            (self.folder / self.record).unlink()
            self.folder.rmdir()


def check_identity(recorded: Any, identity: Mapping[str, Any], folder: Path, result: str) -> None:
    """Raise an error unless a recorded identity equals the given one, compared as JSON.

    Raises:
        ArgumentError: the identities differ; the first three differences are listed.

    >>> check_identity({"x": {"y": 1}}, {"x": {"y": 2}}, Path("a"), "atlas")
    Traceback (most recent call last):
    annealcam.errors.ArgumentError: a: holds another atlas (x.y is 1 there, 2 here); remove it or \
choose another folder
    """
    recorded = recorded if isinstance(recorded, dict) else {}
    found = list(differences(recorded, json.loads(json.dumps(identity))))
    if found:
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        raise ArgumentError(
            f"{folder}: holds another {result} ({'; '.join(found[:3])}{more}); "
            "remove it or choose another folder"
        )


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a description of each entry in which two nested mappings differ.

    >>> list(differences({"data": {"name": "a"}, "seed": 0}, {"data": {"name": "b"}, "seed": 0}))
    ["data.name is 'a' there, 'b' here"]
    """
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from differences(before, after, f"{prefix}{key}.")
        elif before != after:
            yield f"{prefix}{key} is {_short(before)} there, {_short(after)} here"


def identity_hash(identity: Any) -> str:
    """Return the SHA-256 of a value as JSON, in hexadecimal digits.

    >>> identity_hash([1, "a"])[:8]
    '4a72386a'
    """
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file completely or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with file_written_aside(file) as aside:
        text = json.dumps(dict(content), indent=2, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def read_json(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file that holds a mapping.

    Raises:
        OutputError: it cannot be read, or holds something else.
    """
    with reading(file):
        content = json_of(bytes_of(file))
    if not isinstance(content, dict):
        raise OutputError(f"{file}: holds no mapping")
    return content


def write_arrays(file: Path, values: Mapping[str, Any]) -> None:
    """Write arrays and JSON values as an npz file, completely or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    arrays: dict[str, Any] = {
        name: value
        if isinstance(value, np.ndarray)
        else np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)
        for name, value in values.items()
    }
    with file_written_aside(file) as aside, aside.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


@contextmanager
def arrays_read(file: Path) -> Iterator[dict[str, Array]]:
    """Yield the arrays of an npz file; a block that cannot use them raises an OutputError.

    Raises:
        OutputError: the file is damaged.
    """
    with reading(file, "; remove it to compute it again"):
        yield arrays_of(bytes_of(file))


def json_value(array: Array) -> Any:
    """Return the JSON value that `write_arrays` stored as an array of bytes."""
    return json_of(array.tobytes())


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
