"""An atlas: the photos and classes to which each channel of a layer responds."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from annealcam._internal.extras import require_extra
from annealcam._internal.plug_points import NotebookView
from annealcam._internal.storage.reading import reading
from annealcam._internal.text import short_repr, shorten
from annealcam._internal.types import Array
from annealcam.atlas import store
from annealcam.errors import ArgumentError, suggest

CONTEXT = 0.35  # least share of the photo that a crop shows, in width and height
FREQUENT = 0.25  # share of the regions from which a class is named
_MOST_PIXELS = 1024  # of a side of a thumbnail


@dataclass(frozen=True, eq=False)
class Region:
    """The region of one photo that excites a channel most.

    Attributes:
        image: name of the photo in the data set.
        label: number of its class.
        peak: activation of the channel there.
        box: left, top, right, bottom as fractions of the network's input.
    """

    image: str
    label: int
    peak: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False, repr=False)
class Portrait(NotebookView):
    """The regions that excite one channel most, its class profile, and its selection rates.

    Attributes:
        channel: index of the channel in the layer.
        regions: the regions that excite it most, strongest first, at most one per photo; empty if
            the channel is never positive.
        profile: spatial mean of the map, averaged over the photos of each class.
        selected: share of each class's photos for which the map is selected.
        classes: names of the classes.
    """

    channel: int
    regions: tuple[Region, ...]
    profile: Float[Array, " classes"]
    selected: Float[Array, " classes"]
    classes: tuple[str, ...]

    def __repr__(self) -> str:
        return short_repr(
            "Portrait", channel=self.channel, regions=len(self.regions),
            responds_to=shorten(self.responds_to(), 120),
        )  # fmt: skip

    def responds_to(self) -> str:
        """Return a phrase for the regions: the classes with at least a quarter of them each.

        >>> import numpy as np
        >>> regions = tuple(Region("1.jpg", label, 1.0, (0, 0, 1, 1)) for label in (1, 1, 0, 1))
        >>> zeros = np.zeros(2)
        >>> Portrait(7, regions, zeros, zeros, ("church", "truck")).responds_to()
        'mostly: truck'
        """
        if not self.regions:
            return "nothing in these photos"
        counts = Counter(region.label for region in self.regions).most_common()
        frequent = [label for label, n in counts if n >= max(2, FREQUENT * len(self.regions))][:3]
        covered = sum(n for label, n in counts if label in frequent)
        if len(counts) == 1 or 2 * covered > len(self.regions):
            labels = frequent or [counts[0][0]]
            only = "only" if len(counts) == 1 and len(self.regions) > 1 else "mostly"
            return f"{only}: {', '.join(self.classes[label] for label in labels)}"
        return f"many classes: {', '.join(self.classes[label] for label, _ in counts[:3])}, ..."


@dataclass(frozen=True, eq=False, repr=False)
class Atlas(NotebookView):
    """The channels of one layer of one network, summed up over the photos of one data set.

    Attributes:
        folder: folder of the atlas.
        model, layer: names of network and layer, as in explanations.
        data: name of the data set.
        classes: names of its classes.
        counts: number of photos of each class.
        channels: number of channels of the layer.
        settings: settings of the build: part, photos, importance, beta, sampler, seed, versions.
        verified: whether each file that is read is compared with its checksum; False for an atlas
            of an earlier version, which has none.
    """

    folder: Path
    model: str
    layer: str
    data: str
    classes: tuple[str, ...]
    counts: Int[Array, " classes"]
    channels: int
    settings: Mapping[str, Any]
    verified: bool

    def __repr__(self) -> str:
        return short_repr(
            "Atlas", model=self.model, layer=self.layer, data=self.data, channels=self.channels,
            classes=len(self.classes), photos=int(self.counts.sum()),
        )  # fmt: skip

    @cached_property
    def profiles(self) -> Float[Array, "maps classes"]:
        """Class profile of every channel: its spatial mean, averaged over each class's photos."""
        return self._table.profiles

    @cached_property
    def selected(self) -> Float[Array, "maps classes"]:
        """Share of each class's photos for which each channel is selected; 0 without photos."""
        return self._table.selected / np.maximum(self.counts, 1)

    def portrait(self, channel: int) -> Portrait:
        """Return the regions, class profile and selection rates of one channel.

        Raises:
            ArgumentError: the layer has no such channel.
        """
        rows = self._table.regions[self._checked(channel)]
        return Portrait(
            channel=int(channel),
            regions=tuple(Region(r["image"], r["label"], r["peak"], r["box"]) for r in rows),
            profile=self.profiles[channel],
            selected=self.selected[channel],
            classes=self.classes,
        )

    def photos(self, channel: int) -> list[Image.Image]:
        """Return thumbnails of the photos of a channel's regions, in the same order.

        Raises:
            ArgumentError: the layer has no such channel.
            OutputError: the thumbnails cannot be read.
        """
        rows = self._table.regions[self._checked(channel)]
        return [self.thumbnail(row["image"]) for row in rows]

    def crops(self, channel: int) -> list[Image.Image]:
        """Return a channel's regions cut out of the thumbnails, in the same order.

        A crop is the smallest square of at least `CONTEXT` that contains the region's box.

        Raises:
            ArgumentError: the layer has no such channel.
            OutputError: the thumbnails cannot be read.
        """
        regions, photos = self.portrait(channel).regions, self.photos(channel)
        return [_cut(photo, around(r.box)) for photo, r in zip(photos, regions, strict=True)]

    def usual(self, label: int | str, *, most: int = 12) -> list[int]:
        """Return the channels most often selected for a class, the most frequent first.

        Channels that are never selected are left out; among equal ones the larger profile comes
        first.

        Raises:
            ArgumentError: there is no such class.
        """
        number = self.label_of(label)
        share, profile = self.selected[:, number], self.profiles[:, number]
        order = np.lexsort((np.arange(self.channels), -profile, -share))[:most]
        return [int(channel) for channel in order if share[channel] > 0]

    def label_of(self, label: int | str) -> int:
        """Return the number of a class given by name or number.

        Raises:
            ArgumentError: there is no such class.
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
        """Return whether an explanation has this network, layer and number of channels."""
        theirs = (e.provenance.get("model"), e.provenance.get("layer"), len(e.importance))
        return theirs == (self.model, self.layer, self.channels)

    @cached_property
    def _files(self) -> store.AtlasFiles:
        return store.AtlasFiles.of(self.folder)

    @cached_property
    def _table(self) -> store.Table:
        return self._files.table(self.channels, len(self.classes))

    @cached_property
    def _thumbnails(self) -> dict[str, bytes]:
        return self._files.thumbnails()

    def thumbnail(self, image: str) -> Image.Image:
        """Return the thumbnail of a photo of the regions, by its name.

        Raises:
            OutputError: it is missing, or cannot be read.
        """
        what = f"{self.folder}: the thumbnail of {image!r}"
        with reading(what, "; build the atlas again"):
            photo = Image.open(io.BytesIO(self._thumbnails[image]), formats=["WEBP"])
            if max(photo.size) > _MOST_PIXELS:
                raise ValueError(f"has {photo.width} x {photo.height} pixels")
            return photo.convert("RGB")

    def _checked(self, channel: int) -> int:
        if not 0 <= channel < self.channels:
            raise ArgumentError(
                f"channel={channel}: layer {self.layer!r} has channels 0 to {self.channels - 1}"
            )
        return int(channel)


def open_atlas(folder: str | os.PathLike[str]) -> Atlas:
    """Return the atlas of a folder.

    Raises:
        OutputError: it holds no atlas, or one that is damaged or of another format.
        MissingExtraError: pyarrow is not installed (extra `atlas`).

    >>> open_atlas("nowhere")
    Traceback (most recent call last):
    annealcam.errors.OutputError: nowhere: holds no atlas; `annealcam atlas` builds one
    """
    require_extra("pyarrow", extra="atlas", needed_by="atlas")
    files = store.AtlasFiles.of(Path(folder))
    manifest = files.manifest()
    atlas = Atlas(
        folder=Path(folder),
        model=manifest["model"],
        layer=manifest["layer"],
        data=manifest["data"],
        classes=tuple(manifest["classes"]),
        counts=np.array(manifest["counts"], dtype=np.int64),
        channels=manifest["channels"],
        settings=MappingProxyType(manifest["settings"]),
        verified=files.sums is not None,
    )
    _ = atlas._table  # raises for a damaged folder here, before a report is half written
    files.check_thumbnails()
    return atlas


def check_photos(atlas: Atlas) -> None:
    """Check that the photo of every region of an atlas can be shown.

    Raises:
        OutputError: a thumbnail is missing or damaged.
    """
    regions = (r for channel in range(atlas.channels) for r in atlas.portrait(channel).regions)
    for image in sorted({region.image for region in regions}):
        atlas.thumbnail(image)


def around(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return the square of a crop: around the box, at least `CONTEXT` wide, inside the photo.

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
