"""The command `annealcam path`: the best k maps of a photo for each k."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from annealcam.cli import options
from annealcam.cli.console import cell, one_line_errors, print_line, print_table, progress_bar

MARKER, FILES = "path.csv", ("path.csv", "path.png", "path.svg")


@one_line_errors
def path(
    photo: options.Photo,
    model: options.Model = options.DEFAULT_MODEL,
    layer: options.Layer = None,
    preset: options.Preset = None,
    most: Annotated[int, typer.Option(help="Largest k.")] = 20,
    time_limit: Annotated[float, typer.Option(help="Seconds for each proof.")] = 10.0,
    output: options.Output = Path("annealcam-path"),
) -> None:
    """Find the certified best k maps for each k, and the share of the logit that they keep."""
    from annealcam._internal.files import written_aside
    from annealcam._internal.validation import whole
    from annealcam.cli.photo_explainer import PhotoExplainer
    from annealcam.evaluation.best_maps import best_k
    from annealcam.render.figures.best_k import best_k_figure
    from annealcam.render.figures.sheets import save
    from annealcam.render.folder import write_rows
    from annealcam.settings import resolve

    sizes = range(1, whole("most", most, least=1) + 1)
    settings = resolve(preset, max_qubits=100_000, sampler="greedy")  # every map is a candidate
    explainer = PhotoExplainer.prepare(
        model, layer=layer, target=None, settings=settings, device="cpu"
    )
    e, tensor, _ = explainer.explain(photo)
    layer_name = e.provenance["layer"]
    with written_aside(output, names=FILES, marker=MARKER) as aside:
        with progress_bar("paths", most) as update:
            rows = best_k(explainer.network.model, tensor, e, settings, sizes=sizes,
                          time_limit=time_limit, progress=update)  # fmt: skip
        flat = [{**row, "maps": " ".join(map(str, row["maps"]))} for row in rows]
        write_rows(flat, aside / MARKER)
        title = f"{photo}, {model}, layer {layer_name}: the best k maps"
        save(best_k_figure(rows, title=title), aside, "path")
    print_line(
        f"{photo}: {e.provenance['candidates_in_all']} candidates, layer {layer_name}",
        style="bold",
    )
    if rows:
        names = [name for name in rows[0] if name != "maps"]
        print_table(names, [[_cell(row[name]) for name in names] for row in rows])
    print_line(
        "  kept: share of the layer's effect on the logit; cosine: mean cosine of the pairs;"
    )
    print_line("  _top: the same for the k maps of largest importance")
    print_line(f"  see {output}")


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else cell(value)
