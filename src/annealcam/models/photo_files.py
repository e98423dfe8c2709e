"""Files of photos: found in folders and by patterns, and opened without waiting for anything."""

from __future__ import annotations

import glob
import hashlib
import io
import logging
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from threading import Lock

from PIL import Image

from annealcam._internal.storage.checksums import CHECKSUMS
from annealcam.errors import ArgumentError, ImageError
from annealcam.explanation import MARKER

ARRAYS, TIFF = (".npy", ".npz"), (".tif", ".tiff")
MAX_BYTES = 2**32  # of a file
_LIBRARIES = ("PIL", "tifffile")
# A folder with checksums and one of these files is a result; the others lie beside many results.
RESULTS = (
    MARKER, "audit.json", "atlas.json", "evaluation.json", "manifest.json", "report.json",
    "result.json", "hardware.json", "path.csv",
)  # fmt: skip
_OF_MANY = (CHECKSUMS, "index.html", "summary.csv")
_UNSAFE = {"EPS"}  # formats of Pillow that run a program (Ghostscript), possibly without end


@dataclass(frozen=True)
class FoundPhotos:
    """The photos of some arguments of a command.

    Attributes:
        files: the photos in order, as they are opened.
        roots: the folder that each was found in; None for a photo that was named itself.
        others: files of the folders that are no images, as far as their names show.
    """

    files: list[str] = field(default_factory=list)
    roots: list[str | None] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The innermost folder that holds all places in which photos were found."""
        folders = {
            os.path.dirname(file) if root is None else os.path.normpath(root)
            for file, root in zip(self.files, self.roots, strict=True)
        }
        with suppress(ValueError):  # raised where some are absolute and others are not
            return Path(os.path.commonpath(folders))
        return Path()


def find_photos(places: Sequence[str]) -> FoundPhotos:
    """Return the photos of files, folders, patterns such as `photos/*.jpg`, and bundled photos.

    A folder stands for the images and arrays below it, a pattern for what it matches, both in the
    order of the names.

    Raises:
        ArgumentError: a folder has no image, or nothing matches a pattern.

    >>> find_photos(["skimage:chelsea", "photo.jpg"]).files
    ['skimage:chelsea', 'photo.jpg']
    """
    found = FoundPhotos()
    for place in places:
        for name in _matching(place):
            if not os.path.isdir(name):
                found.files.append(name)
                found.roots.append(None)
                continue
            images, others = images_in(Path(name))
            found.files.extend(images)
            found.roots.extend([name] * len(images))
            found.others.extend(others)
    return found


def _matching(place: str) -> list[str]:
    """Return what a pattern matches; a name that exists, or holds no `*`, `?` or `[`, is itself.

    Files of results, and files of folders that match as well, are left out.
    """
    if not glob.has_magic(place) or os.path.lexists(place):
        return [place]
    names = sorted(glob.glob(_escaped(place), recursive=True))
    if not names:
        raise ArgumentError(f"photos={place!r}: no such file, and nothing matches it as a pattern")
    folders = [os.path.join(name, "") for name in names if os.path.isdir(name)]
    kept = [
        name for name in names
        if not _is_of_result(Path(name)) and not any(
            name.startswith(folder) and name != folder for folder in folders
        )
    ]  # fmt: skip
    if not kept:
        raise ArgumentError(f"photos={place!r}: matches no photos, only results of annealcam")
    return kept


def _escaped(pattern: str) -> str:
    """Return a pattern in which the folders that exist by their names stand for themselves."""
    existing, rest = "", pattern
    while rest:
        part, slash, after = rest.partition(os.sep)
        if not slash or not os.path.isdir(existing + part + slash):
            break
        existing, rest = existing + part + slash, after
    return glob.escape(existing) + rest


def _is_of_result(file: Path) -> bool:
    """Return whether a file belongs to a result of annealcam, which is no photo."""
    if file.is_dir():
        return False
    return (
        file.name in _OF_MANY
        or any(
            (folder / CHECKSUMS).is_file() and any((folder / name).is_file() for name in RESULTS)
            for folder in file.parents
        )
        or (file.parent / MARKER).is_file()
    )


def photos_in(place: Path) -> list[str]:
    """Return a photo, or all files below a folder in the order of their names.

    Raises:
        ArgumentError: the folder is empty.

    >>> photos_in(Path("photo.jpg"))
    ['photo.jpg']
    """
    if not os.path.isdir(place):
        return [str(place)]
    files = sorted(_files_below(str(place), set()))
    if not files:
        raise ArgumentError(f"photos={str(place)!r}: an empty folder")
    return files


def images_in(folder: Path) -> tuple[list[str], list[str]]:
    """Return the images and arrays below a folder in the order of their names, and other files.

    The ending of a name decides. Hidden files, and results of annealcam, are neither. A
    subfolder that cannot be read is among the images, so that it is reported as a photo would be.

    Raises:
        ArgumentError: there is no image.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for file in ("b.jpg", "a.PNG", "names.txt", ".hidden.png"):
    ...         (Path(name) / file).touch()
    ...     [[Path(file).name for file in files] for files in images_in(Path(name))]
    [['a.PNG', 'b.jpg'], ['names.txt']]
    """
    registered = Image.registered_extensions().items()
    endings = {*ARRAYS, *(ending for ending, kind in registered if kind in readable_formats())}
    images: list[str] = []
    others: list[str] = []
    for name in photos_in(folder):
        file = Path(name)
        is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if is_hidden or _is_of_result(file):
            continue
        is_image = file.suffix.lower() in endings or os.path.isdir(name)
        (images if is_image else others).append(name)
    if not images:
        raise ArgumentError(f"photos={str(folder)!r}: a folder without images")
    return images, others


def _files_below(folder: str, above: set[tuple[int, int]]) -> Iterator[str]:
    """Yield the files below a folder; links are followed, but not back to a folder above."""
    try:
        identity = os.stat(folder)
        with os.scandir(folder) as scanned:
            paths = [entry.path for entry in scanned]
    except OSError:
        yield folder  # the error is reported when it is opened
        return
    key = identity.st_dev, identity.st_ino
    if key in above:
        return
    for path in paths:
        if os.path.isdir(path):  # False for a link that leads nowhere, or back to itself
            yield from _files_below(path, above | {key})
        else:
            yield path


def readable_formats() -> tuple[str, ...]:
    """Return Pillow's names of the formats that are read, the most frequent ones first."""
    Image.init()
    return tuple(name for name in Image.ID if name not in _UNSAFE)


