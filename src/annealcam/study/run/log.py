"""What is told of a shard besides its rows: counts, what was skipped, and the time it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PARTS = ("network", "problem", "annealing", "writing")


@dataclass
class Log:
    """The log of a shard.

    `looked_at` photos went through the network, of which `correct` were predicted correctly and
    `used` are in the table; `empty` of these have no candidate map. `negative` is the sum over
    these of the share of negative entries in their maps. `seconds` are those of each part.
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
    skipped: list[dict[str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    @property
    def full(self) -> bool:
        """Whether the shard has the images it wants."""
        return self.used == self.wanted

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Add the time of the block to that part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - start
