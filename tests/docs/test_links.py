"""Links in the documentation lead to files and headings that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted(ROOT.glob("docs/**/*.md")) if "_build" not in page.parts),
]
GENERATED = {ROOT / "docs/reference/cli.md"}
FENCE = re.compile(r"^(```+|~~~+|:::+).*?^\1\s*$", re.DOTALL | re.MULTILINE)


def text_of(page):
    """The text of a page without its code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text("utf-8")))


@cache
def anchors(page):
    """The anchors of the headings of a page, as forges and the site make them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page):
    text = text_of(page)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<img src="([^"]+)"', text)
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists() or target in GENERATED, f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_is_in_the_contents():
    listed = set()
    for page in PAGES:
        for block in re.findall(r"^```{toctree}\n(.*?)^```", page.read_text("utf-8"), re.S | re.M):
            lines = [line for line in block.splitlines() if line and not line.startswith(":")]
            names = [re.sub(r".*<(.*)>", r"\1", line) for line in lines]
            listed |= {page.parent / f"{name}.md" for name in names}
    docs = {page for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert docs - {ROOT / "docs/index.md"} - GENERATED <= listed


def test_pages_named_in_the_source_exist():
    sources = [
        path for name in ("src", "benchmarks", "tests") for path in (ROOT / name).rglob("*.py")
    ]
    named = {
        page
        for path in sources
        for page in re.findall(r"(?<!--output )docs/[\w./-]+\.md", path.read_text("utf-8"))
    }
    assert {page for page in named if not (ROOT / page).exists()} <= {"docs/reference/cli.md"}
