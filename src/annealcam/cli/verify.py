"""The command `annealcam verify`: whether results are what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annealcam.cli.console import one_line_errors, print_error, print_line
from annealcam.cli.interface.reporting import print_json
from annealcam.cli.interface.verbosity import takes_reporting_options


@one_line_errors
@takes_reporting_options
def verify(
    paths: Annotated[
        list[Path], typer.Argument(help="Result folders, folders of results, or checkpoints.")
    ],
) -> None:
    """Compare results with their checksums; exit with 1 if a single bit is wrong."""
    from annealcam.verification import verify as verified

    found = [result for path in paths for result in verified(path)]
    print_json([vars(result) for result in found])
    for result in found:
        print_line(f"{result.status:10}  {result.kind:11}  {result.folder}")
        for fault in result.faults:
            print_error(fault, label=f"{result.folder}: ")
    counts = {status: sum(r.status == status for r in found) for status in _STATUSES}
    print_line(", ".join(f"{count} {status}" for status, count in counts.items() if count))
    if counts["damaged"]:
        raise typer.Exit(1)


_STATUSES = ("intact", "unverified", "damaged")
