"""The command `annealcam train`: the paper's network fitted to labelled photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annealcam.cli import options
from annealcam.cli.console import (
    end_with_unreadable,
    one_line_errors,
    print_line,
    print_skipped,
    progress_bar,
)
from annealcam.cli.interface.panels import takes_help_all
from annealcam.cli.interface.reporting import print_json
from annealcam.cli.interface.verbosity import takes_reporting_options

if TYPE_CHECKING:
    from annealcam.training.fit import Epoch


@one_line_errors
@takes_help_all
@takes_reporting_options
def train(
    data: Annotated[
        str,
        typer.Option(
            help=f"Labelled photos, as folder:PATH or a set. Sets: {options.listed(options.SETS)}."
        ),
    ] = "digits",
    trunk: Annotated[
        str | None,
        typer.Option(
            help="Source of the features: plain (a small trunk that is trained as well), or a "
            "network named as by --model.",
            show_default="plain for digits, else efficientnet-lite0",
        ),
    ] = None,
    cut: Annotated[
        str | None,
        typer.Option(help="Last layer of the trunk.", show_default="its last 14 x 14 layer"),
    ] = None,
    maps: Annotated[int, typer.Option(help="Number of feature maps of the head (N_f).")] = 16,
    epochs: Annotated[int, typer.Option(help="Number of passes through the photos.")] = 20,
    seed: options.Seed = 0,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder of the data sets.", show_default="$ANNEALCAM_DATA, or the cache"),
    ] = None,
    download: options.Download = False,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Train the trunk as well; it is frozen otherwise.")
    ] = False,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder of computed features.", show_default="~/.cache/annealcam/features"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="File for the checkpoint.", show_default="DATA-MAPS.safetensors"
        ),
    ] = None,
) -> None:
    """Fit the paper's network to labelled photos: a frozen trunk and a head of few maps."""
    from annealcam._internal.storage.files import alone_at
    from annealcam.training import trained
    from annealcam.training.fit import usual_recipe

    trunk = trunk or ("plain" if data == "digits" else "efficientnet-lite0")
    file = trained.checked_output(output or f"{_name(data)}-{maps}.safetensors")
    recipe = usual_recipe(data, finetune=finetune and trunk != "plain", epochs=epochs)
    with alone_at(file), progress_bar("reading", 1) as update:

        def print_epoch(epoch: Epoch) -> None:
            update("training", epoch.number, epochs)
            print_line(
                f"epoch {epoch.number:3}  loss {epoch.loss:.4f}  "
                f"validation accuracy {epoch.accuracy:.4f}"
            )

        network = trained.train(
            data, trunk=trunk, cut=cut, maps=maps, seed=seed, recipe=recipe, finetune=finetune,
            root=root, download=download, cache=cache, progress=update, on_epoch=print_epoch,
        )  # fmt: skip
        card = network.save(file)
    about = network.about
    print_json({**about, "file": file, "card": card})
    print_skipped(about["skipped"], str(card))
    print_line(
        f"{file}: accuracy on the test part {about['accuracy']['test']:.4f} "
        f"({about['parts']['test']['photos']} photos), epoch {about['best_epoch']} kept",
        style="bold",
    )
    print_line(f"  see {card}; use the network by --model {file}")
    end_with_unreadable(about["skipped"])


def _name(data: str) -> str:
    return Path(data.removeprefix("folder:")).name or "network"
