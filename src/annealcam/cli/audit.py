"""The command `annealcam audit`: classes whose selected maps look where they should not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import console as terminal
from annealcam.cli.console import Seed, complain, one_line_errors, say
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from annealcam.audit.audit import Audit

INTERRUPTED = 130  # what a shell expects after Ctrl-C


@one_line_errors
def audit(
    data: Annotated[
        str | None, typer.Option(help="digits, imagenette, ... or folder:PATH; see docs/data.md.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="As for explain.")] = None,
    layer: Annotated[str | None, typer.Option(help="As for explain.")] = None,
    part: Annotated[str, typer.Option(help="train, validation, test, unseen or all.")] = "test",
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Where the objects are: a folder of images called as the photos, or a CSV file "
            "photo,left,top,right,bottom; docs/metrics.md."
        ),
    ] = None,
    atlas: Annotated[
        Path | None, typer.Option(help="Atlas of the same layer: what its maps respond to.")
    ] = None,
    explain: Annotated[
        str, typer.Option(help="The class that is explained: label, or predicted.")
    ] = "label",
    per_class: Annotated[
        int | None, typer.Option("--photos-per-class", help="Photos of each class. [default: all]")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="paper: selected as published.")] = None,
    sampler: Annotated[str, typer.Option(help="As for explain.")] = "exact",
    root: Annotated[
        str | None, typer.Option(help="Where data sets lie (else ANNEALCAM_DATA).")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch a data set that is not there.")
    ] = False,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="Where the network runs: cpu, cuda, ...")] = "cpu",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")] = Path(
        "annealcam-audit"
    ),
) -> None:
    """Rank the classes by how doubtful the maps are that a network rests on.

    Interrupted, the same command goes on.
    """
    if data is None:
        raise ArgumentError("--data: give a set of photos, such as --data digits")
    try:
        if model is None:
            raise ArgumentError("--model: give the network to audit, such as --model digits")
        _audit(data, model, layer, part, masks, atlas, explain, per_class, preset, sampler,
               root, download, seed, device, output)  # fmt: skip
    except KeyboardInterrupt:
        complain(f"stopped; what is done is kept beside {output}, the same command goes on")
        raise typer.Exit(INTERRUPTED) from None


def _audit(
    data: str, model: str, layer: str | None, part: str, masks: Path | None, atlas: Path | None,
    explain: str, per_class: int | None, preset: str | None, sampler: str, root: str | None,
    download: bool, seed: int, device: str, output: Path,
) -> None:  # fmt: skip
    from annealcam.data.sets import load_set
    from annealcam.settings import resolve

    settings = resolve(preset, sampler=sampler, seed=seed)
    photos = load_set(data, part=part, root=root, download=download)
    from annealcam._internal.resumable import remove_parts
    from annealcam.atlas.atlas import open_atlas
    from annealcam.audit import audit as audits
    from annealcam.audit import folder
    from annealcam.evaluation.masks import find_masks

    opened = None if atlas is None else open_atlas(atlas)
    where: Any = None if masks is None else find_masks(masks, photos.images, Path())
    parts = Path(f"{output}.parts")
    with terminal.progress("audit", 1) as tell:
        found = audits.audit(
            photos, model, layer=layer, parts=parts, masks=where, explain=explain,
            photos_per_class=per_class, settings=settings, seed=seed, device=device, progress=tell,
        )  # fmt: skip
        if opened is not None:
            folder.check_atlas(opened, found)
        tell("drawing", 1, 1)
        folder.write_audit(found, output, atlas=opened)
    remove_parts(parts)
    _tell(found, output)


def _tell(found: Audit, output: Path) -> None:
    told, classes = found.provenance, found.photos.classes
    say(
        f"{told['data']}, part {told['part']}: {told['photos']} photos through {told['model']}, "
        f"layer {told['layer']}",
        style="bold",
    )
    for score, methods in found.rankings.items():
        first = ", ".join(f"{classes[s.label]} {s.score:.3f}" for s in methods["annealcam"][:3])
        say(f"  {score}: {first}")
    if told["skipped"]:
        complain(
            f"{len(told['skipped'])} photos cannot be read and were left out, the first: "
            f"{told['skipped'][0]} (audit.json lists all)",
            before="skipped: ",
        )
    say("  a ranking always has a first class: look at its maps before you doubt it")
    say(f"see {output / 'summary.md'} and {output / 'ranking.png'}")
