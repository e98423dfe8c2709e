"""What the evidence objective gains, and what it does not: the figures of docs/evidence.md.

    .venv/bin/python -m benchmarks.evidence --photos FOLDER [--network NAME [--layer L]] -o OUTPUT

FOLDER holds photos that the networks were not trained on, those of each class in a folder of its
own if possible; the documentation has the 250 photos of Imagenette's `unseen` part. Every network
and layer is one JSON file of OUTPUT, from which `summary.md` is made, so that the same command
continues an interrupted run. One thread; some minutes for each network.

The networks are those of the table `LAYERS`, and `--network` of any name that `load_model` knows;
`benchmarks.second_family` trains one of another family.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from annealcam._internal.storage.files import file_written_aside, make_folder
from annealcam.cli.console import one_line_errors, progress_bar
from annealcam.errors import AnnealcamWarning, ArgumentError

from . import measure
from .networks import HEADS, LAYERS, Subject, grids_of, open_subject, photo_files
from .report import report as report_of

SIZES = (5, 10)
HEAD_SIZES = (3, 5)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@one_line_errors
def main(
    photos: Annotated[Path, typer.Option(help="Folder of photos, those of a class together.")],
    network: Annotated[list[str] | None, typer.Option(help="Names; default: all known.")] = None,
    layer: Annotated[str | None, typer.Option(help="A layer instead of the known ones.")] = None,
    cardinality: Annotated[int, typer.Option(help="Maps of an explanation in a grid.")] = 5,
    grids: Annotated[int, typer.Option(help="Grids of four photos.")] = 60,
    most_photos: Annotated[int, typer.Option(help="Read no more photos than that.")] = 250,
    runs: Annotated[int, typer.Option(help="Measurements of the cost.")] = 5,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of results.")] = Path(
        "evidence"
    ),
) -> None:
    """Measure the evidence objective beside simple selections and Grad-CAM."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", AnnealcamWarning)  # signed maps, and few candidates
    files = photo_files(photos)
    make_folder(output)
    settings = {"photos": min(len(files), most_photos), "grids": grids, "cardinality": cardinality}
    results = []
    for name in network or LAYERS:
        for each in (layer,) if layer else LAYERS.get(name, (None,)):
            file = output / f"{Path(name).stem.replace(':', '-')}_{each or 'default'}.json"
            if not file.exists():
                subject = open_subject(name, each, files, most_photos)
                with progress_bar("evidence", 1) as progress:
                    result = measured(subject, settings, runs, progress)
                with file_written_aside(file) as aside:
                    aside.write_text(json.dumps(without_nan(result)), encoding="utf-8")
            results.append(stored(file, settings))
            with file_written_aside(output / "summary.md") as aside:
                aside.write_text(report_of(results, cardinality), encoding="utf-8")
    typer.echo(report_of(results, cardinality))


def stored(file: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read a result.

    Raises:
        ArgumentError: it was measured with other settings.
    """
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if result["settings"] != dict(settings):
        raise ArgumentError(
            f"{file}: measured with {result['settings']}, not {dict(settings)}; delete the file, "
            "or choose another folder by --output"
        )
    return result


def without_nan(value: Any) -> Any:
    """Return a result as JSON holds it: None in place of NaN."""
    if isinstance(value, Mapping):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def measured(
    subject: Subject, settings: Mapping[str, Any], runs: int, report: measure.Report
) -> dict[str, Any]:
    """Return all that is measured for one network and layer, as JSON holds it."""
    result: dict[str, Any] = {"title": subject.title, "settings": dict(settings)}
    if subject.name in HEADS:
        channels = subject.network.model.get_submodule(str(subject.layer)[:-2])[0].out_channels
        return result | {
            "predicted": subject.predicted,
            "maps": channels,
            "heads": measure.heads(subject, HEAD_SIZES, report),
        }
    k = settings["cardinality"]
    return result | {
        "own cell": measure.own_cells(subject, grids_of(subject, settings["grids"]), k, report),
        "photos": measure.single_photos(subject, SIZES, report),
        "cost": measure.cost(subject, k, runs),
    }


if __name__ == "__main__":
    app()
