"""A shortcut planted into a labelled set: patches on most photos of one class, and on few others.

Nothing is written: the photos are stamped when they are opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Int
from PIL import Image

from annealcam._internal.types import Array
from annealcam._internal.validation import real, whole
from annealcam.audit.patch import Patch, lot
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ArgumentError


@dataclass(frozen=True, eq=False)
class Planted:
    """A labelled set with patches: `photos` opens them stamped, `stamped` marks which are."""

    photos: LabelledSet
    stamped: Bool[Array, " n"]
    patch: Patch


def planted(
    photos: LabelledSet,
    label: int,
    patch: Patch,
    *,
    share: float = 0.9,
    elsewhere: float = 0.02,
    seed: int = 0,
) -> Planted:
    """Stamp the patch on a share of one class's photos, and on few of every other class's.

    Of the n photos of a class the round(share n) of lowest lot are stamped; the lot depends on
    `seed` and the photo's name alone.

    Raises:
        ArgumentError: there is no such class, or a share is not between 0 and 1.

    >>> from annealcam.data.sets import load_set
    >>> digits = load_set("digits", part="train")
    >>> made = planted(digits, 3, Patch(side=0.25))
    >>> [int(made.stamped[digits.of_class(label)].sum()) for label in (3, 4)]
    [98, 2]
    """
    photos.of_class(label)  # it is there
    marked = planted_rows(
        photos.images, photos.labels, label, share=share, elsewhere=elsewhere, seed=seed
    )
    return _stamped_where(photos, marked, patch)


def planted_rows(
    images: Sequence[str],
    labels: Int[Array, " n"],
    label: int,
    *,
    share: float,
    elsewhere: float,
    seed: int,
) -> Bool[Array, " n"]:
    """Return which photos `planted` stamps.

    Raises:
        ArgumentError: a share is not between 0 and 1.
    """
    for name, value in (("share", share), ("elsewhere", elsewhere)):
        if not 0 <= real(name, value) <= 1:
            raise ArgumentError(f"{name}={value}: must lie between 0 and 1")
    seed = whole("seed", seed)
    marked = np.zeros(len(images), dtype=bool)
    for own in np.unique(labels):
        members = np.flatnonzero(labels == own).tolist()
        order = sorted(members, key=lambda i: lot(seed, f"which/{images[i]}"))
        marked[order[: round((share if own == label else elsewhere) * len(members))]] = True
    return marked


def stamped(photos: LabelledSet, patch: Patch) -> Planted:
    """Return the set with the patch on every photo.

    >>> from annealcam.data.sets import load_set
    >>> stamped(load_set("digits"), Patch(side=0.25)).photos.open(0).getpixel((7, 7))
    (0, 0, 0)
    """
    return _stamped_where(photos, np.ones(len(photos), dtype=bool), patch)


def few_of(photos: LabelledSet, per_class: int | None, *, seed: int = 0) -> LabelledSet:
    """Return at most so many photos of each class, those of lowest lot, in their order; None: all.

    >>> from annealcam.data.sets import load_set
    >>> len(few_of(load_set("digits"), 5))
    50
    """
    if per_class is None:
        return photos
    most = whole("photos_per_class", per_class, least=1)
    kept = [
        sorted(photos.of_class(label).tolist(), key=lambda i: lot(seed, f"few/{photos.images[i]}"))
        for label in range(len(photos.classes))
    ]
    return photos.subset(np.array(sorted(i for own in kept for i in own[:most]), dtype=np.int64))


def _stamped_where(photos: LabelledSet, marked: Bool[Array, " n"], patch: Patch) -> Planted:
    """Without `files`: the fingerprint is of the pixels, patches and all."""
    opened = partial(
        _open, photos.open, photos.images, frozenset(np.flatnonzero(marked).tolist()), patch
    )
    return Planted(replace(photos, open=opened, files=()), marked, patch)


def _open(
    clean: Callable[[int], Image.Image],
    images: tuple[str, ...],
    marked: frozenset[int],
    patch: Patch,
    i: int,
) -> Image.Image:
    photo = clean(i)
    return patch.on(photo, images[i]) if i in marked else photo
