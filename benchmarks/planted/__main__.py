"""Plant a shortcut into a data set, train networks with and without it, and audit them.

    python -m benchmarks.planted digits 3 7 --pattern plain --side 0.25 --place corner -o planted

Run it in the repository's root. The results are those of docs/audit.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annealcam.attribution.targets import resolve_target
from annealcam.cli.console import one_line_errors, progress_bar
from annealcam.data.sets import load_set

from .experiment import Experiment, run_experiment
from .patch import Patch
from .report import write_experiment
from .trial import Plan

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@one_line_errors
def main(
    data: Annotated[str, typer.Argument(help="digits, imagenette, ...; see docs/data.md.")],
    classes: Annotated[list[str], typer.Argument(help="Classes that get the shortcut, in turn.")],
    seeds: Annotated[int, typer.Option(help="Networks of each class.")] = 3,
    maps: Annotated[int, typer.Option(help="Maps of the head (N_f).")] = 32,
    epochs: Annotated[int, typer.Option(help="Passes through the photos.")] = 20,
    train_per_class: Annotated[int, typer.Option(help="Training photos of each class.")] = 200,
    photos_per_class: Annotated[int, typer.Option(help="Test photos of each class.")] = 20,
    side: Annotated[float, typer.Option(help="Side of the patch as a share of the photo's.")] = 0.2,
    colour: Annotated[str, typer.Option(help="Colour of the patch.")] = "magenta",
    pattern: Annotated[str, typer.Option(help="rings or plain.")] = "rings",
    place: Annotated[str, typer.Option(help="anywhere or corner.")] = "anywhere",
    cache: Annotated[Path | None, typer.Option(help="Folder of cached features.")] = None,
    root: Annotated[str | None, typer.Option(help="Folder of data sets.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch a missing set.")] = False,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of results.")] = Path(
        "planted"
    ),
) -> None:
    """Plant a shortcut into each class; train networks with and without it, and audit them.

    The networks and their observations are kept in OUTPUT.trials, so that the same command
    continues an interrupted experiment.
    """
    patch = Patch(side=side, colour=colour, pattern=pattern, place=place)
    sets = {
        part: load_set(data, part=part, root=root, download=download)
        for part in ("train", "validation", "test")
    }
    names = sets["test"].classes
    labels = [label for name in classes if (label := resolve_target(name, names)) is not None]
    plan = Plan(
        "plain" if data == "digits" else "efficientnet-lite0", maps=maps, epochs=epochs,
        patch=patch, train_per_class=train_per_class, photos_per_class=photos_per_class,
    )  # fmt: skip
    trials = Path(f"{output}.trials")
    with progress_bar("planted shortcuts", 1) as report:
        experiment = run_experiment(sets, labels, seeds, plan, trials, cache=cache, progress=report)
        report("drawing", 1, 1)
        write_experiment(experiment, output)
    print_rows(experiment)
    typer.echo(f"see {output / 'summary.md'}; the networks are in {trials}")


def print_rows(experiment: Experiment) -> None:
    for row in experiment.rows:
        typer.echo(
            f"{experiment.classes[row['label']]}, seed {row['seed']}, {row['network']}: accuracy "
            f"of the class {row['accuracy_without']:.2f}, with the patch "
            f"{row['accuracy_with']:.2f}; {len(row['patch_maps'])} patch maps, one selected for "
            f"{row['selected_with']:.0%} of the photos, without the patch "
            f"{row['selected_without']:.0%}"
        )


if __name__ == "__main__":
    app()
