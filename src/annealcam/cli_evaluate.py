"""The command `annealcam evaluate`: methods compared by metrics, over photos."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annealcam import terminal
from annealcam.terminal import Seed, complain, one_line_errors, say

if TYPE_CHECKING:
    from annealcam.evaluation.evaluate import Evaluation
    from annealcam.evaluation.table import Line

MARKER, FILES = "evaluation.json", ("evaluation.json", "table.csv", "scores.csv")


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
        typer.Option(help="kept, lost, insertion, deletion, sensitivity, drop, increase."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="paper: as published.")] = None,
    seed: Seed = 0,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")] = Path(
        "annealcam-evaluation"
    ),
) -> None:
    """Tell whether explanations deserve trust: annealcam beside Grad-CAM and simple baselines."""
    from annealcam.evaluation.evaluate import evaluate as run
    from annealcam.evaluation.evaluate import photos_in
    from annealcam.evaluation.methods import METHODS
    from annealcam.evaluation.scores import DEFAULT
    from annealcam.files import written_aside
    from annealcam.settings import resolve
    from annealcam.vision.models import load_model

    settings = resolve(preset, seed=seed)
    with written_aside(output, names=FILES, marker=MARKER) as aside:
        with terminal.progress("evaluating", 1) as tell:
            found = run(
                load_model(model),
                photos_in(photos),
                settings,
                layer=layer,
                methods=METHODS if methods is None else methods.split(","),
                metrics=DEFAULT if metrics is None else metrics.split(","),
                model_name=model,
                progress=tell,
            )
        _write(found, aside)
    _print(found, output)


def _write(found: Evaluation, folder: Path) -> None:
    from annealcam.report.folder import write_rows

    told = {**found.provenance, "skipped": found.skipped, "table": [vars(x) for x in found.lines]}
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8")
    write_rows([vars(line) for line in found.lines], folder / "table.csv")
    bare = [{k: None if v != v else v for k, v in row.items()} for row in found.rows]  # no NaN
    write_rows(bare, folder / "scores.csv")


def _print(found: Evaluation, output: Path) -> None:
    told = found.provenance
    say(f"{told['photos']} photos, {told['model']}, layer {told['layer']}", style="bold")
    metrics = list(told["metrics"])
    rows = []
    for method in dict.fromkeys(row["method"] for row in found.rows):
        sizes = [row["maps"] for row in found.rows if row["method"] == method]
        mean = "-" if None in sizes else f"{sum(sizes) / len(sizes):.1f}"
        own = {line.metric: line for line in found.lines if line.method == method}
        rows.append([method, mean, *(_cell(own[metric]) for metric in metrics)])
    terminal.print_table(["method", "maps", *metrics], rows, marked=-1)
    for name, meaning in told["metrics"].items():
        say(f"  {name}: {meaning}")
    say("  means over the photos, with 95 % bootstrap intervals; table.csv has paired differences")
    for text in found.skipped:
        complain(text, before="skipped: ")
    say(f"  see {output}")


def _cell(line: Line) -> str:
    if line.mean is None or not math.isfinite(line.mean):
        return "-"
    if line.low is None:
        return f"{line.mean:.3f}"
    return f"{line.mean:.3f} [{line.low:.3f}, {line.high:.3f}]"
