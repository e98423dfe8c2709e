"""The command `annealcam path`: the best k maps of a photo for each k."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from annealcam.cli import console as terminal
from annealcam.cli.console import one_line_errors, say

MARKER, FILES = "path.csv", ("path.csv", "path.png", "path.svg")


@one_line_errors
def path(
    photo: Annotated[str, typer.Argument(help="An image file, or skimage:chelsea and such.")],
    model: Annotated[str, typer.Option(help="As for explain.")] = "efficientnet-lite0",
    layer: Annotated[str | None, typer.Option(help="As for explain.")] = None,
    preset: Annotated[str | None, typer.Option(help="paper: as published.")] = None,
    most: Annotated[int, typer.Option(help="The largest k.")] = 20,
    time_limit: Annotated[float, typer.Option(help="Seconds for each proof.")] = 10.0,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")] = Path(
        "annealcam-path"
    ),
) -> None:
    """Find the best k maps among all, certified, for each k, and what they keep of the logit."""
    from annealcam._internal.files import written_aside
    from annealcam._internal.validation import whole
    from annealcam.cli.photos import Job
    from annealcam.evaluation.best_k import best_k
    from annealcam.render.figures.best_k import best_k_figure
    from annealcam.render.figures.sheets import save
    from annealcam.render.folder import write_rows
    from annealcam.settings import resolve

    sizes = range(1, whole("most", most, least=1) + 1)
    settings = resolve(preset, max_qubits=100_000, sampler="greedy")  # every map is a candidate
    job = Job.prepare(model, layer=layer, target=None, settings=settings, device="cpu")
    e, seen, _ = job.explained(photo)
    with written_aside(output, names=FILES, marker=MARKER) as aside:
        with terminal.progress("paths", most) as tell:
            rows = best_k(job.network.model, seen, e, settings, sizes=sizes,
                          time_limit=time_limit, progress=tell)  # fmt: skip
        flat = [{**row, "maps": " ".join(map(str, row["maps"]))} for row in rows]
        write_rows(flat, aside / MARKER)
        title = f"{photo}, {model}, layer {e.provenance['layer']}: the best k maps"
        save(best_k_figure(rows, title=title), aside, "path")
    say(f"{photo}: {e.provenance['candidates_in_all']} candidates, layer {e.provenance['layer']}",
        style="bold")  # fmt: skip
    if rows:
        names = [name for name in rows[0] if name != "maps"]
        cells = [[_cell(row[name]) for name in names] for row in rows]
        terminal.print_table(names, cells, marked=-1)
    say("  kept, cosine: of the best k maps; _top: of the k of largest importance")
    say(f"  see {output}")


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else terminal.cell(value)
