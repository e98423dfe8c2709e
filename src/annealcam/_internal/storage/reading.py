"""Reading of files that may be damaged or made to harm: the content, or one line of an error."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from annealcam._internal.types import Array
from annealcam.errors import AnnealcamError, OutputError

MAX_BYTES = 2**30  # of a file of a result, and of the arrays in it: more is never written


@contextmanager
def reading(what: object, remedy: str = "") -> Iterator[None]:
    """Turn every error of a block that reads a file into an OutputError of one line.

    Any exception is caught, since those of damaged files are of any type: MemoryError and
    RecursionError for headers that lie, zlib.error, SyntaxError, and more.

    Raises:
        OutputError: the block fails.

    >>> with reading("a.json"):
    ...     json_of(b"[")
    Traceback (most recent call last):
    annealcam.errors.OutputError: a.json: cannot be read (Expecting value: line 1 column 2 (char 1))
    """
    try:
        yield
    except AnnealcamError:
        raise
    except FileNotFoundError as error:
        raise OutputError(f"{what}: cannot be read (it does not exist){remedy}") from error
    except OSError as error:
        raise OutputError(f"{what}: cannot be read ({error.strerror or error}){remedy}") from error
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise OutputError(f"{what}: cannot be read ({text[:200]}){remedy}") from error


def json_of(content: bytes) -> Any:
    """Return the value of a JSON text; NaN and infinity, which JSON does not have, are refused.

    >>> json_of(b'{"a": 1}')
    {'a': 1}
    """
    return json.loads(content, parse_constant=_refuse_constant)


def arrays_of(content: bytes) -> dict[str, Array]:
    """Return the arrays of an npz file; the sizes in its headers are checked before use.

    Raises:
        ValueError: a header does not fit the content, or an array holds Python objects.
    """
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        entries = packed.infolist()
        if sum(entry.file_size for entry in entries) > MAX_BYTES:
            raise ValueError(f"unpacks to over {MAX_BYTES >> 20} MiB")
        for entry in entries:
            name = entry.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"holds {name} twice")
            arrays[name] = array_of(packed.read(entry))
    return arrays


def array_of(content: bytes) -> Array:
    """Return the array of an npy file, whose header must fit the number of its bytes.

    Raises:
        ValueError: the header does not fit, or the array holds Python objects.
    """
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = header(stream)
    if dtype.hasobject:
        raise ValueError("holds Python objects")
    if math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"the shape {shape} does not fit the {len(content)} bytes")
    stream.seek(0)
    array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
