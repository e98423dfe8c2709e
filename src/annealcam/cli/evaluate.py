"""The command `annealcam evaluate`: methods compared by metrics over photos."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import options
from annealcam.cli.console import (
    one_line_errors,
    print_count,
    print_line,
    print_skipped,
    print_table,
    progress_bar,
)
from annealcam.cli.interface.reporting import print_json, reporting
from annealcam.cli.interface.verbosity import takes_reporting_options
from annealcam.cli.networks.options import load_network, takes_network_options

if TYPE_CHECKING:
    from annealcam.evaluation.evaluation import Evaluation
    from annealcam.evaluation.table import Line

MARKER = "evaluation.json"
FILES = (
    MARKER, "table.csv", "table.tex", "scores.csv", "grids.csv",
    "evaluation.png", "evaluation.svg", "evaluation.pdf",
)  # fmt: skip
MOST_INTERVALS = 6  # metrics; a terminal has no room for the intervals of more


@one_line_errors
@takes_network_options
@takes_reporting_options
def evaluate(
    photos: options.Photos,
    model: options.Model = options.DEFAULT_MODEL,
    layer: options.Layer = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Methods, with commas between them. Names: annealcam, topk_alignment, "
            "topk_contribution, topk_alpha, greedy, random, gradcam, gradcam++, hirescam, "
            "random_map, gaussian (these by default), layercam, xgradcam, eigencam, "
            "finercam; scorecam and ablationcam run the network once for each map.",
            show_default="eleven",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Metrics, with commas between them. Names: kept, lost, insertion, deletion, road, "
            "sensitivity, random_classifier, fidelity, drop, increase, overlap; grid_pointing, "
            "grid_pointing_equal, grid_pointing_single, on grids of the photos; with masks also "
            "pointing, energy, iou."
        ),
    ] = None,
    masks: options.Masks = None,
    grid_side: Annotated[
        int, typer.Option(help="Photos in a row and in a column of a grid, for grid_pointing.")
    ] = 2,
    grids: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of grids.", show_default="as many as no photo is used twice"
        ),
    ] = None,
    grid_probability: Annotated[
        float,
        typer.Option(help="Photos make grids if their class has a probability above this."),
    ] = 0.5,
    against: options.Against = None,
    preset: options.Preset = None,
    objective: options.Objective = None,
    cardinality: Annotated[
        int | None,
        typer.Option(
            help="Number of selected maps; all candidates if there are fewer.",
            show_default="the fidelity decides",
        ),
    ] = None,
    max_qubits: options.MaxQubits = None,
    seed: options.Seed = 0,
    output: options.Output = Path("annealcam-evaluation"),
    network_options: Any = None,
) -> None:
    """Compare annealcam with Grad-CAM and simple baselines by metrics, over photos."""
    from annealcam._internal.storage.files import alone_at, written_aside
    from annealcam.cli.photos.found import photos_of
    from annealcam.evaluation.evaluation import evaluate as run
    from annealcam.evaluation.grids import GridChoice
    from annealcam.evaluation.masks import find_masks
    from annealcam.evaluation.methods import DEFAULT_METHODS
    from annealcam.settings import resolve

    settings = resolve(
        preset, seed=seed, objective=objective, cardinality=cardinality, max_qubits=max_qubits
    )
    choice = GridChoice(grid_side, grids, grid_probability)
    found = photos_of(photos)
    mask_files = None if masks is None else find_masks(masks, found.files, found.root)
    with alone_at(output), written_aside(output, names=FILES, marker=MARKER) as aside:
        with progress_bar("evaluating", 1) as update:
            network = load_network(model, network_options)
            evaluation = run(
                network,
                found.files,
                settings,
                layer=network.record.get("layer") if layer is None else layer,
                methods=DEFAULT_METHODS if methods is None else methods.split(","),
                metrics=None if metrics is None else metrics.split(","),
                masks=mask_files,
                grids=choice,
                against=options.classes_against(against),
                model_name=model,
                progress=update,
            )
        _write(evaluation, aside)
    print_json(_values(evaluation))
    _print_result(evaluation, output)


def _values(evaluation: Evaluation) -> dict[str, Any]:
    """Return the content of evaluation.json."""
    return {
        **evaluation.provenance,
        "notes": evaluation.notes,
        "skipped": evaluation.skipped,
        "table": [vars(line) for line in evaluation.lines],
    }


def _write(evaluation: Evaluation, folder: Path) -> None:
    from annealcam.evaluation.figure import evaluation_figure
    from annealcam.render.figures.sheets import save
    from annealcam.render.folder import write_rows, write_table

    table = [vars(line) for line in evaluation.lines]
    text = json.dumps(_values(evaluation), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    write_table(table, folder, "table")
    for name, rows in (("scores.csv", evaluation.rows), ("grids.csv", evaluation.grid_rows)):
        if rows:  # NaN becomes an empty cell
            scores = [{k: None if v != v else v for k, v in row.items()} for row in rows]
            write_rows(scores, folder / name)
    title = f"{_title(evaluation)}: means with 95 % bootstrap intervals"
    figure = evaluation_figure(
        evaluation.lines, evaluation.sizes, title=title, link=evaluation.provenance["link"]
    )
    save(figure, folder, "evaluation")


def _title(evaluation: Evaluation) -> str:
    p = evaluation.provenance
    grids = f", {p['grids']['grids']} grids" if evaluation.grid_rows else ""
    return f"{p['photos']} photos{grids}, {p['model']}, layer {p['layer']}"


def _print_result(evaluation: Evaluation, output: Path) -> None:
    print_line(_title(evaluation), style="bold")
    meanings = evaluation.provenance["metrics"]
    rows, brief = [], len(meanings) > MOST_INTERVALS and not reporting().verbose
    for method, size in evaluation.sizes.items():
        lines = {line.metric: line for line in evaluation.lines if line.method == method}
        maps = "-" if size is None else f"{size:.1f}"
        rows.append([method, maps, *(_cell(lines[metric], brief=brief) for metric in meanings)])
    print_table(["method", "maps", *meanings], rows)
    for name, meaning in meanings.items():
        print_line(f"  {name}: {meaning}")
    grids = bool(evaluation.grid_rows)
    means = f"photos{' or grids' if grids else ''}"
    print_line(f"  means over the {means}{'' if brief else ', with 95 % bootstrap intervals'}")
    for text in [*_nulls(evaluation.lines), *_pairs(evaluation.lines), *evaluation.notes]:
        print_line(f"  {text}")
    print_skipped(evaluation.skipped, MARKER)
    scores = [*(["scores.csv"] if evaluation.rows else []), *(["grids.csv"] if grids else [])]
    print_line(
        f"  see {output}: evaluation.png, table.csv (intervals, paired differences), "
        f"{', '.join(scores)}"
    )
    if evaluation.unreadable:
        done = evaluation.provenance["photos"]
        total = done + len(evaluation.skipped)
        print_count(done, total, verb="evaluated", unreadable=evaluation.unreadable)
        raise typer.Exit(1)


def _nulls(lines: list[Line]) -> list[str]:
    """Return the overlap that classes assigned at random would have."""
    nulls = [
        f"{line.method} {line.null:.3f}"
        for line in lines
        if line.null is not None and line.metric == "overlap"
    ]
    return [f"overlap under shuffled classes: {', '.join(nulls)}"] if nulls else []


def _pairs(lines: list[Line]) -> list[str]:
    """Return the differences from Grad-CAM by the metrics on grids, paired by grid."""
    from annealcam.evaluation.scores import ON_GRIDS

    texts = []
    for metric in ON_GRIDS:
        pairs = [
            f"{line.method} {line.minus_gradcam:+.3f}"
            f" [{line.minus_gradcam_low:+.3f}, {line.minus_gradcam_high:+.3f}]"
            for line in lines
            if line.metric == metric and line.minus_gradcam_low is not None
        ]
        if pairs:
            texts.append(f"{metric}, paired with Grad-CAM: {', '.join(pairs)}")
    return texts


def _cell(line: Line, *, brief: bool) -> str:
    if line.mean is None or not math.isfinite(line.mean):
        return "-"
    if brief or line.low is None:
        return f"{line.mean:.3f}"
    return f"{line.mean:.3f} [{line.low:.3f}, {line.high:.3f}]"
