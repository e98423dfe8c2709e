"""Writers that are stopped at their system calls: killed there, or with a full or broken disk."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.robustness.rows import ENVIRONMENT, ROOT, Row
from tests.crashes.writers import KINDS, PROBLEMS, WRITERS

MOST = 60  # calls of an entire command, drawn at random


def killed_writers(full: bool) -> Iterator[Row]:
    """Each kind of writer killed at every call that changes files; in full, each command too."""
    yield _swept("a writer of the library killed at each of its calls", KINDS + PROBLEMS)
    if full:
        yield _swept(
            "a whole command killed at calls that change files",
            [w for w in WRITERS.values() if w.is_long], "--most", str(MOST),
        )  # fmt: skip


def full_disks(full: bool) -> Iterator[Row]:
    """The same calls fail, since the disk is full or broken."""
    what = "a full or broken disk (ENOSPC, EIO) at each call"
    yield _swept(f"{what} of a writer", KINDS + PROBLEMS, "--errors")
    if full:
        long = [writer for writer in WRITERS.values() if writer.is_long]
        yield _swept(f"{what} of a command", long, "--errors", "--most", str(MOST))


def _swept(what: str, writers, *options: str) -> Row:
    row = Row(what)
    for writer in writers:
        command = [sys.executable, "-m", "tests.crashes.sweep", writer.name, *options]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT)
        if "ptrace is not permitted" in done.stderr:
            print(f"  left out: {done.stderr.strip()}")
            return row
        if done.returncode:
            row.count(done.stderr[-300:], writer.name)
            continue
        result = json.loads(done.stdout)
        row.survived += result["survived"]
        row.lost += [f"{writer.name}: {fault}" for fault in result["lost"]]
        for kind in ("not aside", "not synced"):
            row.lost += [f"{writer.name}: {kind}: {fault}" for fault in result[kind]]
    return row
