"""The source distribution holds every file of the repository."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_every_tracked_file_is_included():
    if not (ROOT / ".git").exists():
        pytest.skip("no repository")
    git = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = {name.split("/")[0] for name in git.stdout.split("\0") if name}
    tracked -= {"pyproject.toml", ".gitignore"}  # which hatchling adds by itself
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert tracked == {name.removeprefix("/") for name in included}
