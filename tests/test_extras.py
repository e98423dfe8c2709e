"""Without the packages of an extra, what needs them ends with one line that names the extra."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

HIDE = """
import json, sys
hidden = ("pyarrow", "sklearn", "skimage", "pandas")
sys.modules.update(dict.fromkeys(hidden))  # importing them is an ImportError
"""
COMMANDS = {
    "study": ("study", "pyarrow", "study"),
    "study TMP/own.toml": ("study", "pyarrow", "study"),
    "figures TMP": ("study", "pyarrow", "study"),
    "report TMP": ("study", "pyarrow", "study"),
    "atlas --data folder:TMP --part all": ("atlas", "pyarrow", "atlas"),
    "atlas show TMP --channel 0": ("atlas", "pyarrow", "atlas"),
    "explain TMP/photo.jpg --atlas TMP -o TMP/out": ("atlas", "pyarrow", "atlas"),
    "atlas --data digits": ("data='digits'", "sklearn", "study"),
    "train --data digits -o TMP/own.safetensors": ("data='digits'", "sklearn", "study"),
}


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", HIDE + code], capture_output=True, text=True, check=True
    ).stdout


def test_each_command_without_its_extra_is_one_line(tmp_path):
    for class_ in "ab":
        (tmp_path / class_).mkdir()
        (tmp_path / class_ / "photo.png").touch()
    commands = [command.replace("TMP", str(tmp_path)) for command in COMMANDS]
    code = f"""
from typer.testing import CliRunner
from annealcam.cli.main import app
for command in {commands!r}:
    run = CliRunner().invoke(app, command.split())
    print(json.dumps([run.exit_code, run.output]))
"""
    results = [json.loads(line) for line in run_python(code).splitlines()]
    for (needed_by, package, extra), (exit_code, output) in zip(
        COMMANDS.values(), results, strict=True
    ):
        assert exit_code == 1
        assert output == (
            f"annealcam: {needed_by}: {package} is not installed; "
            f"run pip install 'annealcam[{extra}]'\n"
        )


def test_the_library_without_an_extra_raises_an_error_of_ours():
    code = """
import numpy as np
import annealcam as ac
from annealcam.atlas import open_atlas
from annealcam.data import load_set
from annealcam.metrics import decodability
ones = np.ones((4, 2), dtype=bool)
for call in (
    lambda: __import__("annealcam.study"),
    lambda: open_atlas("nowhere"),
    lambda: load_set("digits"),
    lambda: decodability(ones, ones, np.array([0, 1, 0, 1]), folds=2),
):
    try:
        call()
    except ac.errors.MissingExtraError as error:
        print(error)
"""
    assert [line.split(":")[0] for line in run_python(code).splitlines()] == [
        "study", "atlas", "data='digits'", "decodability",
    ]  # fmt: skip


def test_the_extra_for_development_holds_all_others():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    development = set(extras.pop("dev"))
    del extras["quantus"]  # which the Makefile installs by itself
    assert {name for name, needed in extras.items() if not set(needed) <= development} == set()
