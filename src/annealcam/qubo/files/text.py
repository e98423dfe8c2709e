"""Readers of text formats: COO, qbsolv, maximum cut, OR-Library, and Q matrices.

The problems of maximum cut and of the OR-Library are maximisations: their energies are negated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

import numpy as np

from annealcam.errors import ProblemFileError
from annealcam.qubo.files.arrays import model_of_matrix
from annealcam.qubo.files.content import Content
from annealcam.qubo.files.limits import KNOWN, check_size
from annealcam.qubo.files.lp import is_lp, read_lp
from annealcam.qubo.files.rows import (
    Row,
    add_terms,
    each_row,
    entries_of,
    entry_of,
    lines_of,
    model_of,
    number_of,
    rows_of,
    whole,
)

_VARTYPE = re.compile(r"\s*#.*?vartype\s*[:=]\s*(\S+)", re.IGNORECASE)
_OFFSET = re.compile(r"\s*#.*?offset\s*[:=]\s*(\S+)", re.IGNORECASE)


def read_coo(raw: bytes) -> Content:
    """Return the model of lines `i j value`, strictly: dimod's own reader skips invalid lines.

    Entries that occur twice are added, as in dimod. Variables are in the order of their numbers.
    """
    import dimod

    lines = lines_of(raw)
    comments = [line for line in lines if "#" in line]
    vartypes = {m[1].upper() for line in comments if (m := _VARTYPE.match(line))}
    if len(vartypes) > 1 or not vartypes <= {"SPIN", "BINARY"}:
        raise ProblemFileError(f"vartype={' and '.join(sorted(vartypes))}: must be SPIN or BINARY")
    entries = [entry_of(*row) for row in rows_of(lines)]
    if not entries:
        raise ProblemFileError(f"has no line `i j value`; {KNOWN}")
    variables = {v for i, j, _ in entries for v in (i, j)}
    check_size(len(variables))
    bqm = dimod.BinaryQuadraticModel(*vartypes or ("BINARY",))
    bqm.add_linear_from((v, 0.0) for v in sorted(variables))
    bqm.offset = sum(_offset(m[1]) for line in comments if (m := _OFFSET.match(line)))
    add_terms(bqm, entries)
    assumed = "" if vartypes else ", by default"
    return Content(bqm, f"COO text ({bqm.vartype.name}{assumed})")


def _offset(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ProblemFileError(f"offset={word[:40]}: must be a number") from None


def read_qubo(raw: bytes) -> Content:
    """Return the model of qbsolv: `p qubo 0 maxNodes nNodes nCouplers`, then lines `i j value`."""
    rows = [row for row in rows_of(lines_of(raw)) if row[1][0] != "c"]
    if not rows or rows[0][1][:2] != ["p", "qubo"] or len(rows[0][1]) != 6:
        raise ProblemFileError("has no line `p qubo 0 maxNodes nNodes nCouplers`")
    (line, words), *rows = rows
    n, *counts = whole(line, words[3:])
    entries = entries_of(rows, n, base=0, announced=sum(counts))
    found = [sum(i == j for i, j, _ in entries), sum(i != j for i, j, _ in entries)]
    if found != counts:
        raise ProblemFileError(
            f"has {found[0]} nodes and {found[1]} couplers, but line {line} announces "
            f"{counts[0]} and {counts[1]}"
        )
    return Content(model_of(entries, range(n)), "a qbsolv file")


def read_maxcut(raw: bytes) -> Content:
    """Return the model of a maximum cut (rudy, G-set): `n m`, then lines `i j weight` from 1.

    The energy is minus the weight of the cut, -sum of w (n_i + n_j - 2 n_i n_j) over the edges.
    """
    rows = rows_of(lines_of(raw))
    if not rows or len(rows[0][1]) != 2:
        raise ProblemFileError("has no first line `n m`, the numbers of nodes and edges")
    n, m = whole(*rows[0])
    edges = entries_of(rows[1:], n, base=1, announced=m)
    terms = []
    for (line, _), (i, j, weight) in zip(rows[1:], edges, strict=True):
        if i == j:
            raise ProblemFileError(f"line {line}: an edge must join two different nodes")
        terms += [(i, i, -weight), (j, j, -weight), (i, j, 2.0 * weight)]
    return Content(model_of(terms, range(1, n + 1)), "a maximum cut (rudy)", maximised=True)


def read_orlib(raw: bytes, number: int | None = None) -> Content:
    """Return a problem of the OR-Library: maximise sum_ij q_ij n_i n_j, with q_ij = q_ji.

    The first line is the number of problems. Each has a line `n m`, then m lines `i j q` from 1.
    """
    rows = rows_of(lines_of(raw))
    if not rows or len(rows[0][1]) != 1:
        raise ProblemFileError("has no first line with the number of problems")
    (count,), start = whole(*rows[0]), 1
    if number is None and count > 1:
        raise ProblemFileError(
            f"contains {count} problems; choose one by format orlib:1 to orlib:{count}"
        )
    if not 1 <= (number or 1) <= count:
        raise ProblemFileError(f"contains {count} problems, but no problem {number or 1}")
    for current in range(1, count + 1):
        if start >= len(rows) or len(rows[start][1]) != 2:
            raise ProblemFileError(f"has no line `n m` for problem {current} of {count}")
        n, m = whole(*rows[start])
        block = rows[start + 1 : start + 1 + m]
        last = rows[start + 1 :] if current == count else block
        entries = entries_of(last, n, base=1, announced=m)
        if current == (number or 1):
            terms = [(i, j, -q if i == j else -2.0 * q) for i, j, q in entries]
            model = model_of(terms, range(1, n + 1))
        start += 1 + m
    return Content(model, "an OR-Library problem", maximised=True)


def read_gka(raw: bytes) -> Content:
    """Return the model of a first line `n`, then lines `i j value` from 1, a minimisation."""
    rows = rows_of(lines_of(raw))
    if not rows or len(rows[0][1]) != 1:
        raise ProblemFileError("has no first line with the number of variables")
    (n,) = whole(*rows[0])
    entries = entries_of(rows[1:], n, base=1, announced=None)
    return Content(model_of(entries, range(1, n + 1)), "sparse text with its size")


def read_matrix(raw: bytes) -> Content:
    """Return the model of a square Q matrix, one row a line, separated by blanks or commas."""
    rows = [
        (line, " ".join(words).replace(",", " ").split()) for line, words in rows_of(lines_of(raw))
    ]
    for line, words in rows:
        if len(words) != len(rows):
            raise ProblemFileError(
                f"line {line}: has {len(words)} numbers in a matrix of {len(rows)} rows; a Q "
                "matrix must be square"
            )
    check_size(len(rows))
    values = [[number_of(line, word) for word in words] for line, words in rows]
    Q = np.array(values).reshape(len(rows), -1)
    return Content(model_of_matrix(Q), "a Q matrix (text)")


def read_lp_text(raw: bytes) -> Content:
    """Return the model of an LP file."""
    return read_lp(lines_of(raw))


def kind_of_text(raw: bytes) -> str:
    """Return the name of the format of a text, by its first lines."""
    if raw.startswith(b"%%MatrixMarket"):
        return "mtx"
    lines = lines_of(raw)
    if is_lp(lines):
        return "lp"
    if next((words[:2] for _, words in each_row(lines) if words[0] != "c"), None) == ["p", "qubo"]:
        return "qubo"
    rows = list(islice(each_row(lines), 2))
    widths = [len(words) for _, words in rows] + [0, 0]
    comments = [line for line in lines if "#" in line]
    if any(_VARTYPE.match(line) or _OFFSET.match(line) for line in comments) or not rows:
        return "coo"
    if not rows[0][1][0].isdecimal():
        return "matrix" if _is_matrix(rows[0], lines) else "coo"
    named = {(1, 2): "orlib", (1, 3): "gka", (2, 3): "maxcut"}.get((widths[0], widths[1]))
    if named is None and widths[0] != 3 and _is_matrix(rows[0], lines):
        return "matrix"
    return named or ("maxcut" if widths[:2] == [2, 0] else "coo")


def _is_matrix(first: Row, lines: Sequence[str]) -> bool:
    """Return whether there are as many numbers in the first row as there are rows."""
    words = " ".join(first[1]).replace(",", " ").split()
    try:
        [float(word) for word in words]
    except ValueError:
        return False
    return len(words) == len(rows_of(lines))
