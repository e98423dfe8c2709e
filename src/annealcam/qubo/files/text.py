"""Readers of text formats: COO, qbsolv, maximum cut, OR-Library, and Q matrices.

The problems of maximum cut and of the OR-Library are maximisations: their energies are negated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from annealcam.errors import ProblemFileError
from annealcam.qubo.files.arrays import model_of_matrix
from annealcam.qubo.files.limits import KNOWN, check_size

if TYPE_CHECKING:
    import dimod

Row: TypeAlias = tuple[int, list[str]]  # the number of the line, and its words
Entry: TypeAlias = tuple[int, int, float]

_VARTYPE = re.compile(r"\s*#.*?vartype\s*[:=]\s*(\S+)", re.IGNORECASE)
_OFFSET = re.compile(r"\s*#.*?offset\s*[:=]\s*(\S+)", re.IGNORECASE)


def read_coo(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model of lines `i j value`, strictly: dimod's own reader skips invalid lines.

    Entries that occur twice are added, as in dimod. Variables are in the order of their numbers.
    """
    import dimod

    lines = _lines(raw)
    vartypes = {m[1].upper() for line in lines if (m := _VARTYPE.match(line))}
    if len(vartypes) > 1 or not vartypes <= {"SPIN", "BINARY"}:
        raise ProblemFileError(f"vartype={' and '.join(sorted(vartypes))}: must be SPIN or BINARY")
    entries = [_entry(*row) for row in _rows(lines)]
    if not entries:
        raise ProblemFileError(f"has no line `i j value`; {KNOWN}")
    variables = {v for i, j, _ in entries for v in (i, j)}
    check_size(len(variables))
    bqm = dimod.BinaryQuadraticModel(*vartypes or ("BINARY",))
    bqm.add_linear_from((v, 0.0) for v in sorted(variables))
    bqm.offset = sum(_offset(m[1]) for line in lines if (m := _OFFSET.match(line)))
    _add(bqm, entries)
    assumed = "" if vartypes else ", by default"
    return bqm, f"COO text ({bqm.vartype.name}{assumed})"


