"""A run's folder: whole files or none, and no run in the place of another."""

import errno
import hashlib
from pathlib import Path

import pytest

from annealcam._internal.storage.files import file_written_aside
from annealcam._internal.storage.resumable import write_json
from annealcam.errors import ArgumentError, OutputError
from annealcam.study.run import store
from annealcam.study.table.columns import SCHEMA

ROW = {"image": "a", "selector": "exact", "k": 2, "selected": [1, 2], "h": [1.0, 0.5]}


def test_rows_come_back(tmp_path):
    run = tmp_path / "run"
    store.open_run(run, {"seed": 0})
    store.write_part(store.content_of(store.table_of([ROW])), run / "table" / "part-00001.parquet")
    store.write_part(store.content_of(store.table_of([])), run / "table" / "part-00000.parquet")
    table = store.read_table(run)
    assert table.schema == SCHEMA
    (row,) = table.to_pylist()
    assert {key: value for key, value in row.items() if value is not None} == ROW


def test_a_full_disk_leaves_nothing_half_done(tmp_path, monkeypatch):
    def full(file, _content):
        file.open("wb").write(b"PAR1 and no more")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"part-0.parquet: cannot be written \(No space left"):
        store.write_part(b"content", tmp_path / "part-0.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_changed_part_is_refused(tmp_path):
    run = tmp_path / "run"
    store.open_run(run, {"seed": 0})
    content, file = store.content_of(store.table_of([ROW])), run / "table" / "part-00000.parquet"
    store.write_part(content, file)
    store.refuse_changed(run)  # of a version that noted no SHA-256
    write_json(run / "log" / "part-00000.json", {"sha256": hashlib.sha256(content).hexdigest()})
    store.refuse_changed(run)
    for bit in range(0, 8 * len(content), 997):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        with pytest.raises(OutputError, match=r"part-00000.parquet: is changed or damaged; remove"):
            store.refuse_changed(run)
    file.unlink()  # as the message advises
    store.refuse_changed(run)


def test_another_study_is_refused_and_the_difference_named(tmp_path):
    store.open_run(tmp_path / "r", {"config": {"seed": 0, "data": {"name": "a"}}, "data": "x"})
    same = store.open_run(
        tmp_path / "r", {"config": {"data": {"name": "a"}, "seed": 0}, "data": "x"}
    )
    assert same["finished"] is False
    with pytest.raises(ArgumentError, match=r"config\.data\.name is 'a' there, 'b' here\); remove"):
        store.open_run(tmp_path / "r", {"config": {"seed": 0, "data": {"name": "b"}}, "data": "x"})


def test_foreign_folders_are_left_alone(tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(OutputError, match=r"letters\.txt, which is no part of a study"):
        store.open_run(tmp_path, {})
    with pytest.raises(OutputError, match="is a file"):
        store.open_run(tmp_path / "letters.txt", {})
    (tmp_path / "other" / "table").mkdir(parents=True)
    with pytest.raises(OutputError, match="table, which is no part"):
        store.open_run(tmp_path / "other", {})


def test_damaged_files_are_named(tmp_path):
    store.open_run(tmp_path / "r", {})
    with pytest.raises(OutputError, match="holds no table"):
        store.read_table(tmp_path / "r")
    (tmp_path / "r" / "table" / "part-00000.parquet").write_bytes(b"no")
    with pytest.raises(OutputError, match="part-00000.parquet: cannot be read"):
        store.read_table(tmp_path / "r")
    (tmp_path / "r" / "manifest.json").write_text("[]")
    with pytest.raises(OutputError, match="holds no mapping"):
        store.read_manifest(tmp_path / "r")
    (tmp_path / "r" / "manifest.json").write_text("{")
    with pytest.raises(OutputError, match="cannot be read"):
        store.read_manifest(tmp_path / "r")
    with pytest.raises(OutputError, match="does not exist"):
        store.read_manifest(tmp_path)


def test_only_half_written_parts_are_tidied_away(tmp_path):
    for name in (store.TABLE, store.LOG):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part-00000").write_bytes(b"whole")
    with file_written_aside(tmp_path / store.TABLE / "part-00001.parquet") as aside:
        aside.write_bytes(b"half")
        left = tmp_path / store.LOG / aside.name
        left.write_bytes(b"half")  # what a killed process leaves: beside its part, so called
    store.tidy(tmp_path)
    assert not left.exists()
    assert sorted(p.name for p in (tmp_path / store.TABLE).iterdir()) == [
        "part-00000", "part-00001.parquet"
    ]  # fmt: skip
    assert [p.name for p in (tmp_path / store.LOG).iterdir()] == ["part-00000"]
