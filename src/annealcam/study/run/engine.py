"""A study from its configuration to its folder: shards to workers, resumed where it stopped."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.storage.files import make_folder
from annealcam._internal.types import Progress
from annealcam._internal.validation import whole
from annealcam._version import __version__
from annealcam.data.labelled import LabelledSet
from annealcam.data.sets import load_set
from annealcam.errors import ArgumentError
from annealcam.study.config import Study
from annealcam.study.run import checks, store, worker
from annealcam.study.run.checks import Check
from annealcam.study.run.ending import finish
from annealcam.study.run.networks import NetworkCard
from annealcam.study.run.shards import Setting, Shard, shards_of
from annealcam.study.run.workers import TLS, Workers, workers_of


@shows_progress
def run_study(
    study: Study,
    folder: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    tls: TLS | None = None,
    progress: ProgressOption = None,
) -> dict[str, Any]:
    """Run a study into a folder, or resume it there; return its manifest.

    Finished shards are kept: whatever stops a run, the same call resumes it, and its table is
    equal bit for bit to that of an uninterrupted run, however many workers share the shards.

    Args:
        study: the configuration.
        folder: of the run; made if it does not exist.
        workers: processes of this machine, one core each.
        scheduler: address of a running dask scheduler, in place of workers of this machine; all
            its workers must have `folder` and the data under the same paths.
        tls: files of the connection to the scheduler; without them it is neither encrypted nor
            authenticated, and whoever reaches the scheduler can run code as its workers.
        progress: True for a bar, or a function that is called with the current step, the number of
            shards done, and their total.

    Raises:
        ArgumentError: the folder holds the run of another study, or an option is out of range.
        AnnealcamError: the data, a network or a disk failed; finished shards are kept.
    """
    workers = whole("workers", workers, least=1)
    if scheduler is not None and workers != 1:
        raise ArgumentError(f"workers={workers}, scheduler={scheduler!r}: give one of the two")
    report = reporter(progress)
    report("reading the data", 0, 1)
    data = study.data
    images = load_set(data.name, part=data.part, root=data.root or None, download=data.download)
    class_sizes = [len(images.of_class(label)) for label in range(len(images.classes))]
    models = study.network.models or trained_heads(study, folder, report)
    start = time.perf_counter()
    device = study.network.device
    with workers_of(workers=workers, scheduler=scheduler, device=device, tls=tls) as team:
        report("opening the networks", 0, 1)
        described = dict(team.run(worker.describe, [(study, model) for model in models]))
        cards = [described[number] for number in range(len(models))]
        _refuse_equal_names(cards)
        store.open_run(folder, _identity(study, cards, images.fingerprint()))
        settings = [Setting(card.name, layer) for card in cards for layer in card.layers]
        shards = shards_of(study, settings, class_sizes)
        tasks = _Tasks(team, study, {card.name: card for card in cards}, folder)
        with store.part_store(folder).alone():  # to the end: two runs must not finish at once
            manifest = store.read_manifest(folder)
            if not manifest.get("finished"):  # where the data are, for a report before the end
                store.write_manifest(folder, {**manifest, "config": study.as_dict()})
            store.refuse_changed(folder)
            explained = tasks.run(worker.run_shard, shards, store.TABLE, "shards", report)
            if study.evidence.enabled and study.evidence.grids:
                found = checks.checks_of(study, settings, store.read_table(folder))
                make_folder(folder / store.CHECKS)
                tasks.run(checks.run_check, found, store.CHECKS, "checks", report)
            content = {
                "config": study.as_dict(),
                "seed": study.seed,
                "data": _data_facts(images),
                "models": [_network_facts(card, layer) for card in cards for layer in card.layers],
                "session": {"images": explained, "seconds": time.perf_counter() - start},
            }
            return finish(folder, content, progress=report)


def trained_heads(study: Study, run: Path, report: Progress) -> tuple[str, ...]:
    """Return the files of the heads on a trunk, each trained into the run's folder once.

    Raises:
        AnnealcamError: the trunk or the data are not available, or the folder is not writable.
    """
    folder = run.resolve() / store.HEADS
    make_folder(folder)
    trunk = study.network.trunk.replace(":", "-").replace("/", "-")
    files = {maps: folder / f"{trunk}-{maps}.safetensors" for maps in study.network.maps}
    for maps, file in files.items():
        if not file.exists():
            _train(study, maps, file, report)
    return tuple(map(str, files.values()))


def _train(study: Study, maps: int, file: Path, report: Progress) -> None:
    from annealcam.training.fit import usual_recipe
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
        progress=report,
        on_epoch=lambda epoch: report(f"training {maps} maps", epoch.number, network.epochs),
    ).save(file)


def _data_facts(images: LabelledSet) -> dict[str, Any]:
    return {
        "name": images.name,
        "part": images.part,
        "hash": images.fingerprint(),
        "classes": list(images.classes),
        "images": len(images),
    }


def _network_facts(card: NetworkCard, layer: str) -> dict[str, Any]:
    return {"name": card.name, "layer": layer, "hash": card.hash, "classes": len(card.names)}


def _refuse_equal_names(cards: Sequence[NetworkCard]) -> None:
    names = [card.name for card in cards]
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(f"network.models: two are called {name!r}; rename one of the files")


def _identity(study: Study, cards: Sequence[NetworkCard], data: str) -> dict[str, Any]:
    """Everything that decides the bits of the table."""
    return {
        "config": study.identity(),
        "data": data,
        "networks": {card.name: card.hash for card in cards},
        "layers": {card.name: list(card.layers) for card in cards},
        "versions": {
            "annealcam": __version__,
            "torch": version("torch"),
            "numpy": version("numpy"),
            "machine": platform.machine(),
        },
    }


@dataclass(frozen=True)
class _Tasks:
    """Workers, and what every task of a study needs."""

    workers: Workers
    study: Study
    cards: Mapping[str, NetworkCard]
    folder: Path

    def run(
        self,
        work: Callable[..., int],
        parts: Sequence[Shard] | Sequence[Check],
        kind: str,
        step: str,
        report: Progress,
    ) -> int:
        """Run the parts that are missing and count their images; the first failure stops all."""
        run = self.folder.resolve()
        missing = [parts[number] for number in store.part_store(run, kind).missing(len(parts))]
        done, images = len(parts) - len(missing), 0
        report(step, done, len(parts))
        calls = [(self.study, part, self.cards[part.setting.model], str(run)) for part in missing]
        for _, count in self.workers.run(work, calls):
            images += count
            done += 1
            report(step, done, len(parts))
        return images
