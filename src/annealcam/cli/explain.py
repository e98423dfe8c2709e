"""The commands `annealcam explain`, `demo` and `layers`: photos, and layers of a network."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import options
from annealcam.cli.console import (
    cell,
    exit_code,
    one_line_errors,
    print_error,
    print_line,
    print_table,
    print_warning,
    progress_bar,
)
from annealcam.cli.networks.options import takes_network_options
from annealcam.errors import AnnealcamError

if TYPE_CHECKING:
    from annealcam.atlas.atlas import Atlas
    from annealcam.cli.photo_explainer import PhotoExplainer
    from annealcam.explanation import Explanation
    from annealcam.samplers.hardware.machine import Machine

FEW = 3  # photos that are described in full on the terminal
LONGEST = 60  # characters of a name of results that contains the folder of its photo


@one_line_errors
@takes_network_options
def explain(
    photos: options.Photos,
    model: options.Model = options.DEFAULT_MODEL,
    layer: options.Layer = None,
    target: options.Target = None,
    against: options.Against = None,
    direction: options.Direction = "up",
    run: options.Run = None,
    preset: options.Preset = None,
    objective: options.Objective = None,
    importance: options.Importance = None,
    beta: options.Beta = None,
    cardinality: options.Cardinality = None,
    fidelity: options.Fidelity = None,
    max_qubits: options.MaxQubits = None,
    gradients: options.Gradients = None,
    tau: Annotated[
        float | None,
        typer.Option(help="Annealing time, in 1 / energy.", show_default="100"),
    ] = None,
    normalisation: Annotated[
        str,
        typer.Option("--normalisation", "--convention", help=options.NORMALISATION_HELP),
    ] = "per_qubit",
    sampler: options.SamplerName = "anneal",
    option: options.SamplerOptions = None,
    shots: options.Shots = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Solve the problem by the other samplers as well.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Measure faithfulness and class sensitivity, beside Grad-CAM and random maps.",
        ),
    ] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Write a page of all results; includes --check.")
    ] = False,
    atlas: Annotated[
        Path | None,
        typer.Option(
            help="Folder of an atlas: the page shows what the maps respond to; includes --html."
        ),
    ] = None,
    hardware: Annotated[
        str | None,
        typer.Option(
            help="Add to the page what a real annealer would do: advantage, advantage2 or a JSON "
            "file of figures; includes --html."
        ),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    output: options.Output = Path("annealcam-results"),
    network_options: Any = None,
) -> None:
    """Explain photos: select the few feature maps that the prediction rests on, and draw them."""
    from annealcam.settings import resolve

    settings = resolve(
        preset, objective=objective, importance=importance, beta=beta, cardinality=cardinality,
        fidelity=fidelity, sampler=sampler, sampler_options=options.sampler_options(option),
        seed=seed, max_qubits=max_qubits, gradients=gradients, tau=tau, normalisation=normalisation,
        shots=shots,
    )  # fmt: skip
    opened, machine = _open_atlas(atlas), _open_machine(hardware)
    named = _named(photos)
    from annealcam._internal.storage.files import make_folder
    from annealcam.cli.photo_explainer import PhotoExplainer

    explainer = PhotoExplainer.prepare(
        model, layer=layer, target=target, against=options.classes_against(against),
        settings=settings, device=device, run=run, direction=direction,
        network_options=network_options,
    )  # fmt: skip
    is_new = not output.exists()
    make_folder(output)
    page = html or atlas is not None or machine is not None
    extras = {"compare": compare, "check": check, "html": page, "hardware": machine}
    try:
        _explain_all(explainer, named, output, **extras, atlas=opened)
    finally:
        if is_new and not any(output.iterdir()):
            output.rmdir()


@one_line_errors
def demo(output: options.Output = Path("demo"), seed: options.Seed = 0) -> None:
    """Explain a bundled photo of a cat by the bundled network, offline."""
    explain(["skimage:chelsea"], output=output, seed=seed, compare=True, html=True)


@one_line_errors
@takes_network_options
def layers(
    model: options.Model = options.DEFAULT_MODEL,
    photo: Annotated[
        str, typer.Option(help="Photo that the layers are surveyed with.")
    ] = "skimage:chelsea",
    target: options.Target = None,
    importance: options.Importance = None,
    device: options.Device = "cpu",
    network_options: Any = None,
) -> None:
    """List the layers that can be explained, with numbers for one photo."""
    from annealcam.cli.photo_explainer import PhotoExplainer
    from annealcam.settings import resolve

    settings = resolve(importance=importance)
    explainer = PhotoExplainer.prepare(
        model, layer=None, target=target, settings=settings, device=device,
        network_options=network_options,
    )  # fmt: skip
    surveyed, default = explainer.survey(photo)
    rows = [
        [layer.name, layer.kind, str(layer.channels), " x ".join(map(str, layer.size)),
         f"{layer.negative:.0%} negative" if layer.signed else "not negative",
         f"{layer.candidates:.0%}", f"{layer.dead:.0%}"]
        for layer in surveyed
    ]  # fmt: skip
    header = ["layer", "kind", "maps", "size", "signs", "candidates", "dead"]
    marked = [i for i, layer in enumerate(surveyed) if layer.name == default]
    print_table(header, rows, marked=marked[0] if marked else None)
    print_line(f"* the default layer. Candidates ({settings.importance}) and dead maps are shares")
    print_line(f"  of the layer's maps for {photo}.")


def _open_atlas(folder: Path | None) -> Atlas | None:
    """Open the atlas before any photo, so that a wrong folder fails at once."""
    if folder is None:
        return None
    from annealcam.atlas.atlas import open_atlas

    return open_atlas(folder)


def _open_machine(hardware: str | None) -> Machine | None:
    """Read the figures of an annealer before any photo, so that a wrong file fails at once."""
    if hardware is None:
        return None
    from annealcam.samplers.hardware.chains import largest_clique
    from annealcam.samplers.hardware.machine import read_machine

    machine = read_machine(hardware)
    largest_clique(machine)  # fails where dwave-system is missing, or a qubit is none of the graph
    return machine


def _named(photos: list[str]) -> list[tuple[str, str]]:
    """Return each photo, and each image of a folder, with a name for its results.

    Equal names get a number.
    """
    named: list[tuple[str, str]] = []
    taken: set[str] = set()
    for photo in photos:
        for file, stem in _images(photo):
            numbered = (f"{stem}-{number}" for number in itertools.count(2))
            name = next(n for n in itertools.chain([stem], numbered) if n not in taken)
            taken.add(name)
            named.append((file, name))
    return named


def _images(photo: str) -> list[tuple[str, str]]:
    """Return a photo, or the images of a folder, each with its name without the ending.

    Other files of a folder are skipped, with a line about them.
    """
    if not Path(photo).is_dir():
        # The stem of "..png" is ".", which would be a place instead of a name.
        return [(photo, Path(photo.removeprefix("skimage:")).stem.strip(".") or "photo")]
    from annealcam.models.images import images_in

    images, others = images_in(Path(photo))
    if others:
        names = ", ".join(str(Path(file).relative_to(photo)) for file in others[:3])
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        print_warning(f"{photo}: skipped, since they are no images: {names}{more}")
    stems = ["-".join(Path(file).relative_to(photo).with_suffix("").parts) for file in images]
    return [
        (file, stem if len(stem) < LONGEST else Path(file).stem)
        for file, stem in zip(images, stems, strict=True)
    ]


def _explain_all(
    explainer: PhotoExplainer, photos: list[tuple[str, str]], output: Path, **extras: Any
) -> None:
    """Explain every photo; one that fails does not stop the others."""
    codes: list[int] = []
    with progress_bar("explaining", len(photos)) as update:
        for number, (photo, name) in enumerate(photos):
            folder = output / name
            update(f"explaining {photo}", number, len(photos))
            try:
                explanation, comparison, checked = explainer.explain_into(photo, folder, **extras)
                _print_summary(
                    photo, folder, explanation, html=extras["html"], brief=len(photos) > FEW
                )
                if comparison:
                    _print_comparison(comparison)
                if checked:
                    _print_check(checked)
                if extras["atlas"] and not extras["atlas"].fits(explanation):
                    print_warning("the atlas is of another network or layer: not used")
            except AnnealcamError as error:
                is_named = photo in str(error) or str(folder) in str(error)
                print_error(error, label="" if is_named else f"{photo}: ")
                codes.append(exit_code(error))
    if codes:
        raise typer.Exit(1 if 1 in codes else 2)


def _print_summary(photo: str, folder: Path, e: Explanation, *, html: bool, brief: bool) -> None:
    """Print what is explained, warnings and where the results are; unless brief, all figures."""
    from annealcam.render import explanation_text as text

    print_line(f"{photo}: {text.headline(e)}", style="bold")
    if not brief:
        _print_details(e)
    for warning in e.provenance["warnings"]:
        print_warning(warning)
    print_line(f"  see {folder / 'report.png'}{' and explanation.html' if html else ''}")


def _print_details(e: Explanation) -> None:
    from annealcam.render import explanation_text as text

    if not e.provenance["layer_was_named"]:
        kind = "convolutional output after its activation"
        if e.provenance.get("form", "channels first") != "channels first":
            kind = "block or norm whose positions the gradient reaches"
        print_line(f"  layer {e.provenance['layer']}: the last {kind}")
    print_line(f"  maps {' '.join(map(str, e.selected)) or 'none'}")
    for sentence in (
        text.fidelity_sentence(e), text.completeness_sentence(e), text.core_sentence(e),
        text.selection_summary(e),
    ):  # fmt: skip
        if sentence:
            print_line(f"  {sentence}")


def _print_check(checked: dict[str, Any]) -> None:
    from annealcam.evaluation.faithfulness import selection_sentences

    for line in selection_sentences(checked):
        print_line(f"  {line}")
    header = ["figure", "annealcam", "Grad-CAM", "20 random selections", "verdict"]
    print_table(header, [row["cells"] for row in checked["figures"]])
    for row in checked["figures"]:
        print_line(f"  {row['figure']}: {row['meaning']}")
    print_line(
        "  A verdict needs a value beyond all random selections of as many maps (docs: metrics)."
    )
    if "flip_set" in checked:
        print_line(f"  {checked['flip_set']['sentence']}")


def _print_comparison(rows: list[dict[str, Any]]) -> None:
    cells = [[cell(value) for value in row.values()] for row in rows]
    print_table(list(rows[0]), cells, marked=0)
    qualities = "relevance: sum of h; redundancy: mean cosine of the pairs"
    if "fidelity" in rows[0]:
        qualities = "fidelity: cosine of what the maps draw with the evidence"
    print_line(f"* this explanation. {qualities};")
    print_line("  carried: share of the positive contributions; shared: Jaccard index with *.")
