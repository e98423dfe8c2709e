"""One running page for all tests, in a process of its own."""

import atexit
import json
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

SHOW, ANNEAL = 0, 1  # gradio's numbers of the page's events
DEFAULTS = {
    "photo": "skimage:chelsea", "mode": "One class", "target": None, "other": None, "against": "",
    "tau": 100, "cardinality": 0, "network": "digits", "layer": None,
    "importance": "contribution", "beta": 0.67, "sampler": "exact",
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """A page that is served: its process, its address, what it printed, its temporary files."""

    process: subprocess.Popen
    address: str
    printed: str
    temporary: Path


def start():
    """Start a page, and return it once it listens."""
    pytest.importorskip("gradio")
    folder = tempfile.TemporaryDirectory(prefix="annealcam-test-")
    atexit.register(folder.cleanup)
    process = subprocess.Popen(
        [sys.executable, "-m", "annealcam", "app", "--port", "0"],
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


@cache
def page():
    """Return the page that all tests share; it starts at the first call."""
    return start()


def address():
    """Return the address of the shared page."""
    return page().address


def temporary():
    """Return the folder for temporary files of the shared page."""
    return page().temporary


def controls(**changes):
    """Return the values of the controls in the page's order; a new tab has no class and layer."""
    return list({**DEFAULTS, **changes}.values())


def ask(base, values, *, session, event=SHOW, timeout=60):
    """Ask as gradio's page does; return the status of the joining, and the last message."""
    body = {"data": [*values, None], "fn_index": event, "session_hash": session, "trigger_id": None}
    with httpx.Client(base_url=base, timeout=timeout) as client:
        joined = client.post("/gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            return joined.status_code, joined.json()
        with client.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": session}
        ) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    if message["msg"] == "process_completed":
                        return 200, message
    return 200, None
