"""Photos as the network receives them, in batches, with the objects in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float

from annealcam._internal.types import Array
from annealcam.errors import ArgumentError, ImageError
from annealcam.evaluation.masks import Where, mask_in_view
from annealcam.models.images import load_photo
from annealcam.models.loaded import LoadedModel

Mask: TypeAlias = Bool[Array, "height width"] | None


class Batch(NamedTuple):
    """Names, tensors and masks of some photos; a mask is None if no object is in view."""

    names: list[str]
    images: Float[torch.Tensor, "n 3 height width"]
    masks: list[Mask]


def photos_in(place: Path) -> list[str]:
    """Return a photo, or all files below a folder in the order of their names.

    Raises:
        ArgumentError: the folder is empty.

    >>> photos_in(Path("photo.jpg"))
    ['photo.jpg']
    """
    if not place.is_dir():
        return [str(place)]
    files = sorted(str(file) for file in place.rglob("*") if file.is_file())
    if not files:
        raise ArgumentError(f"photos={str(place)!r}: an empty folder")
    return files


def batches(
    network: LoadedModel,
    photos: Sequence[str],
    size: int,
    *,
    masks: Mapping[str, Where],
    skipped: list[str],
) -> Iterator[Batch]:
    """Yield batches of `size` photos; the reasons why others cannot be read go into `skipped`.

    Raises:
        ArgumentError: as `mask_in_view`.

    >>> from annealcam.models.preprocess import Preprocess
    >>> network = LoadedModel(torch.nn.Identity(), Preprocess(8, 8), None)
    >>> names = ["skimage:chelsea", "skimage:coffee", "no.jpg"]
    >>> [len(batch.names) for batch in batches(network, names, 1, masks={}, skipped=[])]
    [1, 1]
    """
    pending: list[tuple[str, torch.Tensor, Mask]] = []
    for photo in photos:
        try:
            image = load_photo(photo)
        except ImageError as error:
            skipped.append(str(error))
            continue
        where = masks.get(photo)
        mask = None if where is None else mask_in_view(network.preprocess, where, photo, image.size)
        pending.append((photo, network.preprocess(image), mask))
        if len(pending) == size:
            yield _batch(pending)
            pending = []
    if pending:
        yield _batch(pending)


def _batch(photos: list[tuple[str, torch.Tensor, Mask]]) -> Batch:
    names, images, masks = zip(*photos, strict=True)
    return Batch(list(names), torch.stack(images), list(masks))
