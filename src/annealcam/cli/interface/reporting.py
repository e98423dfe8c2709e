"""How much a command prints: the options -v, -q and --json, and what they set."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from annealcam.cli.interface.extended import extended
from annealcam.errors import ArgumentError


@dataclass(frozen=True)
class Reporting:
    """How much is printed.

    Attributes:
        verbose: print all details.
        quiet: print errors only.
        json: print the results as JSON on standard output, and nothing else there.
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
    """Print a result as one line of JSON if --json is given."""
    if _current.json:
        sys.stdout.write(json.dumps(record, allow_nan=False) + "\n")
        sys.stdout.flush()


_OPTIONS: dict[str, Any] = {
    "verbose": Annotated[
        bool | None, typer.Option("-v", "--verbose", help="Print all details.", metavar="")
    ],
    "quiet": Annotated[
        bool | None, typer.Option("-q", "--quiet", help="Print errors only.", metavar="")
    ],
    "json": Annotated[
        bool | None,
        typer.Option("--json", help="Print the results as JSON, one object a line.", metavar=""),
    ],
}


def takes_reporting_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add those of the options `verbose`, `quiet` and `json` to a command that are named."""

    def run(
        command: Callable[..., None], args: Any, kwargs: dict[str, Any], values: dict[str, Any]
    ) -> None:
        if not any(values.values()):  # a command that calls another one has set them
            command(*args, **kwargs)
            return
        chosen = Reporting(**{name: bool(value) for name, value in values.items()})
        if chosen.verbose and chosen.quiet:
            raise ArgumentError("--verbose, --quiet: give one of the two")
        with reporting_as(chosen):
            command(*args, **kwargs)

    return lambda command: extended(command, {name: _OPTIONS[name] for name in names}, run)
