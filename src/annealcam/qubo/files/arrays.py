"""Readers of arrays: h and J, and Q matrices of numpy and scipy.

A matrix Q, symmetric, triangular or neither, is the problem: minimise n^T Q n.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from annealcam._internal.storage.reading import array_header
from annealcam.errors import ProblemFileError
from annealcam.qubo.files.content import Content
from annealcam.qubo.files.limits import KNOWN, MAX_BYTES, check_size

if TYPE_CHECKING:
    import dimod

ARRAYS = ("h", "J", "diagonal")
_INDICES = ("shape", "indices", "indptr", "row", "col", "coords", "offsets")  # of scipy's formats
NUMBERS = ("beta", "cardinality", "offset")


def model_of_matrix(Q: Any) -> dimod.BinaryQuadraticModel:
    """Return the model with the energies n^T Q n of binary variables 0..d-1."""
    import dimod

    if Q.ndim != 2 or Q.shape[0] != Q.shape[1]:
        raise ProblemFileError(f"has the shape {Q.shape}; a Q matrix must be square")
    if Q.dtype.kind not in "biuf":
        raise ProblemFileError(f"has the type {Q.dtype}; a Q matrix must hold real numbers")
    check_size(len(Q))
    Q = Q.astype(np.float64)
    if not np.isfinite(Q).all():
        raise ProblemFileError("Q: contains NaN or infinity; all must be finite")
    pairs = np.triu(Q, 1) + np.tril(Q, -1).T
    return dimod.BinaryQuadraticModel(np.diagonal(Q), pairs, "BINARY")


def read_npz(raw: bytes) -> Content:
    """Return h and J with the numbers that are stored beside them, or a sparse matrix of scipy."""
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        if sum(entry.file_size for entry in packed.infolist()) > MAX_BYTES:
            raise ProblemFileError(f"unpacks to over {MAX_BYTES >> 20} MiB; {KNOWN}")
        for entry in packed.infolist():
            if entry.filename.endswith(".npy"):
                with packed.open(entry) as stream:
                    _check_header(stream, entry.file_size)
    with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
        if "format" in stored and "shape" in stored:
            return Content(_sparse(raw, stored), "a sparse Q matrix (scipy .npz)")
        missing = [name for name in ("h", "J") if name not in stored]
        if missing:
            raise ProblemFileError(
                f"contains the arrays {', '.join(sorted(stored)) or '(none)'}, but no "
                f"{' and no '.join(missing)}; write it by np.savez(path, h=h, J=J)"
            )
        arrays = {name: stored[name] for name in (*ARRAYS, *NUMBERS) if name in stored}
        labels = _labels(stored["labels"]) if "labels" in stored else None
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or (name in NUMBERS and array.shape != ()):
            kind = "one number" if name in NUMBERS else "an array of real numbers"
            raise ProblemFileError(f"{name}: must be {kind}")
    return Content(arrays | {"labels": labels}, "h and J (.npz)")


def _labels(stored: Any) -> tuple[Hashable, ...]:
    """Return the labels that `save_problem` wrote as the JSON of a list."""
    from dimod.variables import iter_deserialize_variables

    labels = tuple(iter_deserialize_variables(json.loads(str(stored))))
    if len(set(labels)) < len(labels):
        raise ProblemFileError("labels: must be different")
    return labels


def _sparse(raw: bytes, stored: Mapping[str, Any]) -> dimod.BinaryQuadraticModel:
    """Return the model of a matrix that `scipy.sparse.save_npz` wrote.

    Scipy's check of pointers takes the differences of neighbours in their own type. Where that has
    no sign, or the differences overflow, decreasing pointers pass, and compiled code writes outside
    of the matrix.
    """
    from scipy.sparse import load_npz

    for name in _INDICES:
        array = stored.get(name, np.zeros(1, dtype=int))
        if array.dtype.kind != "i" or (name != "offsets" and array.min(initial=0) < 0):
            raise ProblemFileError(f"{name}: must be signed whole numbers of at least 0")
    check_size(int(np.max(stored["shape"], initial=0)))
    matrix = load_npz(io.BytesIO(raw))
    if hasattr(matrix, "check_format"):  # wrong indices would be read outside of the arrays
        matrix.check_format(full_check=True)
    return model_of_matrix(matrix.toarray())


def read_npy(raw: bytes) -> Content:
    """Return the model of a Q matrix that `numpy.save` wrote."""
    check_size(max(_check_header(io.BytesIO(raw), len(raw)), default=0))
    return Content(
        model_of_matrix(np.load(io.BytesIO(raw), allow_pickle=False)), "a Q matrix (.npy)"
    )


def _check_header(stream: Any, size: int) -> tuple[int, ...]:
    """Return the shape of an array; raise ProblemFileError if `size` bytes are too few for it."""
    shape, _, dtype = array_header(stream)
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > size:
        raise ProblemFileError(f"is too short for an array of the shape {shape}; write it again")
    return shape
