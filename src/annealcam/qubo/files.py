"""Selection problems from files, and into them."""

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

from annealcam.errors import (
    AnnealcamError,
    ArgumentError,
    OutputError,
    ProblemFileError,
    ProblemTooLargeError,
)
from annealcam.qubo.problem import SelectionProblem, check_beta, check_cardinality

if TYPE_CHECKING:
    import dimod

Content: TypeAlias = "dict[str, Any] | dimod.BinaryQuadraticModel"

MAX_BYTES = 64 << 20  # a problem that can be annealed has kilobytes
KNOWN = "give a dimod model (bqm.to_file() or its JSON), COO text, or an .npz file with h and J"
_NUMBERS = ("beta", "cardinality")
_VARTYPE = re.compile(r"\s*#.*?vartype\s*[:=]\s*(\S+)", re.IGNORECASE)
MAX_VARIABLES = 1024  # far beyond what can be annealed; so that J is never huge


@dataclass(frozen=True, eq=False)
class ProblemFile:
    """A problem that was read from a file, and what else the file says.

    `labels` names the variables in the problem's order. A model's own energy is the problem's
    energy plus `offset`; n = 1 is its binary 1, and its spin +1.
    """

    problem: SelectionProblem
    labels: tuple[Hashable, ...]
    offset: float
    kind: str


def read_problem(
    path: str | os.PathLike[str], *, beta: float | None = None, cardinality: int | None = None
) -> ProblemFile:
    """Read the problem that a file holds; its first bytes tell the format.

    - `.npz` with arrays h (d,) and J (d, d), and if wanted the numbers beta (else 0.7) and
      cardinality.
    - A dimod model, as `bqm.to_file()` writes it, or `json.dumps(bqm.to_serializable())`.
    - COO text: lines `i j value`, where i = j is a linear bias; `# vartype=SPIN` or
      `# vartype=BINARY` above them, else BINARY.

    Args:
        path: the file.
        beta: in place of the file's; only for h and J.
        cardinality: in place of the file's; exactly so many variables are 1.

    Raises:
        ProblemFileError: the file cannot be read, is malformed, or holds NaN or infinity.
        ArgumentError: beta or cardinality is out of range, or the file has no use for beta.
        ProblemTooLargeError: the file has over 1024 variables.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "two.coo"
    >>> _ = path.write_text("# vartype=BINARY\\n0 0 -1\\n0 1 0.5\\n")
    >>> read_problem(path).problem.energies()
    array([ 0. , -1. ,  0. , -0.5])
    """
    beta = None if beta is None else check_beta(beta)
    cardinality = check_cardinality(cardinality)
    found = _parse(path, _bytes_of(Path(path)), beta)
    return found if cardinality is None else _of_cardinality(found, cardinality)


def save_problem(problem: SelectionProblem, path: str | os.PathLike[str]) -> None:
    """Write h, J, beta and cardinality as an `.npz` file that `read_problem` reads to the bit.

    Raises:
        ArgumentError: the name does not end in .npz.
        OutputError: the file cannot be written.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "one.npz"
    >>> save_problem(SelectionProblem([1.0], [[0.0]], beta=0.9), path)
    >>> read_problem(path).problem.beta
    0.9
    """
    if Path(path).suffix != ".npz":
        raise ArgumentError(f"path={path}: must end in .npz; dimod's models have bqm.to_file()")
    arrays: dict[str, Any] = {"h": problem.h, "J": problem.J, "beta": problem.beta}
    if problem.cardinality is not None:
        arrays["cardinality"] = problem.cardinality
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
        found = _from_model(content, kind)
    except ProblemTooLargeError as error:
        raise ProblemTooLargeError(f"{path}: {error}") from error
    except AnnealcamError as error:
        raise ProblemFileError(f"{path}: {error}") from error
    except Exception as error:  # whatever a foreign reader makes of broken bytes
        told = " ".join(str(error).split()) or type(error).__name__
        raise ProblemFileError(f"{path}: not {name} that can be read ({told}); {KNOWN}") from error
    if beta is not None:
        raise ArgumentError(f"beta={beta:g}: only for files of h and J; {path} is {kind}")
    return found


def _from_arrays(stored: dict[str, Any], kind: str, beta: float | None) -> ProblemFile:
    _check(stored["h"].size, h=stored["h"], J=stored["J"])
    numbers = {name: stored[name].item() for name in ("beta", "cardinality") if name in stored}
    problem = SelectionProblem(
        stored["h"],
        stored["J"],
        beta=check_beta(numbers.get("beta", 0.7)) if beta is None else beta,
        cardinality=check_cardinality(numbers.get("cardinality")),
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
            f"d={variables}: no annealing run of over {MAX_VARIABLES} variables can be simulated"
        )
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ProblemFileError(f"{name}: holds NaN or infinity; give finite numbers")


def _of_cardinality(found: ProblemFile, k: int) -> ProblemFile:
    p = found.problem
    if k > p.d:
        raise ArgumentError(f"cardinality={k}: the problem has {p.d} variables; lower it")
    return replace(found, problem=SelectionProblem(p.h, p.J, beta=p.beta, cardinality=k))


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
