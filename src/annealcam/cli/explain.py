"""The commands `annealcam explain`, `demo` and `layers`: photos, and layers of a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import options
from annealcam.cli.console import one_line_errors, print_line, print_table
from annealcam.cli.interface.reporting import print_json
from annealcam.cli.interface.verbosity import takes_reporting_options
from annealcam.cli.networks.options import takes_network_options

if TYPE_CHECKING:
    from annealcam.atlas.atlas import Atlas
    from annealcam.samplers.hardware.machine import Machine


@one_line_errors
@takes_network_options
@takes_reporting_options
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
            help="Measure faithfulness. Beside it are the figures of Grad-CAM and of random maps.",
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
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Explain finished photos again, and replace results of other settings.",
        ),
    ] = False,
    network_options: Any = None,
) -> None:
    """Explain photos: select and draw the few feature maps that a prediction rests on.

    After an interruption, the same command continues: photos that are finished are left as they
    are. A photo that cannot be read does not stop the others.
    """
    from annealcam.settings import resolve

    settings = resolve(
        preset, objective=objective, importance=importance, beta=beta, cardinality=cardinality,
        fidelity=fidelity, sampler=sampler, sampler_options=options.sampler_options(option),
        seed=seed, max_qubits=max_qubits, gradients=gradients, tau=tau, normalisation=normalisation,
        shots=shots,
    )  # fmt: skip
    opened, machine = _open_atlas(atlas), _open_machine(hardware)
    from annealcam.cli.photo_explainer import PhotoExplainer
    from annealcam.cli.photos.found import photos_of
    from annealcam.cli.photos.loop import explain_all

    found = photos_of(photos)

    explainer = PhotoExplainer.prepare(
        model, layer=layer, target=target, against=options.classes_against(against),
        settings=settings, device=device, run=run, direction=direction,
        network_options=network_options,
    )  # fmt: skip
    page = html or atlas is not None or machine is not None
    explain_all(
        explainer, found, output, overwrite=overwrite, compare=compare, check=check, html=page,
        atlas=opened, hardware=machine,
    )  # fmt: skip


@one_line_errors
@takes_reporting_options
def demo(output: options.Output = Path("demo"), seed: options.Seed = 0) -> None:
    """Explain a bundled photo of a cup and a cat by the bundled network, offline."""
    from annealcam.cli.photos.demo import run_demo

    run_demo(options.DEFAULT_MODEL, output, seed=seed)


@one_line_errors
@takes_network_options
@takes_reporting_options
def layers(
    model: options.Model = options.DEFAULT_MODEL,
    photo: Annotated[
        list[str],
        typer.Option(
            help="Photo, folder or pattern that the layers are surveyed with; may be repeated.",
            show_default="skimage:chelsea",
        ),
    ] = ["skimage:chelsea"],  # noqa: B006
    target: options.Target = None,
    importance: options.Importance = None,
    device: options.Device = "cpu",
    network_options: Any = None,
) -> None:
    """List the layers that can be explained, with numbers for a photo, or means over several."""
    from annealcam.cli.photo_explainer import PhotoExplainer
    from annealcam.cli.photos.found import photos_of
    from annealcam.settings import resolve

    settings = resolve(importance=importance)
    found = photos_of(photo).files
    explainer = PhotoExplainer.prepare(
        model, layer=None, target=target, settings=settings, device=device,
        network_options=network_options,
    )  # fmt: skip
    surveyed, default = explainer.survey(found)
    rows = [
        [layer.name, layer.kind, str(layer.channels), " x ".join(map(str, layer.size)),
         f"{layer.negative:.0%} negative" if layer.signed else "not negative",
         f"{layer.candidates:.0%}", f"{layer.dead:.0%}"]
        for layer in surveyed
    ]  # fmt: skip
    header = ["layer", "kind", "maps", "size", "signs", "candidates", "dead"]
    marked = [i for i, layer in enumerate(surveyed) if layer.name == default]
    print_json([{**vars(layer), "default": layer.name == default} for layer in surveyed])
    print_table(header, rows, marked=marked[0] if marked else None)
    print_line(f"* the default layer. Candidates ({settings.importance}) and dead maps are shares")
    subject = found[0] if len(found) == 1 else f"{len(found)} photos, in the mean"
    print_line(f"  of the layer's maps for {subject}.")


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
