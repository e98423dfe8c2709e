"""The command `annealcam train`: the paper's network fitted to a labelled set of photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annealcam.cli import console as terminal
from annealcam.cli.console import Seed, complain, one_line_errors, say

if TYPE_CHECKING:
    from annealcam.training.fit import Epoch


@one_line_errors
def train(
    data: Annotated[
        str,
        typer.Option(
            help="digits, imagenette, stl10, cifar10, caltech101, oxford-pet or folder:PATH."
        ),
    ] = "digits",
    trunk: Annotated[
        str | None,
        typer.Option(
            help="Where the features come from: plain (small, trained as well), or a network as "
            "--model names it. [default: plain for digits, else efficientnet-lite0]"
        ),
    ] = None,
    cut: Annotated[
        str | None, typer.Option(help="The trunk's last layer. [default: its 14 x 14 stage]")
    ] = None,
    maps: Annotated[int, typer.Option(help="Feature maps to choose from (N_f).")] = 16,
    epochs: Annotated[int, typer.Option(help="Passes through the photos.")] = 20,
    seed: Seed = 0,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder that holds the sets. [default: $ANNEALCAM_DATA, or the cache]"),
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch a set not there.")] = False,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Train the trunk too, in place of keeping it frozen.")
    ] = False,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of computed features. [default: ~/.cache/annealcam/features]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The checkpoint. [default: DATA-MAPS.safetensors]"),
    ] = None,
) -> None:
    """Fit the paper's network to labelled photos: a frozen trunk, and few maps to select from."""
    from annealcam.training import trained
    from annealcam.training.recipe import usual_recipe

    trunk = trunk or ("plain" if data == "digits" else "efficientnet-lite0")
    file = trained.checked_output(output or f"{_name(data)}-{maps}.safetensors")
    recipe = usual_recipe(data, finetune=finetune and trunk != "plain", epochs=epochs)
    with terminal.progress("reading", 1) as tell:

        def epoch_told(epoch: Epoch) -> None:
            tell("training", epoch.number, epochs)
            say(
                f"epoch {epoch.number:3}  loss {epoch.loss:.4f}  "
                f"validation accuracy {epoch.accuracy:.4f}"
            )

        found = trained.train(
            data, trunk=trunk, cut=cut, maps=maps, seed=seed, recipe=recipe, finetune=finetune,
            root=root, download=download, cache=cache, progress=tell, tell=epoch_told,
        )  # fmt: skip
    card = found.save(file)
    for reason in found.about["skipped"]:
        complain(reason, before="warning: skipped: ")
    about, photos = found.about, found.about["parts"]["test"]["photos"]
    say(
        f"{file}: accuracy on the test part {about['accuracy']['test']:.4f} ({photos} photos), "
        f"epoch {about['best_epoch']} kept",
        style="bold",
    )
    say(f"  see {card}; use it by --model {file}")


def _name(data: str) -> str:
    return Path(data.removeprefix("folder:")).name or "network"
