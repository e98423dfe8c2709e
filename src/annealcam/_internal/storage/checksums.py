"""The SHA-256 of every file of a result, in the format that `sha256sum --check` reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from annealcam._internal.storage.reading import bytes_of, reading
from annealcam.errors import OutputError

CHECKSUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")
_LARGEST = 64 * 2**20  # bytes of a list of checksums; a longer one is damaged


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits.

    Raises:
        OutputError: it is a pipe or a device, which might never end.
    """
    if not file.is_file() and file.exists():
        raise OutputError(f"{file}: is no regular file")
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def checksums_of(folder: Path) -> str:
    """Return the content of `SHA256SUMS` for the files within a folder."""
    return "".join(f"{sha256_of(folder / name)}  {name}\n" for name in files_within(folder))


def files_within(folder: Path) -> list[str]:
    """Return the names of all files of a result, in order and with slashes.

    They include those in subfolders, but not in a subfolder that has checksums of its own. Hidden
    files, which other programs and unfinished writers leave, do not count.
    """
    names: list[str] = []
    for path in folder.iterdir():
        if not path.is_dir():
            names.append(path.name)
        elif not (path / CHECKSUMS).exists():
            names += [f"{path.name}/{name}" for name in files_within(path)]
    return sorted(name for name in names if name != CHECKSUMS and not name.startswith("."))


def read_checksums(folder: Path) -> dict[str, str] | None:
    """Return the SHA-256 of each file by its name, or None where there is no `SHA256SUMS`.

    Raises:
        OutputError: the file cannot be read, or a line of it is damaged.
    """
    file = folder / CHECKSUMS
    if not file.exists():
        return None
    with reading(file):
        *lines, rest = bytes_of(file, _LARGEST).decode("utf-8").split("\n")
    if rest:
        raise OutputError(f"{file}: its last line is not complete")
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in sums:
            raise OutputError(f"{file}: line {number} is damaged")
        sums[match[2]] = match[1]
    return sums


def changed(folder: Path, among: Collection[str] | None = None) -> list[str]:
    """Return the names of the files of a result that are there and have another SHA-256.

    Args:
        folder: the folder of the result.
        among: the files and subfolders that are compared; None compares all.

    Raises:
        OutputError: the list of checksums cannot be read.
    """
    sums = read_checksums(folder) or {}
    present = [
        name
        for name in files_within(folder)
        if name in sums and (among is None or name.partition("/")[0] in among)
    ]
    return [name for name in present if sha256_of(folder / name) != sums[name]]


def damaged(folder: Path) -> Iterator[str]:
    """Yield a line for each file of a result that is changed, missing or not listed.

    Nothing is yielded where there is no list.

    Raises:
        OutputError: the list of checksums cannot be read.
    """
    sums = read_checksums(folder)
    if sums is None:
        return
    present, wrong = set(files_within(folder)), set(changed(folder))
    for name in sorted(present | set(sums)):
        if name not in present:
            yield f"{name}: is missing"
        elif name not in sums:
            yield f"{name}: is not among the files of the result"
        elif name in wrong:
            yield f"{name}: is changed or damaged"


def content_of(folder: Path, name: str, sums: dict[str, str] | None, *, remedy: str = "") -> bytes:
    """Return the content of a file of a result, compared with the list of its folder.

    Args:
        folder: the folder of the result.
        name: of the file.
        sums: the list, as `read_checksums` returns it; None, of earlier versions, compares nothing.
        remedy: what to do about a file that is damaged, as the end of a sentence.

    Raises:
        OutputError: the file cannot be read, its content has another SHA-256, or it is not listed.
    """
    with reading(folder / name, remedy):
        content = bytes_of(folder / name)
    if sums is not None and hashlib.sha256(content).hexdigest() != sums.get(name):
        raise OutputError(
            f"{folder / name}: is changed or damaged: its SHA-256 is not the one in "
            f"{CHECKSUMS}{remedy}"
        )
    return content
