"""What must hold of the built site: `python tools/check_site.py docs/_build/html`.

Its pages load nothing from elsewhere, and every public name has an entry in the reference. In a
browser, if one is installed, the search finds names and pages, and narrow pages do not scroll
sideways.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

LOADING = {  # attributes whose address a browser fetches by itself
    "img": ("src", "srcset"), "script": ("src",), "link": ("href",), "iframe": ("src",),
    "source": ("src", "srcset"), "video": ("src", "poster"), "audio": ("src",), "embed": ("src",),
    "object": ("data",), "input": ("src",), "use": ("href",), "image": ("href",),
}  # fmt: skip
SEARCHES = {"minimum gap": "annealcam.minimum_gap", "fidelity": "Glossary"}  # text: a result
NARROW = ("index", "tutorials/photo", "tutorials/study", "reference/api/annealcam", "evidence")
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


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Write no log."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine, and give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def faults_in_browser(site: Path, browser: str) -> Iterator[str]:
    """Yield a line for each fault that shows when a browser opens a site."""
    from playwright.sync_api import sync_playwright

    with served(site) as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 390, "height": 844})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        for text, result in SEARCHES.items():
            page.goto(f"{address}/search.html?q={text.replace(' ', '+')}")
            page.locator("#search-results p.search-summary", has_text="finished").wait_for()
            if result not in page.locator("#search-results li a").all_inner_texts():
                yield f"a search for {text!r} does not find {result!r}"
        for name in NARROW:
            page.goto(f"{address}/{name}.html")
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > 390:
                yield f"{name}.html is {width} pixels wide in a window of 390"
        yield from errors
        chromium.close()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    found = list(faults(Path(sys.argv[1])))
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is not None:
        found += faults_in_browser(Path(sys.argv[1]), chromium)
    elif os.environ.get("ANNEALCAM_BROWSER") == "required":
        found.append("there is no browser to search the site with")
    print(
        "\n".join(found) or "the site loads nothing from elsewhere; every public name has an entry"
    )
    sys.exit(bool(found))
