"""Build the wheel, install it in a new environment, and use it as a newcomer does.

    python tools/wheel_check.py          # make wheel-check

The environment gets the pinned dependencies and the extras `app` and `study`, and lies with
everything else in a temporary folder of about 7 GB, from where the repository cannot be imported.
Each command prints one line with its seconds; the first that fails ends the program.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = "app,study"
COMMANDS = (
    ("--version",),
    ("demo", "--output", "demo"),
    ("study", "--output", "study"),
    ("verify", "demo", "study"),
)
PAGE_LIMIT = 120  # seconds


def run(command: Sequence[object], folder: Path) -> str:
    """Run a command in a folder, without the repository in sight, and return its output."""
    words = [str(word) for word in command]
    begin = time.perf_counter()
    done = subprocess.run(
        words, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    shown = " ".join([Path(words[0]).name, *words[1:]]).replace(str(folder), ".")
    print(f"{time.perf_counter() - begin:6.1f} s  {shown}", flush=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{shown}: exit status {done.returncode}")
    return done.stdout


def environment() -> dict[str, str]:
    """Return the variables of this process without those that lead Python to other modules."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}


def installed(folder: Path) -> Path:
    """Build and install the wheel; return the folder of the commands of its environment."""
    run((sys.executable, "-m", "venv", "environment"), folder)
    commands = folder / "environment" / "bin"
    pip = (commands / "python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    run((*pip, "wheel", "--no-deps", "--wheel-dir", "wheel", ROOT), folder)
    (wheel,) = (folder / "wheel").glob("annealcam-*.whl")
    pins = ROOT / "constraints.txt"
    run((*pip, "install", "--constraint", pins, f"annealcam[{EXTRAS}] @ {wheel.as_uri()}"), folder)
    return commands


def check_page(command: Path, folder: Path) -> None:
    """Start the page, and compare what it serves and answers with what a browser needs."""
    begin = time.perf_counter()
    log = folder / "page.log"
    with log.open("w") as errors, subprocess.Popen(
        (command, "app", "--port", "0"), cwd=folder, env=environment(), stdout=subprocess.PIPE,
        stderr=errors, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            if not line.startswith("open http"):
                sys.exit(f"annealcam app: no address: {log.read_text()}")
            address = line.split()[1]
            index = fetch(address + "/")
            answer = fetch(address + "/answer", b"")
        finally:
            server.terminate()
    for name, text, part in (("/", index, "<title>"), ("/answer", answer, "data:image")):
        if part not in text:
            sys.exit(f"annealcam app: {name} has no {part}: {text[:500]}")
    print(f"{time.perf_counter() - begin:6.1f} s  annealcam app: page and one answer", flush=True)


def fetch(address: str, form: bytes | None = None) -> str:
    """Return the text at an address; with a form, the answer to it."""
    headers = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    request = urllib.request.Request(address, form, headers)
    with urllib.request.urlopen(request, timeout=PAGE_LIMIT) as answer:
        return str(answer.read().decode("utf-8"))


def main() -> None:
    """Check the wheel; exit with 1 at the first failure."""
    with tempfile.TemporaryDirectory(prefix="annealcam-wheel-") as name:
        folder = Path(name).resolve()
        commands = installed(folder)
        for arguments in COMMANDS:
            output = run((commands / "annealcam", *arguments), folder)
            print("".join(f"          {line}\n" for line in output.splitlines()[-2:]), end="")
        check_page(commands / "annealcam", folder)


if __name__ == "__main__":
    main()
