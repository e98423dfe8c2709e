"""ImageNet's class names for folders that are called by WordNet numbers (`n01440764`)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"n\d{8}")


def class_names(folders: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes by their folders' names.

    If all are WordNet numbers of ImageNet's 1000 classes, the names are those that the pretrained
    networks use (torchvision's categories); else the folders' own.

    >>> class_names(["n01440764", "n02102040"])
    ('tench', 'English springer')
    >>> class_names(["cat", "n02102040"])
    ('cat', 'n02102040')
    """
    if not all(_NUMBER.fullmatch(folder) for folder in folders):
        return tuple(folders)
    # Both libraries bring torch, and are needed for such folders only.
    from timm.data import ImageNetInfo

    from annealcam.models.libraries import imagenet_classes

    known = dict(zip(ImageNetInfo().label_names(), imagenet_classes(), strict=True))
    if not known.keys() >= set(folders):
        return tuple(folders)
    return tuple(known[folder] for folder in folders)
