"""Reading and writing of files with selection problems. No reader unpickles anything."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from annealcam._internal.text import short_repr
from annealcam.errors import (
    AnnealcamError,
    ArgumentError,
    OutputError,
    ProblemFileError,
    ProblemTooLargeError,
)
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import SelectionProblem, check_beta, check_cardinality

if TYPE_CHECKING:
    import dimod

Content: TypeAlias = "dict[str, Any] | dimod.BinaryQuadraticModel"

MAX_BYTES = 64 << 20  # far more than any problem that can be annealed
KNOWN = "give a dimod model (bqm.to_file() or its JSON), COO text, or an .npz file with h and J"
_ARRAYS = ("h", "J", "diagonal")
_NUMBERS = ("beta", "cardinality")
_VARTYPE = re.compile(r"\s*#.*?vartype\s*[:=]\s*(\S+)", re.IGNORECASE)
MAX_VARIABLES = 1024  # so that J is never huge


@dataclass(frozen=True, eq=False, repr=False)
class ProblemFile:
    """The content of a problem file.

    Attributes:
        problem: the selection problem; n = 1 is a binary 1 or a spin +1 of a model.
        labels: names of the variables, in the order of the problem.
        offset: difference of the energy of a model and that of the problem.
        kind: the format, as text.
    """

    problem: SelectionProblem
    labels: tuple[Hashable, ...]
    offset: float
    kind: str

    def __repr__(self) -> str:
        return short_repr("ProblemFile", d=self.problem.d, offset=self.offset, kind=self.kind)


def read_problem(
    path: str | os.PathLike[str], *, beta: float | None = None, cardinality: int | None = None
) -> ProblemFile:
    """Read a problem from a file of one of these formats, recognised by its first bytes.

    - `.npz` with the arrays h (d,) and J (d, d), and optionally the numbers beta (default 0.7) and
      cardinality.
    - A dimod model written by `bqm.to_file()`, or `json.dumps(bqm.to_serializable())`.
    - COO text: lines `i j value`, where i = j is a linear bias, after an optional line
      `# vartype=SPIN` or `# vartype=BINARY` (the default).

    Args:
        path: the file.
        beta: replaces that of the file; only for files with h and J.
        cardinality: replaces that of the file: exactly so many variables are 1.

    Raises:
        ProblemFileError: the file cannot be read, is malformed, or contains NaN or infinity.
        ArgumentError: beta or cardinality is out of range, or beta does not apply to the file.
        ProblemTooLargeError: there are over 1024 variables.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "two.coo"
    >>> _ = path.write_text("# vartype=BINARY\\n0 0 -1\\n0 1 0.5\\n")
    >>> read_problem(path).problem.energies()
    array([ 0. , -1. ,  0. , -0.5])
    """
    beta = None if beta is None else check_beta(beta)
    cardinality = check_cardinality(cardinality)
    content = _parse(path, _bytes_of(Path(path)), beta)
    return content if cardinality is None else _with_cardinality(content, cardinality)


def save_problem(problem: ProblemLike, path: str | os.PathLike[str]) -> None:
    """Write h, J, beta and cardinality to an `.npz` file, from which `read_problem` restores them.

    Raises:
        ArgumentError: the name does not end in .npz.
        OutputError: the file cannot be written.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "one.npz"
    >>> save_problem(SelectionProblem([1.0], [[0.0]], beta=0.9), path)
    >>> read_problem(path).problem.beta
    0.9
    """
    problem = as_problem(problem)
    if Path(path).suffix != ".npz":
        raise ArgumentError(f"path={path}: must end in .npz; write dimod models by bqm.to_file()")
    arrays: dict[str, Any] = {"h": problem.h, "J": problem.J, "beta": problem.beta}
    if problem.cardinality is not None:
        arrays["cardinality"] = problem.cardinality
    if problem.diagonal is not None:
        arrays["diagonal"] = problem.diagonal
    try:
        np.savez(path, **arrays)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProblemFileError(f"{path}: is larger than {MAX_BYTES >> 20} MiB; {KNOWN}")
        return path.read_bytes()
    except OSError as error:
        raise ProblemFileError(f"{path}: cannot be read ({error.strerror or error})") from error


def _parse(path: str | os.PathLike[str], raw: bytes, beta: float | None) -> ProblemFile:
    read, name = reader_of(raw)
    try:
        content, kind = read(raw)
        if isinstance(content, dict):
            return _from_arrays(content, kind, beta)
        model = _from_model(content, kind)
    except ProblemTooLargeError as error:
        raise ProblemTooLargeError(f"{path}: {error}") from error
    except AnnealcamError as error:
        raise ProblemFileError(f"{path}: {error}") from error
    except Exception as error:  # readers of other libraries raise anything for broken bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ProblemFileError(f"{path}: is not a valid {name} ({reason}); {KNOWN}") from error
    if beta is not None:
        raise ArgumentError(f"beta={beta:g}: applies only to files of h and J; {path} is {kind}")
    return model


def _from_arrays(stored: dict[str, Any], kind: str, beta: float | None) -> ProblemFile:
    _check(stored["h"].size, h=stored["h"], J=stored["J"])
    numbers = {name: stored[name].item() for name in ("beta", "cardinality") if name in stored}
    problem = SelectionProblem(
        stored["h"],
        stored["J"],
        beta=check_beta(numbers.get("beta", 0.7)) if beta is None else beta,
        cardinality=check_cardinality(numbers.get("cardinality")),
        diagonal=stored.get("diagonal") if beta is None else None,  # it holds for one beta only
    )
    return ProblemFile(problem, tuple(range(problem.d)), 0.0, kind)


def _from_model(bqm: dimod.BinaryQuadraticModel, kind: str) -> ProblemFile:
    linear, (_, _, quadratic), offset = bqm.to_numpy_vectors()
    _check(len(linear), biases=np.concatenate([linear, quadratic, [offset]]))
    binary = type(bqm)(bqm, dtype=np.float64).change_vartype("BINARY", inplace=True)
    problem = SelectionProblem.from_bqm(binary)
    return ProblemFile(problem, tuple(bqm.variables), float(binary.offset), kind)


def _check(variables: int, **arrays: Any) -> None:
    if variables > MAX_VARIABLES:
        raise ProblemTooLargeError(
            f"d={variables}: problems are limited to {MAX_VARIABLES} variables"
        )
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ProblemFileError(f"{name}: contains NaN or infinity; all must be finite")


def _with_cardinality(content: ProblemFile, k: int) -> ProblemFile:
    p = content.problem
    if k > p.d:
        raise ArgumentError(f"cardinality={k}: must be at most the number of variables, {p.d}")
    return replace(content, problem=p.with_cardinality(k))


def reader_of(raw: bytes) -> tuple[Callable[[bytes], tuple[Content, str]], str]:
    """Return the reader for a file, and the name of its format, from its first bytes."""
    if raw.startswith(b"PK"):
        return read_npz, ".npz file"
    if raw.startswith(b"DIMOD"):
        return read_bqm, "dimod BQM file"
    if raw.lstrip().startswith(b"{"):
        return read_json, "dimod model in JSON"
    return read_coo, "COO text"


def read_npz(raw: bytes) -> tuple[dict[str, Any], str]:
    """Return the arrays h and J, and beta and cardinality if there are any."""
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        if sum(entry.file_size for entry in packed.infolist()) > MAX_BYTES:
            raise ProblemFileError(f"unpacks to over {MAX_BYTES >> 20} MiB; {KNOWN}")
    with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
        missing = [name for name in ("h", "J") if name not in stored]
        if missing:
            raise ProblemFileError(
                f"contains the arrays {', '.join(sorted(stored)) or '(none)'}, but no "
                f"{' and no '.join(missing)}; write it by np.savez(path, h=h, J=J)"
            )
        arrays = {name: stored[name] for name in (*_ARRAYS, *_NUMBERS) if name in stored}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or (name in _NUMBERS and array.shape != ()):
            kind = "one number" if name in _NUMBERS else "an array of real numbers"
            raise ProblemFileError(f"{name}: must be {kind}")
    return arrays, "h and J (.npz)"


def read_bqm(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model that `bqm.to_file()` wrote."""
    import dimod

    _check_neighbours(raw)
    bqm = dimod.BinaryQuadraticModel.from_file(raw)
    return bqm, f"a dimod BQM file ({bqm.vartype.name})"


