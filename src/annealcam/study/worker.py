"""One shard, from photos to its part of the table: the work that is sent to a worker."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annealcam.data.sets import LabelledSet, load_set
from annealcam.errors import ImageError, OutputError
from annealcam.files import file_written_aside
from annealcam.study.annealed import annealed_rows
from annealcam.study.config import Data, Study
from annealcam.study.networks import NetworkCard, card_of, opened
from annealcam.study.seen import Seen, seen_in
from annealcam.study.selectors import plain_rows
from annealcam.study.shards import Shard
from annealcam.study.store import LOG, TABLE, table_of, write_part

if TYPE_CHECKING:
    from torch import Tensor

    from annealcam.vision.capture import Capture

PARTS = ("network", "problem", "annealing", "writing")


@dataclass
class Log:
    """What is to be told of a shard besides its rows; times are in seconds."""

    label: int
    model: str
    layer: str
    wanted: int
    looked_at: int = 0
    correct: int = 0
    used: int = 0
    empty: int = 0
    negative: float = 0.0
    skipped: list[dict[str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Add the time of the block to that part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - start


@lru_cache(maxsize=2)
def photos_of(name: str, part: str, root: str) -> LabelledSet:
    """Return a part of a set; the same process looks it up once."""
    return load_set(name, part=part, root=root or None)


def photos(data: Data) -> LabelledSet:
    """Return the photos of a study."""
    return photos_of(data.name, data.part, data.root)


def describe(study: Study, model: str) -> NetworkCard:
    """Describe a network of a study; see `card_of`."""
    shown = photos(study.data)
    network = study.network
    for i in range(len(shown)):
        try:
            example = shown.open(i)
        except ImageError:
            continue
        return card_of(
            model, network.layers, network.device, shown.classes, study.data.labels, example
        )
    raise ImageError(f"data={study.data.name!r}: not one photo can be read")


def run_shard(study: Study, shard: Shard, card: NetworkCard, folder: str) -> int:
    """Do a shard and write its part of the table; return the number of images used.

    Equal shards give equal bytes, whatever was done before and elsewhere. The part of the table
    is written last: where it is, the shard is done.

    Raises:
        OutputError: the folder of the run is not to be seen from here, or cannot be written.
        AnnealcamError: the network or the data did not play along.
    """
    run = Path(folder)
    if not (run / TABLE).is_dir():
        raise OutputError(f"{folder}: not to be seen from a worker; all need the same folder")
    _one_thread()
    shown = photos(study.data)
    log = Log(shard.label, shard.setting.model, shard.setting.layer, shard.wanted)
    rows: list[dict[str, Any]] = []
    numbers = shard.images(shown.of_class(shard.label).tolist())
    for batch in _batches(study, shown, numbers, log):
        _use_batch(study, shard, card, batch, log, rows)
        if log.used == shard.wanted:
            break
    _write(run, shard, rows, log)
    return log.used


def _one_thread() -> None:
    """One core a worker: two of them on two cores do more than two threads of one."""
    import torch

    torch.set_num_threads(1)


def _batches(
    study: Study, shown: LabelledSet, numbers: list[int], log: Log
) -> Iterator[list[tuple[str, Any]]]:
    """Yield named photos in batches; those that cannot be read are noted and left out."""
    batch: list[tuple[str, Any]] = []
    for i in numbers:
        with log.timing("network"):
            try:
                batch.append((shown.images[i], shown.open(i)))
            except ImageError as error:
                log.skipped.append({"image": shown.images[i], "reason": str(error)})
        if len(batch) == study.network.batch:
            yield batch
            batch = []
    if batch:
        yield batch


def _use_batch(
    study: Study,
    shard: Shard,
    card: NetworkCard,
    batch: list[tuple[str, Any]],
    log: Log,
    rows: list[dict[str, Any]],
) -> None:
    """Add the rows of a batch's images until the shard has as many as it wants."""
    target = card.targets[shard.label]
    with log.timing("network"):
        captured = _captured(study, card, shard.setting.layer, batch, target)
        predicted = captured.logits.argmax(dim=1).tolist()
        chances = captured.logits.double().softmax(dim=1).cpu().numpy()
    with log.timing("problem"):
        asked = study.problem
        seen = seen_in(
            captured, importance=asked.importance, beta=asked.beta, limit=asked.max_qubits
        )
        for i, one in enumerate(seen):
            log.looked_at += 1
            log.correct += predicted[i] == target
            if study.data.choose == "correct" and predicted[i] != target:
                continue
            explained = int(captured.targets[i])
            about = {
                "model": shard.setting.model,
                "layer": shard.setting.layer,
                "image": batch[i][0],
                "class": photos(study.data).classes[shard.label],
                "predicted": card.names[predicted[i]],
                "target": card.names[explained],
                "probability": float(chances[i, explained]),
            }
            rows.extend(about | row for row in _rows(study, one, batch[i][0], log))
            if log.used == shard.wanted:
                return


def _captured(
    study: Study, card: NetworkCard, layer: str, batch: list[tuple[str, Any]], target: int
) -> Capture:
    import torch

    from annealcam.vision.capture import capture

    network, preprocess, _ = opened(card.model, study.network.device)
    images: Tensor = torch.stack([preprocess(photo) for _, photo in batch])
    targets = target if study.problem.explain == "label" else None
    return capture(network, images, layer=layer, targets=targets)


def _rows(study: Study, seen: Seen, image: str, log: Log) -> Iterator[dict[str, Any]]:
    """Yield the rows of one image. Its random numbers depend on the seed and its name alone."""
    log.used += 1
    log.empty += len(seen.candidates) == 0
    log.negative += float((seen.maps < 0).mean())
    about = {
        "channels": len(seen.maps),
        "dead": seen.dead,
        "candidates_in_all": seen.candidates_in_all,
        "d": len(seen.candidates),
    }
    own = np.random.SeedSequence([study.seed, zlib.crc32(image.encode())])
    drawing, shooting = own.spawn(2)
    options = study.baselines
    yield from (
        about | row
        for row in plain_rows(
            seen, sizes=options.sizes, draws=options.random_draws,
            rng=np.random.default_rng(drawing),
        )
    )  # fmt: skip
    if study.annealing.tau:
        start = time.perf_counter()
        found = [about | row for row in annealed_rows(seen, study.annealing, seed=shooting)]
        spent = time.perf_counter() - start
        log.seconds["annealing"] += spent
        log.seconds["problem"] -= spent  # in whose time this one lies
        yield from found


def _write(run: Path, shard: Shard, rows: list[dict[str, Any]], log: Log) -> None:
    """The log first: where the part of the table is, its log is."""
    with log.timing("writing"):
        part = table_of(rows)
    with file_written_aside(run / LOG / shard.log) as file:
        file.write_text(json.dumps(vars(log), indent=1) + "\n", encoding="utf-8")
    write_part(part, run / TABLE / shard.file)
