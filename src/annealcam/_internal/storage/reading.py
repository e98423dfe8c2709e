"""Reading of files that may be damaged or made to harm: the content, or one line of an error."""

from __future__ import annotations

import io
import json
import math
import os
import stat
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from annealcam._internal.types import Array
from annealcam.errors import AnnealcamError, OutputError

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST = 200  # characters of the reason of an error
MAX_BYTES = 2**30  # of a file of a result, and of the arrays in it: more is never written
MAX_TEXT = 2**26  # bytes of a text, whose values take up to fifty times as much memory
_ROWS = 2**14  # of a table that are read at once


@contextmanager
def reading(
    what: object, remedy: str = "", *, error: type[AnnealcamError] = OutputError
) -> Iterator[None]:
    """Turn every error of a block that reads a file into one of annealcam, of one line.

    Any exception is caught, since those of damaged files are of any type: MemoryError and
    RecursionError for headers that lie, zlib.error, SyntaxError, and more.

    Raises:
        OutputError: the block fails; `error` where another class is given.

    >>> with reading("a.json"):
    ...     json_of(b"[")
    Traceback (most recent call last):
    annealcam.errors.OutputError: a.json: cannot be read (Expecting value: line 1 column 2 (char 1))
    """
    try:
        yield
    except AnnealcamError:
        raise
    except FileNotFoundError as cause:
        raise error(f"{what}: cannot be read (it does not exist){remedy}") from cause
    except OSError as cause:
        raise error(f"{what}: cannot be read ({_line(cause.strerror or cause)}){remedy}") from cause
    except Exception as cause:
        raise error(f"{what}: cannot be read ({_line(cause)}){remedy}") from cause


def text_of(file: str | os.PathLike[str]) -> str:
    """Return the text of a UTF-8 file, with or without a byte order mark.

    Raises:
        ValueError: it is too large, or is no such text.
    """
    try:
        return bytes_of(Path(file), MAX_TEXT).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("not a text file in UTF-8") from error


def bytes_of(file: Path, largest: int = MAX_BYTES) -> bytes:
    """Return the content of a regular file of at most `largest` bytes.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is a folder, a pipe or a device, or it is longer.
    """
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is a folder" if file.is_dir() else "it is a pipe or a device")
    if status.st_size > largest:
        raise ValueError(f"it has over {largest >> 20} MiB")
    return file.read_bytes()


def json_of(content: bytes) -> Any:
    """Return the value of a JSON text; NaN and infinity, which JSON does not have, are refused.

    Raises:
        ValueError: it is no JSON, or too long.
        RecursionError: it is nested too deeply.

    >>> json_of(b'{"a": 1}')
    {'a': 1}
    """
    if len(content) > MAX_TEXT:
        raise ValueError(f"it has over {MAX_TEXT >> 20} MiB")
    return json.loads(content, parse_constant=_refuse_constant, parse_float=_finite)


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
    shape, in_columns, dtype = array_header(stream)
    if dtype.hasobject:
        raise ValueError("holds Python objects")
    if math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"the shape {shape} does not fit the {len(content)} bytes")
    values = np.frombuffer(stream.read(), dtype=dtype).copy()
    return values.reshape(shape, order="F" if in_columns else "C")


def array_header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order (True: by columns) and dtype from the header of an npy file.

    Raises:
        ValueError: it is no header of versions 1 and 2, which arrays of numbers have.
    """
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"has the version {version} of .npy; write it by numpy.save")
    read = np.lib.format.read_array_header_1_0
    if version == (2, 0):
        read = np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers by Python 2, which are read as well
        shape, in_columns, dtype = read(stream)
    return shape, in_columns, dtype


def array_from(
    arrays: Mapping[str, Array], name: str, kinds: str, shape: Sequence[int | None]
) -> Array:
    """Return one of several arrays, whose dtype and shape are checked.

    Args:
        arrays: the arrays by name.
        name: of the array.
        kinds: the kinds of dtype that are accepted, as numpy names them: `f`, `iu`, `b`.
        shape: its shape; None accepts any length.

    Raises:
        ValueError: there is no such array, or it is another one.

    >>> array_from({"a": np.eye(2)}, "a", "f", (2, None)).shape
    (2, 2)
    """
    if name not in arrays:
        raise ValueError(f"lacks {name}")
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        wanted in (None, length) for wanted, length in zip(shape, array.shape, strict=True)
    )
    if array.dtype.kind not in kinds or not fits:
        raise ValueError(f"{name} has the shape {array.shape} and the dtype {array.dtype}")
    return array


def parquet_table(content: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Return columns of a Parquet file of limited size.

    Raises:
        ValueError: a column is missing, or the table is larger than any that is written.
        pyarrow.ArrowException: it is no Parquet file, or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Batch by batch, since a few bytes of a file can stand for any number of equal values. (The
    # metadata of columns would tell, but pyarrow ends the process where these are damaged.)
    file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
    missing = sorted(set(columns or ()) - set(file.schema_arrow.names))
    if missing:
        raise ValueError(f"lacks the column {missing[0]}")
    batches, size = [], 0
    for batch in file.iter_batches(_ROWS, columns=columns and [*columns], use_threads=False):
        size += batch.nbytes
        if size > MAX_BYTES:
            raise ValueError(f"unpacks to over {MAX_BYTES >> 20} MiB")
        batches.append(batch)
    schema = file.schema_arrow
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    table = pa.Table.from_batches(batches, schema).combine_chunks()
    table.validate(full=True)  # that texts are UTF-8, and lists lie within their values
    return table


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _line(cause: object) -> str:
    """Return the text of an error in one line of a reasonable length."""
    text = " ".join(str(cause).split()) or type(cause).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
