"""The commands `annealcam study` and `annealcam figures`: many images, and their pictures."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import console as terminal
from annealcam.cli.console import complain, one_line_errors, say
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from annealcam.study.config import Study

MOST_WORKERS = 8  # unless asked for more: each holds a network
INTERRUPTED = 130  # what a shell expects after Ctrl-C


@one_line_errors
def study(
    config: Annotated[Path | None, typer.Argument(help="A TOML file; see docs/study.md.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="digits, paper, paper-imagenette or imagenet-layer. [default: digits]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")] = Path(
        "annealcam-study"
    ),
    root: Annotated[
        str | None, typer.Option(help="Where data sets lie (else ANNEALCAM_DATA).")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch a data set that is not there.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Processes on this machine. [default: one a core, 8 at most]")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a running dask scheduler instead.")
    ] = None,
) -> None:
    """Run the method over a labelled set of images; interrupted, the same command goes on."""
    chosen = _chosen(config, preset)
    chosen = replace(
        chosen,
        data=replace(
            chosen.data,
            root=root or chosen.data.root,
            download=download or chosen.data.download,
        ),
    )
    if scheduler is not None and workers is not None:
        raise ArgumentError(f"workers={workers}, scheduler={scheduler!r}: give one of the two")
    count = 1 if scheduler is not None else workers if workers is not None else _cores()
    from annealcam.study.run.engine import run_study

    try:
        with terminal.progress("study", 1) as tell:
            manifest = run_study(chosen, output, workers=count, scheduler=scheduler, progress=tell)
    except KeyboardInterrupt:
        _tell_interrupted(output)
        raise typer.Exit(INTERRUPTED) from None
    _print(manifest, output)


@one_line_errors
def figures(
    run: Annotated[Path, typer.Argument(help="Folder of a finished study.")],
) -> None:
    """Draw a study's figures and write its summary anew, without computing anything else."""
    from annealcam.study.run.ending import redraw

    with terminal.progress("figures", 2) as tell:
        redraw(run, progress=tell)
    say(f"see {run / 'summary.md'} and {run / 'figures'}")


def _chosen(config: Path | None, preset: str | None) -> Study:
    from annealcam.study import config as studies

    if config is not None and preset is not None:
        raise ArgumentError(f"config={str(config)!r}, preset={preset!r}: give one of the two")
    return studies.read_study(config) if config else studies.preset(preset or "digits")


def _cores() -> int:
    try:
        found = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        found = os.cpu_count() or 1
    return min(found, MOST_WORKERS)


def _tell_interrupted(output: Path) -> None:
    done = len(list((output / "table").glob("part-*.parquet")))
    complain(f"stopped; {done} shards are done and kept in {output}, the same command goes on")


def _print(manifest: dict[str, Any], output: Path) -> None:
    told, data = manifest["throughput"], manifest["data"]
    say(
        f"{data['name']}, part {data['part']}: {told['images']} images explained in "
        f"{told['seconds']:.1f} s, {told['images_per_second']:.1f} images a second",
        style="bold",
    )
    for text in manifest["warnings"]:
        complain(text, before="warning: ")
    for text in manifest["shortages"]:
        complain(text, before="fewer than asked: ")
    if manifest["skipped"]:
        first = manifest["skipped"][0]
        complain(
            f"{len(manifest['skipped'])} photos cannot be read and were left out, the first: "
            f"{first['reason']} (manifest.json lists all)",
            before="skipped: ",
        )
    say(f"see {output / 'summary.md'} and {output / 'figures'}")
