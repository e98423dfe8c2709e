"""What a visitor of the web page waits for: in a browser, and beside a crowd that does nothing.

    .venv/bin/python benchmarks/page.py [--repeats 9]

The page is a process of its own. In Chromium: from opening the page to the first answer, and from a
change of a slider until its answer is drawn; the 80 ms for which the page waits for further moves
are included. Then a crowd holds 260 silent connections and 100 uploads of 2 bytes a second, and
opens each again a second after it was closed, from the visitor's own address or from eight others.
A visitor with new connections opens the page and asks for an answer. Each figure is the median and
the largest of the repeats. docs/app.md quotes it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import httpx
import typer

from tests.browser import open_browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

SILENT, SLOW = 260, 100
UPLOAD = b"POST /photo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
OTHERS = tuple(f"127.0.0.{last}" for last in range(2, 10))
# Calls back with the time, in ms, from an input until an element holds something else.
CHANGE = """([selector, name, value]) => new Promise((done) => {
  const input = document.querySelector(`#${name}`);
  input.value = value;
  const begin = performance.now();
  setTimeout(() => done(NaN), 30_000);
  const observer = new MutationObserver(() => {
    observer.disconnect();
    requestAnimationFrame(() => done(performance.now() - begin));
  });
  observer.observe(document.querySelector(selector), {
    subtree: true, childList: true, characterData: true, attributes: true });
  input.dispatchEvent(new Event("input", { bubbles: true }));
})"""


@contextmanager
def serving() -> Iterator[str]:
    """The address of a page in a process of its own."""
    command = [sys.executable, "-m", "annealcam", "app", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        try:
            yield next(
                match[1] for line in process.stdout if (match := re.search(r"open (\S+)", line))
            )
        finally:
            process.terminate()


@contextmanager
def crowd(address: str, sources: tuple[str, ...]) -> Iterator[None]:
    """Connections of a process of its own that are silent, or send slowly, all the time."""
    parts = urlsplit(address)
    process = multiprocessing.get_context("spawn").Process(
        target=hold, args=(parts.hostname, parts.port, sources), daemon=True
    )
    process.start()
    time.sleep(5)  # until all connections were opened
    try:
        yield
    finally:
        process.kill()
        process.join()


def hold(host: str, port: int, sources: tuple[str, ...]) -> None:
    """Hold the connections of a crowd."""

    async def one(number: int, data: bytes) -> None:
        while True:
            with suppress(OSError):
                source = (sources[number % len(sources)], 0)
                reader, writer = await asyncio.open_connection(host, port, local_addr=source)
                writer.write(data)
                while not reader.at_eof() and not writer.is_closing():
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.5):
                            await reader.read()
                    if data:
                        writer.write(b"x")
                writer.close()
            await asyncio.sleep(1)

    async def everyone() -> None:
        bodies = [b""] * SILENT + [UPLOAD] * SLOW
        await asyncio.gather(*(one(number, data) for number, data in enumerate(bodies)))

    asyncio.run(everyone())


def report(name: str, seconds: list[float]) -> None:
    """Print the median and the largest of some times."""
    print(
        f"{name:58} {statistics.median(seconds):6.2f} s, at most {max(seconds):5.2f} s; "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def timed(function: Callable[[], object]) -> float:
    """Return the seconds that a function takes."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def in_a_browser(address: str, repeats: int) -> None:
    """Print the times from opening the page, and from changes of sliders."""
    with open_browser() as tab:
        page = tab.page

        def first_answer() -> None:
            page.goto(address)
            page.wait_for_selector("#answer .maps img")

        report("first visit of all, to the answer", [timed(first_answer)])
        report("opening the page, to the answer", [timed(first_answer) for _ in range(repeats)])
        for index in range(1, 5):
            photo = page.locator("[data-photo]").nth(index)
            alt = photo.locator("img").get_attribute("alt")

            def new_photo(photo=photo) -> None:  # type: ignore[no-untyped-def]
                with page.expect_response("**/answer"):
                    photo.click()

            report(f"a new photo, {alt}", [timed(new_photo)])
        page.locator("[data-photo]").first.click()
        move_sliders(page, repeats)


def move_sliders(page: Page, repeats: int) -> None:
    """Print the times from a move of a slider until its answer is drawn."""

    def moved(text: str, name: str, values: list[float], selector: str = "#answer") -> None:
        times = []
        for value in values:
            page.wait_for_selector("#answers[aria-busy=false]")
            times.append(page.evaluate(CHANGE, [selector, name, f"{value:g}"]) / 1000)
        report(text, times)

    page.wait_for_selector("#answers[aria-busy=true]")
    moved("a new number of maps", "cardinality", [1 + number % 12 for number in range(repeats)])
    moved("a new annealing time, to F", "tau", [20 + 15 * number for number in range(repeats)])
    values = [25.0 + 15 * number for number in range(repeats)]
    moved("a new annealing time, to the whole panel", "tau", values, "#annealing")
    page.select_option("[name=importance]", "contribution")
    page.wait_for_selector("#answers[aria-busy=true]")
    moved("a new β", "beta", [round(0.3 + 0.07 * number, 2) for number in range(repeats)])


def visits(address: str, repeats: int, name: str) -> None:
    """Print the times of visitors with connections of their own."""
    betas = iter(range(1, 10**6))
    offset = sum(map(ord, name)) % 97  # other answers than those of the other names

    def answer() -> None:
        beta = ((offset + 13 * next(betas)) % 100) / 100
        form = {"importance": "contribution", "beta": f"{beta:.2f}"}
        httpx.post(f"{address}/answer", data=form, timeout=60).raise_for_status()

    def index() -> None:
        httpx.get(address, timeout=60).raise_for_status()

    report(f"the page, {name}", [timed(index) for _ in range(repeats)])
    report(f"an answer, {name}", [timed(answer) for _ in range(repeats)])


def main(repeats: Annotated[int, typer.Option(help="Of each figure.", min=1)] = 9) -> None:
    """Print the times that a visitor waits."""
    with serving() as address:
        in_a_browser(address, repeats)
        visits(address, repeats, "nobody else")
        for name, sources in (("the same address", ("127.0.0.1",)), ("other addresses", OTHERS)):
            with crowd(address, sources):
                visits(address, repeats, f"beside a crowd of {name}")


if __name__ == "__main__":
    typer.run(main)
