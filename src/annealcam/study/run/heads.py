"""The networks of a study by name; heads that are to be trained are trained first."""

from __future__ import annotations

from pathlib import Path

from annealcam._internal.files import make_folder
from annealcam._internal.types import Progress
from annealcam.study.config import Study
from annealcam.study.run.store import HEADS


def networks_of(study: Study, run: Path, tell: Progress) -> tuple[str, ...]:
    """Return the networks' names; heads on a trunk are trained into the run's folder, once.

    Raises:
        AnnealcamError: the trunk or the data cannot be had, or the folder not be written.
    """
    network = study.network
    if network.models:
        return network.models
    folder = run.resolve() / HEADS
    make_folder(folder)
    found = []
    for maps in network.maps:
        name = network.trunk.replace(":", "-").replace("/", "-")
        file = folder / f"{name}-{maps}.safetensors"
        if not file.exists():
            _train(study, maps, file, tell)
        found.append(str(file))
    return tuple(found)


def _train(study: Study, maps: int, file: Path, tell: Progress) -> None:
    from annealcam.training.recipe import usual_recipe
    from annealcam.training.trained import train

    data, network = study.data, study.network
    train(
        data.name,
        trunk=network.trunk,
        maps=maps,
        seed=study.seed,
        recipe=usual_recipe(data.name, epochs=network.epochs),
        root=data.root or None,
        download=data.download,
        progress=tell,
        tell=lambda epoch: tell(f"training {maps} maps", epoch.number, network.epochs),
    ).save(file)
