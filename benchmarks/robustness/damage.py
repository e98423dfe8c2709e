"""Results with a wrong bit, and damaged files of every reader."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.robustness.campaign import WORKS, inputs
from benchmarks.robustness.rows import ENVIRONMENT, ROOT, Row, damage_found, run, working_folder


def wrong_bits(full: bool) -> Iterator[Row]:
    """One bit of one file of a result turned; `annealcam verify` reports it."""
    for work in WORKS:
        if work.name == "study of two workers":
            continue
        row = Row(f"one wrong bit in a result of `{work.name}`, reported")
        with working_folder() as folder:
            inputs(folder)
            before = set(folder.rglob("*"))
            code, errors = run(folder, *work.arguments)
            if code:
                raise RuntimeError(f"{work.name}: {errors}")
            files = sorted(p for p in set(folder.rglob("*")) - before if p.is_file())
            files = [path for path in files if not _is_card(path)]
            _turn(row, folder, files, 500 if full else 40, random.Random(work.name))
        yield row


def _is_card(path: Path) -> bool:
    """A model card is a text for people: it is not read back."""
    return path.suffix == ".md" and path.with_suffix(".safetensors").exists()


def _turn(row: Row, folder: Path, files: list[Path], cases: int, rng: random.Random) -> None:
    for _ in range(cases):
        file = rng.choice([path for path in files if path.stat().st_size])
        content = file.read_bytes()
        bit = rng.randrange(8 * len(content))
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        row.count("" if damage_found(folder) else f"bit {bit} of {file.name} is not reported")
        file.write_bytes(content)


def fuzzed_readers(full: bool) -> Iterator[Row]:
    """Damaged files of every reader: one line of an error, or the same value, at once."""
    row = Row("a damaged file of each reader")
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.campaign",
        "--cases",
        "100000" if full else "10000",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT)
    if done.returncode:
        row.count(done.stderr[-300:])
    else:
        for outcome in json.loads(done.stdout).values():
            row.survived += outcome["cases"] - len(outcome["faults"])
            row.lost += outcome["faults"]
    yield row
