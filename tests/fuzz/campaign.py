"""Read damaged files by all readers: `python -m tests.fuzz.campaign --cases 10000`.

Each case changes one intact file a little. The reader must end within 5 s of processor time and
500 MB, with one line of an AnnealcamError, or with a value: that of the intact file wherever
checksums protect it. A case depends on its reader, its number and the seed alone, so that
`--reader NAME --case NUMBER` runs it again.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
import math
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annealcam.errors import AnnealcamError, AnnealcamWarning
from tests.fuzz.mutations import mutated
from tests.fuzz.readers import READERS, Reader

SECONDS, MEGABYTES = 5.0, 500
LEAST = 150  # cases of each reader
LONGEST = 1000  # characters of an error
STUCK = 600  # seconds after which a reader that no alarm can stop is ended
PLACE = next((place for place in ("/dev/shm",) if os.access(place, os.W_OK)), None)


class TooSlow(BaseException):
    """Not an Exception, which a reader would turn into one of its own."""


@dataclass
class Outcome:
    """What happened in the cases of a reader."""

    cases: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    megabytes: float = 0.0
    faults: list[str] = field(default_factory=list)


class Logged(logging.Handler):
    """Collects what libraries log, which users would see as further lines."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


LOGGED = Logged()


def campaign(cases: int, seed: int, only: str | None = None, case: int | None = None) -> dict:
    """Return the outcome for each reader."""
    faulthandler.enable()
    signal.signal(signal.SIGPROF, _too_slow)
    logging.getLogger().addHandler(LOGGED)
    outcomes: dict[str, Outcome] = {}
    shares = {name: r.share for name, r in READERS.items()}
    free = cases - LEAST * len(READERS)
    for name, reader in READERS.items():
        if only in (None, name):
            count = LEAST + math.ceil(free * shares[name] / sum(shares.values()))
            numbers = range(count) if case is None else [case]
            outcomes[name] = _of_reader(name, reader, numbers, seed)
    return outcomes


def _of_reader(name: str, reader: Reader, numbers: Iterable[int], seed: int) -> Outcome:
    outcome = Outcome()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=PLACE))
    try:
        reader.make(folder)
        examples = sorted(folder.iterdir())
        intact = {e: _plain(reader.read(e)) for e in examples}
        files = {e: _files(e) for e in examples}
        _limit_memory()
        faulthandler.dump_traceback_later(STUCK, exit=True)
        for number in numbers:
            rng = random.Random(f"{seed} {name} {number}")
            example = rng.choice(examples)
            with _damaged(example, files[example], rng):
                fault = _fault(reader, example, intact[example], outcome)
            outcome.cases += 1
            if fault:
                outcome.faults.append(f"{name}, case {number} ({example.name}): {fault}")
    finally:
        faulthandler.cancel_dump_traceback_later()
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def _fault(reader: Reader, example: Path, intact: Any, outcome: Outcome) -> str:
    """Return what is wrong with the answer of a reader; an empty text for nothing."""
    LOGGED.lines.clear()
    before = _memory(reset=True)
    start = time.process_time()
    fault = ""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            value = reader.read(example)
            signal.setitimer(signal.ITIMER_PROF, 0)
            if reader.sealed and _plain(value) != intact:
                fault = "another value"
        except AnnealcamError as error:
            outcome.refused += 1
            text = str(error)
            if _out_of_memory(error):
                fault = f"asks for over {MEGABYTES} MB: {text}"
            elif "\n" in text or not text or len(text) > LONGEST:
                fault = f"not one line of at most {LONGEST} characters: {text[:200]!r}"
        except TooSlow:
            fault = f"over {SECONDS} s"
        except Exception:
            fault = "\n".join(traceback.format_exc().splitlines()[-7:])
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    fault = fault or next((f"warns: {w.message}" for w in shown if _is_odd(w)), "")
    fault = fault or next((f"logs: {line}" for line in LOGGED.lines), "")
    seconds = time.process_time() - start
    used = _memory() - before
    outcome.seconds += seconds
    outcome.slowest = max(outcome.slowest, seconds)
    outcome.megabytes = max(outcome.megabytes, used)
    return fault or ("" if used < MEGABYTES else f"{used:.0f} MB")


@contextmanager
def _damaged(example: Path, files: dict[Path, bytes], rng: random.Random) -> Iterator[None]:
    """Damage one file of an example while the block runs."""
    file = rng.choice(list(files))
    kind = rng.random()
    if kind < 0.94 or len(files) == 1:
        file.write_bytes(mutated(files[file], list(files.values()), rng))
    elif kind < 0.97:  # a file is missing, or a folder
        file.unlink()
        if rng.random() < 0.5:
            file.mkdir()
    else:
        file.write_bytes(rng.choice(list(files.values())))
    try:
        yield
    finally:
        if file.is_dir():
            file.rmdir()
        file.write_bytes(files[file])


def _files(example: Path) -> dict[Path, bytes]:
    paths = [example] if example.is_file() else sorted(example.rglob("*"))
    return {path: path.read_bytes() for path in paths if path.is_file()}


def _plain(value: Any) -> Any:
    """Return a value of plain parts, which can be compared."""
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(vars(value))
    if hasattr(value, "items"):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, bytes | str | int | float | None) else repr(value)


def _out_of_memory(error: BaseException | None) -> bool:
    """Return whether a request for memory was refused; Python's parser has the same error."""
    while error is not None:
        text = str(error)
        if isinstance(error, MemoryError) and "in parse" not in traceback.format_exc():
            return True
        if "allocate memory" in text or "alloc_cpu" in text:
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_odd(warning: warnings.WarningMessage) -> bool:
    """Return whether a user would see a warning that is not meant for users."""
    return not issubclass(warning.category, AnnealcamWarning | DeprecationWarning)


def _limit_memory() -> None:
    """Let every request for much more memory than now fail, used or not."""
    with open("/proc/self/status") as status:
        held = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
    limit = (held << 10) + (MEGABYTES << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _memory(*, reset: bool = False) -> float:
    """Return the peak of the memory in use since the last reset, in MB."""
    if reset:
        with open("/proc/self/clear_refs", "w") as stream:
            stream.write("5")
    with open("/proc/self/status") as status:
        return next(int(s.split()[1]) for s in status if s.startswith("VmHWM")) / 1024


def _too_slow(*_: Any) -> None:
    raise TooSlow


def main() -> None:
    """Print the outcome of each reader as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=READERS)
    parser.add_argument("--case", type=int)
    options = parser.parse_args()
    outcomes = campaign(options.cases, options.seed, options.reader, options.case)
    json.dump({name: vars(outcome) for name, outcome in outcomes.items()}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
