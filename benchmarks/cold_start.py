"""Processor time of whole commands from a cold start: what a user waits for at the first photo.

    .venv/bin/python benchmarks/cold_start.py [--repeats 5] [--against OTHER/src]

Each row is a command in a process of its own, user and system time, in turn with the others. The
row of `import torch` is what no command with a network can do without. `--against` measures another
checkout of annealcam beside this one.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

SOURCE = Path(__file__).parents[1] / "src"
PHOTO = "skimage:chelsea"
COMMANDS = {
    "import torch": ["-c", "import torch"],
    "annealcam --help": ["-m", "annealcam", "--help"],
    "annealcam explain PHOTO": ["-m", "annealcam", "explain", PHOTO],
    "annealcam explain PHOTO --html": ["-m", "annealcam", "explain", PHOTO, "--html"],
}


def processor_time(arguments: list[str], source: Path) -> float:
    """Seconds of a Python process and its children, in an empty folder."""
    environment = os.environ | {"PYTHONPATH": str(source.resolve())}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(
    repeats: Annotated[int, typer.Option(help="Runs of each command.", min=1)] = 5,
    against: Annotated[Path | None, typer.Option(help="`src` of another checkout.")] = None,
) -> None:
    """Print the medians, and with `--against` their ratio."""
    sources = [SOURCE] if against is None else [SOURCE, against]
    times: dict[tuple[str, Path], list[float]] = {}
    for run in range(repeats + 1):
        for name, arguments in COMMANDS.items():
            for source in sources:
                seconds = processor_time(arguments, source)
                if run:  # the first one fills caches of files and of compiled loops
                    times.setdefault((name, source), []).append(seconds)
    for name in COMMANDS:
        own, *other = (statistics.median(times[name, source]) for source in sources)
        compared = "".join(f"  {value:6.2f} s  {value / own:5.2f} x" for value in other)
        print(f"{name:32} {own:6.2f} s{compared}")


if __name__ == "__main__":
    typer.run(main)
