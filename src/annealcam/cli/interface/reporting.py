"""How much a command prints, and its results as JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annealcam._internal.text import storable


@dataclass(frozen=True)
class Reporting:
    """How much is printed.

    Attributes:
        verbose: print all details.
        quiet: print errors only.
        json: print the results as one JSON document on standard output, and nothing else there.
    """

    verbose: bool = False
    quiet: bool = False
    json: bool = False

    @property
    def prints_lines(self) -> bool:
        """Whether lines for readers go to standard output."""
        return not (self.quiet or self.json)


_current = Reporting()


def reporting() -> Reporting:
    """Return how much the running command prints."""
    return _current


@contextmanager
def reporting_as(chosen: Reporting) -> Iterator[None]:
    """Print as much as is chosen while the block runs."""
    global _current
    former, _current = _current, chosen
    try:
        yield
    finally:
        _current = former


def print_json(record: Any) -> None:
    """Print the results of a command as a line of JSON if --json is given."""
    if _current.json:
        _print(json_of(record) + "\n")


@contextmanager
def json_list() -> Iterator[Callable[[Any], None]]:
    """Yield a function that prints the next item of a list, which is the output of the block.

    Each item is printed on a line of its own as soon as it is there. Nothing is printed without
    --json.
    """
    count = 0

    def add(record: Any) -> None:
        nonlocal count
        if _current.json:
            _print(f"{',' if count else '['}\n{json_of(record)}")
            count += 1

    try:
        yield add
    finally:
        if _current.json:
            _print("\n]\n" if count else "[]\n")


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def json_of(record: Any) -> str:
    """Return a value in one line of JSON.

    >>> json_of({"gap": math.inf, "file": Path("a.png"), "maps": (1, 2)})
    '{"gap": null, "file": "a.png", "maps": [1, 2]}'
    """
    return json.dumps(_plain(record), allow_nan=False)


def _plain(value: Any) -> Any:
    """Return a value for JSON: arrays are lists, and numbers that are not finite are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return storable(str(value))
    return _plain(value.tolist()) if hasattr(value, "tolist") else value
