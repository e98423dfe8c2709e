"""What must hold of the built site: `python tools/check_site.py docs/_build/html`.

Its pages load nothing from elsewhere, every public name has an entry in the reference, and the
search has an index of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

LOADING = {  # attributes whose address a browser fetches by itself
    "img": ("src", "srcset"), "script": ("src",), "link": ("href",), "iframe": ("src",),
    "source": ("src", "srcset"), "video": ("src", "poster"), "audio": ("src",), "embed": ("src",),
    "object": ("data",), "input": ("src",), "use": ("href",), "image": ("href",),
}  # fmt: skip
NAVIGATION = {"canonical", "search", "index", "next", "prev", "author", "license", "copyright"}


class _Resources(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.in_style = tag == "style"
        if tag == "link" and set(values.get("rel", "").split()) & NAVIGATION:
            return
        self.found += [values[name] for name in LOADING.get(tag, ()) if name in values]

    def handle_data(self, data: str) -> None:
        if self.in_style and ("url(http" in data or "url(//" in data or "@import" in data):
            self.found.append("//" + data[:60])


def foreign_resources(html: str) -> list[str]:
    """Return the addresses on other machines that a browser would load for a page.

    >>> foreign_resources('<a href="https://x.org">x</a><script src="https://x.org/y.js"></script>')
    ['https://x.org/y.js']
    """
    parser = _Resources()
    parser.feed(html)
    return [at for at in parser.found if at.startswith(("http:", "https:", "//"))]


def names_in(inventory: Path) -> set[str]:
    """Return the full names of the Python objects in an inventory of Sphinx."""
    from sphinx.util.inventory import InventoryFile

    found = InventoryFile.load(inventory.open("rb"), "", lambda _base, uri: uri)
    return {name for kind, names in found.items() if kind.startswith("py:") for name in names}


def faults(site: Path) -> Iterator[str]:
    """Yield a line for each fault of a built site."""
    from tools.reference_pages import homes

    for page in sorted(site.rglob("*.html")):
        for address in foreign_resources(page.read_text("utf-8")):
            yield f"{page.relative_to(site)} loads {address}"
    for sheet in sorted(site.rglob("*.css")):
        if "url(http" in sheet.read_text("utf-8") or "url(//" in sheet.read_text("utf-8"):
            yield f"{sheet.relative_to(site)} loads from another machine"
    entries = {home for names in homes().values() for home in names.values()}
    for name in sorted(entries - names_in(site / "objects.inv")):
        yield f"{name} has no entry in the reference"
    if not (site / "searchindex.js").exists():
        yield "there is no index for the search"


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    found = list(faults(Path(sys.argv[1])))
    print(
        "\n".join(found) or "the site loads nothing from elsewhere; every public name has an entry"
    )
    sys.exit(bool(found))
