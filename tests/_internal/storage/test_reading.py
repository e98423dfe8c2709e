"""Readers of files that may be damaged: the same value, or one line."""

import io
import json
import os
import warnings
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annealcam._internal.storage import reading
from annealcam._internal.storage.reading import (
    array_from,
    array_of,
    bytes_of,
    json_of,
    parquet_table,
)
from annealcam.errors import OutputError
from tests.damage import bits_of, flipped


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "ä\x1b"]}, [], 1e300, "x"])
def test_json_comes_back(value):
    assert json_of(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "array",
    [np.float64(3.5), np.zeros((0, 3)), np.arange(6.0).reshape(2, 3).T, np.array(["a", "bc"])],
)
def test_arrays_come_back(array):
    stream = io.BytesIO()
    np.save(stream, array)
    read = array_of(stream.getvalue())
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert read.tobytes("A") == array.tobytes("A")
    assert read.flags.writeable


def test_headers_by_python_2_are_read_without_a_warning():
    stream = io.BytesIO()
    np.save(stream, np.arange(3.0))
    old = stream.getvalue().replace(b"(3,), } ", b"(3L,), }")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert array_of(old).tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("text", ["NaN", "[1, -Infinity]", "1e999", '{"a": -1e400}', "[" * 10**6])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(OutputError, match="a.json: cannot be read"), reading.reading("a.json"):
        json_of(text.encode())


def test_only_regular_files_of_some_size_are_read(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"12345")
    assert bytes_of(file) == bytes_of(file, 5) == b"12345"
    with pytest.raises(ValueError, match="over 0 MiB"):
        bytes_of(file, 4)
    with pytest.raises(ValueError, match="it is a folder"):
        bytes_of(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="a pipe or a device"):
            bytes_of(tmp_path / "pipe")  # reading it would wait for ever


@pytest.mark.parametrize(
    ("name", "kinds", "shape"),
    [("a", "iu", (2, 3)), ("a", "f", (3, 2)), ("a", "f", (2,)), ("b", "f", (2, 3))],
)
def test_arrays_of_another_kind_or_shape_are_refused(name, kinds, shape):
    arrays = {"a": np.zeros((2, 3))}
    assert array_from(arrays, "a", "iuf", (2, None)) is arrays["a"]
    with pytest.raises(ValueError, match=r"lacks b|a has the shape \(2, 3\)"):
        array_from(arrays, name, kinds, shape)


def parquet(table, **options):
    stream = pa.BufferOutputStream()
    pq.write_table(table, stream, **options)
    return stream.getvalue().to_pybytes()


def test_a_table_comes_back(monkeypatch):
    table = pa.table({"a": [[1.5, None], None, []], "b": ["x", "", None], "c": [1, 2, 3]})
    content = parquet(table)
    assert parquet_table(content) == table
    assert parquet_table(content, ["c", "a"]) == table.select(["c", "a"])
    assert parquet_table(parquet(table[:0])) == table[:0]
    monkeypatch.setattr(reading, "_ROWS", 2)
    assert parquet_table(content) == table
    with pytest.raises(ValueError, match="lacks the column d"):
        parquet_table(content, ["a", "d"])
    many = parquet(pa.table({"a": np.zeros(10**5)}))
    assert len(many) < 10**4
    monkeypatch.setattr(reading, "MAX_BYTES", 10**5)
    with pytest.raises(ValueError, match="unpacks to over"):
        parquet_table(many)


def test_a_damaged_table_is_an_error_or_a_table():
    """pyarrow ends the process where it reads some damaged metadata, so that nothing does."""
    content = parquet(pa.table({"a": [[1.5, 2.0], [3.0]], "b": ["x", "yy"]}), compression="zstd")
    for bit in bits_of(content, 2000):
        with suppress(OutputError), reading.reading("a.parquet"):
            assert parquet_table(flipped(content, bit)).num_columns == 2
