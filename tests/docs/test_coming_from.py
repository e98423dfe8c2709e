"""The code of docs/coming-from.md runs."""

import doctest
import warnings
from pathlib import Path

import pytest

from annealcam.errors import AnnealcamWarning

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"


def test_the_code_runs(tmp_path, monkeypatch):
    pytest.importorskip("pytorch_grad_cam")
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnnealcamWarning)
        found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.failed == 0
    assert found.attempted > 40
