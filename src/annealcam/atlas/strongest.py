"""For every channel the few photos that excite it most, and where: kept while photos stream by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.types import Array

NOBODY = np.iinfo(np.int64).max  # in place of a photo, where fewer than asked for excite a channel
HALF = 0.5  # of its peak, down to which a map belongs to the region about it


@dataclass(frozen=True, eq=False)
class Strongest:
    """The `top` photos of every channel: peak, mean, number of the photo, box; strongest first.

    Of equal peaks the map with the larger spatial mean comes first (activations that saturate,
    such as ReLU6, make most peaks equal), then the photo of the lower number. Places that no photo
    takes have the peak -inf and the photo `NOBODY`.
    """

    peaks: Float[Array, "maps top"]
    means: Float[Array, "maps top"]
    photos: Int[Array, "maps top"]
    boxes: Float[Array, "maps top 4"]

    @classmethod
    def none(cls, channels: int, top: int) -> Strongest:
        """Return the strongest of no photos."""
        return cls(
            np.full((channels, top), -np.inf, dtype=np.float32),
            np.zeros((channels, top), dtype=np.float32),
            np.full((channels, top), NOBODY),
            np.zeros((channels, top, 4), dtype=np.float32),
        )

    def and_batch(
        self,
        peaks: Float[Array, "maps n"],
        means: Float[Array, "maps n"],
        photos: Int[Array, " n"],
        maps_of: Callable[[Int[Array, " m"], Int[Array, " m"]], Float[Array, "m h w"]],
    ) -> Strongest:
        """Return the strongest of these and of a batch; `maps_of(images, channels)` fetches maps.

        Boxes are looked for in the maps that are among the strongest, and in no others.
        """
        top = self.peaks.shape[1]
        excited = peaks > 0
        both = Strongest(
            np.hstack([self.peaks, np.where(excited, peaks, -np.inf).astype(np.float32)]),
            np.hstack([self.means, np.where(excited, means, 0.0).astype(np.float32)]),
            np.hstack([self.photos, np.where(excited, photos, NOBODY)]),
            np.pad(self.boxes, ((0, 0), (0, len(photos)), (0, 0))),
        )
        order = both.order()[:, :top]
        kept = both.taking(order)
        channel, place = np.nonzero((order >= top) & kept.taken)
        if len(channel):
            boxes = peak_boxes(maps_of(order[channel, place] - top, channel))
            kept.boxes[channel, place] = boxes
        return kept

    def and_others(self, other: Strongest) -> Strongest:
        """Return the strongest of both: the same in any order, and however photos were dealt.

        >>> none = Strongest.none(1, 2)
        >>> maps = lambda images, channels: np.ones((len(images), 1, 1))
        >>> a = none.and_batch(np.array([[1.0, 3.0]]), np.ones((1, 2)), np.array([0, 1]), maps)
        >>> b = none.and_batch(np.array([[2.0, 0.0]]), np.ones((1, 2)), np.array([2, 3]), maps)
        >>> a.and_others(b).photos.tolist(), b.and_others(a).photos.tolist()
        ([[1, 2]], [[1, 2]])
        """
        both = Strongest(*(
            np.concatenate([getattr(each, f.name) for each in (self, other)], axis=1)
            for f in fields(self)
        ))  # fmt: skip
        return both.taking(both.order()[:, : self.peaks.shape[1]])

    def order(self) -> Int[Array, "maps top"]:
        """Return which place of every channel comes first, second, ..."""
        return np.lexsort((self.photos, -self.means, -self.peaks), axis=-1)

    def taking(self, order: Int[Array, "maps few"]) -> Strongest:
        """Return these places of every channel."""
        peaks, means, photos = (
            np.take_along_axis(values, order, axis=1)
            for values in (self.peaks, self.means, self.photos)
        )
        boxes = np.take_along_axis(self.boxes, order[..., None], axis=1)
        return Strongest(peaks, means, photos, boxes)

    @property
    def taken(self) -> Bool[Array, "maps top"]:
        """Which places a photo takes."""
        return self.photos != NOBODY

    def numbers(self) -> set[int]:
        """Return the numbers of all photos that are among the strongest of any channel."""
        return set(np.unique(self.photos[self.taken]).tolist())


def peak_boxes(maps: Float[Array, "m h w"]) -> Float[Array, "m 4"]:
    """Return the box of the region about each map's peak: left, top, right, bottom, in [0, 1].

    The region is what is connected to the peak, by edges of cells, in the part of the map that is
    at least half as high. Its box is that of its cells, each taken for its share of what the
    network saw: a cell's receptive field reaches further.

    >>> peak_boxes(np.array([[[0.0, 1.0, 2.0, 0.0], [0.0, 0.0, 0.0, 2.0]]])).tolist()
    [[0.25, 0.0, 0.75, 0.5]]
    """
    m, h, w = maps.shape
    flat = maps.reshape(m, -1)
    high = maps >= HALF * flat.max(axis=1)[:, None, None]
    grown: Array = np.zeros((m, h, w), dtype=bool)
    grown.reshape(m, -1)[np.arange(m), flat.argmax(axis=1)] = True
    while True:
        wider = grown.copy()
        wider[:, 1:] |= grown[:, :-1]
        wider[:, :-1] |= grown[:, 1:]
        wider[:, :, 1:] |= grown[:, :, :-1]
        wider[:, :, :-1] |= grown[:, :, 1:]
        wider &= high
        if np.array_equal(wider, grown):
            break
        grown = wider
    columns, rows = np.any(grown, axis=1), np.any(grown, axis=2)
    return np.stack(
        [columns.argmax(1) / w, rows.argmax(1) / h,
         1 - columns[:, ::-1].argmax(1) / w, 1 - rows[:, ::-1].argmax(1) / h], axis=1,
    ).astype(np.float32)  # fmt: skip
