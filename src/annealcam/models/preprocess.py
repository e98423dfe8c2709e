"""From a photo to the input of a network: resize, centre crop, normalise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from annealcam._internal.validation import one_of, real, whole
from annealcam.errors import ArgumentError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocess:
    """Resize the short side to `resize`, cut the central `crop` square, scale, normalise.

    x = (photo / 255 - mean) / std, channels first. Bit-identical to the preset that torchvision
    ships with a network's weights.

    >>> Preprocess(resize=256, crop=224)(Image.new("RGB", (300, 400))).shape
    torch.Size([3, 224, 224])
    """

    resize: int = 256
    crop: int = 224
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        whole("resize", self.resize, least=1)
        whole("crop", self.crop, least=1)
        one_of("interpolation", self.interpolation, ("nearest", "bilinear", "bicubic", "lanczos"))
        for name, values in (("mean", self.mean), ("std", self.std)):
            if not isinstance(values, Sequence) or len(values) != 3:
                raise ArgumentError(f"{name}={values!r}: one number for each of three colours")
            for value in values:
                real(name, value)
        if 0 in self.std:
            raise ArgumentError(f"std={self.std}: nothing can be divided by 0")

    def __call__(self, photo: Image.Image) -> Float[Tensor, "3 crop crop"]:
        """Return the input of the network, a tensor (3, crop, crop)."""
        view = np.asarray(self.view(photo), dtype=np.float32) / np.float32(255)
        pixels = torch.from_numpy(view).permute(2, 0, 1).contiguous()
        mean = torch.tensor(self.mean, device="cpu")[:, None, None]
        std = torch.tensor(self.std, device="cpu")[:, None, None]
        return (pixels - mean) / std

    def view(self, photo: Image.Image) -> Image.Image:
        """Return the square of the photo that the network sees, at the network's resolution."""
        photo = _without_far_ends(photo.convert("RGB"))
        how = Image.Resampling[self.interpolation.upper()]
        short = min(photo.size)
        if short != self.resize:
            width, height = (int(self.resize * side / short) for side in photo.size)
            photo = photo.resize((width, height), how)
        return self._cut(photo, self.crop)

    def large_view(self, photo: Image.Image, size: int) -> Image.Image:
        """Return the same square of the photo at full resolution, resized to `size` pixels."""
        side = max(1, round(self.crop / self.resize * min(photo.size)))
        return self._cut(photo.convert("RGB"), side).resize((size, size), Image.Resampling.LANCZOS)

    @staticmethod
    def _cut(photo: Image.Image, side: int) -> Image.Image:
        width, height = photo.size
        left, top = round((width - side) / 2.0), round((height - side) / 2.0)
        return photo.crop((left, top, left + side, top + side))


def _without_far_ends(photo: Image.Image) -> Image.Image:
    """A photo of more than 16 squares in a row, cut to those in its middle.

    The network sees one square; scaling up the rest of a thread of pixels would fill the memory.
    """
    width, height = photo.size
    most = 16 * min(photo.size)
    cut_x, cut_y = max(0, width - most) // 2, max(0, height - most) // 2
    return photo.crop((cut_x, cut_y, width - cut_x, height - cut_y))


def view_of(
    preprocess: Callable[[Image.Image], Tensor], photo: Image.Image, size: int
) -> Image.Image:
    """Return what the network sees of a photo as a picture `size` pixels wide.

    For a preprocessing other than `Preprocess` it is not known what is cut away. The picture is
    then its tensor, stretched over the grey levels.
    """
    if isinstance(preprocess, Preprocess):
        return preprocess.large_view(photo, size)
    pixels = preprocess(photo).float()
    low, high = pixels.min(), pixels.max()
    levels = ((pixels - low) / (high - low).clamp(min=1e-12) * 255).round().byte()
    shown = Image.fromarray(levels.permute(1, 2, 0).numpy())
    return shown.resize((size, round(size * shown.height / shown.width)), Image.Resampling.LANCZOS)
