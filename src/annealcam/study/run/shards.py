"""A study cut into shards: what one task does, whoever does it and whenever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annealcam.study.config import Study


@dataclass(frozen=True)
class Setting:
    """A network and one of its layers."""

    model: str
    layer: str


@dataclass(frozen=True)
class Shard:
    """Some images of one class, in one setting.

    A class's images are dealt out like cards to its `streams` shards; this one holds number
    `stream`, and goes through its images in order until `wanted` are used. So it needs to know
    nothing of the others, even where only images that are predicted correctly count.
    """

    number: int
    setting: Setting
    label: int
    stream: int
    streams: int
    wanted: int

    @property
    def file(self) -> str:
        """Name of its part of the table."""
        return f"part-{self.number:05}.parquet"

    @property
    def log(self) -> str:
        """Name of what is told of it besides."""
        return f"part-{self.number:05}.json"

    def images(self, of_class: Sequence[int]) -> list[int]:
        """Return its own of the class's images."""
        return list(of_class[self.stream :: self.streams])


def shards_of(study: Study, settings: Sequence[Setting], class_sizes: Sequence[int]) -> list[Shard]:
    """Return the shards of a study, in the order of the table.

    >>> two = shards_of(Study(shard=15), [Setting("digits", "block")], [36])
    >>> [(s.stream, s.wanted) for s in two]
    [(0, 10), (1, 10)]
    """
    found: list[Shard] = []
    for setting in settings:
        for label, size in enumerate(class_sizes):
            wanted = min(study.data.per_class or size, size)
            streams = -(-wanted // study.shard)
            parts = np.array_split(np.arange(wanted), streams) if streams else []
            for stream, part in enumerate(parts):
                found.append(Shard(len(found), setting, label, stream, streams, len(part)))
    return found
