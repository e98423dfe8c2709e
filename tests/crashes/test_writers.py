"""Writers: the older or the newer result is there, whatever is killed or full, and when."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crashes.tracing import SUPPORTED, Call, not_aside, not_synced
from tests.crashes.writers import KINDS, WRITERS

ROOT = Path(__file__).parents[2]
ON_LINUX = pytest.mark.skipif(not SUPPORTED, reason="ptrace and seccomp of Linux on x86-64")
LONG = [pytest.param(name, marks=pytest.mark.long) for name, w in WRITERS.items() if w not in KINDS]
MOST_OF_COMMANDS = 12  # calls at which an entire command is stopped


def swept(writer, *options):
    """What a sweep over the calls of a writer finds, run as a process of its own."""
    command = [sys.executable, "-m", "tests.crashes.sweep", writer, *options]
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths}
    )
    if "ptrace is not permitted" in run.stderr:
        pytest.skip(run.stderr.strip())
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def options_of(name, least=()):
    return ["--most", str(MOST_OF_COMMANDS)] if WRITERS[name].is_long else list(least)


@ON_LINUX
@pytest.mark.parametrize("name", [*(kind.name for kind in KINDS), *LONG])
def test_a_writer_may_be_killed_at_any_call(name):
    """Every kill leaves the older or the newer result, and the next run tidies up."""
    result = swept(name, *options_of(name))
    assert result["lost"] == []
    assert result["survived"] >= 8  # calls of the shortest writers
    assert result["not aside"] == []
    assert result["not synced"] == []


@ON_LINUX
@pytest.mark.parametrize("name", [*(kind.name for kind in KINDS[2:]), *LONG])
def test_a_full_or_broken_disk_is_one_line(name):
    """Each call that changes files fails in turn; nothing older is lost."""
    result = swept(name, "--errors", *options_of(name, ["--most", "24"]))
    assert result["lost"] == []


@ON_LINUX
@pytest.mark.long
@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_calls_that_change_nothing_may_be_the_last_as_well(name):
    assert swept(name, "--every-call")["lost"] == []


ASIDE = "/r/.a.new-0123456789abcdef"


def test_writing_in_place_is_found():
    assert not_aside([Call("open", ASIDE), Call("write", f"{ASIDE}/b")]) == []
    assert not_aside([Call("open", "/r/a")]) == ["/r/a"]


@pytest.mark.parametrize("missing", [None, 3, 4, 6])
def test_a_missing_sync_is_found(missing, tmp_path):
    """Of the file, of the folder with its name, and of the folder with the result's name."""
    aside = f"{tmp_path}/.a.new-0123456789abcdef"
    calls = [
        Call("mkdir", aside), Call("open", f"{aside}/b"), Call("write", f"{aside}/b"),
        Call("sync", f"{aside}/b"), Call("sync", aside),
        Call("rename", aside, f"{tmp_path}/a"), Call("sync", str(tmp_path)),
    ]  # fmt: skip
    kept = [call for number, call in enumerate(calls) if number != missing]
    assert bool(not_synced(kept)) == (missing is not None)
