"""The commands `annealcam atlas` and `annealcam atlas show`: what a layer's maps respond to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annealcam.cli import console as terminal
from annealcam.cli.console import Seed, complain, one_line_errors, say
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from annealcam.atlas.atlas import Atlas

FOLDER = Path("atlas")
INTERRUPTED = 130  # what a shell expects after Ctrl-C
_TABLE = 12  # usual maps of a class in the table; the figure shows 8

atlas = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@atlas.callback(invoke_without_command=True)
@one_line_errors
def build(
    ctx: typer.Context,
    data: Annotated[
        str | None,
        typer.Option(help="digits, imagenette, ... or folder:PATH; see docs/data.md."),
    ] = None,
    model: Annotated[str, typer.Option(help="As for explain.")] = "efficientnet-lite0",
    layer: Annotated[str | None, typer.Option(help="As for explain.")] = None,
    part: Annotated[str, typer.Option(help="train, validation, test, unseen or all.")] = "test",
    root: Annotated[
        str | None, typer.Option(help="Where data sets lie (else ANNEALCAM_DATA).")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch a data set that is not there.")
    ] = False,
    per_class: Annotated[
        int | None,
        typer.Option("--photos-per-class", help="So many of each class; all if left out."),
    ] = None,
    top: Annotated[int, typer.Option(help="Regions kept of every map.")] = 9,
    preset: Annotated[str | None, typer.Option(help="paper: selected as published.")] = None,
    sampler: Annotated[str, typer.Option(help="As for explain.")] = "exact",
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="Where the network runs: cpu, cuda, ...")] = "cpu",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the atlas.")] = FOLDER,
) -> None:
    """Build the atlas of a layer: which photos excite each map, and for which classes it counts.

    Interrupted, the same command goes on. `annealcam atlas show` draws what was found.
    """
    if ctx.invoked_subcommand is not None:
        if data is not None:
            raise ArgumentError(f"--data {data}: builds an atlas; give it without a further word")
        return
    if data is None:
        raise ArgumentError("--data: give a set of photos, such as --data digits")
    from annealcam.data.sets import load_set
    from annealcam.settings import resolve

    settings = resolve(preset, sampler=sampler, seed=seed)
    from annealcam.atlas.build import build_atlas

    photos = load_set(data, part=part, root=root, download=download, seed=seed)
    try:
        with terminal.progress("atlas", 1) as tell:
            found = build_atlas(
                photos, model, layer, output, top=top, photos_per_class=per_class,
                settings=settings, seed=seed, device=device, progress=tell,
            )  # fmt: skip
    except KeyboardInterrupt:
        complain(f"stopped; what is done is kept in {output}.parts, the same command goes on")
        raise typer.Exit(INTERRUPTED) from None
    _tell(found)


@atlas.command()
@one_line_errors
def show(
    folder: Annotated[Path | None, typer.Argument(help="Folder of the atlas.")] = None,
    name: Annotated[
        str | None, typer.Option("--class", help="A class, by name or number: its usual maps.")
    ] = None,
    channel: Annotated[int | None, typer.Option(help="One map: its portrait.")] = None,
    atlas_folder: Annotated[
        Path | None, typer.Option("--atlas", help="Folder of the atlas. [default: atlas]")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The picture (.png, .jpg, .svg, .pdf)."),
    ] = None,
) -> None:
    """Draw the usual maps of a class, or the portrait of one map."""
    if (name is None) == (channel is None):
        raise ArgumentError("give --class NAME or --channel NUMBER, one of the two")
    if folder is not None and atlas_folder is not None:
        raise ArgumentError(f"{folder}, --atlas {atlas_folder}: give one of the two")
    from annealcam.atlas.atlas import open_atlas
    from annealcam.render.figures import atlas as sheets

    opened = open_atlas(folder or atlas_folder or FOLDER)
    if name is not None:
        label = opened.label_of(name)
        figure = sheets.class_sheet(opened, label)
        stem = f"class-{re.sub(r'[^A-Za-z0-9]+', '-', opened.classes[label]).strip('-')}"
        _tell_class(opened, label)
    else:
        assert channel is not None
        figure, stem = sheets.channel_sheet(opened, channel), f"map-{channel}"
        _tell_channel(opened, channel)
    file = output if output is not None else Path(f"atlas-{stem}.png")
    _save(figure, file)
    say(f"see {file}")


def _save(figure: Figure, file: Path) -> None:
    from annealcam._internal.files import file_written_aside, make_folder

    kind = file.suffix.lower().removeprefix(".")
    if kind not in ("png", "jpg", "jpeg", "svg", "pdf"):
        raise ArgumentError(f"output={str(file)!r}: ends in none of .png, .jpg, .svg, .pdf")
    make_folder(file.parent)
    with file_written_aside(file) as aside:
        figure.savefig(aside, format=kind)


def _tell(found: Atlas) -> None:
    silent = sum(not found.portrait(channel).regions for channel in range(found.channels))
    say(
        f"{found.data}, part {found.settings['part']}: {found.settings['photos']} photos through "
        f"{found.model}, layer {found.layer}: {found.channels} maps, {silent} never excited",
        style="bold",
    )
    for text in found.settings["warnings"]:
        complain(text, before="warning: ")
    shown = found.classes[:_TABLE]
    width = max(len(name) for name in shown)
    for label, name in enumerate(shown):
        usual = found.usual(label, most=4)
        maps = [f"{channel} ({found.selected[channel, label]:.0%})" for channel in usual]
        say(f"  {name:<{width}}  most often: {', '.join(maps) or 'no map'}")
    if len(found.classes) > _TABLE:
        say(f"  and {len(found.classes) - _TABLE} classes more")
    skipped = found.settings["skipped"]
    if skipped:
        complain(
            f"{len(skipped)} photos cannot be read and were left out, the first: "
            f"{skipped[0]['reason']} (atlas.json lists all)",
            before="skipped: ",
        )
    say(f"see {found.folder}; annealcam atlas show {found.folder} --class NAME draws")


def _tell_class(opened: Atlas, label: int) -> None:
    say(
        f"{opened.classes[label]}: maps of layer {opened.layer} most often selected for its "
        f"{opened.counts[label]} photos",
        style="bold",
    )
    say(f"  {'map':>5}  {'selected':>8}  {'mean':>8}  responds to")
    for channel in opened.usual(label, most=_TABLE):
        portrait = opened.portrait(channel)
        share, mean = f"{portrait.selected[label]:.0%}", f"{portrait.profile[label]:.3g}"
        say(f"  {channel:>5}  {share:>8}  {mean:>8}  {portrait.responds_to()}")


def _tell_channel(opened: Atlas, channel: int) -> None:
    portrait = opened.portrait(channel)
    say(f"map {channel} of layer {opened.layer}: {portrait.responds_to()}", style="bold")
    say(f"  {'selected':>8}  {'mean':>8}  class")
    for label in (-portrait.selected).argsort(kind="stable")[:_TABLE]:
        share, mean = f"{portrait.selected[label]:.0%}", f"{portrait.profile[label]:.3g}"
        say(f"  {share:>8}  {mean:>8}  {opened.classes[label]}")
