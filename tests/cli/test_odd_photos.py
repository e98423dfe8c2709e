"""Odd photos in labelled sets: every command that takes many photos does the rest and counts."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tests.cli.helpers import run

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Two classes of two good and odd photos; one class and one photo with odd names."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in (b"data/dog/a.png", b"data/dog/b\xe9\x1b[2J.png", b"data/c\xe9t/" + b"a" * 251):
        file = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file + (b".png" if len(name) > 200 else b""), "wb") as stream:
            Image.fromarray(rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)).save(stream, "png")
    os.mkfifo("data/dog/pipe.png")
    for link, to in (("zero", "/dev/zero"), ("loop", "loop.png"), ("gone", "nowhere")):
        (tmp_path / "data" / "dog" / f"{link}.png").symlink_to(to)
    (tmp_path / "data" / "dog" / "empty.avif.png").touch()
    return tmp_path / "data"


def checked(command, *words, verb):
    """Run a command that must not wait for a pipe, and check what it prints."""
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(run, command, *words, "--model", "digits", code=1)
        result = waiting.result(timeout=120)
    assert result.stdout.endswith(f"3 of 8 photos {verb}; 5 could not be read\n")
    lines = [line for line in result.stderr.splitlines() if "skipped: " in line]
    assert len(lines) == 5
    assert not set(result.output) & set("\x1b\udce9")


def test_an_audit_and_an_atlas(data):
    words = ["--data", "folder:data", "--part", "all"]
    checked("audit", *words, "--explain", "predicted", "-o", "audited", verb="audited")
    record = json.loads((data.parent / "audited" / "audit.json").read_text())
    assert r"c\udce9t" in {row["class"] for row in record["ranking"]}
    checked("atlas", *words, "-o", "mapped", verb="in the atlas")
    run("verify", "audited", "mapped")


def test_an_evaluation_of_folders_and_files(data):
    checked(
        "evaluate", "data/dog", *(os.fspath(f) for f in data.glob("c*/*")), "--methods", "gradcam",
        "--metrics", "drop", "-o", "evaluated", verb="evaluated",
    )  # fmt: skip
    assert r"b\udce9" in (data.parent / "evaluated" / "scores.csv").read_text(encoding="utf-8")
