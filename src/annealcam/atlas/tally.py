"""What is counted of a layer while batches of photos go by: means, selections, strongest peaks."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from annealcam._internal.types import Array
from annealcam.atlas.parts import Part
from annealcam.atlas.strongest import Strongest
from annealcam.attribution.capture import Capture
from annealcam.attribution.importance import importance
from annealcam.attribution.layer_maps import build_problem
from annealcam.samplers.selection import select
from annealcam.settings import Settings


class Tally:
    """The sums over one shard's photos; `part` returns them."""

    def __init__(self, *, channels: int, classes: int, top: int) -> None:
        self._strongest = Strongest.none(channels, top)
        self._sums: list[Float[Array, " maps"]] = []
        self._keys: list[tuple[int, int]] = []
        self._selected = np.zeros((channels, classes), dtype=np.int64)
        self._counts = np.zeros(classes, dtype=np.int64)
        self._signs = np.zeros(2, dtype=np.int64)
        self._thumbnails: dict[int, bytes] = {}

    def add(
        self,
        batch: int,
        photos: Mapping[int, Image.Image],
        labels: Int[Array, " n"],
        captured: Capture,
        settings: Settings,
    ) -> None:
        """Count one batch: `photos` to look at by their numbers, what the network made of them."""
        maps = captured.activations
        means = maps.mean(dim=(-2, -1)).cpu().numpy()
        for label in np.unique(labels):
            self._keys.append((batch, int(label)))
            self._sums.append(means[labels == label].sum(axis=0, dtype=np.float64))
        np.add.at(self._counts, labels, 1)
        self._signs += int((maps < 0).sum()), maps.numel()
        for label, chosen in zip(labels, selections(captured, settings), strict=True):
            self._selected[chosen, label] += 1
        peaks = maps.amax(dim=(-2, -1)).T.cpu().numpy()
        numbers = np.array(list(photos), dtype=np.int64)
        self._strongest = self._strongest.and_batch(peaks, means.T, numbers, _Fetched(maps))
        kept = self._strongest.numbers()
        for number in kept & photos.keys():
            self._thumbnails[number] = webp(photos[number])

    def part(self, skipped: Sequence[Mapping[str, str]]) -> Part:
        """Return what was counted; `skipped` are the photos that could not be read."""
        channels, kept = len(self._selected), self._strongest.numbers()
        return Part(
            strongest=self._strongest,
            sums=np.array(self._sums).reshape(-1, channels),
            keys=np.array(self._keys, dtype=np.int64).reshape(-1, 2),
            selected=self._selected,
            counts=self._counts,
            thumbnails={n: picture for n, picture in self._thumbnails.items() if n in kept},
            signs=self._signs,
            skipped=list(skipped),
        )


class _Fetched:
    """Maps of a batch, fetched from the network's device when they are asked for."""

    def __init__(self, maps: Float[Tensor, "n maps h w"]) -> None:
        self._maps = maps

    def __call__(self, images: Int[Array, " m"], channels: Int[Array, " m"]) -> Array:
        device = self._maps.device
        rows, columns = (torch.from_numpy(a).to(device) for a in (images, channels))
        return self._maps[rows, columns].cpu().numpy()


def selections(captured: Capture, settings: Settings) -> Iterator[Int[Array, " k"]]:
    """Yield the channels that `explain` selects by these settings, for each image of a batch.

    Where an image has fewer candidates than the cardinality asked for, all of them are selected.
    """
    maps = captured.activations
    weight = importance(maps, captured.gradients, settings.importance)
    for i in range(len(maps)):
        found, problem = build_problem(
            maps[i], weight[i], beta=settings.beta, limit=settings.max_qubits,
            objective=settings.objective, cardinality=settings.cardinality, fewer=True, image=i,
        )  # fmt: skip
        chosen = select(problem, **settings.sampling())
        yield found.channels.cpu().numpy()[chosen.n.astype(bool)]


def webp(picture: Image.Image) -> bytes:
    """Return a picture as WebP."""
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=75)
    return written.getvalue()
