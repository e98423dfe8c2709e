"""Writing of files with selection problems."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from annealcam.errors import ArgumentError, OutputError
from annealcam.qubo.convert import ProblemLike, as_problem


def save_problem(problem: ProblemLike, path: str | os.PathLike[str]) -> None:
    """Write h, J, beta and cardinality to an `.npz` file, from which `read_problem` restores them.

    Raises:
        ArgumentError: the name does not end in .npz.
        OutputError: the file cannot be written.

    >>> import tempfile
    >>> from annealcam.qubo import SelectionProblem, read_problem
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
