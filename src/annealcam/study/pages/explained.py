"""A study's photos through its networks once more, for the maps that its table does not hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from annealcam._internal.files import make_folder
from annealcam._internal.types import Progress
from annealcam.errors import AnnealcamWarning, ArgumentError
from annealcam.models.preprocess import view_of
from annealcam.study.figures.columns import Setting
from annealcam.study.pages.found import Found
from annealcam.study.pages.overview import run_of
from annealcam.study.pages.photo_page import explained_stem
from annealcam.study.pages.photos import Photo, settings_in
from annealcam.study.pages.pictures import Album
from annealcam.study.run.networks import opened
from annealcam.study.run.store import HEADS

VIEW = 448  # pixels; enough for a map to be looked at
Explain = Callable[..., Any]  # annealcam.explain


def explain_again(
    found: Found,
    photos: Sequence[Photo],
    album: Album,
    folder: Path,
    explain: Explain,
    tell: Progress,
) -> None:
    """Write the page of an explanation for every photo and setting that has none yet.

    Whatever stops it, the pages that are written stay, and the next call goes on.

    Raises:
        ArgumentError: the photos are not there, or a network is not the study's.
        AnnealcamError: a network, a photo or the disk did not play along.
    """
    if album.shown is None:
        raise ArgumentError(f"--explain needs the photos: {album.detail}")
    make_folder(folder)
    wanted = list(_wanted(found, photos, folder))
    files = _network_files(found)
    for done, (photo, setting, target) in enumerate(wanted):
        tell(f"explaining {photo.title}", done, len(wanted))
        picture = album.photo(photo.name)
        if picture is None:
            continue  # its page says that it cannot be read
        network = _network(found, setting[0], files)
        e = _explanation(found, network, picture, setting, target, explain, photo.name)
        seen = view_of(network.preprocess, picture, VIEW)
        e.to_html(folder / f"{explained_stem(photo, setting)}.html", photo=seen)


def _wanted(
    found: Found, photos: Sequence[Photo], folder: Path
) -> Iterator[tuple[Photo, Setting, str]]:
    """What is not there yet, with the class explained; one network after the other."""
    missing = [
        (photo, setting, str(rows[0]["target"]))
        for photo in photos
        for setting, rows in settings_in(found.table, photo)
        if not (folder / f"{explained_stem(photo, setting)}.html").exists()
    ]
    yield from sorted(missing, key=lambda one: one[1])


def _network_files(found: Found) -> dict[str, str]:
    """How the table's names of networks are opened."""
    heads = sorted((found.run / HEADS).glob("*.safetensors"))
    names = [*found.study.network.models, *(str(head.resolve()) for head in heads)]
    files = (".safetensors", ".pt2")
    return {Path(name).stem if name.endswith(files) else name: name for name in names}


def _network(found: Found, name: str, files: Mapping[str, str]) -> Any:
    """The network, if it is still the one that the study used."""
    from annealcam.models.weights import fingerprint

    network = opened(files.get(name, name), found.study.network.device)
    if fingerprint(network.model) != found.network_hash(name):
        raise ArgumentError(f"model={name!r}: its weights are others than those of the study")
    return network


def _explanation(
    found: Found,
    network: Any,
    picture: Any,
    setting: Setting,
    target: str,
    explain: Explain,
    photo: str,
) -> Any:
    """The explanation, by the study's own choices."""
    asked, annealing = found.study.problem, found.study.annealing
    main = run_of(found)
    run: dict[str, Any] = {"sampler": "exact"}
    if main is not None:
        run = {"sampler": "anneal", "normalisation": main[0], "tau": main[1],
               "schedule": annealing.schedule, "shots": annealing.shots or None}  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnnealcamWarning)  # they are kept in the result
        return explain(
            network.model, network.preprocess(picture), layer=setting[1],
            target=None if asked.explain == "predicted" else target,
            importance=asked.importance, objective=asked.objective, beta=asked.beta,
            max_qubits=asked.max_qubits, seed=found.study.seed, model_name=setting[0],
            photo_name=photo, class_names=network.classes, **run,
        )  # fmt: skip
