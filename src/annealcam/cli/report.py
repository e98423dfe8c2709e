"""The command `annealcam report`: a study's pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annealcam.cli import console as terminal
from annealcam.cli.console import complain, one_line_errors, say

INTERRUPTED = 130  # what a shell expects after Ctrl-C


@one_line_errors
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a study, finished or not.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Folder of the report. [default: report in the study's folder]"
        ),
    ] = None,
    photos: Annotated[
        int | None,
        typer.Option(help="Photos that have pages, at most; of each class as many. [default: all]"),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Run the networks again on these photos, to show their maps."
        ),
    ] = False,
    root: Annotated[
        str | None, typer.Option(help="Where data sets lie (else as the study had it).")
    ] = None,
) -> None:
    """Write a study's pages: overlaps, gaps and successes to look at, and a page for each photo."""
    from annealcam.study.pages.report import write_report

    again = None
    if explain:
        from annealcam import pipeline

        again = pipeline.explain
    try:
        with terminal.progress("report", 1) as tell:
            written = write_report(
                run, output, photos=photos, root=root, explain=again, progress=tell
            )
    except KeyboardInterrupt:
        complain("stopped; explanations that are done are kept, the same command goes on")
        raise typer.Exit(INTERRUPTED) from None
    told = f"{written.pages} of {written.photos} photos have pages"
    if written.explained:
        told += f"; {written.explained} explanations"
    say(told, style="bold")
    if written.no_photos:
        complain(written.no_photos, before="without pictures: ")
    say(f"see {written.index}")
