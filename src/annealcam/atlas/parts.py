"""What an atlas sums up over photos: a part for each shard, and all parts joined into one."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from annealcam._internal.map_axes import refuse_other_axes
from annealcam._internal.storage.reading import array_from
from annealcam._internal.storage.resumable import arrays_read, json_value, write_arrays
from annealcam._internal.types import Array
from annealcam.atlas.peaks import StrongestPhotos
from annealcam.attribution.activations import Capture
from annealcam.map_selection import selected_channels
from annealcam.settings import Settings


@dataclass(frozen=True, eq=False)
class Part:
    """Sums over the photos of one shard, or of several.

    Attributes:
        strongest: the strongest photos of every channel.
        sums: spatial means, summed over the photos of one class in one batch, a row each.
        keys: (batch, class) of each row of `sums`. Batches do not depend on the shards, so that
            adding the rows in the order of their keys always gives the same bits.
        selected: number of photos of each class for which each channel is selected.
        counts: number of photos of each class.
        thumbnails: WebP pictures of the strongest photos, by the photos' numbers.
        signs: number of negative entries of all maps, and number of entries.
        skipped: photos that could not be read, with the reason.
    """

    strongest: StrongestPhotos
    sums: Float[Array, "sums maps"]
    keys: Int[Array, "sums 2"]
    selected: Int[Array, "maps classes"]
    counts: Int[Array, " classes"]
    thumbnails: Mapping[int, bytes]
    signs: Int[Array, "2"]
    skipped: Sequence[Mapping[str, str]]

    def profiles(self) -> Float[Array, "maps classes"]:
        """Return the mean over the photos of each class; 0 for a class without photos."""
        totals = np.zeros((len(self.counts), self.sums.shape[1]))
        for (_, label), total in zip(self.keys, self.sums, strict=True):
            totals[label] += total
        return (totals / np.maximum(self.counts, 1)[:, None]).T

    def joined(self, other: Part) -> Part:
        """Return both parts as one: the same bits in whatever order parts are joined."""
        strongest = self.strongest.joined(other.strongest)
        keys = np.concatenate([self.keys, other.keys])
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        thumbnails = {**self.thumbnails, **other.thumbnails}
        return Part(
            strongest=strongest,
            sums=np.concatenate([self.sums, other.sums])[order],
            keys=keys[order],
            selected=self.selected + other.selected,
            counts=self.counts + other.counts,
            thumbnails={n: thumbnails[n] for n in sorted(strongest.numbers())},
            signs=self.signs + other.signs,
            skipped=sorted([*self.skipped, *other.skipped], key=lambda photo: photo["image"]),
        )


class PartBuilder:
    """Sums up the photos of one shard, batch by batch; `part` returns the result."""

    def __init__(self, *, channels: int, classes: int, top: int) -> None:
        self._strongest = StrongestPhotos.none(channels, top)
        self._sums: list[Float[Array, " maps"]] = []
        self._keys: list[tuple[int, int]] = []
        self._selected = np.zeros((channels, classes), dtype=np.int64)
        self._counts = np.zeros(classes, dtype=np.int64)
        self._signs = np.zeros(2, dtype=np.int64)
        self._thumbnails: dict[int, bytes] = {}

    def add(
        self,
        batch: int,
        views: Mapping[int, Image.Image],
        labels: Int[Array, " n"],
        captured: Capture,
        settings: Settings,
    ) -> None:
        """Add a batch: small views of its photos by number, their classes, the captured layer.

        Raises:
            ArgumentError: the layer's maps have no rows and columns, in which regions lie.
        """
        maps = captured.activations
        refuse_other_axes(maps, layer=captured.layer, needed_by="an atlas")
        means = maps.mean(dim=(-2, -1)).cpu().numpy()
        for label in np.unique(labels):
            self._keys.append((batch, int(label)))
            self._sums.append(means[labels == label].sum(axis=0, dtype=np.float64))
        np.add.at(self._counts, labels, 1)
        self._signs += int((maps < 0).sum()), maps.numel()
        for label, channels in zip(labels, selected_channels(captured, settings), strict=True):
            self._selected[channels, label] += 1
        peaks = maps.amax(dim=(-2, -1)).T.cpu().numpy()
        numbers = np.array(list(views), dtype=np.int64)
        self._strongest = self._strongest.with_batch(
            peaks, means.T, numbers, lambda images, channels: _fetch(maps, images, channels)
        )
        for number in self._strongest.numbers() & views.keys():
            self._thumbnails[number] = _webp(views[number])

    def part(self, skipped: Sequence[Mapping[str, str]]) -> Part:
        """Return the sums; `skipped` lists the photos that could not be read."""
        strongest = self._strongest.numbers()
        return Part(
            strongest=self._strongest,
            sums=np.array(self._sums).reshape(-1, len(self._selected)),
            keys=np.array(self._keys, dtype=np.int64).reshape(-1, 2),
            selected=self._selected,
            counts=self._counts,
            thumbnails={n: webp for n, webp in self._thumbnails.items() if n in strongest},
            signs=self._signs,
            skipped=list(skipped),
        )


def write_part(part: Part, file: Path) -> None:
    """Write a part, completely or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    pictures = list(part.thumbnails.values())
    write_arrays(file, {
        **vars(part.strongest),
        "sums": part.sums,
        "keys": part.keys,
        "selected": part.selected,
        "counts": part.counts,
        "signs": part.signs,
        "pictured": np.array(list(part.thumbnails), dtype=np.int64),
        "ends": np.cumsum([len(webp) for webp in pictures], dtype=np.int64),
        "webp": np.frombuffer(b"".join(pictures), dtype=np.uint8),
        "skipped": list(part.skipped),
    })  # fmt: skip


