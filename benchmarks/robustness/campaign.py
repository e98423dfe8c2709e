"""Commands that are killed at random times, and commands that are started twice."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.robustness.rows import (
    LONGEST,
    Row,
    contents,
    damage_found,
    first_difference,
    run,
    start,
    working_folder,
)
from tests.crashes.writers import STUDY, TIMES, digit_photos

SIGNALS = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT")
QUICK, FULL = 4, 60  # kills of each command


@dataclass(frozen=True)
class Work:
    """A command that takes seconds, and writes into its working folder."""

    name: str
    arguments: tuple[object, ...]
    times: tuple[str, ...] = ()


DIGITS = ("--data", "digits", "--model", "digits", "--photos-per-class", 8)
WORKS = (
    Work("study", ("study", "study.toml", "--workers", 1, "-o", "out"), TIMES),
    Work("study of two workers", ("study", "study.toml", "--workers", 2, "-o", "out"), TIMES),
    Work("atlas", ("atlas", *DIGITS, "-o", "out")),
    Work("audit", ("audit", *DIGITS, "-o", "out")),
    Work("train", ("train", "--data", "digits", "--epochs", 4, "-o", "out.safetensors")),
    Work("evaluate", ("evaluate", "set/test", "--model", "digits", "--metrics", "drop", "-o",
                      "out")),
    Work("explain", ("explain", "set", "--model", "digits", "-o", "out")),
)  # fmt: skip


def inputs(folder: Path) -> None:
    before = Path.cwd()
    os.chdir(folder)
    try:
        (folder / "study.toml").write_text(STUDY)
        digit_photos()
    finally:
        os.chdir(before)


def killed_commands(full: bool) -> Iterator[Row]:
    """Each command killed at random times, then run again to its end."""
    for work in WORKS:
        row = Row(f"`{work.name}` killed at a random time, run again")
        with working_folder() as folder:
            then, seconds = _undisturbed(work, folder)
            for number in range(FULL if full else QUICK):
                rng = random.Random(f"{work.name} {number}")
                name = SIGNALS[number % len(SIGNALS)]
                delay = rng.uniform(0.1, 1.0) * seconds
                case = f"{name} after {delay:.1f} of {seconds:.1f} s"
                row.count(_killed(work, folder / str(number), name, delay, then), case)
        yield row


def _undisturbed(work: Work, folder: Path) -> tuple[dict[str, bytes], float]:
    where = folder / "undisturbed"
    where.mkdir()
    inputs(where)
    begin = time.monotonic()
    code, errors = run(where, *work.arguments)
    if code:
        raise RuntimeError(f"{work.name}: {errors}")
    return contents(where, work.times), time.monotonic() - begin


def _killed(
    work: Work, folder: Path, name: str, delay: float, then: dict[str, bytes]
) -> str:  # fmt: skip
    folder.mkdir()
    inputs(folder)
    process = start(folder, *work.arguments)
    try:
        process.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=LONGEST)
    fault = damage_found(folder)
    if not fault and name != "SIGKILL" and "Traceback" in errors and "import" not in errors:
        fault = f"a traceback: {errors[-200:]}"
    finished = {file: (folder / file).stat().st_mtime_ns for file in _parts(folder)}
    code, errors = run(folder, *work.arguments)
    if not fault and code:
        fault = f"the next run fails: {errors[-300:]}"
    again = [f for f, age in finished.items() if _age(folder / f) not in (None, age)]
    if not fault and again:
        fault = f"{again[0]} was finished, and computed again"
    fault = fault or damage_found(folder) or first_difference(contents(folder, work.times), then)
    shutil.rmtree(folder)
    return fault


def _parts(folder: Path) -> list[str]:
    """Return the finished parts, which the next run keeps."""
    files = (path for path in folder.rglob("part-*") if not path.name.startswith("."))
    return [path.relative_to(folder).as_posix() for path in files if path.parent.name != "log"]


def _age(file: Path) -> int | None:
    return file.stat().st_mtime_ns if file.exists() else None


def two_processes(full: bool) -> Iterator[Row]:
    """Two equal commands at once: one or both end well, and the result is that of one."""
    row = Row("two equal commands at once")
    rng = random.Random(0)
    for work in WORKS:
        if work.name == "explain":
            continue
        with working_folder() as folder:
            then, _ = _undisturbed(work, folder)
            for number in range(8 if full else 1):
                where = folder / str(number)
                row.count(_twice(work, where, rng.uniform(0, 1), then), work.name)
    yield row


def _twice(work: Work, folder: Path, delay: float, then: dict[str, bytes]) -> str:
    folder.mkdir()
    inputs(folder)
    first = start(folder, *work.arguments)
    time.sleep(delay)
    second = start(folder, *work.arguments)
    ends = [process.communicate(timeout=LONGEST)[1] for process in (first, second)]
    codes = [first.returncode, second.returncode]
    fault: Callable[[], str] = lambda: first_difference(contents(folder, work.times), then)  # noqa: E731
    if 0 not in codes:
        return f"both fail: {ends}"
    for code, errors in zip(codes, ends, strict=True):
        if code and "another process" not in errors:
            return f"the refusal is {errors[-200:]!r}"
    return damage_found(folder) or fault()
