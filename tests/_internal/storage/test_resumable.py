"""Resumable work: only equal identities continue, and only complete parts count as finished."""

import json

import numpy as np
import pytest

from annealcam._internal.storage.files import file_written_aside
from annealcam._internal.storage.resumable import (
    PartStore,
    arrays_read,
    check_identity,
    json_value,
    write_arrays,
)
from annealcam.errors import ArgumentError, OutputError

IDENTITY = {"top": 9, "settings": {"beta": 0.5, "seed": 0}, "targets": (1, 2)}


@pytest.fixture
def store(tmp_path):
    return PartStore(tmp_path / "a.parts", "atlas")


def write(part, file):
    write_arrays(file, {"part": np.array(part)})


def read(file):
    with arrays_read(file) as arrays:
        return int(arrays["part"])


def test_work_continues_with_an_equal_identity_alone(store):
    assert store.open(IDENTITY) == {"identity": IDENTITY, "finished": False}
    store.open(json.loads(json.dumps(IDENTITY)))
    with pytest.raises(ArgumentError, match=r"another atlas \(settings\.beta is 0\.5 there, 0\.7"):
        store.open(IDENTITY | {"settings": {"beta": 0.7, "seed": 0}})
    with pytest.raises(ArgumentError, match="top is 9 there, None here"):
        store.open({name: value for name, value in IDENTITY.items() if name != "top"})
    (store.folder / store.record).write_text("{")
    with pytest.raises(OutputError, match=r"parts\.json: cannot be read"):
        store.open(IDENTITY)


def test_at_most_three_differences_are_listed(tmp_path):
    listed = r"\(a is 0 .*; b is 1 .*; c is 2 there, None here; and 2 more\)"
    with pytest.raises(ArgumentError, match=listed):
        check_identity(dict(zip("abcde", range(5), strict=True)), {}, tmp_path, "audit")
    with pytest.raises(ArgumentError, match="holds another audit"):
        check_identity(None, {"a": 1}, tmp_path, "audit")


def test_finished_parts_are_not_computed_again(store):
    store.open(IDENTITY)
    computed = []

    def compute(number):
        computed.append(number)
        if len(computed) == 3:
            raise KeyboardInterrupt
        return number**2

    with pytest.raises(KeyboardInterrupt):
        list(store.complete(5, compute, write, read))
    assert store.missing(5) == [2, 3, 4]
    assert list(store.complete(5, compute, write, read)) == [0, 1, 4, 9, 16]
    assert computed == [0, 1, 2, 2, 3, 4]


def test_an_interrupted_part_is_not_finished(store):
    store.open(IDENTITY)

    def interrupted(part, file):
        with file_written_aside(file) as aside:
            aside.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(store.complete(1, int, interrupted, read))
    assert store.missing(1) == [0]
    (store.folder / f".{store.file(0).name}.new-x").write_bytes(b"half")  # of a killed process
    store.remove_unfinished()
    assert [file.name for file in store.folder.iterdir()] == [store.record]


def test_only_files_of_the_work_are_removed(store):
    store.open(IDENTITY)
    write(1, store.file(0))
    (store.folder / "letter.txt").write_text("dear")
    store.remove()
    assert [file.name for file in store.folder.iterdir()] == ["letter.txt"]
    store.remove()  # without a record nothing is removed
    (store.folder / "letter.txt").unlink()
    store.open(IDENTITY)
    store.remove()
    assert not store.folder.exists()


def test_arrays_and_json_values_survive_the_disk(tmp_path):
    values = {"maps": np.eye(3), "names": ["ümlaut", None]}
    write_arrays(tmp_path / "a.npz", values)
    with arrays_read(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["maps"], values["maps"])
        assert json_value(arrays["names"]) == values["names"]
    with (
        pytest.raises(OutputError, match="a.npz: cannot be read .*remove it"),
        arrays_read(tmp_path / "a.npz") as arrays,
    ):
        _ = arrays["missing"]


def test_two_processes_do_not_share_a_folder(store):
    """Locks belong to open files, so that a second one of this process is another's."""
    store.open(IDENTITY)

    def compute(number):
        with pytest.raises(OutputError, match="another process is writing this"):
            list(store.complete(2, int, write, read))
        return number

    assert list(store.complete(2, compute, write, read)) == [0, 1]
    assert list(store.complete(2, int, write, read)) == [0, 1]