def read_part(file: Path, *, channels: int, classes: int, top: int, photos: int) -> Part:
    """Return the part of a file that `write_part` wrote.

    Args:
        file: the file.
        channels, classes, top, photos: numbers of channels, of classes, of regions of a channel,
            and of the photos of the whole work.

    Raises:
        OutputError: it cannot be read, or does not fit these numbers.
    """
    with arrays_read(file) as arrays:
        part = _part(arrays, channels, classes, top)
        numbers, labels = part.strongest.numbers(), part.keys[:, 1]
        if numbers and not 0 <= min(numbers) <= max(numbers) < photos:
            raise ValueError(f"a region is of none of the {photos} photos")
        if not numbers <= part.thumbnails.keys():
            raise ValueError("lacks the thumbnail of a region")
        if ((labels < 0) | (labels >= classes)).any():
            raise ValueError(f"a sum is of none of the {classes} classes")
        return part


def _part(arrays: Mapping[str, Array], channels: int, classes: int, top: int) -> Part:
    """Return the part in arrays of the right shapes."""
    pictured = array_from(arrays, "pictured", "i", (None,))
    ends = array_from(arrays, "ends", "i", pictured.shape).tolist()
    webp = array_from(arrays, "webp", "u", (None,)).tobytes()
    pictures = [webp[i:j] for i, j in zip([0, *ends[:-1]], ends, strict=False)]
    keys, maps = array_from(arrays, "keys", "i", (None, 2)), (channels, top)
    sums = array_from(arrays, "sums", "f", (len(keys), channels))
    boxes = array_from(arrays, "boxes", "f", (*maps, 4))
    if not (np.isfinite(sums).all() and ((boxes >= 0) & (boxes <= 1)).all()):
        raise ValueError("a sum or a box is no number")
    skipped = json_value(array_from(arrays, "skipped", "u", (None,)))
    if not all(isinstance(photo, dict) and {*photo} == {"image", "reason"} for photo in skipped):
        raise ValueError("a skipped photo has no reason")
    return Part(
        strongest=StrongestPhotos(
            array_from(arrays, "peaks", "f", maps),
            array_from(arrays, "means", "f", maps),
            array_from(arrays, "photos", "i", maps),
            boxes,
        ),
        sums=sums,
        keys=keys,
        selected=array_from(arrays, "selected", "i", (channels, classes)),
        counts=array_from(arrays, "counts", "i", (classes,)),
        thumbnails=dict(zip(pictured.tolist(), pictures, strict=True)),
        signs=array_from(arrays, "signs", "i", (2,)),
        skipped=skipped,
    )


def _fetch(
    maps: Float[Tensor, "n maps h w"], images: Int[Array, " m"], channels: Int[Array, " m"]
) -> Float[Array, "m h w"]:
    """Return single maps of a batch, copied from the network's device."""
    rows, columns = (torch.from_numpy(a).to(maps.device) for a in (images, channels))
    return maps[rows, columns].cpu().numpy()


def _webp(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=75)
    return stream.getvalue()