def _offset(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ProblemFileError(f"offset={word[:40]}: must be a number") from None


def read_qubo(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model of qbsolv: `p qubo 0 maxNodes nNodes nCouplers`, then lines `i j value`."""
    rows = [row for row in _rows(_lines(raw)) if row[1][0] != "c"]
    if not rows or rows[0][1][:2] != ["p", "qubo"] or len(rows[0][1]) != 6:
        raise ProblemFileError("has no line `p qubo 0 maxNodes nNodes nCouplers`")
    (line, words), *rows = rows
    n, *counts = _whole(line, words[3:])
    entries = _entries(rows, n, base=0, announced=sum(counts))
    found = [sum(i == j for i, j, _ in entries), sum(i != j for i, j, _ in entries)]
    if found != counts:
        raise ProblemFileError(
            f"has {found[0]} nodes and {found[1]} couplers, but line {line} announces "
            f"{counts[0]} and {counts[1]}"
        )
    return _model(entries, range(n)), "a qbsolv file"


def read_maxcut(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model of a maximum cut (rudy, G-set): `n m`, then lines `i j weight` from 1.

    The energy is minus the weight of the cut, -sum of w (n_i + n_j - 2 n_i n_j) over the edges.
    """
    rows = _rows(_lines(raw))
    if not rows or len(rows[0][1]) != 2:
        raise ProblemFileError("has no first line `n m`, the numbers of nodes and edges")
    n, m = _whole(*rows[0])
    edges = _entries(rows[1:], n, base=1, announced=m)
    terms = []
    for (line, _), (i, j, weight) in zip(rows[1:], edges, strict=True):
        if i == j:
            raise ProblemFileError(f"line {line}: an edge must join two different nodes")
        terms += [(i, i, -weight), (j, j, -weight), (i, j, 2.0 * weight)]
    return _model(terms, range(1, n + 1)), "a maximum cut (rudy)"


def read_orlib(raw: bytes, number: int | None = None) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return a problem of the OR-Library: maximise sum_ij q_ij n_i n_j, with q_ij = q_ji.

    The first line is the number of problems. Each has a line `n m`, then m lines `i j q` from 1.
    """
    rows = _rows(_lines(raw))
    if not rows or len(rows[0][1]) != 1:
        raise ProblemFileError("has no first line with the number of problems")
    (count,), start = _whole(*rows[0]), 1
    if number is None and count > 1:
        raise ProblemFileError(
            f"contains {count} problems; choose one by format orlib:1 to orlib:{count}"
        )
    if not 1 <= (number or 1) <= count:
        raise ProblemFileError(f"contains {count} problems, but no problem {number or 1}")
    for current in range(1, count + 1):
        if start >= len(rows) or len(rows[start][1]) != 2:
            raise ProblemFileError(f"has no line `n m` for problem {current} of {count}")
        n, m = _whole(*rows[start])
        block = rows[start + 1 : start + 1 + m]
        last = rows[start + 1 :] if current == count else block
        entries = _entries(last, n, base=1, announced=m)
        if current == (number or 1):
            terms = [(i, j, -q if i == j else -2.0 * q) for i, j, q in entries]
            model = _model(terms, range(1, n + 1))
        start += 1 + m
    return model, "an OR-Library problem"


def read_gka(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model of a first line `n`, then lines `i j value` from 1, a minimisation."""
    rows = _rows(_lines(raw))
    if not rows or len(rows[0][1]) != 1:
        raise ProblemFileError("has no first line with the number of variables")
    (n,) = _whole(*rows[0])
    entries = _entries(rows[1:], n, base=1, announced=None)
    return _model(entries, range(1, n + 1)), "sparse text with its size"


def read_matrix(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model of a square Q matrix, one row a line, separated by blanks or commas."""
    rows = [(line, " ".join(words).replace(",", " ").split()) for line, words in _rows(_lines(raw))]
    for line, words in rows:
        if len(words) != len(rows):
            raise ProblemFileError(
                f"line {line}: has {len(words)} numbers in a matrix of {len(rows)} rows; a Q "
                "matrix must be square"
            )
    check_size(len(rows))
    values = [[_number(line, word) for word in words] for line, words in rows]
    return model_of_matrix(np.array(values).reshape(len(rows), -1)), "a Q matrix (text)"


def kind_of_text(raw: bytes) -> str:
    """Return the name of the format of a text, by its first lines."""
    if raw.startswith(b"%%MatrixMarket"):
        return "mtx"
    lines = _lines(raw)
    rows = _rows(lines)
    if any(words[:2] == ["p", "qubo"] for _, words in rows):
        return "qubo"
    widths = [len(words) for _, words in rows[:2]] + [0, 0]
    if any(_VARTYPE.match(line) or _OFFSET.match(line) for line in lines) or not rows:
        return "coo"
    if not rows[0][1][0].isdecimal():
        return "matrix" if _is_matrix(rows) else "coo"
    named = {(1, 2): "orlib", (1, 3): "gka", (2, 3): "maxcut"}.get((widths[0], widths[1]))
    if named is None and widths[0] != 3 and _is_matrix(rows):
        return "matrix"
    return named or ("maxcut" if widths[:2] == [2, 0] else "coo")


def _is_matrix(rows: Sequence[Row]) -> bool:
    """Return whether there are as many numbers in the first line as there are lines."""
    words = " ".join(rows[0][1]).replace(",", " ").split()
    try:
        [float(word) for word in words]
    except ValueError:
        return False
    return len(words) == len(rows)


def _lines(raw: bytes) -> list[str]:
    try:
        return raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ProblemFileError(f"is not a problem file; {KNOWN}") from None


def _rows(lines: Iterable[str]) -> list[Row]:
    """Return the lines that are neither empty nor comments after #, as words."""
    numbered = enumerate((line.split("#")[0].split() for line in lines), start=1)
    return [(number, words) for number, words in numbered if words]


def _whole(line: int, words: Sequence[str]) -> list[int]:
    if not all(word.isdecimal() and len(word) < 19 for word in words):
        raise ProblemFileError(f"line {line}: {' '.join(words)[:60]!r} must be whole numbers")
    return [int(word) for word in words]


def _number(line: int, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ProblemFileError(f"line {line}: {word[:40]!r} must be a number") from None


def _entry(line: int, words: Sequence[str]) -> Entry:
    try:
        i, j, value = words
        if i.isdecimal() and j.isdecimal():
            return int(i), int(j), float(value)
    except ValueError:
        pass
    raise ProblemFileError(
        f"line {line}: {' '.join(words)[:60]!r} must be `i j value`, two whole numbers and a number"
    )


def _entries(rows: Sequence[Row], n: int, *, base: int, announced: int | None) -> list[Entry]:
    """Return the entries of n variables, numbered from `base`, in the announced number."""
    check_size(n)
    if announced is not None and len(rows) != announced:
        raise ProblemFileError(f"has {len(rows)} lines `i j value`, but announces {announced}")
    entries = [_entry(*row) for row in rows]
    for (line, _), (i, j, _) in zip(rows, entries, strict=True):
        if not base <= min(i, j) <= max(i, j) < n + base:
            raise ProblemFileError(
                f"line {line}: {i} {j} must be variables from {base} to {n + base - 1}"
            )
    return entries


def _model(entries: Iterable[Entry], variables: Iterable[int]) -> dimod.BinaryQuadraticModel:
    import dimod

    bqm = dimod.BinaryQuadraticModel("BINARY")
    bqm.add_linear_from((v, 0.0) for v in variables)
    _add(bqm, entries)
    return bqm


def _add(bqm: dimod.BinaryQuadraticModel, entries: Iterable[Entry]) -> None:
    for i, j, value in entries:
        if i == j:
            bqm.add_linear(i, value)
        else:
            bqm.add_quadratic(i, j, value)
