"""The classes of ImageNet, as networks that are trained on it number them.

`imagenet.tsv` has a line for each class: its WordNet number, and its name in torchvision
(BSD 3-Clause). torchvision itself takes seconds to import, and the default network does without it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


def imagenet_classes() -> tuple[str, ...]:
    """Return the names of the 1000 classes, in the order of the networks' outputs.

    >>> imagenet_classes()[285]
    'Egyptian cat'
    """
    return tuple(names_by_wordnet_number().values())


@cache
def names_by_wordnet_number() -> dict[str, str]:
    """Return the names of the classes by WordNet numbers, in the order of the networks' outputs.

    >>> names_by_wordnet_number()["n02124075"]
    'Egyptian cat'
    """
    table = Path(__file__).with_suffix(".tsv").read_text(encoding="utf-8")
    return dict(line.split("\t") for line in table.splitlines())
