"""A small trunk and small sets of photos, some of which cannot be opened."""

import numpy as np
from PIL import Image

from annealcam.data.labelled import LabelledSet
from annealcam.errors import ImageError
from annealcam.models.load import load_trunk
from annealcam.models.trunks import Trunk


def small_trunk():
    """Return the plain trunk as if it were pretrained."""
    plain = load_trunk("plain")
    return Trunk("small", "5", plain.layers, plain.preprocess, plain.features)


class SmallSet(LabelledSet):
    """A set whose fingerprint opens no photo, as that of a set of files."""

    def fingerprint(self):
        return f"{self.images} {self.open.__defaults__}"


def small_set(count=12, broken=()):
    """Return photos of two classes; those with the numbers `broken` cannot be opened."""

    def opened(i, broken=tuple(broken)):
        if i in broken:
            raise ImageError(f"photo-{i}: cannot be read")
        level = 40 + 150 * (i % 2)
        pixels = np.random.default_rng(i).integers(level, level + 60, (40, 36, 3))
        return Image.fromarray(pixels.astype(np.uint8))

    labels = np.arange(count) % 2
    names = tuple(f"photo-{i}" for i in range(count))
    return SmallSet("small/set", "train", ("dark", "bright"), names, labels, opened)