class _Quiet:
    """The number of threads that read files, during which the libraries log nothing."""

    def __init__(self) -> None:
        self.lock, self.readers, self.levels = Lock(), 0, dict.fromkeys(_LIBRARIES, 0)

    def count(self, change: int) -> None:
        """Add to the number; the first reader turns the logs off, and the last one on again."""
        with self.lock:
            before, self.readers = self.readers, self.readers + change
            for name in _LIBRARIES:
                logger = logging.getLogger(name)
                if before == 0:
                    self.levels[name] = logger.level
                    logger.setLevel(logging.CRITICAL + 1)
                elif self.readers == 0:
                    logger.setLevel(self.levels[name])


_quiet = _Quiet()


@contextmanager
def libraries_quiet() -> Iterator[None]:
    """Keep libraries from warnings and logs about a file while it is read; their errors count."""
    _quiet.count(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _quiet.count(-1)


@contextmanager
def opened(file: str | os.PathLike[str], name: str | None = None) -> Iterator[BufferedReader]:
    """Yield an ordinary file, opened for reading.

    Pipes, sockets and devices, from which one could wait or read without end, are refused.

    Args:
        file: the path.
        name: how errors call it; None takes the path.

    Raises:
        ImageError: it cannot be opened, or is no ordinary file.
    """
    name = os.fspath(file) if name is None else name
    try:
        _refuse_others(os.stat(file).st_mode, file, name)  # opening a device may change its state
        # A file that is exchanged for a pipe meanwhile must not be waited for either.
        descriptor = os.open(file, os.O_RDONLY | _flag("O_NONBLOCK") | _flag("O_BINARY"))
    except (OSError, ValueError) as error:
        raise ImageError(f"{name}: cannot be read ({_reason(error)})") from error
    with os.fdopen(descriptor, "rb") as stream:
        _refuse_others(os.fstat(descriptor).st_mode, file, name)
        yield stream


def content_of(file: str | os.PathLike[str], name: str | None = None) -> io.BytesIO:
    """Return the bytes of an ordinary file in memory.

    Decoders that read from a file allocate whatever length its header claims; from memory they
    take no more than there is.

    Raises:
        ImageError: it cannot be read, is no ordinary file, or is larger than 4 GiB.
    """
    with opened(file, name) as stream:
        if os.fstat(stream.fileno()).st_size > MAX_BYTES:
            raise ImageError(f"{name or file}: larger than {MAX_BYTES >> 30} GiB; scale it down")
        try:
            return io.BytesIO(stream.read())
        except OSError as error:
            raise ImageError(f"{name or file}: cannot be read ({_reason(error)})") from error


def _refuse_others(mode: int, file: str | os.PathLike[str], name: str) -> None:
    if stat.S_ISDIR(mode):
        os.scandir(file).close()  # fails where the reason is that the folder cannot be read
        raise ImageError(f"{name}: cannot be read (it is a folder)")
    if not stat.S_ISREG(mode):
        raise ImageError(f"{name}: is no ordinary file; save it as one")


def _flag(name: str) -> int:
    """Return a flag for opening files, which only some systems have."""
    return int(getattr(os, name, 0))


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def photo_sha256(file: str) -> str:
    """Return the SHA-256 of a photo's file in hexadecimal digits.

    Raises:
        ImageError: it cannot be read.
    """
    with opened(file) as stream:
        try:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ImageError(f"{file}: cannot be read ({_reason(error)})") from error
