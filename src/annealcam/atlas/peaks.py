"""The few photos that excite each channel most, with the region of the peak, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.types import Array

NO_PHOTO = np.iinfo(np.int64).max  # fills the places of a channel that fewer photos excite
REGION_LEVEL = 0.5  # share of the peak down to which a map belongs to the region around it


@dataclass(frozen=True, eq=False)
class StrongestPhotos:
    """The `top` photos of every channel: peak, mean, number of the photo, box; strongest first.

    Among equal peaks the map with the larger spatial mean comes first (activations that saturate,
    such as ReLU6, make most peaks equal), then the photo with the lower number. Unused places have
    the peak -inf and the photo `NO_PHOTO`.
    """

    peaks: Float[Array, "maps top"]
    means: Float[Array, "maps top"]
    photos: Int[Array, "maps top"]
    boxes: Float[Array, "maps top 4"]

    @classmethod
    def none(cls, channels: int, top: int) -> StrongestPhotos:
        """Return the value for no photos."""
        return cls(
            np.full((channels, top), -np.inf, dtype=np.float32),
            np.zeros((channels, top), dtype=np.float32),
            np.full((channels, top), NO_PHOTO),
            np.zeros((channels, top, 4), dtype=np.float32),
        )

    def with_batch(
        self,
        peaks: Float[Array, "maps n"],
        means: Float[Array, "maps n"],
        photos: Int[Array, " n"],
        maps_of: Callable[[Int[Array, " m"], Int[Array, " m"]], Float[Array, "m h w"]],
    ) -> StrongestPhotos:
        """Return the strongest of these photos and of a batch.

        `maps_of(images, channels)` returns single maps of the batch: boxes are computed only for
        the maps that are among the strongest.
        """
        top = self.peaks.shape[1]
        excited = peaks > 0
        candidates = StrongestPhotos(
            np.hstack([self.peaks, np.where(excited, peaks, -np.inf).astype(np.float32)]),
            np.hstack([self.means, np.where(excited, means, 0.0).astype(np.float32)]),
            np.hstack([self.photos, np.where(excited, photos, NO_PHOTO)]),
            np.pad(self.boxes, ((0, 0), (0, len(photos)), (0, 0))),
        )
        order = candidates.order()[:, :top]
        strongest = candidates.taking(order)
        channel, place = np.nonzero((order >= top) & strongest.taken)
        if len(channel):
            boxes = peak_boxes(maps_of(order[channel, place] - top, channel))
            strongest.boxes[channel, place] = boxes
        return strongest

    def joined(self, other: StrongestPhotos) -> StrongestPhotos:
        """Return the strongest photos of both: the same bits in any order of joining.

        >>> none = StrongestPhotos.none(1, 2)
        >>> maps = lambda images, channels: np.ones((len(images), 1, 1))
        >>> a = none.with_batch(np.array([[1.0, 3.0]]), np.ones((1, 2)), np.array([0, 1]), maps)
        >>> b = none.with_batch(np.array([[2.0, 0.0]]), np.ones((1, 2)), np.array([2, 3]), maps)
        >>> a.joined(b).photos.tolist(), b.joined(a).photos.tolist()
        ([[1, 2]], [[1, 2]])
        """
        both = StrongestPhotos(*(
            np.concatenate([getattr(each, f.name) for each in (self, other)], axis=1)
            for f in fields(self)
        ))  # fmt: skip
        return both.taking(both.order()[:, : self.peaks.shape[1]])

    def order(self) -> Int[Array, "maps top"]:
        """Return the places of every channel, sorted from the strongest to the weakest."""
        return np.lexsort((self.photos, -self.means, -self.peaks), axis=-1)

    def taking(self, order: Int[Array, "maps few"]) -> StrongestPhotos:
        """Return the values at these places of every channel."""
        peaks, means, photos = (
            np.take_along_axis(values, order, axis=1)
            for values in (self.peaks, self.means, self.photos)
        )
        boxes = np.take_along_axis(self.boxes, order[..., None], axis=1)
        return StrongestPhotos(peaks, means, photos, boxes)

    @property
    def taken(self) -> Bool[Array, "maps top"]:
        """Mask of the places that hold a photo."""
        return self.photos != NO_PHOTO

    def numbers(self) -> set[int]:
        """Return the numbers of all photos that are among the strongest of some channel."""
        return set(np.unique(self.photos[self.taken]).tolist())


def peak_boxes(maps: Float[Array, "m h w"]) -> Float[Array, "m 4"]:
    """Return the box of the region around each map's peak: left, top, right, bottom, in [0, 1].

    The region consists of the cells that are at least half as high as the peak and connected to it
    by edges. The box covers these cells as a share of the network's input; the receptive field of
    a cell extends further.

    >>> peak_boxes(np.array([[[0.0, 1.0, 2.0, 0.0], [0.0, 0.0, 0.0, 2.0]]])).tolist()
    [[0.25, 0.0, 0.75, 0.5]]
    """
    m, h, w = maps.shape
    flat = maps.reshape(m, -1)
    high_cells = maps >= REGION_LEVEL * flat.max(axis=1)[:, None, None]
    region: Array = np.zeros((m, h, w), dtype=bool)
    region.reshape(m, -1)[np.arange(m), flat.argmax(axis=1)] = True
    while True:
        wider = region.copy()
        wider[:, 1:] |= region[:, :-1]
        wider[:, :-1] |= region[:, 1:]
        wider[:, :, 1:] |= region[:, :, :-1]
        wider[:, :, :-1] |= region[:, :, 1:]
        wider &= high_cells
        if np.array_equal(wider, region):
            break
        region = wider
    columns, rows = np.any(region, axis=1), np.any(region, axis=2)
    return np.stack(
        [columns.argmax(1) / w, rows.argmax(1) / h,
         1 - columns[:, ::-1].argmax(1) / w, 1 - rows[:, ::-1].argmax(1) / h], axis=1,
    ).astype(np.float32)  # fmt: skip
