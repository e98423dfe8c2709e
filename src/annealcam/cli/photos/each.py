"""Photos in turn: a photo that fails is one line, and does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import typer

from annealcam._internal.text import storable
from annealcam.cli.console import exit_code, print_count, print_error, progress_bar
from annealcam.cli.interface.reporting import json_list, reporting
from annealcam.errors import AnnealcamError, ImageError

Report = Callable[[str, int, int], None]  # what is done of a photo: description, done, total


@dataclass
class PhotoCounts:
    """How many photos of a command are done, and why the others are not.

    Attributes:
        total: the number of photos.
        done: those with a result.
        unreadable: those that could not be read.
        codes: an exit code for each failure.
        failures: a line for each failure.
    """

    total: int
    done: int = 0
    unreadable: int = 0
    codes: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def counting(self, photo: str, add: Callable[[Any], None], *known: str) -> Iterator[None]:
        """Count a photo; an error is printed as one line, and added to the list of JSON.

        Args:
            photo: the photo as it was named.
            add: adds a record to the output of --json.
            known: further names of the photo, one of which an error may contain.
        """
        try:
            yield
        except (AnnealcamError, MemoryError) as error:
            text = "not enough memory" if isinstance(error, MemoryError) else str(error)
            is_named = any(name in text for name in (photo, *known))
            line = text if is_named else f"{photo}: {text}"
            print_error(line)
            add({"photo": storable(photo), "error": line})
            self.failures.append(line)
            self.codes.append(1 if isinstance(error, MemoryError) else exit_code(error))
            self.unreadable += isinstance(error, ImageError)
        else:
            self.done += 1

    def print(self, verb: str, *, earlier: int = 0) -> None:
        """Print how many photos are done, if there are several."""
        if self.total > 1:
            failed = len(self.codes) - self.unreadable
            print_count(
                self.done, self.total, verb=verb, unreadable=self.unreadable, failed=failed,
                earlier=earlier,
            )  # fmt: skip

    def end(self) -> None:
        """Exit with a code unless all photos are done."""
        if self.codes:
            raise typer.Exit(1 if 1 in self.codes else 2)


def is_brief(photos: Sequence[str]) -> bool:
    """Return whether each photo has one line only."""
    return len(photos) > 1 and not reporting().verbose


def each_photo(
    photos: Sequence[str], work: Callable[[str, Report], dict[str, Any]], *, description: str
) -> tuple[PhotoCounts, list[dict[str, Any]]]:
    """Work on photos in turn, and return their counts and the records of those that are done.

    The records, and the errors of other photos, are the output of --json.

    Args:
        photos: names of photos.
        work: prints the result of a photo and returns its record; its second argument is a
            function that is called with a description, what is done, and all of it.
        description: what is done, for the progress bar.
    """
    counts, records = PhotoCounts(len(photos)), []
    with progress_bar(description, counts.total) as update, json_list() as add:
        for number, photo in enumerate(photos):
            update(f"{description} {photo}", number, counts.total)

            def report(what: str, done: int, total: int, number: int = number) -> None:
                update(f"{description}: {what}", number * total + done, counts.total * total)

            with counts.counting(photo, add):
                records.append(work(photo, report))
                add(records[-1])
    return counts, records
