"""The reader of MatrixMarket files with a square matrix Q: minimise n^T Q n.

It is strict and plain, since scipy's reader ends the process on some damaged files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from annealcam.errors import ProblemFileError
from annealcam.qubo.files.content import Content
from annealcam.qubo.files.limits import check_size
from annealcam.qubo.files.rows import Entry, Row, entries_of, lines_of, model_of, rows_of, whole

FIELDS = ("real", "double", "integer", "pattern")
MIRROR = {"general": 0.0, "symmetric": 1.0, "skew-symmetric": -1.0}  # Q_ji of a stored Q_ij


def read_mtx(raw: bytes) -> Content:
    """Return the model of a Q matrix in the MatrixMarket format, `coordinate` or `array`."""
    lines = lines_of(raw)
    layout, field, symmetry = _header(lines[0] if lines else "")
    rows = rows_of("" if line.lstrip().startswith("%") else line for line in lines)
    if not rows:
        raise ProblemFileError("has no line with the size of the matrix")
    size = whole(*rows[0])
    if len(size) != (3 if layout == "coordinate" else 2):
        raise ProblemFileError(f"line {rows[0][0]}: is no size of a matrix in this layout")
    if size[0] != size[1]:
        raise ProblemFileError(f"has the shape ({size[0]}, {size[1]}); a Q matrix must be square")
    n = check_size(size[0])
    if layout == "coordinate":
        body = (
            [(line, [*words, "1"]) for line, words in rows[1:]] if field == "pattern" else rows[1:]
        )
        entries = entries_of(body, n, base=1, announced=size[2])
    else:
        entries = _columns(rows[1:], n, symmetry)
    mirror = 1.0 + MIRROR[symmetry]
    terms = [(i - 1, j - 1, value if i == j else mirror * value) for i, j, value in entries]
    return Content(model_of(terms, range(n)), "MatrixMarket")


def _header(line: str) -> tuple[str, str, str]:
    words = line.lower().split()
    if len(words) != 5 or words[:2] != ["%%matrixmarket", "matrix"]:
        raise ProblemFileError("has no first line `%%MatrixMarket matrix layout field symmetry`")
    layout, field, symmetry = words[2:]
    if field not in FIELDS or (layout, field) == ("array", "pattern"):
        raise ProblemFileError(f"has {field[:20]} entries; a Q matrix must hold real numbers")
    if layout not in ("coordinate", "array") or symmetry not in MIRROR:
        raise ProblemFileError(
            f"has the layout {layout[:20]} and the symmetry {symmetry[:20]}; they must be "
            f"coordinate or array, and {', '.join(MIRROR)}"
        )
    return layout, field, symmetry


def _columns(rows: Sequence[Row], n: int, symmetry: str) -> list[Entry]:
    """Return the entries of a dense matrix, which are listed column by column."""
    places = list(_places(n, symmetry))
    if len(rows) != len(places):
        raise ProblemFileError(f"has {len(rows)} lines with entries, but must have {len(places)}")
    body = [
        (line, [str(i), str(j), *words]) for (line, words), (i, j) in zip(rows, places, strict=True)
    ]
    return entries_of(body, n, base=1, announced=None)


def _places(n: int, symmetry: str) -> Iterator[tuple[int, int]]:
    for j in range(1, n + 1):
        first = {"general": 1, "symmetric": j, "skew-symmetric": j + 1}[symmetry]
        yield from ((i, j) for i in range(first, n + 1))
