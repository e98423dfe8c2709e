"""The SHA-256 of every file that the pinned set-up may install.

    python tools/hashes.py              # write hashes/packages.txt and hashes/build.txt anew
    python tools/hashes.py requirements # print what `make locked` installs, for pip

The hashes are those that PyPI states for the releases in constraints.txt, on all platforms and for
Python 3.11 or newer. Whoever changes a pin writes them; `make locked` compares them.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES, BUILD = ROOT / "hashes" / "packages.txt", ROOT / "hashes" / "build.txt"
# What installs and builds: an older pip refuses hashes in constraints, and packages without a
# wheel, as ours, would get their build tools unchecked.
TOOLS = {
    "pip": "26.3",
    "setuptools": "84.2.1",
    "hatchling": "1.33.0",
    "editables": "0.6",
    "trove-classifiers": "2026.9.21.13",
}
SHARED = ("packaging", "pathspec", "pluggy")  # of hatchling, with the versions of constraints.txt
INDEX = "https://pypi.org/simple"
JSON = "application/vnd.pypi.simple.v1+json"


def pins() -> dict[str, str]:
    """Return the versions of constraints.txt by the names of the packages."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").split()
    return dict(line.split("==") for line in lines)


def requirements() -> list[str]:
    """Return the dependencies of the package and of its extra `dev`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dev"]]


def hashes(name: str, version: str) -> list[str]:
    """Return the SHA-256 of the wheels of a release, or of its source where it has no wheel."""
    index_name = re.sub(r"[-_.]+", "-", name).lower()
    request = urllib.request.Request(f"{INDEX}/{index_name}/", headers={"Accept": JSON})
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    stem = f"{re.sub('-', '[-_.]+', index_name)}-{re.escape(version)}"
    of = {file["filename"]: file["hashes"]["sha256"] for file in files}
    wheels = [h for f, h in of.items() if re.match(rf"{stem}-.*\.whl$", f, re.I) and is_new(f)]
    found = wheels or [h for f, h in of.items() if re.match(rf"{stem}\.tar\.gz$", f, re.I)]
    if not found:
        raise SystemExit(f"{name}=={version}: {INDEX} lists no file for Python 3.11 or newer")
    return sorted(found)


def is_new(wheel: str) -> bool:
    """Return whether a wheel may fit CPython 3.11 or newer."""
    *_, python, abi, _platform = wheel.removesuffix(".whl").split("-")
    tags = python.split(".")
    return abi == "abi3" or any(re.fullmatch(r"py\d+|cp3(1[1-9]|[2-9]\d)", tag) for tag in tags)


def lines(versions: dict[str, str]) -> Iterator[str]:
    """Yield the requirements of some versions with their hashes, as pip reads them."""
    for name, version in versions.items():
        of = " \\\n    ".join(f"--hash=sha256:{value}" for value in hashes(name, version))
        yield f"{name}=={version} \\\n    {of}\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["requirements"]:
        print("\n".join(requirements()))
    elif sys.argv[1:]:
        raise SystemExit(__doc__)
    else:
        known = pins()
        BUILD.write_text("".join(lines(TOOLS | {name: known[name] for name in SHARED})), "utf-8")
        PACKAGES.write_text("".join(lines(known)), "utf-8")
