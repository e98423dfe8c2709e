"""One running page for all tests of it, in a process of its own, as a visitor meets it."""

import atexit
import json
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import httpx
import pytest

SHOW, ANNEAL = 0, 1  # gradio's numbers of the page's events
DEFAULTS = {
    "photo": "skimage:chelsea", "mode": "One class", "target": None, "other": None, "beta": 0.67,
    "tau": 100, "cardinality": 0, "network": "digits", "layer": None,
    "importance": "contribution", "sampler": "exact",
}  # fmt: skip


def start(*options, temporary):
    """Start a page; return its process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "annealcam", "app", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(temporary)},
    )
    told = []
    for line in process.stdout:
        told.append(line)
        if found := re.search(r"open (http://\S+)", line):
            return process, found.group(1), told
    pytest.fail(f"the page did not start: {''.join(told)}")


@cache
def address():
    """Return the address of the page that all tests share."""
    pytest.importorskip("gradio")
    process, found, _ = start(temporary=temporary())
    atexit.register(process.kill)
    return found


@cache
def temporary():
    """Return the folder that the shared page has for temporary files."""
    folder = tempfile.TemporaryDirectory(prefix="annealcam-test-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def asked(**changed):
    """Return the controls' values in the page's order; a new tab has no class and no layer yet."""
    return list({**DEFAULTS, **changed}.values())


def ask(base, values, *, session, event=SHOW, timeout=60):
    """Ask as gradio's page does; return the status of the joining, and the last message."""
    body = {"data": [*values, None], "fn_index": event, "session_hash": session, "trigger_id": None}
    with httpx.Client(base_url=base, timeout=timeout) as client:
        joined = client.post("/gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            return joined.status_code, joined.json()
        with client.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": session}
        ) as told:
            for line in told.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    if message["msg"] == "process_completed":
                        return 200, message
    return 200, None
