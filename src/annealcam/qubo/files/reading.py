"""Reading of files with selection problems, in a format that is recognised by its content."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from annealcam._internal.validation import one_line, one_of
from annealcam.errors import AnnealcamError, ArgumentError, ProblemFileError, ProblemTooLargeError
from annealcam.qubo.files import arrays, models, text
from annealcam.qubo.files.content import Content, ProblemFile
from annealcam.qubo.files.limits import KNOWN, MAX_BYTES, check_size
from annealcam.qubo.files.matrix_market import read_mtx
from annealcam.qubo.problem import SelectionProblem, check_beta, check_cardinality

if TYPE_CHECKING:
    import dimod

Reader: TypeAlias = tuple[Callable[[bytes], Content], str]

READERS: dict[str, Reader] = {  # with the name of the format in errors
    "npz": (arrays.read_npz, ".npz file"),
    "bqm": (models.read_bqm, "dimod BQM file"),
    "json": (models.read_json, "dimod model in JSON or bqpjson"),
    "coo": (text.read_coo, "COO text"),
    "qubo": (text.read_qubo, "qbsolv file"),
    "maxcut": (text.read_maxcut, "maximum cut"),
    "orlib": (text.read_orlib, "OR-Library file"),
    "gka": (text.read_gka, "sparse text"),
    "matrix": (text.read_matrix, "Q matrix as text"),
    "npy": (arrays.read_npy, ".npy file"),
    "mtx": (read_mtx, "MatrixMarket file"),
    "lp": (text.read_lp_text, "LP file"),
    "sparse": (arrays.read_npz, "sparse matrix of scipy"),
    "bqpjson": (models.read_json, "bqpjson file"),
}


def read_problem(
    path: str | os.PathLike[str],
    *,
    beta: float | None = None,
    cardinality: int | None = None,
    format: str | None = None,
    maximise: bool | None = None,
) -> ProblemFile:
    """Read a problem from a file of one of these formats, recognised by its content.

    - `npz`: the arrays h (d,) and J (d, d), and optionally the numbers beta (default 0.7),
      cardinality and offset; `sparse`: a Q matrix that `scipy.sparse.save_npz` wrote.
    - `bqm`, `json`: a dimod model written by `bqm.to_file()` or
      `json.dumps(bqm.to_serializable())`; `bqpjson`: the format of that name.
    - `coo`: lines `i j value`, where i = j is a linear bias, after optional lines
      `# vartype=SPIN` or `# vartype=BINARY` (the default) and `# offset=42`.
    - `qubo`: a file of qbsolv, `p qubo 0 maxNodes nNodes nCouplers`.
    - `maxcut`: a maximum cut (rudy, G-set), `n m`, then `i j weight`; the energy is minus the cut.
    - `orlib`: a maximisation of the OR-Library, whose energy is the negative; `orlib:3` is the
      third problem of a file.
    - `gka`: a line `n`, then `i j value`, with variables from 1.
    - `npy`, `matrix`, `mtx`: a square matrix Q with the energies n^T Q n, by numpy, as text, or in
      the MatrixMarket format.
    - `lp`: an LP file of binary variables with a linear or quadratic objective, and at most the
      constraint that the sum of all variables is k, which is read as the cardinality.

    Args:
        path: the file.
        format: the name of the format; None recognises it. Nine numbers of which no line starts
            with anything but two whole numbers are `coo`, unless `matrix` is given.
        beta: replaces that of the file; only for files with h and J.
        cardinality: replaces that of the file: exactly so many variables are 1.
        maximise: True takes the values of the file as those of a maximisation, as published files
            of Beasley's and of Glover's problems are meant: the energies are their negatives. None
            minimises, except for `maxcut`, `orlib` and an LP file with Maximize.

    Raises:
        ProblemFileError: the file cannot be read, is malformed, or contains NaN or infinity.
        ArgumentError: an argument has a wrong type or is out of range, beta does not apply to the
            file, or the format is unknown.
        ProblemTooLargeError: there are over 1024 variables.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "two.coo"
    >>> _ = path.write_text("# vartype=BINARY\\n0 0 -1\\n0 1 0.5\\n")
    >>> read_problem(path).problem.energies()
    array([ 0. , -1. ,  0. , -0.5])
    """
    file = checked_path(path)
    beta = None if beta is None else check_beta(beta)
    cardinality = check_cardinality(cardinality)
    if not (maximise is None or isinstance(maximise, bool)):
        raise ArgumentError(f"maximise={one_line(maximise)}: must be True, False or None")
    reader = None if format is None else _reader_named(format)
    content = _parse(file, _bytes_of(file), beta, reader)
    if maximise is not None and maximise != content.maximised:
        content = content.negated()
        direction = "maximised" if maximise else "minimised"
        content = replace(content, kind=f"{content.kind}, {direction}")
    return content if cardinality is None else _with_cardinality(content, cardinality)


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Return a path; raise ArgumentError for anything that is none."""
    try:
        file = Path(path)
    except TypeError:
        raise ArgumentError(f"path={one_line(path)}: must be a path") from None
    if "\0" in str(file):
        raise ArgumentError(f"path={one_line(path)}: contains a null character; check the name")
    return file


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProblemFileError(f"{path}: is larger than {MAX_BYTES >> 20} MiB; {KNOWN}")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)  # a pipe or a device has no size
    except OSError as error:
        raise ProblemFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(raw) > MAX_BYTES:
        raise ProblemFileError(f"{path}: is larger than {MAX_BYTES >> 20} MiB; {KNOWN}")
    return raw


