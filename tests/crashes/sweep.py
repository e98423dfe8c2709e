"""Stop a writer at each of its system calls, one after the other, and check what is left.

    python -m tests.crashes.sweep WRITER [--every-call] [--errors] [--most N] [--folder FOLDER]

It is a process of its own, since forks of one with threads may hang. It prints one line of JSON.
"""

import argparse
import errno
import json
import os
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from tests.crashes.tracing import alone, is_permitted, not_aside, not_synced, traced, unfinished
from tests.crashes.writers import WRITERS

FULL = ("write", "open", "mkdir", "truncate", "allocate", "sync", "rename")  # may find no space
SECONDS = re.compile(rb'"seconds": [^,\n]*')  # a time in a result, which differs between equal runs
BROKEN = (*FULL, "unlink", "rmdir", "lock")  # may find a broken disk


class Lost(Exception):
    """A result is neither the older nor the newer one, or cannot be read."""


class Sweep:
    """A writer, a folder for it, and its two undisturbed results."""

    def __init__(self, writer, folder):
        self.writer, self.folder, self.inputs = writer, folder / "work", folder / "inputs"
        self.inputs.mkdir(parents=True)
        self._in(self.inputs, writer.inputs)
        self.start = None
        self.prepare()
        self.start = folder / "start"
        shutil.copytree(self.folder, self.start)
        self.older = self._results()
        _import_what(lambda: _inside(self.folder, writer.newer), folder / "modules")
        self.prepare()
        run = self.action()
        if run.code:
            raise Lost(f"{writer.name}: {run.output}")
        self.calls = run.calls
        self.newer = self._results()
        if self.older == self.newer:
            raise Lost(f"{writer.name}: writes nothing")

    def prepare(self):
        """Make the working folder anew, with its inputs and the older result."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.start or self.inputs, self.folder)
        if self.start is None and self.writer.older is not None:
            self._in(self.folder, self.writer.older)

    def action(self, **options):
        """Write the newer result, and return the traced run."""
        return traced(lambda: _inside(self.folder, self.writer.newer),
                      **{"folder": self.folder} | options)  # fmt: skip

    def check(self, *, finished):
        """Raise `Lost` unless the older or the newer result is there as a whole."""
        left, now = unfinished(self.folder), self._results()
        if finished:
            if left:
                raise Lost(f"leaves {left[0]}")
            if now != self.newer:
                raise Lost(f"ends in other bits: {_differences(now, self.newer)}")
        elif self.writer.grows:
            for name, content in now.items():
                if name in self.newer and content not in (self.older.get(name), self.newer[name]):
                    raise Lost(f"{name} is neither")
        else:
            for unit in {name.split("/")[0] for name in (*now, *self.older, *self.newer)}:
                of_unit = _part(now, unit)
                if of_unit not in (_part(self.older, unit), _part(self.newer, unit)):
                    raise Lost(f"{unit} is neither: {_differences(of_unit, self.newer)}")
        fault = self._fault()
        if fault:
            raise Lost(fault)

    def _fault(self):
        """What `annealcam.verify` finds."""
        from annealcam.errors import ArgumentError
        from annealcam.verification import verify

        try:
            found = verify(self.folder)
        except ArgumentError:  # no result
            return ""
        return "; ".join(fault for one in found for fault in one.faults)

    def _results(self):
        """The content of each file, without inputs, hidden files, and times."""
        files = {}
        for path in self.folder.rglob("*"):
            name = path.relative_to(self.folder).as_posix()
            inside = name.split("/")
            hidden = any(part.startswith(".") for part in inside)
            if path.is_file() and not hidden and not (self.inputs / name).exists():
                is_time = set(inside) & set(self.writer.times)
                files[name] = b"" if is_time else SECONDS.sub(b"", path.read_bytes())
        older = [path for path in self.folder.glob(".*.old") if path.is_dir()]
        for path in older:  # where `settled` finds the older result
            name = path.name[1:-4]
            if not (self.folder / name).exists():
                for file in path.iterdir():
                    files[f"{name}/{file.name}"] = file.read_bytes()
        return files

    def _in(self, folder, action):
        run = alone(lambda: _inside(folder, action))
        if run.code:
            raise Lost(f"{self.writer.name}: {run.output}")


def _import_what(action, file):
    """Import in this process what an action imports, so that its forks need not."""

    def run():
        try:
            action()
        finally:
            file.write_text("\n".join(sys.modules))

    alone(run)
    for name in file.read_text().split("\n"):
        with suppress(Exception):
            import_module(name)


def _inside(folder, action):
    os.chdir(folder)
    action()


def _part(files, unit):
    return {name: files[name] for name in files if name.split("/")[0] == unit}


def _differences(now, then):
    names = [name for name in {**now, **then} if now.get(name) != then.get(name)]
    return ", ".join(sorted(names)[:3])


def chosen(count, most, seed=0):
    """At most so many of the numbers of calls, drawn at random, with the first and the last."""
    if most is None or count <= most:
        return range(count)
    drawn = random.Random(seed).sample(range(1, count - 1), most - 2)
    return sorted({0, count - 1, *drawn})


def killed_everywhere(sweep, *, every_call=False, most=None):
    """Kill the writer at each call; return how many kills it survived, and what was lost."""
    options = {"folder": None} if every_call else {}
    number, survived, lost = 0, 0, []
    numbers = None if every_call and most is None else iter(chosen(len(sweep.calls), most))
    while True:
        if numbers is not None:
            number = next(numbers, None)
            if number is None:
                break
        sweep.prepare()
        run = sweep.action(stop=number, **options)
        if not run.stopped:
            break
        survived += _survives(sweep, f"call {number}", lost)
        if numbers is None:
            number += 1
    return survived, lost


def failing_everywhere(sweep, *, most=None):
    """Let each call fail; return how many failures the writer survived, and what was lost."""
    survived, lost = 0, []
    cases = [
        (number, error)
        for error, names in ((errno.ENOSPC, FULL), (errno.EIO, BROKEN))
        for number, call in enumerate(sweep.calls)
        if call.name in names
    ]
    for index in chosen(len(cases), most):
        number, error = cases[index]
        sweep.prepare()
        run = sweep.action(stop=number, error=error)
        call = sweep.calls[number]
        place = f"{errno.errorcode[error]} at call {number}, {call.name} {Path(call.path).name}"
        fault = _impolite(run)
        if fault:
            lost.append(f"{place}: {fault}")
        else:
            survived += _survives(sweep, place, lost)
    return survived, lost


def _survives(sweep, place, lost):
    try:
        sweep.check(finished=False)
        run = alone(lambda: _inside(sweep.folder, sweep.writer.newer))
        if run.code:
            raise Lost(f"the next run fails: {run.output[-500:]}")
        sweep.check(finished=True)
    except Lost as fault:
        lost.append(f"{place}: {fault}")
        return 0
    return 1


def _impolite(run):
    """What is wrong with the end of a run whose disk failed: it should be one line."""
    if run.code == 0:
        return ""
    lines = [line for line in run.output.splitlines() if line.strip()]
    if run.code < 0:
        return f"dies of signal {-run.code}"
    if "Traceback" in run.output:  # from a function of the library: one line is the message
        last = lines[-1]
        return "" if last.startswith("annealcam.errors.") else last[:300]
    errors = [line for line in lines if re.match(r"annealcam: (?!warning|.*: replaces )", line)]
    return "" if len(errors) == 1 else f"{len(errors)} errors: {lines[-3:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("writer", choices=[*WRITERS, "?"])
    parser.add_argument("--every-call", action="store_true", help="those that change no file, too")
    parser.add_argument("--errors", action="store_true", help="full and broken disks, not kills")
    parser.add_argument("--most", type=int, help="calls that are drawn at random, at most")
    options = parser.parse_args()
    if not is_permitted():
        sys.exit("ptrace is not permitted")
    import annealcam.verification  # noqa: F401  before the forks, since it takes longest

    memory = Path("/dev/shm")  # hundreds of results are written, and disks are slow to sync
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        sweep = Sweep(WRITERS[options.writer], Path(folder).resolve())
        if options.errors:
            survived, lost = failing_everywhere(sweep, most=options.most)
        else:
            survived, lost = killed_everywhere(
                sweep, every_call=options.every_call, most=options.most
            )
        print(json.dumps({
            "writer": options.writer, "calls": dict(Counter(call.name for call in sweep.calls)),
            "survived": survived, "lost": lost,
            "not aside": not_aside(sweep.calls), "not synced": not_synced(sweep.calls),
        }))  # fmt: skip


if __name__ == "__main__":
    main()
