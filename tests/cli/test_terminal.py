"""Names with control characters on a terminal: shown as escapes, wherever they are printed."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

pty = pytest.importorskip("pty")

ODD = "\x1b[2J\x07\u202e\x9b31m\nforged"
FORBIDDEN = ("\x07", "\u202e", "\u009b", "\x1b[2J", "\x1b[8m", "\nforged", "\udce9")


def through_a_terminal(*arguments, cwd):
    """Return what a command prints to a terminal, and its exit code."""
    leader, follower = pty.openpty()
    paths = os.pathsep.join(sys.path)  # of the tests, whose networks are used
    process = subprocess.Popen(
        [sys.executable, "-m", "annealcam", *arguments], cwd=cwd, stdin=subprocess.DEVNULL,
        stdout=follower, stderr=follower,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200", "PYTHONPATH": paths},
    )  # fmt: skip
    os.close(follower)
    printed = b""
    while True:
        try:
            data = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        printed += data
    os.close(leader)
    return printed.decode("utf-8", "surrogateescape").replace("\r\n", "\n"), process.wait()


def test_control_characters_are_shown_and_not_sent(tmp_path):
    (tmp_path / "odd.py").write_text(
        "import warnings\n"
        "from annealcam.models.preprocess import Preprocess\n"
        "from tests.networks import small_network\n"
        f"ODD = {ODD!r}\n"
        "def make():\n"
        "    warnings.warn('own' + ODD)\n"
        "    network = small_network()\n"
        "    return network, Preprocess(resize=40, crop=36), [f'{i}{ODD}' for i in range(5)]\n"
    )
    rng = np.random.default_rng(0)
    for name in (f"a{ODD}.png", b"caf\xe9.png"):
        with open(os.path.join(os.fsencode(tmp_path), os.fsencode(name)), "wb") as file:
            Image.fromarray(rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)).save(file, "png")
    (tmp_path / f"bad{ODD}.png").touch()
    printed, code = through_a_terminal(
        "explain", ".", "--model", "odd:make", "--compare", "-o", "out",
        cwd=tmp_path,
    )  # fmt: skip
    assert (code, "2 of 3 photos explained; 1 could not be read" in printed) == (1, True), printed
    assert [sign for sign in FORBIDDEN if sign in printed] == []
    assert printed.count(r"\x1b[2J\x07\u202e\x9b31m") > 5
    wrong, code = through_a_terminal("explain", "x.png", f"--wrong{ODD}", cwd=tmp_path)
    assert code == 2
    assert [sign for sign in FORBIDDEN if sign in wrong] == []
