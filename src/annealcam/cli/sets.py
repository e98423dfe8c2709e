"""The commands `annealcam flip`, `suffice` and `path`: sets of maps of one photo.

The fewest maps without which the prediction changes; the k maps that keep it best; and the best k
maps of the selection problem for each k.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import options
from annealcam.cli.console import cell, one_line_errors, print_line, print_table, progress_bar
from annealcam.cli.networks.options import load_adapted, takes_network_options

if TYPE_CHECKING:
    from annealcam.sets.flip import FlipSet
    from annealcam.sets.sufficient import SufficientSet

MARKER, FILES = "path.csv", ("path.csv", "path.tex", "path.png", "path.svg", "path.pdf")


Budget = Annotated[
    int, typer.Option(help="Runs of the search where effects of maps do not add up.")
]
Record = Annotated[Path | None, typer.Option("-o", "--output", help="JSON file for the result.")]


@one_line_errors
@takes_network_options
def flip(
    photo: options.Photo,
    model: options.Model = options.DEFAULT_MODEL,
    layer: options.Layer = None,
    target: options.Target = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="Class that must overtake the target, by index or name, or `next`; may be "
            "repeated.",
            show_default="any class",
        ),
    ] = None,
    run: options.Run = None,
    budget: Budget = 4000,
    device: options.Device = "cpu",
    output: Record = None,
    network_options: Any = None,
) -> None:
    """Find the fewest maps of a photo without which the prediction changes, and to which class."""
    from annealcam.sets.flip import flip_set

    rivals = against[0] if against and len(against) == 1 else against
    s: FlipSet = _find(
        flip_set, photo, model, device, network_options, layer=layer, target=target,
        against=rivals, budget=budget, run=run,
    )  # fmt: skip
    _write(s, output, photo, model)
    _print_header(s, photo)
    print_line(f"  maps       {' '.join(map(str, s.channels)) or 'none'}")
    with_all, without = f"{s.margin:.3f} with all maps", f"{s.margin_without:.3f} without"
    print_line(f"  margin     {with_all}, {without} {'the set' if s.flipped else 'any'}")
    print_line(f"  proof      {_proof(s)}")


@one_line_errors
@takes_network_options
def suffice(
    photo: options.Photo,
    cardinality: Annotated[int, typer.Option(help="Number of maps.")] = 5,
    model: options.Model = options.DEFAULT_MODEL,
    layer: options.Layer = None,
    target: options.Target = None,
    direction: options.Direction = "up",
    run: options.Run = None,
    budget: Budget = 4000,
    device: options.Device = "cpu",
    output: Record = None,
    network_options: Any = None,
) -> None:
    """Find the k maps of a photo that keep the probability of its class best by themselves.

    Of a number (--link identity) they keep the value highest, or lowest (--direction down).
    """
    from annealcam.sets.sufficient import sufficient_set

    s: SufficientSet = _find(
        sufficient_set, photo, model, device, network_options, layer=layer, target=target,
        cardinality=cardinality, budget=budget, direction=direction, run=run,
    )  # fmt: skip
    _write(s, output, photo, model)
    _print_header(s, photo)
    print_line(f"  maps       {' '.join(map(str, s.channels))}")
    bound = "no bound" if s.bound is None else f"bound {s.bound:.4f}"
    if s.log_probability is None:
        print_line(f"  value      {s.value:.4f}, {bound}")
    else:
        print_line(f"  log p      {s.log_probability:.4f}, {bound}")
        print_line(f"  prediction {'kept' if s.kept else 'not kept'}")
    print_line(f"  proof      {_proof(s)}")


def _find(
    function: Callable[..., Any], photo: str, model: str, device: str, network_options: Any, *,
    target: str | None, layer: str | None, **arguments: Any,
) -> Any:  # fmt: skip
    """Return the result of a function for a photo and a network by name."""
    from annealcam.attribution.targets import names_of_targets, resolve_target
    from annealcam.models.loaded import move
    from annealcam.models.network_layer import network_input, open_input

    network = load_adapted(model, network_options)
    move(network.model, device)
    index = resolve_target(target, names_of_targets(network.classes, network.link))
    image = network_input(
        network.preprocess, open_input(network.preprocess, photo), model_name=model
    )
    return function(
        network.model, image, target=index, class_names=network.classes,
        layer=network.record.get("layer") if layer is None else layer, **arguments,
    )  # fmt: skip


def _write(s: FlipSet | SufficientSet, output: Path | None, photo: str, model: str) -> None:
    """Write a result as JSON, if there is a file for it."""
    if output is None:
        return
    from annealcam._internal.environment import environment
    from annealcam._internal.storage.files import file_written_aside

    record = {"photo": photo, "model": model, **s.as_json(), "environment": environment()}
    with file_written_aside(output) as aside:
        aside.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _print_header(s: FlipSet | SufficientSet, photo: str) -> None:
    print_line(f"{photo}: {s.sentence}", style="bold")
    head = "effects of maps add up" if s.linear else "effects of maps do not add up"
    print_line(f"  layer      {s.layer}, {s.maps} maps; {head}")


def _proof(s: FlipSet | SufficientSet) -> str:
    state = "proved optimal" if s.proved else "not proved"
    return f"{state}, {s.runs} masked runs"


@one_line_errors
@takes_network_options
def path(
    photo: options.Photo,
    model: options.Model = options.DEFAULT_MODEL,
    layer: options.Layer = None,
    preset: options.Preset = None,
    most: Annotated[int, typer.Option(help="Largest k.")] = 20,
    time_limit: Annotated[float, typer.Option(help="Seconds for each proof.")] = 10.0,
    output: options.Output = Path("annealcam-path"),
    network_options: Any = None,
) -> None:
    """Find the certified best k maps for each k, and the share of the logit that they keep."""
    from annealcam._internal.storage.files import written_aside
    from annealcam._internal.validation import whole
    from annealcam.cli.photo_explainer import PhotoExplainer
    from annealcam.evaluation.best_maps import best_k
    from annealcam.render.figures.best_k import best_k_figure
    from annealcam.render.figures.sheets import save
    from annealcam.render.folder import write_table
    from annealcam.settings import resolve

    sizes = range(1, whole("most", most, least=1) + 1)
    settings = resolve(
        preset, objective=None if preset else "relative", max_qubits=100_000, sampler="greedy"
    )  # every map is a candidate
    explainer = PhotoExplainer.prepare(
        model, layer=layer, target=None, settings=settings, device="cpu",
        network_options=network_options,
    )  # fmt: skip
    e, tensor, _ = explainer.explain(photo)
    layer_name = e.provenance["layer"]
    with written_aside(output, names=FILES, marker=MARKER) as aside:
        with progress_bar("paths", most) as update:
            rows = best_k(explainer.network.model, tensor, e, settings, sizes=sizes,
                          time_limit=time_limit, progress=update)  # fmt: skip
        flat = [{**row, "maps": " ".join(map(str, row["maps"]))} for row in rows]
        write_table(flat, aside, "path")
        title = f"{photo}, {model}, layer {layer_name}: the best k maps"
        save(best_k_figure(rows, title=title), aside, "path")
    print_line(
        f"{photo}: {e.provenance['candidates_in_all']} candidates, layer {layer_name}",
        style="bold",
    )
    if rows:
        names = [name for name in rows[0] if name != "maps"]
        print_table(names, [[_cell(row[name]) for name in names] for row in rows])
    print_line("  kept: share of the logit that they keep alone; cosine: mean cosine of the pairs;")
    print_line("  _top: the same for the k maps of largest importance")
    print_line(f"  see {output}")


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else cell(value)
