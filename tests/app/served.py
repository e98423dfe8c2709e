"""One running page for all tests, in a process of its own."""

import atexit
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import pytest

DEFAULTS = {"photo": "skimage:chelsea", "network": "digits", "importance": "contribution",
            "sampler": "exact"}  # fmt: skip

# A background job ignores Ctrl-C, and one of `nohup` the end of its terminal.
SIGNALS = """import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""


@dataclass(frozen=True)
class Page:
    """A page that is served: its process, its address, what it printed, its temporary files."""

    process: subprocess.Popen
    address: str
    printed: str
    temporary: Path


def start(*options, before=""):
    """Start a page, and return it once it listens.

    Args:
        options: of the command.
        before: Python code that the process runs first.
    """
    pytest.importorskip("starlette")
    folder = tempfile.TemporaryDirectory(prefix="annealcam-test-")
    atexit.register(folder.cleanup)
    process = subprocess.Popen(
        command("--port", "0", *options, before=before),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": folder.name},
    )
    atexit.register(process.kill)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if match := re.search(r"open (http://\S+)", line):
            return Page(process, match.group(1), "".join(lines), Path(folder.name))
    pytest.fail(f"the page did not start: {''.join(lines)}")


def command(*options, before=""):
    """Return the command line of a page; Python code may run before it."""
    arguments = ["annealcam", "app", *options]
    code = f"import sys\nfrom annealcam.cli.main import main\nsys.argv = {arguments}\nmain()"
    return [sys.executable, "-c", f"{SIGNALS}{before}\n{code}"]


@cache
def page():
    """Return the page that all tests share; it starts at the first call."""
    return start()


def address():
    """Return the address of the shared page."""
    return page().address


def post(path="answer", *, timeout=60, **changes):
    """Post the controls as the page does; return the status and the values of the answer."""
    answer = httpx.post(f"{address()}/{path}", data={**DEFAULTS, **changes}, timeout=timeout)
    return answer.status_code, answer.json()
