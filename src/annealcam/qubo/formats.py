"""The formats of problem files. Every reader is strict, and none of them unpickles anything."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from annealcam.errors import ProblemFileError

if TYPE_CHECKING:
    import dimod

Content: TypeAlias = "dict[str, Any] | dimod.BinaryQuadraticModel"

MAX_BYTES = 64 << 20  # a problem that can be annealed has kilobytes
KNOWN = "give a dimod model (bqm.to_file() or its JSON), COO text, or an .npz file with h and J"
_NUMBERS = ("beta", "cardinality")
_VARTYPE = re.compile(r"\s*#.*?vartype\s*[:=]\s*(\S+)", re.IGNORECASE)


def reader_of(raw: bytes) -> tuple[Callable[[bytes], tuple[Content, str]], str]:
    """Return the reader for a file that begins so, and the format's name."""
    if raw.startswith(b"PK"):
        return read_npz, "an .npz file"
    if raw.startswith(b"DIMOD"):
        return read_bqm, "a dimod BQM file"
    if raw.lstrip().startswith(b"{"):
        return read_json, "a dimod model in JSON"
    return read_coo, "COO text"


def read_npz(raw: bytes) -> tuple[dict[str, Any], str]:
    """Return the arrays h and J, and beta and cardinality if they are there."""
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        if sum(entry.file_size for entry in packed.infolist()) > MAX_BYTES:
            raise ProblemFileError(f"unpacks to over {MAX_BYTES >> 20} MiB; {KNOWN}")
    with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
        missing = [name for name in ("h", "J") if name not in stored]
        if missing:
            raise ProblemFileError(
                f"holds the arrays {', '.join(sorted(stored)) or '(none)'}, but no "
                f"{' and no '.join(missing)}; write it by np.savez(path, h=h, J=J)"
            )
        arrays = {name: stored[name] for name in ("h", "J", *_NUMBERS) if name in stored}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or (name in _NUMBERS and array.shape != ()):
            what = "one number" if name in _NUMBERS else "an array of real numbers"
            raise ProblemFileError(f"{name}: must be {what}")
    return arrays, "h and J (.npz)"


def read_bqm(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model that `bqm.to_file()` wrote."""
    import dimod

    _check_neighbours(raw)
    bqm = dimod.BinaryQuadraticModel.from_file(raw)
    return bqm, f"a dimod BQM file ({bqm.vartype.name})"


def _check_neighbours(raw: bytes) -> None:
    """Refuse neighbours that are no variables: dimod's loader trusts them, and crashes.

    The layout is documented at `BinaryQuadraticModel.to_file`: a header, the offset, for every
    variable (number of its first neighbour, bias), and for every neighbour (variable, bias).
    """
    start = 14 + int.from_bytes(raw[10:14], "little")
    header = json.loads(raw[14:start])
    n, interactions = header["shape"]
    bias, variable, number = (np.dtype(header[name]) for name in ("dtype", "itype", "ntype"))
    of_variables = np.dtype([("first", number), ("bias", bias)])
    of_neighbours = np.dtype([("variable", variable), ("bias", bias)])
    start += bias.itemsize
    first = np.frombuffer(raw, of_variables, n, start)["first"].astype(np.int64)
    start += n * of_variables.itemsize
    neighbours = np.frombuffer(raw, of_neighbours, 2 * interactions, start)["variable"]
    ends = np.append(first, 2 * interactions)
    if (
        ends[0] != 0
        or (np.diff(ends) < 0).any()
        or not ((neighbours >= 0) & (neighbours < n)).all()
    ):
        raise ProblemFileError("is damaged: its neighbours do not fit its variables; write it anew")


def read_json(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model that `json.dumps(bqm.to_serializable())` wrote."""
    import dimod

    stored = json.loads(raw)
    if stored.get("type") != "BinaryQuadraticModel":
        raise ProblemFileError(
            f"holds the type {stored.get('type')!r}; write it by json.dumps(bqm.to_serializable())"
        )
    n = len(stored["variable_labels"])
    if len(stored["linear_biases"]) != n:
        raise ProblemFileError(f"linear_biases: as many as the {n} labels are needed")
    for name in ("quadratic_head", "quadratic_tail"):  # dimod trusts these too
        if not all(type(v) is int and 0 <= v < n for v in stored[name]):
            raise ProblemFileError(f"{name}: names variables beyond the {n} labels; write it anew")
    bqm = dimod.BinaryQuadraticModel.from_serializable(stored)
    return bqm, f"a dimod model in JSON ({bqm.vartype.name})"


def read_coo(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model of lines `i j value`; dimod's own reader skips what it does not understand.

    Entries that occur twice add up, as they do in dimod. Variables are in the order of their
    numbers.
    """
    import dimod

    lines = _lines(raw)
    said = {m[1].upper() for line in lines if (m := _VARTYPE.match(line))}
    if len(said) > 1 or not said <= {"SPIN", "BINARY"}:
        raise ProblemFileError(f"vartype {' and '.join(sorted(said))}: either SPIN or BINARY")
    numbered = enumerate((line.split("#")[0].split() for line in lines), start=1)
    entries = [_entry(number, row) for number, row in numbered if row]
    if not entries:
        raise ProblemFileError(f"holds no line `i j value`; {KNOWN}")
    bqm = dimod.BinaryQuadraticModel(*said or ("BINARY",))
    bqm.add_linear_from((v, 0.0) for v in sorted({v for i, j, _ in entries for v in (i, j)}))
    for i, j, value in entries:
        if i == j:
            bqm.add_linear(i, value)
        else:
            bqm.add_quadratic(i, j, value)
    assumed = "" if said else ", as no `# vartype=SPIN` says otherwise"
    return bqm, f"COO text ({bqm.vartype.name}{assumed})"


def _lines(raw: bytes) -> list[str]:
    try:
        return raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ProblemFileError(f"is no problem file; {KNOWN}") from None


def _entry(number: int, row: Sequence[str]) -> tuple[int, int, float]:
    try:
        i, j, value = row
        if i.isdecimal() and j.isdecimal():
            return int(i), int(j), float(value)
    except ValueError:
        pass
    raise ProblemFileError(
        f"line {number}: {' '.join(row)[:60]!r} is not `i j value` (two whole numbers, one number)"
    )
