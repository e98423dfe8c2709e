"""The examples of docs/dwave.md run, without a network."""

import doctest
from pathlib import Path

from tests.samplers.dwave.machines import forbid_network

PAGE = Path(__file__).parents[3] / "docs" / "dwave.md"


def test_the_examples_of_the_page_run(monkeypatch):
    forbid_network(monkeypatch)
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.failed == 0
    assert found.attempted == 14
