"""scikit-learn's handwritten digits: 1797 real photos of 8 x 8 pixels that need no network."""

from __future__ import annotations

import numpy as np

from annealcam._internal.validation import one_of
from annealcam.data.labelled import LabelledSet, set_of_pixels
from annealcam.data.splits import PARTS, divide


def load_digits(*, part: str = "test", seed: int = 0) -> LabelledSet:
    """Return a part of the digits 0 to 9: of each digit 60 % train, 20 % validation, 20 % test.

    A pixel of v sixteenths has the level round(255 v / 16).

    Raises:
        ArgumentError: an unknown part.

    >>> len(load_digits(part="all"))
    1797
    """
    one_of("part", part, PARTS)
    from sklearn.datasets import load_digits as bundled

    data = bundled()
    names = [f"digit-{i:04d}" for i in range(len(data.target))]
    pixels = np.round(data.images * (255 / 16)).astype(np.uint8)
    whole = set_of_pixels("digits", "all", "0123456789", names, data.target, pixels)
    return whole if part == "all" else divide(whole, part, seed=seed)
