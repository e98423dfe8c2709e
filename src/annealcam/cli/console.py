"""What the commands share: printing to a terminal or a pipe, errors in one line, progress."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from annealcam.errors import AnnealcamError, ArgumentError, UsageError

_terminal = sys.stdout is not None and sys.stdout.isatty()
_plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}  # names are names
out = Console(width=None if _terminal else 160, **_plain)  # a pipe has no width of its own
err = Console(stderr=True, **_plain)

Seed = Annotated[int, typer.Option(help="Equal seeds give equal bits.")]
SamplerOptions = Annotated[
    list[str] | None,
    typer.Option("--option", help="NAME=VALUE, an option of the sampler's; docs/samplers.md."),
]


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Print an error of ours as one line; leave with 2 (wrong usage) or 1 (failure)."""

    @functools.wraps(command)
    def safe(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except AnnealcamError as error:
            complain(error)
            raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None

    return safe


def named_values(pairs: list[str] | None) -> dict[str, Any] | None:
    """Return the options of lines NAME=VALUE: a number, a JSON list, or else text.

    >>> named_values(["shots=20", "anneal_schedule=[[0, 0], [20, 1]]", "solver=mine"])
    {'shots': 20, 'anneal_schedule': [[0, 0], [20, 1]], 'solver': 'mine'}
    """
    found: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise ArgumentError(f"--option {pair}: must be NAME=VALUE, such as shots=20")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found or None


def complain(error: object, *, before: str = "") -> None:
    """Print one line to standard error, however wide the terminal."""
    line = " ".join(f"{before}{error}".split())
    err.print(f"annealcam: {line}", style="red", soft_wrap=True)


def say(text: str, style: str | None = None) -> None:
    """Print to standard output as it is: nothing wrapped, nothing taken for markup."""
    out.print(text, style=style, soft_wrap=True)


def cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None or isinstance(value, bool):
        return {None: "-", True: "yes", False: "no"}[value]
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def print_table(header: list[str], rows: list[list[str]], *, marked: int) -> None:
    """Print columns, the first to the left; row number `marked` gets a star."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number == 0 else "right", overflow="fold")
    for number, row in enumerate(rows):
        table.add_row("*" if number == marked else "", *row)
    out.print(table)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows on standard error what is done, and how much of all."""
    from rich.progress import Progress

    # Live bars catch standard output, to draw around it: never where it goes to a file.
    caught = out.is_terminal
    with Progress(
        console=err, transient=True, redirect_stdout=caught, disable=not err.is_terminal
    ) as bars:
        task = bars.add_task(what, total=total)

        def tell(now: str, done: int, of: int) -> None:
            bars.update(task, description=now, completed=done, total=of)

        yield tell
