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
    from annealcam.audit.experiment import Experiment

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
    plant: Annotated[
        list[str] | None,
        typer.Option(help="In place of an audit: plant a shortcut into this class; repeatable."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="With --plant: networks of each class.")] = 3,
    maps: Annotated[int, typer.Option(help="With --plant: maps of the head (N_f).")] = 32,
    epochs: Annotated[int, typer.Option(help="With --plant: passes through the photos.")] = 20,
    train_per_class: Annotated[
        int, typer.Option(help="With --plant: training photos of each class.")
    ] = 200,
    side: Annotated[float, typer.Option(help="With --plant: the patch's share of a side.")] = 0.2,
    colour: Annotated[str, typer.Option(help="With --plant: of the patch.")] = "magenta",
    pattern: Annotated[str, typer.Option(help="With --plant: rings or plain.")] = "rings",
    place: Annotated[str, typer.Option(help="With --plant: anywhere or corner.")] = "anywhere",
    cache: Annotated[
        Path | None, typer.Option(help="With --plant: folder of features; as for train.")
    ] = None,
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
    """Rank the classes by how doubtful the maps are that a network rests on; or plant a shortcut.

    Interrupted, the same command goes on.
    """
    if data is None:
        raise ArgumentError("--data: give a set of photos, such as --data digits")
    try:
        if plant:
            if model is not None or masks is not None or atlas is not None:
                raise ArgumentError("--plant: trains its own networks; leave out --model, --masks "
                                    "and --atlas")  # fmt: skip
            patch = {"side": side, "colour": colour, "pattern": pattern, "place": place}
            told = {"maps": maps, "epochs": epochs, "photos_per_class": per_class or 20,
                    "train_per_class": train_per_class}  # fmt: skip
            _plant(data, plant, seeds, patch, told, cache, root, download, output)
        else:
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


def _plant(
    data: str, plant: list[str], seeds: int, patch: dict[str, Any], told: dict[str, Any],
    cache: Path | None, root: str | None, download: bool, output: Path,
) -> None:  # fmt: skip
    from annealcam.audit.patch import Patch
    from annealcam.data.sets import load_set

    made = Patch(**patch)
    sets = {
        part: load_set(data, part=part, root=root, download=download)
        for part in ("train", "validation", "test")
    }
    from annealcam.attribution.targets import resolve_target
    from annealcam.audit import experiment, experiment_folder
    from annealcam.audit.trial import Plan

    classes = sets["test"].classes
    labels = [label for name in plant if (label := resolve_target(name, classes)) is not None]
    plan = Plan("plain" if data == "digits" else "efficientnet-lite0", patch=made, **told)
    with terminal.progress("audit", 1) as tell:
        found = experiment.run_experiment(
            sets, labels, seeds, plan, Path(f"{output}.trials"), cache=cache, progress=tell
        )
        tell("drawing", 1, 1)
        experiment_folder.write_experiment(found, output)
    _tell_experiment(found, output)


def _tell_experiment(found: Experiment, output: Path) -> None:
    for row in found.rows:
        say(
            f"{found.classes[row['label']]}, seed {row['seed']}, {row['network']}: accuracy of the "
            f"class {row['accuracy_without']:.2f}, with the patch {row['accuracy_with']:.2f}; "
            f"{len(row['patch_maps'])} patch maps, one selected for {row['selected_with']:.0%}, "
            f"without {row['selected_without']:.0%}"
        )
    say(f"see {output / 'summary.md'}; the networks lie in {output}.trials")
