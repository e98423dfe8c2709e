"""The task of a worker: one shard, from its photos to its part of the table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annealcam._internal.environment import environment, one_thread
from annealcam._internal.storage.resumable import write_json
from annealcam.attribution.layer_maps import LayerMaps, collect_layer_maps
from annealcam.attribution.network.model_output import probabilities
from annealcam.data.labelled import LabelledSet
from annealcam.data.sets import load_set
from annealcam.errors import OutputError
from annealcam.study.config import Data, Study
from annealcam.study.run.networks import NetworkCard, card_of, opened
from annealcam.study.run.shards import Log, Setting, Shard
from annealcam.study.run.store import LOG, TABLE, content_of, table_of, write_part
from annealcam.study.table.rows import image_rows

if TYPE_CHECKING:
    from annealcam.attribution.activations import Capture
    from annealcam.models.network_layer import CapturedBatch, NetworkLayer


@lru_cache(maxsize=2)
def photos_of(name: str, part: str, root: str) -> LabelledSet:
    """Return a part of a data set; each process opens it once."""
    return load_set(name, part=part, root=root or None)


def photos(data: Data) -> LabelledSet:
    """Return the photos of a study."""
    return photos_of(data.name, data.part, data.root)


def describe(study: Study, model: str) -> NetworkCard:
    """Describe a network of a study; see `card_of`."""
    images, network, labels = photos(study.data), study.network, study.data.labels
    return card_of(
        model, network.layers, network.device, images.classes, labels, images.first_photo(),
        match=study.uses_labels,
    )  # fmt: skip


@one_thread()
def run_shard(study: Study, shard: Shard, card: NetworkCard, folder: str) -> int:
    """Run a shard and write its part of the table; return the number of images used.

    Equal shards give equal bytes, whatever ran before or elsewhere: one thread runs the network,
    and two workers on two cores are faster than two threads. The part of the table is
    written last: a shard with a part is done.

    Raises:
        OutputError: the worker cannot find or write the folder of the run.
        AnnealcamError: the network or the data failed.
    """
    run = Path(folder)
    if not (run / TABLE).is_dir():
        raise OutputError(
            f"{folder}: a worker cannot find it; all workers need this folder under the same path"
        )
    log = Log(shard.label, shard.setting.model, shard.setting.layer, shard.wanted)
    log.environment = environment(batch=study.network.batch, device=study.network.device)
    rows: list[dict[str, Any]] = []
    with log.timing("network"):
        batches = _batches(study, shard, card, log)
    while not log.full:
        with log.timing("network"):
            batch = next(batches, None)
        if batch is None:
            break
        rows += _rows_of_batch(study, shard, card, batch, log)
    _write(run, shard, rows, log)
    return log.used


@lru_cache(maxsize=8)
def _network_layer(
    model: str, layer: str, device: str, name: str, part: str, root: str
) -> NetworkLayer:
    """Return a layer of a network; each process opens it once."""
    from annealcam.models.network_layer import NetworkLayer

    return NetworkLayer.open(
        opened(model, device), layer, photos_of(name, part, root).first_photo()
    )


def network_layer(study: Study, setting: Setting, card: NetworkCard) -> NetworkLayer:
    """Return a layer of a study's network."""
    data = study.data
    return _network_layer(
        card.model, setting.layer, study.network.device, data.name, data.part, data.root
    )


def _batches(
    study: Study, shard: Shard, card: NetworkCard, log: Log
) -> Iterator[CapturedBatch[str]]:
    """Yield captured batches of the shard's photos; unreadable ones are skipped and logged."""
    from annealcam.models.network_layer import capture_batches

    network, images = study.network, photos(study.data)
    indices = shard.images(images.of_class(shard.label).tolist())
    target = card.targets[shard.label]
    return capture_batches(
        network_layer(study, shard.setting, card),
        ((images.images[index], partial(images.open, index)) for index in indices),
        batch_size=network.batch,
        skip=lambda image, error: log.skipped.append({"image": image, "reason": str(error)}),
        target_of=(lambda _: target) if study.problem.explain == "label" else None,
        integrated=integrated(study),
    )


def integrated(study: Study) -> bool:
    """Return whether some selector of a study needs contributions that add up."""
    by_evidence = study.evidence.enabled and study.evidence.gradients == "integrated"
    return by_evidence or study.problem.settings().integrated


def evidence_maps(study: Study, captured: Capture) -> list[list[LayerMaps]]:
    """Return the evidence problems of each image of a captured batch.

    There is one for each number k of maps and each number of candidates, those of equal k in
    ascending order of candidates; images without k candidates have none.
    """
    evidence = study.evidence
    problems: list[list[LayerMaps]] = [[] for _ in captured.activations]
    if evidence.gradients == "plain":
        captured = captured.plain()
    for k in study.evidence_sizes:
        sizes: list[set[int]] = [set() for _ in problems]
        for limit in sorted(limit for limit in evidence.candidates if limit >= k):
            found = collect_layer_maps(
                captured, importance="alignment", objective="evidence", beta=evidence.beta,
                limit=limit, cardinality=k, fewer=True,
            )  # fmt: skip
            for i, maps in enumerate(found):
                d = len(maps.candidates)
                if maps.problem.cardinality == k and d not in sizes[i]:
                    problems[i].append(maps)
                    sizes[i].add(d)
    return problems


def _rows_of_batch(
    study: Study, shard: Shard, card: NetworkCard, batch: CapturedBatch[str], log: Log
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch's images until the shard has as many images as it wants."""
    label, problem, captured = card.targets[shard.label], study.problem, batch.captured
    with log.timing("network"):
        predicted = captured.logits.argmax(dim=1).tolist()
        chances = probabilities(captured.logits.double(), captured.link).cpu().numpy()
    with log.timing("problem"):
        own = captured if problem.settings().integrated else captured.plain()
        maps = list(
            collect_layer_maps(
                own, importance=problem.importance, fewer=True, **problem.settings().weighing
            )
        )
        evidence = evidence_maps(study, captured)
    for i, image in enumerate(batch.keys):
        log.looked_at += 1
        log.correct += predicted[i] == label
        if log.full or (study.data.choose == "correct" and predicted[i] != label):
            continue
        log.used += 1
        log.empty += len(maps[i].candidates) == 0
        log.negative += float((maps[i].maps < 0).mean())
        target = int(captured.targets[i])
        facts = {
            "model": shard.setting.model,
            "layer": shard.setting.layer,
            "image": image,
            "class": photos(study.data).classes[shard.label],
            "predicted": card.names[predicted[i]],
            "target": card.names[target],
            "probability": float(chances[i, target]),
        }
        yield from image_rows(study, maps[i], facts, log, evidence[i])


def _write(run: Path, shard: Shard, rows: list[dict[str, Any]], log: Log) -> None:
    """Write the log first, so that every part of the table has one, with its SHA-256."""
    with log.timing("writing"):
        content = content_of(table_of(rows))
    log.sha256 = hashlib.sha256(content).hexdigest()
    write_json(run / LOG / shard.log, vars(log))
    write_part(content, run / TABLE / shard.file)
