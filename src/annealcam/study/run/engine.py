"""A study from its configuration to its folder: shards to workers, resumed where it stopped."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annealcam._internal.types import Progress
from annealcam._internal.validation import whole
from annealcam._version import __version__
from annealcam.data.sets import LabelledSet, load_set
from annealcam.errors import ArgumentError
from annealcam.study.config import Study
from annealcam.study.run import store, worker
from annealcam.study.run.cluster import task_options, worker_deaths, workers_of
from annealcam.study.run.ending import finish
from annealcam.study.run.heads import networks_of
from annealcam.study.run.networks import NetworkCard
from annealcam.study.run.shards import Setting, Shard, shards_of

if TYPE_CHECKING:
    from distributed import Client


def run_study(
    study: Study,
    folder: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run a study into a folder, or go on with it; return its manifest.

    Shards that are done stay done: whatever stops a run, the same call goes on where it stopped,
    and ends with the same table, bit for bit. However many workers share the shards, the table is
    the same.

    Args:
        study: what is to be done.
        folder: of the run; made if it is not there.
        workers: processes of this machine, one core each.
        scheduler: address of a running dask scheduler, in place of workers of this machine; all
            its workers must see `folder` and the data under the same paths.
        progress: called with what is being done, the number of shards done, and of all.

    Raises:
        ArgumentError: the folder holds the run of another study, or an option cannot be.
        AnnealcamError: the data, a network or a disk did not play along; what is done is kept.
    """
    workers = whole("workers", workers, least=1)
    if scheduler is not None and workers != 1:
        raise ArgumentError(f"workers={workers}, scheduler={scheduler!r}: give one of the two")
    tell = progress or (lambda *_: None)
    tell("looking at the data", 0, 1)
    data = study.data
    shown = load_set(data.name, part=data.part, root=data.root or None, download=data.download)
    sizes = [len(shown.of_class(label)) for label in range(len(shown.classes))]
    models = networks_of(study, folder, tell)
    start = time.perf_counter()
    with workers_of(workers=workers, scheduler=scheduler, device=study.network.device) as client:
        tell("opening the networks", 0, 1)
        options = task_options(client, study.network.device)
        with worker_deaths():
            cards = client.gather(
                [client.submit(worker.describe, study, m, pure=False, **options) for m in models]
            )
        _refuse_twins(cards)
        store.open_run(folder, _identity(study, cards, shown.fingerprint()))
        shards = shards_of(study, _settings(cards), sizes)
        explained = _do(client, study, shards, cards, folder, options, tell)
    told = {
        "config": study.as_dict(),
        "seed": study.seed,
        "data": _about(shown),
        "models": [_about_network(card, layer) for card in cards for layer in card.layers],
        "session": {"images": explained, "seconds": time.perf_counter() - start},
    }
    return finish(folder, told, progress=tell)


def _about(shown: LabelledSet) -> dict[str, Any]:
    return {
        "name": shown.name,
        "part": shown.part,
        "hash": shown.fingerprint(),
        "classes": list(shown.classes),
        "images": len(shown),
    }


def _about_network(card: NetworkCard, layer: str) -> dict[str, Any]:
    return {"name": card.name, "layer": layer, "hash": card.hash, "classes": len(card.names)}


def _refuse_twins(cards: Sequence[NetworkCard]) -> None:
    names = [card.name for card in cards]
    for card in cards:
        if names.count(card.name) > 1:
            raise ArgumentError(
                f"network.models: two are called {card.name!r}; rename one of the files"
            )


def _settings(cards: Sequence[NetworkCard]) -> list[Setting]:
    return [Setting(card.name, layer) for card in cards for layer in card.layers]


def _identity(study: Study, cards: Sequence[NetworkCard], data: str) -> dict[str, Any]:
    """All that decides about the bits of the table."""
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


def _do(
    client: Client,
    study: Study,
    shards: Sequence[Shard],
    cards: Sequence[NetworkCard],
    folder: Path,
    options: dict[str, Any],
    tell: Progress,
) -> int:
    """Have all shards done that are not, and count their images; the first failure stops all."""
    from distributed import as_completed

    card = {c.name: c for c in cards}
    table = folder.resolve() / store.TABLE
    missing = [shard for shard in shards if not (table / shard.file).exists()]
    done, explained = len(shards) - len(missing), 0
    tell("shards", done, len(shards))
    futures = [
        client.submit(
            worker.run_shard, study, shard, card[shard.setting.model], str(folder.resolve()),
            pure=False, **options,
        )
        for shard in missing
    ]  # fmt: skip
    try:
        with worker_deaths():
            for future in as_completed(futures):
                explained += future.result()
                done += 1
                tell("shards", done, len(shards))
    finally:
        client.cancel(futures)
    return explained
