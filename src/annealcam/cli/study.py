"""The commands `annealcam study`, `figures` and `report`: many images, their figures and pages."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import options
from annealcam.cli.console import (
    end_with_unreadable,
    one_line_errors,
    print_error,
    print_line,
    print_skipped,
    print_warning,
    progress_bar,
    resumable,
)
from annealcam.cli.interface.reporting import print_json, reporting
from annealcam.cli.interface.verbosity import takes_reporting_options
from annealcam.cli.signals import INTERRUPTED
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from annealcam.study.config import Study

MOST_WORKERS = 8  # by default: each process loads a network


@one_line_errors
@takes_reporting_options
def study(
    config: Annotated[Path | None, typer.Argument(help="TOML file; see docs/study.md.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Study to run without a file: digits, digits-evidence or crops (all offline), "
            "paper, paper-imagenette, imagenet-layer or imagenet-evidence.",
            show_default="digits",
        ),
    ] = None,
    output: options.Output = Path("annealcam-study"),
    root: options.Root = None,
    download: options.Download = False,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Number of processes.", show_default=f"one for each core, at most {MOST_WORKERS}"
        ),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a running dask scheduler, instead of --workers.")
    ] = None,
    tls: Annotated[
        tuple[str, str, str] | None,
        typer.Option(
            metavar="CA CERT KEY",
            help="PEM files of the connection to the scheduler: authority, certificate and key.",
        ),
    ] = None,
) -> None:
    """Run the method over a labelled set of images.

    After an interruption, the same command continues.
    """
    chosen = _read_study(config, preset)
    data = replace(
        chosen.data, root=root or chosen.data.root, download=download or chosen.data.download
    )
    chosen = replace(chosen, data=data)
    if scheduler is not None and workers is not None:
        raise ArgumentError(f"workers={workers}, scheduler={scheduler!r}: give one of the two")
    count = 1 if scheduler is not None else workers if workers is not None else _cores()
    from annealcam.study.run.engine import run_study
    from annealcam.study.run.workers import TLS

    files = None if tls is None else TLS(*tls)
    try:
        with progress_bar("study", 1) as update:
            manifest = run_study(
                chosen, output, workers=count, scheduler=scheduler, tls=files, progress=update
            )
    except KeyboardInterrupt:
        done = len(list((output / "table").glob("part-*.parquet")))
        print_error(
            f"interrupted; {done} finished shards are stored in {output}, and the same command "
            "continues"
        )
        raise typer.Exit(INTERRUPTED) from None
    print_json({**manifest, "folder": output})
    _print_result(manifest, output)


@one_line_errors
@takes_reporting_options
def figures(
    run: Annotated[Path, typer.Argument(help="Folder of a finished study.")],
) -> None:
    """Redraw the figures and rewrite the summary of a study without new computations."""
    from annealcam.study.run.ending import redraw

    with progress_bar("figures", 2) as update:
        manifest = redraw(run, progress=update)
    print_json({**manifest, "folder": run})
    print_line(f"see {run / 'summary.md'} and {run / 'figures'}")


@one_line_errors
@takes_reporting_options
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a study, finished or not.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder for the report.",
            show_default="report in the study's folder",
        ),
    ] = None,
    photos: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of photos with pages, equally many of each class.",
            show_default="all",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Run the networks on these photos again to show the maps."),
    ] = False,
    maps: Annotated[
        bool,
        typer.Option(
            "--maps/--no-maps", help="Show each photo's map; runs networks of annealcam again."
        ),
    ] = True,
    root: Annotated[
        str | None, typer.Option(help="Folder of the data sets.", show_default="that of the study")
    ] = None,
) -> None:
    """Write the pages of a study: overlaps, gaps and successes, and a page for each photo."""
    from annealcam.study.pages.report import write_report

    explain_again = None
    if explain:
        from annealcam import pipeline

        explain_again = pipeline.explain
    stored = "interrupted; finished explanations are stored, and the same command continues"
    with resumable(stored), progress_bar("report", 1) as update:
        written = write_report(
            run,
            output,
            photos=photos,
            root=root,
            explain=explain_again,
            maps=maps,
            progress=update,
        )
    print_json(vars(written))
    explained = f"; {written.explained} explanations" if written.explained else ""
    print_line(f"{written.pages} of {written.photos} photos have pages{explained}", style="bold")
    if written.no_photos:
        print_warning(f"without pictures: {written.no_photos}")
    print_line(f"see {written.index}")


def _read_study(config: Path | None, preset: str | None) -> Study:
    from annealcam.study import config as studies

    if config is not None and preset is not None:
        raise ArgumentError(f"config={str(config)!r}, preset={preset!r}: give one of the two")
    return studies.read_study(config) if config else studies.preset(preset or "digits")


def _cores() -> int:
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        count = os.cpu_count() or 1
    return min(count, MOST_WORKERS)


def _print_result(manifest: dict[str, Any], output: Path) -> None:
    from annealcam.study.claims.markdown import speed_of

    session, data = manifest["session"], manifest["data"]
    speed = speed_of({**session, "images_per_second": session["images"] / session["seconds"]})
    print_line(f"{data['name']}, part {data['part']}: {speed}", style="bold")
    for text in manifest["warnings"]:
        print_warning(text)
    for text in manifest["shortages"]:
        print_warning(f"fewer images than requested: {text}")
    reasons = [photo["reason"] for photo in manifest["skipped"]]
    print_skipped(reasons, "manifest.json")
    if reporting().verbose:
        for line in (output / "summary.md").read_text("utf-8").splitlines():
            print_line(line)
    print_line(f"see {output / 'summary.md'} and {output / 'figures'}")
    end_with_unreadable(reasons)
