"""The command `annealcam evaluate`: methods compared by metrics, over photos."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annealcam.cli import console as terminal
from annealcam.cli.console import Seed, complain, one_line_errors, say

if TYPE_CHECKING:
    from annealcam.evaluation.evaluate import Evaluation
    from annealcam.evaluation.table import Line

MARKER = "evaluation.json"
MOST_INTERVALS = 6  # metrics; with more of them a terminal's width has room for means alone
FILES = (MARKER, "table.csv", "scores.csv", "evaluation.png", "evaluation.svg")


@one_line_errors
def evaluate(
    photos: Annotated[Path, typer.Argument(help="A photo, or a folder of photos.")],
    model: Annotated[str, typer.Option(help="As for explain.")] = "efficientnet-lite0",
    layer: Annotated[str | None, typer.Option(help="As for explain.")] = None,
    methods: Annotated[
        str | None, typer.Option(help="Names with commas between; all of them if left out.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="kept, lost, insertion, deletion, road, sensitivity, drop, increase, overlap; "
            "with masks pointing, energy, iou."
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Where the objects are: a folder of images called as the photos, not 0 on the "
            "object, or a CSV file photo,left,top,right,bottom."
        ),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="paper: as published.")] = None,
    cardinality: Annotated[
        int | None, typer.Option(help="Select so many maps, or all candidates if there are fewer.")
    ] = None,
    max_qubits: Annotated[int, typer.Option(help="As for explain.")] = 16,
    seed: Seed = 0,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")] = Path(
        "annealcam-evaluation"
    ),
) -> None:
    """Tell whether explanations deserve trust: annealcam beside Grad-CAM and simple baselines."""
    from annealcam._internal.files import written_aside
    from annealcam.evaluation.batches import photos_in
    from annealcam.evaluation.evaluate import evaluate as run
    from annealcam.evaluation.masks import find_masks
    from annealcam.evaluation.methods import METHODS
    from annealcam.models.load import load_model
    from annealcam.settings import resolve

    settings = resolve(preset, seed=seed, cardinality=cardinality, max_qubits=max_qubits)
    names = photos_in(photos)
    root = photos if photos.is_dir() else photos.parent
    where = None if masks is None else find_masks(masks, names, root)
    with written_aside(output, names=FILES, marker=MARKER) as aside:
        with terminal.progress("evaluating", 1) as tell:
            found = run(
                load_model(model),
                names,
                settings,
                layer=layer,
                methods=METHODS if methods is None else methods.split(","),
                metrics=None if metrics is None else metrics.split(","),
                masks=where,
                model_name=model,
                progress=tell,
            )
        _write(found, aside)
    _print(found, output)


def _write(found: Evaluation, folder: Path) -> None:
    from annealcam.evaluation.figure import evaluation_figure
    from annealcam.render.figures.sheets import save
    from annealcam.render.folder import write_rows

    told = {
        **found.provenance,
        "notes": found.notes,
        "skipped": found.skipped,
        "table": [vars(line) for line in found.lines],
    }
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8")
    write_rows([vars(line) for line in found.lines], folder / "table.csv")
    bare = [{k: None if v != v else v for k, v in row.items()} for row in found.rows]  # no NaN
    write_rows(bare, folder / "scores.csv")
    title = f"{_title(found)}: means with 95 % bootstrap intervals"
    save(evaluation_figure(found.lines, found.sizes, title=title), folder, "evaluation")


def _title(found: Evaluation) -> str:
    told = found.provenance
    return f"{told['photos']} photos, {told['model']}, layer {told['layer']}"


def _print(found: Evaluation, output: Path) -> None:
    say(_title(found), style="bold")
    meanings = found.provenance["metrics"]
    rows, brief = [], len(meanings) > MOST_INTERVALS
    for method, size in found.sizes.items():
        own = {line.metric: line for line in found.lines if line.method == method}
        maps = "-" if size is None else f"{size:.1f}"
        rows.append([method, maps, *(_cell(own[metric], brief=brief) for metric in meanings)])
    terminal.print_table(["method", "maps", *meanings], rows, marked=-1)
    for name, meaning in meanings.items():
        say(f"  {name}: {meaning}")
    say(f"  means over the photos{'' if brief else ', with 95 % bootstrap intervals'}")
    for text in [*_nulls(found.lines), *found.notes]:
        say(f"  {text}")
    for text in found.skipped:
        complain(text, before="skipped: ")
    say(f"  see {output}: evaluation.png, table.csv (intervals, paired differences), scores.csv")


def _nulls(lines: list[Line]) -> list[str]:
    """What the overlap would be if classes meant nothing."""
    told = [f"{line.method} {line.null:.3f}" for line in lines if line.null is not None]
    return [f"overlap under shuffled classes: {', '.join(told)}"] if told else []


def _cell(line: Line, *, brief: bool) -> str:
    if line.mean is None or not math.isfinite(line.mean):
        return "-"
    if brief or line.low is None:
        return f"{line.mean:.3f}"
    return f"{line.mean:.3f} [{line.low:.3f}, {line.high:.3f}]"
