"""Rows of words and entries `i j value` of text files, checked before anything is allocated."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from annealcam.errors import ProblemFileError
from annealcam.qubo.files.limits import KNOWN, check_size, check_words

if TYPE_CHECKING:
    import dimod

Row: TypeAlias = tuple[int, list[str]]  # the number of the line, and its words
Entry: TypeAlias = tuple[int, int, float]


def lines_of(raw: bytes) -> list[str]:
    """Return the lines of a text of a reasonable size."""
    check_words(raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ProblemFileError(f"is not a problem file; {KNOWN}") from None
    return io.StringIO(text, newline=None).read().split("\n")


def each_row(lines: Iterable[str]) -> Iterator[Row]:
    """Yield the lines that are neither empty nor comments after #, as words."""
    for number, line in enumerate(lines, start=1):
        words = (line.split("#")[0] if "#" in line else line).split()
        if words:
            yield number, words


def rows_of(lines: Iterable[str]) -> list[Row]:
    """Return all rows of `each_row`."""
    return list(each_row(lines))


def whole(line: int, words: Sequence[str]) -> list[int]:
    """Return words as whole numbers of 0 or more."""
    if not all(word.isdecimal() and len(word) < 19 for word in words):
        raise ProblemFileError(f"line {line}: {' '.join(words)[:60]!r} must be whole numbers")
    return [int(word) for word in words]


def number_of(line: int, word: str) -> float:
    """Return a word as a number."""
    try:
        return float(word)
    except ValueError:
        raise ProblemFileError(f"line {line}: {word[:40]!r} must be a number") from None


def entry_of(line: int, words: Sequence[str]) -> Entry:
    """Return a row `i j value`."""
    try:
        i, j, value = words
        if i.isdecimal() and j.isdecimal():
            return int(i), int(j), float(value)
    except ValueError:
        pass
    raise ProblemFileError(
        f"line {line}: {' '.join(words)[:60]!r} must be `i j value`, two whole numbers and a number"
    )


def entries_of(rows: Sequence[Row], n: int, *, base: int, announced: int | None) -> list[Entry]:
    """Return the entries of n variables, numbered from `base`, in the announced number."""
    check_size(n)
    if announced is not None and len(rows) != announced:
        raise ProblemFileError(f"has {len(rows)} lines `i j value`, but announces {announced}")
    entries = [entry_of(*row) for row in rows]
    for (line, _), (i, j, _) in zip(rows, entries, strict=True):
        if not base <= min(i, j) <= max(i, j) < n + base:
            raise ProblemFileError(
                f"line {line}: {i} {j} must be variables from {base} to {n + base - 1}"
            )
    return entries


def model_of(entries: Iterable[Entry], variables: Iterable[int]) -> dimod.BinaryQuadraticModel:
    """Return the model of binary variables with these entries, of which (i, i) are linear."""
    import dimod

    bqm = dimod.BinaryQuadraticModel("BINARY")
    bqm.add_linear_from((v, 0.0) for v in variables)
    add_terms(bqm, entries)
    return bqm


def add_terms(bqm: dimod.BinaryQuadraticModel, entries: Iterable[Entry]) -> None:
    """Add entries to a model; those that occur twice add up."""
    entries = list(entries)
    bqm.add_linear_from((i, value) for i, j, value in entries if i == j)
    bqm.add_quadratic_from(entry for entry in entries if entry[0] != entry[1])
