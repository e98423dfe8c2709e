"""Photos as the network sees them, a batch at a time, with the objects in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float

from annealcam._internal.types import Array
from annealcam.errors import ArgumentError, ImageError
from annealcam.evaluation.masks import Where, mask_seen
from annealcam.models.images import load_photo
from annealcam.models.loaded import LoadedModel


class Batch(NamedTuple):
    """Photos' names, their tensors, and their objects; None where there is none in view."""

    names: list[str]
    images: Float[torch.Tensor, "n 3 height width"]
    masks: list[Bool[Array, "height width"] | None]


def photos_in(place: Path) -> list[str]:
    """Return a photo, or all files below a folder in order of their names.

    Raises:
        ArgumentError: there is nothing.

    >>> photos_in(Path("photo.jpg"))
    ['photo.jpg']
    """
    if not place.is_dir():
        return [str(place)]
    found = sorted(str(file) for file in place.rglob("*") if file.is_file())
    if not found:
        raise ArgumentError(f"photos={str(place)!r}: an empty folder")
    return found


def batches(
    network: LoadedModel,
    photos: Sequence[str],
    size: int,
    *,
    masks: Mapping[str, Where],
    skipped: list[str],
) -> Iterator[Batch]:
    """Yield the photos that can be read, `size` at a time; why not goes into `skipped`.

    Raises:
        ArgumentError: as `mask_seen`.

    >>> from annealcam.models.preprocess import Preprocess
    >>> network = LoadedModel(torch.nn.Identity(), Preprocess(8, 8), None)
    >>> names = ["skimage:chelsea", "skimage:coffee", "no.jpg"]
    >>> [len(batch.names) for batch in batches(network, names, 1, masks={}, skipped=[])]
    [1, 1]
    """
    now: list[tuple[str, torch.Tensor, Bool[Array, "height width"] | None]] = []
    for photo in photos:
        try:
            image = load_photo(photo)
        except ImageError as error:
            skipped.append(str(error))
            continue
        where = masks.get(photo)
        mask = None if where is None else mask_seen(network.preprocess, where, photo, image.size)
        now.append((photo, network.preprocess(image), mask))
        if len(now) == size:
            yield _batch(now)
            now = []
    if now:
        yield _batch(now)


def _batch(seen: list[tuple[str, torch.Tensor, Bool[Array, "height width"] | None]]) -> Batch:
    names, images, masks = zip(*seen, strict=True)
    return Batch(list(names), torch.stack(images), list(masks))
