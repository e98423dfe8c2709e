"""Writing of files with selection problems, in the format of the name or a given one."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from annealcam._internal.storage.files import file_written_aside
from annealcam._internal.validation import one_line, one_of
from annealcam.errors import AnnealcamError, ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem, labels_of, offset_of
from annealcam.qubo.files.content import ProblemFile
from annealcam.qubo.files.reading import checked_path
from annealcam.qubo.files.writers import WRITERS, Coefficients, coefficients

DROPPABLE = ("offset", "diagonal")


def save_problem(
    problem: ProblemLike | ProblemFile,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    penalty: bool = False,
    drop: Collection[str] = (),
) -> None:
    """Write a problem to a file, from which `read_problem` restores it.

    Energies, the offset and the order of the variables are kept. Names of variables are kept by
    npz, bqm and json, and where they are names of the format by lp; numbers also by bqpjson, and
    by coo if they ascend. All other formats number the variables in their order.

    Args:
        problem: the problem, in any form that `solve` takes, or as `read_problem` returns it.
        path: the file; an older one is replaced when the new one is complete.
        format: the name of the format (those of `read_problem`; `sparse` is a matrix of
            scipy); None takes that of the ending of the name.
        penalty: True replaces a cardinality k by the penalty lambda (sum n - k)^2 of `to_bqm` for
            all formats but npz and lp, which hold it. Its constant is part of the offset, and a
            diagonal is left out, since it does not hold for these energies.
        drop: what may be left out if the format cannot hold it: "offset" (which shifts all
            energies alike) or "diagonal" (which is no part of the energy).

    Raises:
        ArgumentError: the format is unknown, or cannot hold the problem.
        OutputError: the file cannot be written.

    >>> import tempfile
    >>> from annealcam.qubo import SelectionProblem, read_problem
    >>> path = Path(tempfile.mkdtemp()) / "two.qubo"
    >>> save_problem(SelectionProblem([1.0, 2.0], [[0.0, 3.0], [3.0, 0.0]], beta=0.5), path)
    >>> print(path.read_text().strip())
    p qubo 0 2 2 1
    0 0 -0.5
    1 1 -1
    0 1 1.5
    >>> read_problem(path).problem.energies()
    array([ 0. , -0.5, -1. ,  0. ])
    """
    target = checked_path(path)
    name = _format_of(target) if format is None else one_of("format", format, WRITERS)
    allowed = [one_of("drop", part, DROPPABLE) for part in _parts(drop)]
    source = _source(problem)
    if not isinstance(penalty, bool):
        raise ArgumentError(f"penalty={one_line(penalty)}: must be True or False")
    if penalty and "cardinality" not in WRITERS[name].holds:
        source = _with_penalty(source)
    held = _held(source, name, allowed)
    try:
        raw = WRITERS[name].write(held)
    except AnnealcamError:
        raise
    except (TypeError, ValueError) as error:  # of labels that JSON has no form for
        raise ArgumentError(
            f"labels: cannot be written to the format {name} ({one_line(str(error))}); relabel "
            "the variables"
        ) from error
    with file_written_aside(target) as aside:
        aside.write_bytes(raw)


def _format_of(path: Path) -> str:
    for name, writer in WRITERS.items():
        if path.suffix.lower() in writer.suffixes:
            return name
    endings = ", ".join(suffix for writer in WRITERS.values() for suffix in writer.suffixes)
    raise ArgumentError(
        f"path={path}: its ending names no format of problems; use {endings}, or give the format"
    )


def _parts(drop: Collection[str]) -> Collection[str]:
    if isinstance(drop, str):
        return drop.split(",")
    if not isinstance(drop, Collection):
        raise ArgumentError(f"drop={one_line(drop)}: must be a list of {' and '.join(DROPPABLE)}")
    return drop


def _source(problem: ProblemLike | ProblemFile) -> ProblemFile:
    if isinstance(problem, ProblemFile):
        return problem
    return ProblemFile(as_problem(problem), labels_of(problem), offset_of(problem), "")


def _with_penalty(source: ProblemFile) -> ProblemFile:
    """Return the problem whose cardinality is a penalty; the diagonal does not hold for it."""
    p = source.problem
    if p.cardinality is None:
        return source
    bqm = p.to_bqm()
    return ProblemFile(as_problem(bqm), source.labels, source.offset + float(bqm.offset), "")


def _held(source: ProblemFile, name: str, drop: Collection[str]) -> Coefficients:
    """Return the coefficients; raise ArgumentError for what the format cannot hold."""
    p, offset = source.problem, source.offset
    present = {
        "cardinality": p.cardinality is not None,
        "diagonal": p.diagonal is not None,
        "offset": offset != 0,
        "empty": p.d == 0,
    }
    for part, is_present in present.items():
        if not is_present or part in WRITERS[name].holds:
            continue
        if part not in drop:
            raise ArgumentError(_refusal(source, name, part))
        offset = 0.0 if part == "offset" else offset
    return coefficients(p, offset, source.labels)


def _refusal(source: ProblemFile, name: str, part: str) -> str:
    able = ", ".join(other for other, writer in WRITERS.items() if part in writer.holds)
    lacks, otherwise = {
        "cardinality": (
            f"no cardinality ({source.problem.cardinality})",
            "; penalty=True writes it as a penalty",
        ),
        "diagonal": (
            "no diagonal, which bounds need",
            "; drop='diagonal' leaves it out, and keeps all energies",
        ),
        "offset": (
            f"no offset ({source.offset:g})",
            "; drop='offset' leaves it out, which shifts all energies",
        ),
        "empty": ("no problem without variables", ""),
    }[part]
    return f"format={name!r}: holds {lacks}; use {able}{otherwise}"
