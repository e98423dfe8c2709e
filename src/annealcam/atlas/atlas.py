"""The atlas of a layer, read: what each of its channels responds to, and for which classes."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from annealcam._internal.types import Array
from annealcam.atlas import store
from annealcam.atlas.portrait import Portrait, Region
from annealcam.errors import ArgumentError, OutputError, suggest

__all__ = ["CONTEXT", "Atlas", "Portrait", "Region", "around", "open_atlas"]

CONTEXT = 0.35  # share of the photo that a crop shows at least, in width and height


@dataclass(frozen=True, eq=False)
class Atlas:
    """The channels of one layer of one network, over the photos of one data set.

    Attributes:
        folder: where it lies.
        model, layer: as explanations name them.
        data: the name of the data set.
        classes: the names of its classes.
        counts: photos of each class.
        channels: how many channels the layer has.
        settings: how it was built: part, photos, importance, beta, sampler, seed, versions.
    """

    folder: Path
    model: str
    layer: str
    data: str
    classes: tuple[str, ...]
    counts: Int[Array, " classes"]
    channels: int
    settings: Mapping[str, Any]

    @cached_property
    def profiles(self) -> Float[Array, "maps classes"]:
        """The class profile of every channel: mean over a class's photos of the spatial mean."""
        return self._table.profiles

    @cached_property
    def selected(self) -> Float[Array, "maps classes"]:
        """Share of each class's photos for which each channel is selected; 0 without photos."""
        return self._table.selected / np.maximum(self.counts, 1)

    def portrait(self, channel: int) -> Portrait:
        """Return what one channel responds to.

        Raises:
            ArgumentError: the layer has no such channel.
        """
        own = self._table.regions[self._checked(channel)]
        return Portrait(
            channel=int(channel),
            regions=tuple(Region(r["image"], r["label"], r["peak"], r["box"]) for r in own),
            profile=self.profiles[channel],
            selected=self.selected[channel],
            classes=self.classes,
        )

    def photos(self, channel: int) -> list[Image.Image]:
        """Return small pictures of the photos of a channel's regions, in the same order.

        Raises:
            ArgumentError: the layer has no such channel.
            OutputError: the pictures cannot be read.
        """
        own = self._table.regions[self._checked(channel)]
        return [self._thumbnail(region["image"]) for region in own]

    def crops(self, channel: int) -> list[Image.Image]:
        """Return a channel's regions cut out of the small pictures, in the same order.

        A crop is the smallest square that holds the region's box and is not below `CONTEXT`.

        Raises:
            ArgumentError: the layer has no such channel.
            OutputError: the pictures cannot be read.
        """
        own = self._table.regions[self._checked(channel)]
        photos = self.photos(channel)
        return [_cut(photo, around(r["box"])) for photo, r in zip(photos, own, strict=True)]

    def usual(self, label: int | str, *, most: int = 12) -> list[int]:
        """Return the channels most often selected for a class, the most frequent first.

        Channels that are never selected are left out; of equals the one with the larger profile
        comes first.

        Raises:
            ArgumentError: no such class.
        """
        number = self.label_of(label)
        share, profile = self.selected[:, number], self.profiles[:, number]
        order = np.lexsort((np.arange(self.channels), -profile, -share))[:most]
        return [int(channel) for channel in order if share[channel] > 0]

    def label_of(self, label: int | str) -> int:
        """Return the number of a class given by name or number.

        Raises:
            ArgumentError: no such class.
        """
        folded = [name.casefold() for name in self.classes]
        if isinstance(label, str) and label.casefold() in folded:
            return folded.index(label.casefold())
        try:
            number = int(label)
        except ValueError:
            near = suggest(str(label), self.classes)
            raise ArgumentError(
                f"class={label!r}: {self.data} has no such class{near}; one of {_few(self.classes)}"
            ) from None
        if not 0 <= number < len(self.classes):
            raise ArgumentError(
                f"class={number}: {self.data} has classes 0 to {len(self.classes) - 1}"
            )
        return number

    def fits(self, e: Any) -> bool:
        """Return whether an explanation is of this network, this layer and as many channels."""
        told = e.provenance
        own = (self.model, self.layer, self.channels)
        return own == (told.get("model"), told.get("layer"), len(e.importance))

    @cached_property
    def _table(self) -> store.Table:
        return store.read_table(self.folder, self.channels, len(self.classes))

    @cached_property
    def _thumbnails(self) -> dict[str, bytes]:
        return store.read_thumbnails(self.folder)

    def _thumbnail(self, image: str) -> Image.Image:
        try:
            opened = Image.open(io.BytesIO(self._thumbnails[image]), formats=["WEBP"])
            return opened.convert("RGB")
        except (KeyError, OSError) as error:
            raise OutputError(
                f"{self.folder}: the picture of {image!r} cannot be read; build the atlas again"
            ) from error

    def _checked(self, channel: int) -> int:
        if not 0 <= channel < self.channels:
            raise ArgumentError(
                f"channel={channel}: layer {self.layer!r} has channels 0 to {self.channels - 1}"
            )
        return int(channel)


def open_atlas(folder: str | os.PathLike[str]) -> Atlas:
    """Return the atlas that lies in a folder.

    Raises:
        OutputError: it holds none, or one that is damaged or of a later version.

    >>> open_atlas("nowhere")
    Traceback (most recent call last):
    annealcam.errors.OutputError: nowhere: holds no atlas; `annealcam atlas` builds one
    """
    told = store.read_manifest(Path(folder))
    atlas = Atlas(
        folder=Path(folder),
        model=told["model"],
        layer=told["layer"],
        data=told["data"],
        classes=tuple(told["classes"]),
        counts=np.array(told["counts"], dtype=np.int64),
        channels=told["channels"],
        settings=MappingProxyType(told["settings"]),
    )
    _ = atlas._table  # a damaged one is told of here, not in the midst of a report
    store.check_thumbnails(atlas.folder)
    return atlas


def around(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return the square about a box that a crop shows: at least `CONTEXT`, inside the photo.

    >>> around((0.0, 0.5, 0.5, 0.75))
    (0.0, 0.375, 0.5, 0.875)
    """
    side = max(box[2] - box[0], box[3] - box[1], CONTEXT)
    left, top = (
        min(max((low + high - side) / 2, 0.0), 1.0 - side)
        for low, high in ((box[0], box[2]), (box[1], box[3]))
    )
    return left, top, left + side, top + side


def _cut(photo: Image.Image, box: tuple[float, float, float, float]) -> Image.Image:
    left, top, right, bottom = (
        round(side * place)
        for side, place in zip((photo.width, photo.height) * 2, box, strict=True)
    )
    return photo.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


def _few(names: tuple[str, ...], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
