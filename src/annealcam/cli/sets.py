"""The commands `annealcam flip`, `suffice` and `path`: sets of maps of each photo.

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
from annealcam.cli.console import cell, one_line_errors, print_line, print_table
from annealcam.cli.interface.reporting import json_of
from annealcam.cli.interface.verbosity import takes_reporting_options
from annealcam.cli.networks.options import load_adapted, takes_network_options

if TYPE_CHECKING:
    from annealcam.cli.photos.each import Report
    from annealcam.sets.flip import FlipSet
    from annealcam.sets.sufficient import SufficientSet

MARKER, FILES = "path.csv", ("path.csv", "path.tex", "path.png", "path.svg", "path.pdf")


Budget = Annotated[
    int, typer.Option(help="Runs of the search where effects of maps do not add up.")
]
Record = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="JSON file for the result; a list for several photos."),
]


@one_line_errors
@takes_network_options
@takes_reporting_options
def flip(
    photos: options.Photos,
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
    """Find the fewest maps of photos without which the prediction changes, and to which class."""
    from annealcam.sets.flip import flip_set

    rivals = against[0] if against and len(against) == 1 else against
    _find_all(
        flip_set, _print_flip, photos, model, device, network_options, output, layer=layer,
        target=target, against=rivals, budget=budget, run=run,
    )  # fmt: skip


def _print_flip(s: FlipSet) -> None:
    print_line(f"  maps       {' '.join(map(str, s.channels)) or 'none'}")
    with_all, without = f"{s.margin:.3f} with all maps", f"{s.margin_without:.3f} without"
    print_line(f"  margin     {with_all}, {without} {'the set' if s.flipped else 'any'}")
    print_line(f"  proof      {_proof(s)}")


@one_line_errors
@takes_network_options
@takes_reporting_options
def suffice(
    photos: options.Photos,
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
    """Find the k maps of photos that keep the probability of their class best by themselves.

    Of a number (--link identity) they keep the value highest, or lowest (--direction down).
    """
    from annealcam.sets.sufficient import sufficient_set

    _find_all(
        sufficient_set, _print_sufficient, photos, model, device, network_options, output,
        layer=layer, target=target, cardinality=cardinality, budget=budget, direction=direction,
        run=run,
    )  # fmt: skip


def _print_sufficient(s: SufficientSet) -> None:
    print_line(f"  maps       {' '.join(map(str, s.channels))}")
    bound = "no bound" if s.bound is None else f"bound {s.bound:.4f}"
    if s.log_probability is None:
        print_line(f"  value      {s.value:.4f}, {bound}")
    else:
        print_line(f"  log p      {s.log_probability:.4f}, {bound}")
        print_line(f"  prediction {'kept' if s.kept else 'not kept'}")
    print_line(f"  proof      {_proof(s)}")


def _find_all(
    function: Callable[..., Any], print_details: Callable[[Any], None], places: list[str],
    model: str, device: str, network_options: Any, output: Path | None, *, target: str | None,
    layer: str | None, **arguments: Any,
) -> None:  # fmt: skip
    """Call a function for each photo and a network by name; print and write what it returns."""
    from annealcam._internal.environment import environment
    from annealcam._internal.text import storable
    from annealcam.attribution.network.hooks import find_layer
    from annealcam.attribution.targets import names_of_targets, resolve_target
    from annealcam.cli.photos.each import each_photo, is_brief
    from annealcam.cli.photos.found import photos_of
    from annealcam.models.loaded import move
    from annealcam.models.network_layer import network_input, open_input

    photos = photos_of(places).files
    network = load_adapted(model, network_options)
    move(network.model, device)
    layer = network.record.get("layer") if layer is None else layer
    if layer is not None:
        find_layer(network.model, layer)
    index = resolve_target(target, names_of_targets(network.classes, network.link))

    def find(photo: str, _: Report) -> dict[str, Any]:
        image = network_input(
            network.preprocess, open_input(network.preprocess, photo), model_name=model
        )
        s: FlipSet | SufficientSet = function(
            network.model, image, target=index, class_names=network.classes, layer=layer,
            **arguments,
        )  # fmt: skip
        print_line(f"{photo}: {s.sentence}", style=None if is_brief(photos) else "bold")
        if not is_brief(photos):
            head = "effects of maps add up" if s.linear else "effects of maps do not add up"
            print_line(f"  layer      {s.layer}, {s.maps} maps; {head}")
            print_details(s)
        own = {"photo": storable(photo), "model": model}
        return {**own, **s.as_json(), "environment": environment()}

    counts, records = each_photo(photos, find, description="searching")
    if output is not None and records:
        _write(records if counts.total > 1 else records[0], output)
    counts.print("searched")
    counts.end()


def _write(record: Any, output: Path) -> None:
    """Write results as a JSON file."""
    from annealcam._internal.storage.files import file_written_aside

    with file_written_aside(output) as aside:
        text = json.dumps(json.loads(json_of(record)), indent=2)
        aside.write_text(text + "\n", encoding="utf-8")


def _proof(s: FlipSet | SufficientSet) -> str:
    state = "proved optimal" if s.proved else "not proved"
    return f"{state}, {s.runs} masked runs"


@one_line_errors
@takes_network_options
@takes_reporting_options
def path(
    photos: options.Photos,
    model: options.Model = options.DEFAULT_MODEL,
    layer: options.Layer = None,
    preset: options.Preset = None,
    most: Annotated[int, typer.Option(help="Largest k.")] = 20,
    time_limit: Annotated[float, typer.Option(help="Seconds for each proof.")] = 10.0,
    output: options.Output = Path("annealcam-path"),
    network_options: Any = None,
) -> None:
    """Find the certified best k maps for each k, and the share of the logit that they keep.

    The results of several photos are in a folder each.
    """
    from annealcam._internal.text import storable
    from annealcam._internal.validation import whole
    from annealcam.cli.photo_explainer import PhotoExplainer
    from annealcam.cli.photos.each import each_photo, is_brief
    from annealcam.cli.photos.found import photos_of
    from annealcam.cli.photos.names import distinct_names
    from annealcam.evaluation.best_maps import best_k
    from annealcam.settings import resolve

    sizes = range(1, whole("most", most, least=1) + 1)
    settings = resolve(
        preset, objective=None if preset else "relative", max_qubits=100_000, sampler="greedy"
    )  # every map is a candidate
    found = photos_of(photos)
    several = len(found.files) > 1
    folders = [output / name if several else output for name in distinct_names(found)]
    explainer = PhotoExplainer.prepare(
        model, layer=layer, target=None, settings=settings, device="cpu",
        network_options=network_options,
    )  # fmt: skip
    remaining = iter(folders)

    def find(photo: str, report: Report) -> dict[str, Any]:
        folder = next(remaining)
        e, tensor, _ = explainer.explain(photo)
        rows = best_k(explainer.network.model, tensor, e, settings, sizes=sizes,
                      time_limit=time_limit, progress=report)  # fmt: skip
        record = {
            "photo": storable(photo), "model": model, "layer": e.provenance["layer"],
            "candidates": e.provenance["candidates_in_all"], "folder": folder, "rows": rows,
        }  # fmt: skip
        _write_path(record, folder)
        (_print_path_briefly if is_brief(found.files) else _print_path)(record)
        return record

    counts, _ = each_photo(found.files, find, description="paths")
    counts.print("searched")
    counts.end()


def _write_path(record: dict[str, Any], output: Path) -> None:
    from annealcam._internal.storage.files import make_folder, written_aside
    from annealcam.render.figures.best_k import best_k_figure
    from annealcam.render.figures.sheets import save
    from annealcam.render.folder import write_table

    make_folder(output.parent)
    with written_aside(output, names=FILES, marker=MARKER) as aside:
        flat = [{**row, "maps": " ".join(map(str, row["maps"]))} for row in record["rows"]]
        write_table(flat, aside, "path")
        title = f"{record['photo']}, {record['model']}, layer {record['layer']}: the best k maps"
        save(best_k_figure(record["rows"], title=title), aside, "path")


def _print_path_briefly(record: dict[str, Any]) -> None:
    rows = record["rows"]
    kept = rows[-1]["kept"] if rows else None
    largest = "" if kept is None else f"the best {rows[-1]['k']} keep {kept:.3f}, "
    proved = sum(row["proved"] for row in rows)
    print_line(
        f"{record['photo']}: {record['candidates']} candidates, {largest}{proved} of {len(rows)} "
        "sizes proved optimal"
    )


def _print_path(record: dict[str, Any]) -> None:
    print_line(
        f"{record['photo']}: {record['candidates']} candidates, layer {record['layer']}",
        style="bold",
    )
    if rows := record["rows"]:
        names = [name for name in rows[0] if name != "maps"]
        print_table(names, [[_cell(row[name]) for name in names] for row in rows])
    print_line("  kept: share of the logit that they keep alone; cosine: mean cosine of the pairs;")
    print_line("  _top: the same for the k maps of largest importance")
    print_line(f"  see {record['folder']}")


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else cell(value)
