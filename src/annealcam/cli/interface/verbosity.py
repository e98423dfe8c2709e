"""The options -v, -q and --json, which every command has."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from annealcam._version import __version__
from annealcam.cli.console import print_line
from annealcam.cli.interface.extended import extended
from annealcam.cli.interface.reporting import Reporting, reporting_as
from annealcam.errors import ArgumentError

_OPTIONS: dict[str, Any] = {
    "verbose": Annotated[
        bool | None,
        typer.Option("-v", "--verbose", help="Print all details, and the time.", metavar=""),
    ],
    "quiet": Annotated[
        bool | None, typer.Option("-q", "--quiet", help="Print errors only.", metavar="")
    ],
    "json": Annotated[
        bool | None, typer.Option("--json", help="Print the results as JSON.", metavar="")
    ],
}


def takes_reporting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options `--verbose`, `--quiet` and `--json` to a command."""
    return extended(command, _OPTIONS, _run)


def _run(
    command: Callable[..., None], args: Any, kwargs: dict[str, Any], values: dict[str, Any]
) -> None:
    chosen = Reporting(**{name: bool(value) for name, value in values.items()})
    for name in ("quiet", "json"):
        if chosen.verbose and values[name]:
            raise ArgumentError(f"--verbose, --{name}: give one of the two")
    start = time.monotonic()
    with reporting_as(chosen):
        command(*args, **kwargs)
        if chosen.verbose:
            print_line(f"{time.monotonic() - start:.1f} s, annealcam {__version__}")
