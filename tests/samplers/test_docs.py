"""The examples of the pages on samplers run, without a network."""

import doctest
from inspect import signature
from pathlib import Path

import pytest

from annealcam.samplers import SAMPLERS
from tests.samplers.dwave.machines import forbid_network

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "examples"), [("dwave", 14), ("hardware", 7), ("large", 6), ("samplers", 10)]
)
def test_the_examples_of_the_page_run(monkeypatch, page, examples):
    forbid_network(monkeypatch)
    result = doctest.testfile(str(DOCS / f"{page}.md"), module_relative=False)
    assert result.failed == 0
    assert result.attempted == examples


def test_every_sampler_is_in_the_table():
    page = (DOCS / "samplers.md").read_text(encoding="utf-8")
    for sampler in SAMPLERS.values():
        options = (
            f"`{name}`"
            for name, p in signature(sampler.load()).parameters.items()
            if p.kind is p.KEYWORD_ONLY and name != "seed"
        )
        assert f"| `{sampler.name}` | {sampler.help} | {', '.join(options)} |" in page
