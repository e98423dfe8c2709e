"""Two processes and one result: one of them is refused by a line, and nothing is mixed.

Locks belong to open files, so that a second one of this process is like another's.
"""

import subprocess
import sys
import tomllib

import pytest

from annealcam._internal.storage.files import alone_at, file_written_aside, written_aside
from annealcam.atlas import build_atlas
from annealcam.data.sets import load_set
from annealcam.errors import OutputError
from annealcam.study.config import study_of
from annealcam.study.run import ending, worker
from annealcam.study.run.engine import run_study
from tests.cli.helpers import run
from tests.crashes.writers import STUDY, digit_photos

REFUSED = "another process is writing this"


def test_the_second_writer_of_a_name_is_refused(tmp_path):
    result = tmp_path / "a" / "result"
    with alone_at(result):
        with pytest.raises(OutputError, match=REFUSED), alone_at(result):
            pass
        with alone_at(tmp_path / "a" / "others"), file_written_aside(result) as aside:
            aside.write_text("whole")
    with alone_at(result):
        assert result.read_text() == "whole"
    assert [path.name for path in result.parent.iterdir()] == ["result"]


def test_a_writer_without_the_sign_is_seen_as_well(tmp_path):
    with written_aside(tmp_path / "a", names=["b"], marker="b") as aside:
        with pytest.raises(OutputError, match=REFUSED), alone_at(tmp_path / "a"):
            pass
        (aside / "b").touch()
    (tmp_path / ".a.new-0").touch()  # of a dead process
    with alone_at(tmp_path / "a"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


HOLD = """
import sys
from annealcam._internal.storage.files import alone_at
with alone_at(sys.argv[1]):
    print(flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_refuses_nobody(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout.readline()
    with pytest.raises(OutputError, match=REFUSED), alone_at(tmp_path / "a"):
        pass
    other.kill()
    other.communicate()
    with alone_at(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())


COMMANDS = {
    "evaluate": ["set/test", "--metrics", "drop"],
    "audit": ["--data", "folder:set", "--explain", "predicted"],
    "atlas": ["--data", "folder:set"],
    "train": ["--data", "folder:set", "--trunk", "plain", "--epochs", 1],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_second_of_two_equal_commands_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digit_photos()
    output = "out.safetensors" if name == "train" else "out"
    model = [] if name == "train" else ["--model", "digits"]
    with alone_at(output):
        result = run(name, *COMMANDS[name], *model, "-o", output, code=1)
    assert len([line for line in result.stderr.splitlines() if REFUSED in line]) == 1
    assert not (tmp_path / output).exists()


def test_a_second_study_is_refused_until_the_first_has_ended(tmp_path, monkeypatch):
    """Also while figures are drawn: both would seal the folder."""
    study, refused = study_of(tomllib.loads(STUDY)), []

    def again(where):
        with pytest.raises(OutputError, match=REFUSED):
            run_study(study, tmp_path / "r")
        refused.append(where)

    write = worker.write_part

    def write_part(content, file):
        if not refused:
            again("shards")
        write(content, file)

    monkeypatch.setattr(worker, "write_part", write_part)
    monkeypatch.setattr(ending, "_draw", lambda *_: again("figures"))
    run_study(study, tmp_path / "r")
    assert refused == ["shards", "figures"]


def test_a_second_atlas_is_refused_until_the_first_is_written(tmp_path, monkeypatch):
    from annealcam.atlas import build

    photos, refused = load_set("digits"), []

    def atlas():
        return build_atlas(photos, "digits", None, tmp_path / "a", photos_per_class=1)

    write = build._write

    def again(*arguments):
        with pytest.raises(OutputError, match=REFUSED):
            atlas()
        refused.append(True)
        write(*arguments)

    monkeypatch.setattr(build, "_write", again)
    atlas()
    assert refused == [True]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
