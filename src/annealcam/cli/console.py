"""What the commands share: printing to a terminal or a pipe, one-line errors, progress bars."""

from __future__ import annotations

import functools
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

from annealcam._internal.text import one_line, visible
from annealcam.cli.interface.reporting import reporting
from annealcam.cli.signals import INTERRUPTED
from annealcam.errors import AnnealcamError, UsageError

_terminal = sys.stdout is not None and sys.stdout.isatty()
# Names of classes and files are printed literally, not interpreted as markup.
_plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
out = Console(width=None if _terminal else 160, **_plain)  # a pipe has no width
MOST_REASONS = 20  # lines about photos that were skipped
err = Console(stderr=True, **_plain)


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Print an AnnealcamError as one line, and exit with 2 (wrong usage) or 1 (failure).

    Ctrl-C is one line as well, with the exit code 130.
    """

    @functools.wraps(command)
    def safe(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except AnnealcamError as error:
            print_error(error)
            raise typer.Exit(exit_code(error)) from None
        except KeyboardInterrupt:
            print_error("interrupted")
            raise typer.Exit(INTERRUPTED) from None

    return safe


def exit_code(error: AnnealcamError) -> int:
    """Return 2 for wrong usage and 1 for any other failure."""
    return 2 if isinstance(error, UsageError) else 1


@contextmanager
def resumable(message: str) -> Iterator[None]:
    """Print a message and exit with 130 when the user presses Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        print_error(message)
        raise typer.Exit(INTERRUPTED) from None


def print_error(error: object, *, label: str = "") -> None:
    """Print one line to standard error, whatever the width of the terminal."""
    line = " ".join(f"{label}{error}".split())
    err.print(f"annealcam: {visible(line)}", style="red", soft_wrap=True)


def print_warning(text: object) -> None:
    """Print a warning as one line to standard error, unless --quiet is given."""
    if not reporting().quiet:
        print_error(text, label="warning: ")


def print_note(text: str) -> None:
    """Print one line of information to standard error; nothing for an empty text."""
    if text and not reporting().quiet:
        err.print(f"annealcam: {visible(' '.join(text.split()))}", soft_wrap=True)


class _Notes(logging.Handler):
    """Print what a part of the package logs for users."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        print_note(record.getMessage())


class _VisibleFormatter(logging.Formatter):
    """Show control characters in the messages of a log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a message."""
        return visible(super().format(record))


def print_visibly() -> None:
    """Print the warnings and log messages of all libraries without their control characters."""

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if not reporting().quiet:
            print_error(message, label=f"{category.__name__}: ")

    warnings.showwarning = show
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_VisibleFormatter())


def announce_compilation() -> None:
    """Print one line when numerical loops are compiled, which takes seconds."""
    log = logging.getLogger("annealcam._internal.compilation")
    if not log.handlers:
        log.addHandler(_Notes())
        log.setLevel(logging.INFO)


def print_skipped(reasons: Sequence[str], file: str) -> None:
    """Print one line for each photo that was skipped, and where the rest of many are listed."""
    most = len(reasons) if reporting().verbose else MOST_REASONS
    for reason in reasons[:most]:
        print_error(reason, label="skipped: ")
    if len(reasons) > most:
        print_error(f"and {len(reasons) - most} more; {file} lists all", label="skipped: ")


def print_count(
    done: int, total: int, *, verb: str, unreadable: int = 0, failed: int = 0, earlier: int = 0
) -> None:
    """Print how many of the photos are done.

    Args:
        done: photos with a result, those of an earlier run included.
        total: all photos.
        verb: what was done, such as `explained`.
        unreadable: photos that could not be read.
        failed: photos that failed for other reasons.
        earlier: photos that an earlier run finished.
    """
    counts = {"could not be read": unreadable, "failed": failed}
    missing = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    before = f" ({earlier} of them before)" if earlier else ""
    noun = "photo" if total == 1 else "photos"
    print_line(f"{done} of {total} {noun} {verb}{before}{'; ' if missing else ''}{missing}")


def end_with_unreadable(
    reasons: Sequence[str], *, done: int | None = None, verb: str = "used"
) -> None:
    """Print how many photos could not be read, if any, and exit with 1 then.

    Args:
        reasons: why, for each such photo.
        done: the photos that could be read; None where they are not counted.
        verb: what was done with them, such as `evaluated`.
    """
    count = len(reasons)
    if not count:
        return
    if done is None:
        print_line(f"{count} photo{'' if count == 1 else 's'} could not be read")
    else:
        print_count(done, done + count, verb=verb, unreadable=count)
    raise typer.Exit(1)


def print_line(text: str, style: str | None = None) -> None:
    """Print a line to standard output without wrapping and without interpreting markup."""
    if reporting().prints_lines:
        out.print(one_line(text), style=style, soft_wrap=True)


def cell(value: Any) -> str:
    """Return a value as the text of a table cell."""
    if value is None or isinstance(value, bool):
        return {None: "-", True: "yes", False: "no"}[value]
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def print_table(header: list[str], rows: list[list[str]], *, marked: int | None = None) -> None:
    """Print columns, the first aligned to the left; the marked row gets a star."""
    if not reporting().prints_lines:
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for number, name in enumerate(header):
        table.add_column(
            one_line(name), justify="left" if number == 0 else "right", overflow="fold"
        )
    for number, row in enumerate(rows):
        table.add_row("*" if number == marked else "", *map(one_line, row))
    out.print(table)


def _has_bars() -> bool:
    """Return whether standard error is a terminal, and --quiet is not given."""
    return err.is_terminal and not reporting().quiet


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (description, done, total) that updates a bar on standard error."""
    from rich.progress import Progress

    # Live bars redirect standard output to draw around it: never do that to a file.
    redirect = out.is_terminal
    with Progress(
        console=err, transient=True, redirect_stdout=redirect, disable=not _has_bars()
    ) as bars:
        task = bars.add_task(description, total=total)

        def update(description: str, done: int, total: int) -> None:
            bars.update(task, description=one_line(description), completed=done, total=total)

        yield update


@contextmanager
def elapsed_time(description: str) -> Iterator[None]:
    """Show on standard error for how long the block has run, if that is a terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(
        *columns, console=err, transient=True, redirect_stdout=out.is_terminal,
        disable=not _has_bars(),
    ) as bars:  # fmt: skip
        bars.add_task(visible(description), total=None)
        yield
