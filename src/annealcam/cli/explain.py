"""The commands `annealcam explain`, `demo` and `layers`: photos, and the layers they go through."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import console as terminal
from annealcam.cli.console import SamplerOptions, Seed, complain, one_line_errors, say
from annealcam.errors import AnnealcamError, UsageError
from annealcam.samplers.registry import SAMPLERS

if TYPE_CHECKING:
    from annealcam.atlas.atlas import Atlas
    from annealcam.cli.photos import Job
    from annealcam.explanation import Explanation

ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        help="efficientnet-lite0, paper-16, paper-24, paper-32, digits, "
        "torchvision:NAME[:WEIGHTS], timm:NAME[:WEIGHTS], FILE.safetensors, FILE.pt2 or "
        "MODULE:FUNCTION",
    ),
]
Target = Annotated[
    str | None, typer.Option(help="A class, by index or name; else the predicted one.")
]
Importance = Annotated[str | None, typer.Option(help="contribution (default) or gradcam.")]
Device = Annotated[str, typer.Option(help="Where the network runs: cpu, cuda, ...")]


@one_line_errors
def explain(
    photos: Annotated[list[str], typer.Argument(help="Image files, or skimage:chelsea and such.")],
    model: ModelName = "efficientnet-lite0",
    layer: Annotated[
        str | None, typer.Option(help="A layer; else the last convolutional output, activated.")
    ] = None,
    target: Target = None,
    preset: Annotated[str | None, typer.Option(help="paper: as published.")] = None,
    importance: Importance = None,
    objective: Annotated[
        str | None, typer.Option(help="What beta weighs: relative (shares; default) or sum.")
    ] = None,
    beta: Annotated[
        float | None,
        typer.Option(help="Relevance against redundancy, 0 to 1 (2/3, with sum 0.9, if left out)."),
    ] = None,
    cardinality: Annotated[int | None, typer.Option(help="Select exactly so many maps.")] = None,
    max_qubits: Annotated[int, typer.Option(help="Most candidates kept.")] = 16,
    tau: Annotated[
        float | None,
        typer.Option(help="Annealing time, in 1 / energy (100, preset paper 50, if left out)."),
    ] = None,
    normalisation: Annotated[
        str,
        typer.Option(
            "--normalisation", "--convention", help="Driver: per_qubit (1/d) or unit (1)."
        ),
    ] = "per_qubit",
    sampler: Annotated[
        str,
        typer.Option(help=f"{', '.join(SAMPLERS)}: docs/samplers.md."),
    ] = "anneal",
    option: SamplerOptions = None,
    shots: Annotated[
        int | None, typer.Option(help="Measurements of the annealed state (d^2 if left out).")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Solve by every other sampler as well.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Is it faithful to the logit, and does it know the class?"),
    ] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Write a page of it all as well; checks, too.")
    ] = False,
    atlas: Annotated[
        Path | None,
        typer.Option(help="An atlas: the page shows what maps usually respond to (so, --html)."),
    ] = None,
    seed: Seed = 0,
    device: Device = "cpu",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")] = Path(
        "annealcam-results"
    ),
) -> None:
    """Explain photos: select the few feature maps that the prediction rests on, and draw them."""
    from annealcam.settings import resolve

    settings = resolve(
        preset, importance=importance, objective=objective, beta=beta, cardinality=cardinality,
        sampler=sampler, sampler_options=terminal.named_values(option), seed=seed,
        max_qubits=max_qubits, tau=tau, normalisation=normalisation, shots=shots,
    )  # fmt: skip
    known = _atlas(atlas)
    from annealcam._internal.files import make_folder
    from annealcam.cli.photos import Job

    job = Job.prepare(model, layer=layer, target=target, settings=settings, device=device)
    new = not output.exists()
    make_folder(output)
    try:
        wanted = {"compare": compare, "check": check, "html": html or atlas is not None}
        _explain_all(job, photos, output, **wanted, atlas=known)
    finally:
        if new and not any(output.iterdir()):
            output.rmdir()


@one_line_errors
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")] = Path(
        "demo"
    ),
    seed: Seed = 0,
) -> None:
    """Explain a bundled photo of a cat with the bundled network, offline."""
    explain(["skimage:chelsea"], output=output, seed=seed, compare=True, html=True)


@one_line_errors
def layers(
    model: ModelName = "efficientnet-lite0",
    photo: Annotated[str, typer.Option(help="The photo to look at.")] = "skimage:chelsea",
    target: Target = None,
    importance: Importance = None,
    device: Device = "cpu",
) -> None:
    """List the layers that can be explained, as one photo sees them."""
    from annealcam.cli.photos import Job
    from annealcam.settings import resolve

    settings = resolve(importance=importance)
    job = Job.prepare(model, layer=None, target=target, settings=settings, device=device)
    found, default = job.survey(photo)
    rows = [
        [layer.name, layer.kind, str(layer.channels), f"{layer.size[0]} x {layer.size[1]}",
         f"{layer.negative:.0%} negative" if layer.signed else "not negative",
         f"{layer.candidates:.0%}", f"{layer.dead:.0%}"]
        for layer in found
    ]  # fmt: skip
    header = ["layer", "kind", "maps", "size", "signs", "candidates", "dead"]
    marked = [i for i, layer in enumerate(found) if layer.name == default]
    terminal.print_table(header, rows, marked=marked[0] if marked else -1)
    say(f"* explained unless --layer names another. Candidates ({settings.importance}) and dead")
    say(f"  maps are shares of the layer's maps, for {photo}.")


def _atlas(folder: Path | None) -> Atlas | None:
    """The atlas in a folder: opened before any photo is, so that a wrong folder costs no time."""
    if folder is None:
        return None
    from annealcam.atlas.atlas import open_atlas

    return open_atlas(folder)


def _explain_all(job: Job, photos: list[str], output: Path, **wanted: Any) -> None:
    """Explain every photo; one that fails does not stop the others."""
    codes: list[int] = []
    folders = _folders(photos, output)
    with terminal.progress("explaining", len(photos)) as tell:
        for number, (photo, folder) in enumerate(zip(photos, folders, strict=True)):
            tell(f"explaining {photo}", number, len(photos))
            try:
                explanation, comparison, checked = job.explain_into(photo, folder, **wanted)
                _summary(photo, folder, explanation, wanted["html"])
                if comparison:
                    _print_comparison(comparison)
                if checked:
                    _print_check(checked)
                if wanted["atlas"] and not wanted["atlas"].fits(explanation):
                    complain(
                        "the atlas is of another network or layer: not used", before="warning: "
                    )
            except AnnealcamError as error:
                where = "" if photo in str(error) or str(folder) in str(error) else f"{photo}: "
                complain(error, before=where)
                codes.append(2 if isinstance(error, UsageError) else 1)
    if codes:
        raise typer.Exit(1 if 1 in codes else 2)


def _folders(photos: list[str], output: Path) -> list[Path]:
    """A folder for each photo, named after it; a number tells photos of one name apart."""
    taken: set[str] = set()
    folders = []
    for photo in photos:
        # A name, never a place: the stem of "..png" is "."
        stem = Path(photo.removeprefix("skimage:")).stem.strip(".") or "photo"
        numbered = (f"{stem}-{number}" for number in itertools.count(2))
        name = next(n for n in itertools.chain([stem], numbered) if n not in taken)
        taken.add(name)
        folders.append(output / name)
    return folders


def _summary(photo: str, folder: Path, e: Explanation, html: bool) -> None:
    from annealcam.render.text import headline, selection_summary

    say(f"{photo}: {headline(e)}", style="bold")
    if not e.provenance["layer_was_named"]:
        say(f"  layer {e.provenance['layer']}: the last convolutional output after its activation")
    say(f"  maps {' '.join(map(str, e.selected)) or 'none'}")
    say(f"  {selection_summary(e)}")
    for text in e.provenance["warnings"]:
        complain(text, before="warning: ")
    say(f"  see {folder / 'report.png'}{' and explanation.html' if html else ''}")


def _print_check(checked: dict[str, Any]) -> None:
    from annealcam.evaluation.faithfulness import check_sentences

    for line in check_sentences(checked):
        say(f"  {line}")


def _print_comparison(rows: list[dict[str, Any]]) -> None:
    cells = [[terminal.cell(value) for value in row.values()] for row in rows]
    terminal.print_table(list(rows[0]), cells, marked=0)
    say("* this explanation. relevance: sum of h; redundancy: mean cosine of the pairs; carried:")
    say("  share of the positive contributions; shared: Jaccard index with this explanation.")
