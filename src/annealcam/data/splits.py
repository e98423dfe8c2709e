"""Division of sets into parts, by random draws that depend on seed and names alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType

import numpy as np
from jaxtyping import Int

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ArgumentError

PARTS = ("train", "validation", "test", "all")
# The shares that are held out; the rest is `train`.
DIVIDED = MappingProxyType({"validation": 0.2, "test": 0.2})  # of a set without parts
HELD_OUT = MappingProxyType({"validation": 0.1})  # of `train`, if the set has a test part


def divide(
    whole: LabelledSet, part: str, *, held: Mapping[str, float] = DIVIDED, seed: int = 0
) -> LabelledSet:
    """Return one part of a set: the share `held[part]` of each class, or for `train` the rest.

    The photos of a class are sorted by the SHA-256 of the seed and their name. Of n photos the
    first max(1, round(share n)) are the first part held out, the next ones the second. The parts
    are disjoint, each class is in every part, and adding a photo moves few others.

    Raises:
        ArgumentError: a class has too few photos to be in every part.

    >>> from annealcam.data.sets import load_set
    >>> [len(divide(load_set("digits", part="all"), part)) for part in ("train", "test")]
    [1079, 359]
    """
    numbers = [_of_class(whole, label, part, held, seed) for label in range(len(whole.classes))]
    return whole.subset(np.sort(np.concatenate(numbers)), part=part)


def draw_per_class(photos: LabelledSet, count: int | None, *, seed: int = 0) -> LabelledSet:
    """Return at most `count` photos of each class, drawn by seed and name; None returns all.

    Raises:
        ArgumentError: `count` is not a positive whole number.

    >>> from annealcam.data.sets import load_set
    >>> len(draw_per_class(load_set("digits"), 5))
    50
    """
    if count is None:
        return photos
    most = whole("photos_per_class", count, least=1)
    drawn = [
        sorted(photos.of_class(label), key=lambda i: _draw(f"few/{photos.images[i]}", seed))[:most]
        for label in range(len(photos.classes))
    ]
    return photos.subset(np.array(sorted(chain.from_iterable(drawn)), dtype=np.int64))


def _of_class(
    whole: LabelledSet, label: int, part: str, held: Mapping[str, float], seed: int
) -> Int[Array, " m"]:
    members = whole.of_class(label)
    if len(members) <= len(held):
        raise ArgumentError(
            f"data={whole.name!r}: class {whole.classes[label]!r} has {len(members)} photos, too "
            f"few to divide; give {len(held) + 1} or more, or use part='all'"
        )
    order = np.array(sorted(members, key=lambda i: _draw(whole.images[i], seed)))
    first = 0
    for name, share in held.items():
        count = max(1, round(share * len(members)))
        if name == part:
            return order[first : first + count]
        first += count
    return order[first:]


def _draw(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/".encode() + os.fsencode(name)).digest()
