"""Names of result folders made of the names of photos."""

from __future__ import annotations

import hashlib
import itertools
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from annealcam.models.images import without_prefix
from annealcam.models.photo_files import FoundPhotos

LONGEST_PATH = 60  # characters of a name that contains the folders of its photo
LONGEST = 120  # bytes of a name, to which `.new-` and more is added while it is written
_DIGITS = 12  # of the hash in a name that is shortened or changed


def result_names(photo: str, root: str | None = None) -> Iterator[str]:
    """Yield names for the results of a photo: its own name, then the same with numbers.

    A photo of a folder is named by its path below the folder, unless that is long. Long names are
    shortened, and characters that cannot be printed are replaced; the name then ends with a hash of
    the photo's name, so that different photos have different names.

    >>> list(itertools.islice(result_names("photos/cats/1.png", "photos"), 2))
    ['cats-1', 'cats-1-2']
    >>> next(result_names("a" * 251 + ".png"))[-17:]
    'aaaa-e685282b04e4'
    """
    # The stem of "..png" is ".", which would be a place instead of a name.
    file = Path(without_prefix(photo))
    stem, name = file.stem, file.name
    if root is not None:
        parts = file.relative_to(root).parts
        joined = "-".join((*parts[:-1], stem))
        if len(joined) < LONGEST_PATH:
            stem, name = joined, "/".join(parts)
    base = _valid(stem.strip(".") or "photo", os.fsencode(name))
    return itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2)))


def distinct_names(found: FoundPhotos) -> list[str]:
    """Return a name for each photo, no two of which are one file on some system.

    >>> distinct_names(FoundPhotos(["a/1.png", "b/1.png"], [None, None]))
    ['1', '1-2']
    """
    taken: set[str] = set()
    names = []
    for photo, root in zip(found.files, found.roots, strict=True):
        name = next(name for name in result_names(photo, root) if folded(name) not in taken)
        taken.add(folded(name))
        names.append(name)
    return names


def folded(name: str) -> str:
    """Return what is equal for names that are one file on some system.

    >>> folded("Cat") == folded("cat")
    True
    """
    return unicodedata.normalize("NFC", name).casefold()


def _valid(stem: str, whole: bytes) -> str:
    """Return a stem that every system can print and store, with a hash if it has to be changed."""
    printable = "".join(c if c.isprintable() else "-" for c in stem)
    if printable == stem and len(os.fsencode(stem)) <= LONGEST:
        return stem
    digits = hashlib.sha256(whole).hexdigest()[:_DIGITS]
    short = printable.encode()[: LONGEST - _DIGITS - 1].decode("utf-8", "ignore")
    return f"{short}-{digits}"
