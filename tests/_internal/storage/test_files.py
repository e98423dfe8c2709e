"""Writers of files and folders: the older or the newer result is there, whatever dies and when."""

import errno
import os
import subprocess

import pytest

from annealcam._internal.storage import files
from annealcam._internal.storage.checksums import CHECKSUMS, damaged, read_checksums, sha256_of
from annealcam._internal.storage.files import (
    file_written_aside,
    make_folder,
    remove_unfinished,
    settled,
    written_aside,
)
from annealcam._internal.storage.system import Lock, exchange
from annealcam.errors import OutputError


def save(folder, text):
    with written_aside(folder, names=["a.txt"], marker="a.txt") as aside:
        (aside / "a.txt").write_text(text)


def test_folders_are_exchanged_in_one_step(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if exchange(tmp_path / "a", tmp_path / "b"):
        assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
        assert [path.name for path in (tmp_path / "b").iterdir()] == ["a"]
        with pytest.raises(OSError, match="No such file") as caught:
            exchange(tmp_path / "a", tmp_path / "c")
        assert caught.value.errno == errno.ENOENT


def test_what_lives_is_kept_and_what_is_dead_goes(tmp_path):
    (tmp_path / ".a.new-dead").mkdir()
    (tmp_path / ".b.new-dead").write_text("half")
    with file_written_aside(tmp_path / "c") as aside:
        remove_unfinished(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [aside.name]
        assert Lock(aside).held is False  # by this very process, through another descriptor
        aside.write_text("whole")
    assert (tmp_path / "c").read_text() == "whole"


def test_without_locks_what_is_old_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("annealcam._internal.storage.system.fcntl", None)
    (tmp_path / ".a.new-x").touch()
    remove_unfinished(tmp_path)
    assert (tmp_path / ".a.new-x").exists()
    monkeypatch.setattr(files, "_ABANDONED", -1.0)
    remove_unfinished(tmp_path)
    assert not (tmp_path / ".a.new-x").exists()
    save(tmp_path / "b", "whole")
    assert (tmp_path / "b" / "a.txt").read_text() == "whole"


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, "[*]?"])
def test_long_and_odd_names(name, tmp_path):
    for text in ("older", "newer"):
        save(tmp_path / name, text)
        with file_written_aside(tmp_path / f"{name[:-1]}f") as aside:
            aside.write_text(text)
    assert (tmp_path / name / "a.txt").read_text() == "newer"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_keeps_the_older_file(tmp_path, monkeypatch):
    file = tmp_path / "a.txt"
    file.write_text("older")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "sync", full)
    fault = r"a.txt: cannot be written \(No space left on device\)"
    with pytest.raises(OutputError, match=fault), file_written_aside(file) as aside:
        aside.write_text("newer")
    assert file.read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_reader_finds_what_was_moved_aside(tmp_path):
    save(tmp_path / "a", "older")
    assert settled(tmp_path / "a") == tmp_path / "a"
    (tmp_path / "a").rename(tmp_path / ".a.old")
    assert (settled(tmp_path / "a") / "a.txt").read_text() == "older"
    save(tmp_path / "a", "newer")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_parents_are_made(tmp_path):
    make_folder(tmp_path / "x" / "y")
    assert (tmp_path / "x" / "y").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        make_folder(tmp_path / "file" / "y")


def test_checksums_are_those_of_sha256sum(tmp_path):
    save(tmp_path / "a", "finished")
    run = subprocess.run(
        ["sha256sum", "--check", "--quiet", CHECKSUMS], cwd=tmp_path / "a", capture_output=True
    )
    assert run.returncode == 0
    assert read_checksums(tmp_path / "a") == {"a.txt": sha256_of(tmp_path / "a" / "a.txt")}


def test_every_change_of_a_result_is_found(tmp_path):
    folder = tmp_path / "a"
    save(folder, "finished")
    assert list(damaged(folder)) == []
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, content in whole.items():
        for bit in range(8 * len(content)):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            (folder / name).write_bytes(changed)
            assert _is_found(folder), (name, bit)
        (folder / name).write_bytes(content)
    (folder / "b.txt").touch()
    assert list(damaged(folder)) == ["b.txt: is not among the files of the result"]
    (folder / "a.txt").unlink()
    assert next(damaged(folder)) == "a.txt: is missing"


def _is_found(folder):
    try:
        return bool(list(damaged(folder)))
    except OutputError:
        return True
