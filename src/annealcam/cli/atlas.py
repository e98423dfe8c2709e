"""The commands `annealcam atlas` and `annealcam atlas show`: what a layer's maps respond to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import options
from annealcam.cli.console import (
    end_with_unreadable,
    one_line_errors,
    print_line,
    print_skipped,
    print_warning,
    progress_bar,
    resumable,
)
from annealcam.cli.interface.panels import Command, takes_help_all
from annealcam.cli.interface.reporting import Reporting, print_json, reporting
from annealcam.cli.interface.verbosity import takes_reporting_options
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from annealcam.atlas.atlas import Atlas

FOLDER = Path("atlas")
MOST_ROWS = 12  # of a table

atlas = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@atlas.callback(invoke_without_command=True)
@one_line_errors
@takes_help_all
@takes_reporting_options
def build(
    ctx: typer.Context,
    data: options.Data = None,
    model: options.Model = options.DEFAULT_MODEL,
    layer: options.Layer = None,
    part: options.Part = "test",
    root: options.Root = None,
    download: options.Download = False,
    per_class: options.PhotosPerClass = None,
    top: Annotated[int, typer.Option(help="Number of regions stored for each map.")] = 9,
    preset: options.Preset = None,
    sampler: options.SamplerName = "exact",
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the atlas.")] = FOLDER,
) -> None:
    """Build the atlas of a layer: the photos that excite each map, and the classes it counts for.

    After an interruption, the same command continues. `annealcam atlas show` draws the results.
    """
    if ctx.invoked_subcommand is not None:
        if data is not None:
            raise ArgumentError(f"--data {data}: builds an atlas; do not combine it with `show`")
        if reporting() != Reporting():
            raise ArgumentError("--verbose, --quiet, --json: give them behind `show`")
        return
    if data is None:
        raise ArgumentError("--data: give a set of photos, such as --data digits")
    from annealcam.data.sets import load_set
    from annealcam.settings import resolve

    settings = resolve(preset, sampler=sampler, seed=seed)
    from annealcam.atlas.build import build_atlas

    photos = load_set(data, part=part, root=root, download=download, seed=seed)
    stored = (
        f"interrupted; finished work is stored in {output}.parts, and the same command continues"
    )
    with resumable(stored), progress_bar("atlas", 1) as update:
        built = build_atlas(
            photos, model, layer, output, top=top, photos_per_class=per_class,
            settings=settings, seed=seed, device=device, progress=update,
        )  # fmt: skip
    print_json({**built.settings, "classes": built.classes, "folder": built.folder})
    _print_atlas(built)


@atlas.command(cls=Command)
@one_line_errors
@takes_reporting_options
def show(
    folder: Annotated[Path | None, typer.Argument(help="Folder of the atlas.")] = None,
    name: Annotated[
        str | None, typer.Option("--class", help="Class, by name or number: draw its usual maps.")
    ] = None,
    channel: Annotated[int | None, typer.Option(help="Map: draw its portrait.")] = None,
    atlas_folder: Annotated[
        Path | None, typer.Option("--atlas", help="Folder of the atlas.", show_default="atlas")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File for the picture (.png, .jpg, .svg or .pdf)."),
    ] = None,
) -> None:
    """Draw the usual maps of a class, or the portrait of one map."""
    if (name is None) == (channel is None):
        raise ArgumentError("give --class NAME or --channel NUMBER, one of the two")
    if folder is not None and atlas_folder is not None:
        raise ArgumentError(f"{folder}, --atlas {atlas_folder}: give one of the two")
    from annealcam.atlas.atlas import open_atlas
    from annealcam.render.figures.atlas import channel_sheet, class_sheet

    opened = open_atlas(folder or atlas_folder or FOLDER)
    if name is not None:
        label = opened.label_of(name)
        figure, record = class_sheet(opened, label), _class_record(opened, label)
        stem = f"class-{re.sub(r'[^A-Za-z0-9]+', '-', opened.classes[label]).strip('-')}"
        _print_class(opened, label)
    else:
        assert channel is not None
        figure, record = channel_sheet(opened, channel), _channel_record(opened, channel)
        stem = f"map-{channel}"
        _print_channel(opened, channel)
    file = output if output is not None else Path(f"atlas-{stem}.png")
    _save(figure, file)
    print_json({**record, "layer": opened.layer, "file": file})
    print_line(f"see {file}")


def _save(figure: Figure, file: Path) -> None:
    from annealcam._internal.storage.files import file_written_aside, make_folder
    from annealcam.render.figures.sheets import write_figure

    kind = file.suffix.lower().removeprefix(".")
    if kind not in ("png", "jpg", "jpeg", "svg", "pdf"):
        raise ArgumentError(f"output={str(file)!r}: must end in .png, .jpg, .svg or .pdf")
    make_folder(file.parent)
    with file_written_aside(file) as aside:
        write_figure(figure, aside, kind)


def _print_atlas(built: Atlas) -> None:
    settings = built.settings
    silent = sum(not built.portrait(channel).regions for channel in range(built.channels))
    print_line(
        f"{built.data}, part {settings['part']}: {settings['photos']} photos through "
        f"{built.model}, layer {built.layer}: {built.channels} maps, {silent} never excited",
        style="bold",
    )
    for text in settings["warnings"]:
        print_warning(text)
    names = built.classes[: _most_rows()]
    width = max(len(name) for name in names)
    for label, name in enumerate(names):
        usual = built.usual(label, most=4)
        maps = [f"{channel} ({built.selected[channel, label]:.0%})" for channel in usual]
        print_line(f"  {name:<{width}}  most often selected: {', '.join(maps) or 'no map'}")
    if len(built.classes) > len(names):
        print_line(f"  and {len(built.classes) - len(names)} more classes")
    reasons = [photo["reason"] for photo in settings["skipped"]]
    print_skipped(reasons, "atlas.json")
    print_line(
        f"see {built.folder}; draw a class by annealcam atlas show {built.folder} --class NAME"
    )
    end_with_unreadable(reasons, done=settings["photos"], verb="in the atlas")


def _most_rows() -> int | None:
    return None if reporting().verbose else MOST_ROWS


def _class_record(opened: Atlas, label: int) -> dict[str, Any]:
    """Return the usual maps of a class, as plain values."""
    portraits = [opened.portrait(channel) for channel in opened.usual(label, most=MOST_ROWS)]
    return {
        "class": opened.classes[label],
        "photos": opened.counts[label],
        "maps": [
            {"map": p.channel, "selected": p.selected[label], "mean": p.profile[label],
             "responds_to": p.responds_to()}
            for p in portraits
        ],
    }  # fmt: skip


def _channel_record(opened: Atlas, channel: int) -> dict[str, Any]:
    """Return the portrait of a map, as plain values."""
    portrait = opened.portrait(channel)
    rows = zip(opened.classes, portrait.selected, portrait.profile, strict=True)
    return {
        "map": channel,
        "responds_to": portrait.responds_to(),
        "classes": [{"class": n, "selected": share, "mean": mean} for n, share, mean in rows],
    }


def _print_class(opened: Atlas, label: int) -> None:
    print_line(
        f"{opened.classes[label]}: maps of layer {opened.layer} most often selected for its "
        f"{opened.counts[label]} photos",
        style="bold",
    )
    print_line(f"  {'map':>5}  {'selected':>8}  {'mean':>8}  responds to")
    for channel in opened.usual(label, most=MOST_ROWS):
        portrait = opened.portrait(channel)
        share, mean = f"{portrait.selected[label]:.0%}", f"{portrait.profile[label]:.3g}"
        print_line(f"  {channel:>5}  {share:>8}  {mean:>8}  {portrait.responds_to()}")


def _print_channel(opened: Atlas, channel: int) -> None:
    portrait = opened.portrait(channel)
    print_line(f"map {channel} of layer {opened.layer}: {portrait.responds_to()}", style="bold")
    print_line(f"  {'selected':>8}  {'mean':>8}  class")
    for label in (-portrait.selected).argsort(kind="stable")[: _most_rows()]:
        share, mean = f"{portrait.selected[label]:.0%}", f"{portrait.profile[label]:.3g}"
        print_line(f"  {share:>8}  {mean:>8}  {opened.classes[label]}")
