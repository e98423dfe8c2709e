"""Selection problems from files, and into them."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annealcam.errors import (
    AnnealcamError,
    ArgumentError,
    OutputError,
    ProblemFileError,
    ProblemTooLargeError,
)
from annealcam.qubo.formats import KNOWN, MAX_BYTES, reader_of
from annealcam.qubo.problem import SelectionProblem, check_beta, check_cardinality

if TYPE_CHECKING:
    import dimod

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
