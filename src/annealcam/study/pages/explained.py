"""Full explanations of a study's photos, for which its networks run again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from annealcam._internal.storage.files import make_folder
from annealcam._internal.types import Progress
from annealcam.errors import AnnealcamWarning, ArgumentError
from annealcam.models.preprocess import large_photo
from annealcam.study.analysis.results import Setting
from annealcam.study.pages.loaded import LoadedStudy, PhotoSource
from annealcam.study.pages.photos import Photo, explained_stem, results_of
from annealcam.study.run.networks import opened
from annealcam.study.run.store import HEADS

VIEW = 448  # pixels; enough for a map to be legible
Explain = Callable[..., Any]  # annealcam.explain


def explain_again(
    loaded: LoadedStudy,
    photos: Sequence[Photo],
    source: PhotoSource,
    folder: Path,
    explain: Explain,
    report: Progress,
) -> None:
    """Write the page of an explanation for every photo and setting without one.

    If it is interrupted, the pages written so far are kept, and the next call continues.

    Raises:
        ArgumentError: the photos are missing, or a network differs from the study's.
        AnnealcamError: a network, a photo or the disk failed.
    """
    if source.images is None:
        raise ArgumentError(f"--explain needs the photos: {source.detail}")
    make_folder(folder)
    missing = _missing(loaded, photos, folder)
    files = network_files(loaded)
    for done, (photo, setting, target) in enumerate(missing):
        report(f"explaining {photo.title}", done, len(missing))
        picture = source.photo(photo.name)
        if picture is None:
            continue  # the photo's page states that it cannot be read
        network = network_again(loaded, setting[0], files)
        e = explanation_again(loaded, network, picture, setting, target, explain, photo.name)
        view = large_photo(network.preprocess, picture, VIEW)
        e.to_html(folder / f"{explained_stem(photo, setting)}.html", photo=view)


def _missing(
    loaded: LoadedStudy, photos: Sequence[Photo], folder: Path
) -> list[tuple[Photo, Setting, str]]:
    """Photos, settings and classes explained whose page does not exist, network by network."""
    missing = [
        (photo, result.setting, str(result.rows[0]["target"]))
        for photo in photos
        for result in results_of(loaded.table, photo)
        if not (folder / f"{explained_stem(photo, result.setting)}.html").exists()
    ]
    return sorted(missing, key=lambda item: item[1])


def network_files(loaded: LoadedStudy) -> dict[str, str]:
    """The model or file to open for each name of a network in the table."""
    heads = sorted((loaded.run / HEADS).glob("*.safetensors"))
    names = [*loaded.study.network.models, *(str(head.resolve()) for head in heads)]
    files = (".safetensors", ".pt2")
    return {Path(name).stem if name.endswith(files) else name: name for name in names}


def network_again(loaded: LoadedStudy, name: str, files: Mapping[str, str]) -> Any:
    """The network, after checking that its weights are those of the study."""
    from annealcam.models.state_dicts.fingerprint import fingerprint

    network = opened(files.get(name, name), loaded.study.network.device)
    if fingerprint(network.model) != loaded.network_hash(name):
        raise ArgumentError(f"model={name!r}: its weights differ from those of the study")
    return network


def explanation_again(
    loaded: LoadedStudy,
    network: Any,
    picture: Any,
    setting: Setting,
    target: str,
    explain: Explain,
    photo: str,
    *,
    run: Mapping[str, Any] | None = None,
) -> Any:
    """The explanation with the options of the study; `run` replaces those of the sampler."""
    problem, annealing, main = loaded.study.problem, loaded.study.annealing, loaded.main_run
    if run is None and main is not None:
        run = {"sampler": "anneal", "normalisation": main[0], "tau": main[1],
               "schedule": annealing.schedule, "shots": annealing.shots or None}  # fmt: skip
    run = run or {"sampler": "exact"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnnealcamWarning)  # the result records them
        return explain(
            network.model, network.preprocess(picture), layer=setting[1], link=network.link,
            target=None if problem.explain == "predicted" else target,
            importance=problem.importance, objective=problem.objective, beta=problem.beta,
            cardinality=problem.cardinality or None, fidelity=problem.fidelity,
            gradients=problem.gradients, max_qubits=problem.max_qubits,
            seed=loaded.study.seed, model_name=setting[0], photo_name=photo,
            class_names=network.classes, **run,
        )  # fmt: skip
