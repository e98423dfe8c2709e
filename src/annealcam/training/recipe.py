"""Recipe: how a network is fitted; the defaults are those of the shipped networks."""

from __future__ import annotations

from dataclasses import dataclass

from annealcam._internal.validation import real, whole
from annealcam.errors import ArgumentError

_MOST = {"rate": 1.0, "weight_decay": 1.0, "dropout": 0.99, "smoothing": 0.99}


@dataclass(frozen=True)
class Recipe:
    """AdamW on smoothed cross-entropy, the rate falling from `rate` to 0 as half a cosine.

    `dropout` is the share of the maps' entries left out in training, `smoothing` the share of the
    label spread over all classes, `mirror` whether half of the photos are seen as their mirror
    images, `shift` by how many cells (of features) or pixels (of photos) a batch is moved at most.

    Raises:
        ArgumentError: a number outside of its domain.

    >>> Recipe(epochs=3).batch
    64
    """

    epochs: int = 20
    batch: int = 64
    rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.5
    smoothing: float = 0.1
    mirror: bool = True
    shift: int = 1

    def __post_init__(self) -> None:
        whole("epochs", self.epochs, least=1)
        whole("batch", self.batch, least=2)  # BatchNorm has no variance of one image
        whole("shift", self.shift)
        for name, most in _MOST.items():
            value = real(name, getattr(self, name))
            if not 0 <= value <= most or (name == "rate" and value == 0):
                raise ArgumentError(f"{name}={value}: must lie between 0 and {most}")


def usual_recipe(data: str, *, finetune: bool = False, epochs: int = 20) -> Recipe:
    """Return what fits a data set: digits have no mirror images; fine steps for a trained trunk.

    >>> usual_recipe("digits").mirror
    False
    """
    if data == "digits":
        return Recipe(epochs=epochs, mirror=False, shift=4)  # 4 of 32 pixels: one of the scan's 8
    if finetune:
        return Recipe(epochs=epochs, rate=2e-4, shift=16)  # 16 of 224 pixels: one cell of 14
    return Recipe(epochs=epochs)
