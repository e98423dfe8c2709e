"""Shards of a study: one task each, independent of who does it and when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annealcam.study.config import Study

PARTS = ("network", "problem", "annealing", "writing")  # that a shard's time is divided into


@dataclass(frozen=True)
class Setting:
    """A network and one of its layers."""

    model: str
    layer: str


@dataclass(frozen=True)
class Shard:
    """Some images of one class, for one network and layer.

    The images of a class are dealt to `streams` shards in turn. This shard holds every
    `streams`-th image from number `stream` on, and uses them in order until it has `wanted`. It
    depends on no other shard, even where only correctly predicted images count.
    """

    number: int
    setting: Setting
    label: int
    stream: int
    streams: int
    wanted: int

    @property
    def file(self) -> str:
        """The file name of its part of the table."""
        return f"part-{self.number:05}.parquet"

    @property
    def log(self) -> str:
        """The file name of its log."""
        return f"part-{self.number:05}.json"

    def images(self, of_class: Sequence[int]) -> list[int]:
        """Return the images of this shard among those of its class."""
        return list(of_class[self.stream :: self.streams])


def shards_of(study: Study, settings: Sequence[Setting], class_sizes: Sequence[int]) -> list[Shard]:
    """Return the shards of a study, in the order of the table.

    >>> two = shards_of(Study(shard=15), [Setting("digits", "block")], [36])
    >>> [(s.stream, s.wanted) for s in two]
    [(0, 10), (1, 10)]
    """
    shards: list[Shard] = []
    for setting in settings:
        for label, size in enumerate(class_sizes):
            wanted = min(study.data.per_class or size, size)
            streams = -(-wanted // study.shard)
            parts = np.array_split(np.arange(wanted), streams) if streams else []
            for stream, part in enumerate(parts):
                shards.append(Shard(len(shards), setting, label, stream, streams, len(part)))
    return shards


@dataclass
class Log:
    """Counts, skipped photos and times of a shard.

    `looked_at` photos went through the network; `correct` of them were predicted correctly and
    `used` are in the table, `empty` of these without a candidate map. `negative` sums over the
    used photos the share of negative entries in their maps. `sha256` is that of the part of the
    table. `environment` is what the last bits depend on, and `seconds` holds the time of each of
    `PARTS`.
    """

    label: int
    model: str
    layer: str
    wanted: int
    looked_at: int = 0
    correct: int = 0
    used: int = 0
    empty: int = 0
    negative: float = 0.0
    sha256: str = ""
    skipped: list[dict[str, str]] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    @property
    def full(self) -> bool:
        """Whether the shard has as many images as it wants."""
        return self.used == self.wanted

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Add the duration of the block to a part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - start