def _parse(path: Path, raw: bytes, beta: float | None, reader: Reader | None) -> ProblemFile:
    name = "problem file"
    try:
        read, name = reader or READERS[_format_of(raw)]
        with np.errstate(over="ignore", invalid="ignore"):  # the problem refuses what overflows
            content = read(raw)
            if isinstance(content.model, dict):
                return _from_arrays(content.model, content.kind, beta)
            model = _from_model(content.model, content)
    except ProblemTooLargeError as error:
        raise ProblemTooLargeError(f"{path}: {error}") from error
    except AnnealcamError as error:
        raise ProblemFileError(f"{path}: {_shortened(str(error))}") from error
    except Exception as error:  # readers of other libraries raise anything for broken bytes
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ProblemFileError(f"{path}: is not a valid {name} ({reason}); {KNOWN}") from error
    if beta is not None:
        raise ArgumentError(
            f"beta={beta:g}: applies only to files of h and J; {path} is {model.kind}"
        )
    return model


def _shortened(text: str) -> str:
    """Return an error that may quote much of a file, without the middle of a long one."""
    return text if len(text) <= 400 else f"{text[:200]} ... {text[-200:]}"


def _from_arrays(stored: dict[str, Any], kind: str, beta: float | None) -> ProblemFile:
    check_size(stored["h"].size)
    check_size(len(stored["J"]))
    numbers = {name: stored[name].item() for name in arrays.NUMBERS if name in stored}
    offset = float(numbers.get("offset", 0.0))
    _check(h=stored["h"], J=stored["J"], offset=offset)
    problem = SelectionProblem(
        stored["h"],
        stored["J"],
        beta=check_beta(numbers.get("beta", 0.7)) if beta is None else beta,
        cardinality=check_cardinality(numbers.get("cardinality")),
        diagonal=stored.get("diagonal") if beta is None else None,  # it holds for one beta only
    )
    labels = tuple(range(problem.d)) if stored["labels"] is None else stored["labels"]
    if len(labels) != problem.d:
        raise ProblemFileError(f"labels: must be one for each of {problem.d} variables")
    return ProblemFile(problem, labels, offset, kind)


def _from_model(bqm: dimod.BinaryQuadraticModel, content: Content) -> ProblemFile:
    linear, (_, _, quadratic), offset = bqm.to_numpy_vectors()
    check_size(len(linear))
    _check(biases=np.concatenate([linear, quadratic, [offset]]))
    binary = type(bqm)(bqm, dtype=np.float64).change_vartype("BINARY", inplace=True)
    _check(offset=binary.offset)
    problem = SelectionProblem.from_bqm(binary).with_cardinality(content.cardinality)
    return ProblemFile(
        problem, tuple(bqm.variables), float(binary.offset), content.kind, content.maximised
    )


def _check(**values: Any) -> None:
    for name, array in values.items():
        if not np.isfinite(array).all():
            raise ProblemFileError(f"{name}: contains NaN or infinity; all must be finite")


def _with_cardinality(content: ProblemFile, k: int) -> ProblemFile:
    p = content.problem
    if k > p.d:
        raise ArgumentError(f"cardinality={k}: must be at most the number of variables, {p.d}")
    return replace(content, problem=p.with_cardinality(k))


def _format_of(raw: bytes) -> str:
    """Return the name of the format of a file."""
    for start, name in ((b"PK", "npz"), (b"DIMOD", "bqm"), (b"\x93NUMPY", "npy")):
        if raw.startswith(start):
            return name
    return "json" if raw.lstrip()[:1] == b"{" else text.kind_of_text(raw)


def _reader_named(format: str) -> Reader:
    """Return the reader of a format, and of the third problem of a file for `orlib:3`."""
    name, _, number = str(format).partition(":")
    if name == "orlib" and number.isdecimal():
        return partial(text.read_orlib, number=int(number)), READERS[name][1]
    return READERS[one_of("format", format, READERS)]
