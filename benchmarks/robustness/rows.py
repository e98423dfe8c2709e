"""What the rows of the table share: cases that are counted, and commands in processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
LONGEST = 600.0  # seconds of a command


@dataclass
class Row:
    """A kind of event: how many cases survived it, and a line for each that did not."""

    what: str
    survived: int = 0
    lost: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return self.survived + len(self.lost)

    def count(self, fault: str, case: str = "") -> None:
        """Count a case; one with a fault is lost."""
        if fault:
            self.lost.append(f"{case}: {fault}" if case else fault)
        else:
            self.survived += 1


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a command of annealcam in a folder, with signals as a terminal would have them."""
    return subprocess.Popen(
        [sys.executable, "-c", _BEGIN, *map(str, arguments)], cwd=folder, text=True,
        env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, errors="replace",
    )  # fmt: skip


def run(folder: Path, *arguments: object) -> tuple[int, str]:
    """Run a command of annealcam to its end; return its exit code and its errors."""
    process = start(folder, *arguments)
    _, errors = process.communicate(timeout=LONGEST)
    return process.returncode, errors


# Jobs in the background ignore Ctrl-C.
_BEGIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from annealcam.cli.main import main
main()
"""


@contextmanager
def working_folder() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder).resolve()


def contents(folder: Path, times: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Return the bytes of all files; of those that hold times, only the names."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file():
            files[name] = b"" if set(name.split("/")) & set(times) else path.read_bytes()
    return files


def first_difference(now: dict[str, bytes], then: dict[str, bytes]) -> str:
    """Return what is wrong with the files of a folder that should equal others."""
    names = sorted(name for name in {**now, **then} if now.get(name) != then.get(name))
    if not names:
        return ""
    state = "is left over" if names[0] not in then else "is missing" if names[0] not in now else ""
    return f"{names[0]} {state or 'has other bits'}"


def damage_found(folder: Path) -> str:
    """Return the first fault that `annealcam.verify` finds."""
    import annealcam as ac

    try:
        found = ac.verify(folder)
    except ac.errors.ArgumentError:  # there is no result yet
        return ""
    return next((fault for result in found for fault in result.faults), "")
