"""The examples of docs/interop.md run."""

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"


def test_the_examples_run():
    for package in ("pytorch_grad_cam", "captum", "quantus", "timm", "dimod"):
        pytest.importorskip(package)
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.failed == 0
    assert found.attempted > 30
