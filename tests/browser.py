"""A real browser for tests of pages: a tab, what it complained about, and what it asked for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Route

NAMES = ("chromium", "chromium-browser", "google-chrome")
OWN_SCHEMES = ("data", "blob", "file", "about")
OWN_HOSTS = ("127.0.0.1", "localhost")


@dataclass(eq=False)
class Tab:
    """A tab, and what all tabs beside it did: their errors, and (blocked) requests to elsewhere."""

    page: Page
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@contextmanager
def open_browser(
    *, scheme: str = "light", width: int = 1280, height: int = 900, scripts: bool = True
) -> Iterator[Tab]:
    """A tab in the `light` or `dark` scheme; `scripts=False` turns JavaScript off."""
    path = executable()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            context = browser.new_context(
                color_scheme="dark" if scheme == "dark" else "light",
                viewport={"width": width, "height": height},
                java_script_enabled=scripts,
            )
            yield _watched(context)
        finally:
            browser.close()


def executable() -> str:
    """The browser's path; without one the test is skipped, or fails where a browser is required."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = f"no browser here: none of {', '.join(NAMES)} is installed"
        if os.environ.get("ANNEALCAM_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def _watched(context: BrowserContext) -> Tab:
    tab = Tab(context.new_page())

    def complain(message: ConsoleMessage) -> None:
        if message.type == "error":
            tab.errors.append(message.text)

    def judge(route: Route) -> None:
        parts = urlsplit(route.request.url)
        if parts.scheme in OWN_SCHEMES or parts.hostname in OWN_HOSTS:
            route.continue_()
        else:
            tab.foreign.append(route.request.url)
            route.abort()

    context.on("console", complain)
    context.on("weberror", lambda error: tab.errors.append(str(error.error)))
    context.route("**/*", judge)
    return tab