def _check_neighbours(raw: bytes) -> None:
    """Raise ProblemFileError for neighbours that are not variables, which would crash dimod.

    `BinaryQuadraticModel.to_file` documents the layout: a header, the offset, (index of the first
    neighbour, bias) for every variable, and (variable, bias) for every neighbour.
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
        raise ProblemFileError("is damaged: neighbours do not match variables; write it again")


def read_json(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model that `json.dumps(bqm.to_serializable())` wrote."""
    import dimod

    stored = json.loads(raw)
    if stored.get("type") != "BinaryQuadraticModel":
        raise ProblemFileError(
            f"has the type {stored.get('type')!r}; write it by json.dumps(bqm.to_serializable())"
        )
    n = len(stored["variable_labels"])
    if len(stored["linear_biases"]) != n:
        raise ProblemFileError(f"linear_biases: must be one for each of {n} labels")
    for name in ("quadratic_head", "quadratic_tail"):  # dimod does not check these either
        if not all(type(v) is int and 0 <= v < n for v in stored[name]):
            raise ProblemFileError(f"{name}: must be below the number of labels, {n}")
    bqm = dimod.BinaryQuadraticModel.from_serializable(stored)
    return bqm, f"a dimod model in JSON ({bqm.vartype.name})"


def read_coo(raw: bytes) -> tuple[dimod.BinaryQuadraticModel, str]:
    """Return the model of lines `i j value`, strictly: dimod's own reader skips invalid lines.

    Entries that occur twice are added, as in dimod. Variables are in the order of their numbers.
    """
    import dimod

    lines = _lines(raw)
    vartypes = {m[1].upper() for line in lines if (m := _VARTYPE.match(line))}
    if len(vartypes) > 1 or not vartypes <= {"SPIN", "BINARY"}:
        raise ProblemFileError(f"vartype={' and '.join(sorted(vartypes))}: must be SPIN or BINARY")
    numbered = enumerate((line.split("#")[0].split() for line in lines), start=1)
    entries = [_entry(number, row) for number, row in numbered if row]
    if not entries:
        raise ProblemFileError(f"has no line `i j value`; {KNOWN}")
    bqm = dimod.BinaryQuadraticModel(*vartypes or ("BINARY",))
    bqm.add_linear_from((v, 0.0) for v in sorted({v for i, j, _ in entries for v in (i, j)}))
    for i, j, value in entries:
        if i == j:
            bqm.add_linear(i, value)
        else:
            bqm.add_quadratic(i, j, value)
    assumed = "" if vartypes else ", by default"
    return bqm, f"COO text ({bqm.vartype.name}{assumed})"


def _lines(raw: bytes) -> list[str]:
    try:
        return raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ProblemFileError(f"is not a problem file; {KNOWN}") from None


def _entry(number: int, row: Sequence[str]) -> tuple[int, int, float]:
    try:
        i, j, value = row
        if i.isdecimal() and j.isdecimal():
            return int(i), int(j), float(value)
    except ValueError:
        pass
    raise ProblemFileError(
        f"line {number}: {' '.join(row)[:60]!r} must be `i j value`, two whole numbers and a number"
    )
