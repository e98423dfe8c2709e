"""From a photo or an array to the input of a network: resize, centre crop, normalise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

from annealcam._internal.pictures.scenes import view_of_result
from annealcam._internal.pictures.views import stored_view, view_record
from annealcam._internal.validation import finite_array, one_of, whole
from annealcam.errors import ArgumentError, ImageError
from annealcam.models.images import MAX_PIXELS, ArrayInput

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RESIZES_BANDS = ("nearest", "bilinear", "bicubic")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")


@dataclass(frozen=True)
class Preprocess:
    """Resize a photo, cut its central part, scale to 0 to 1, and normalise.

    x = (photo / 255 - mean) / std, channels first. Bit-identical to the preset that torchvision
    ships with a network's weights.

    Attributes:
        resize: pixels of the photo's short side before the crop; a pair (height, width) stretches
            the photo to it; None stretches the whole photo to `crop`, so that nothing is cut.
        crop: the network's input in pixels: the side of a square, or (height, width).
        mean, std: one number for each channel. Photos become grey for one channel and RGB for
            three.
        interpolation: nearest, bilinear, bicubic, lanczos, box or hamming.
        bands: which bands of a picture become the channels, counted from 0, such as (2, 1, 0) for a
            network that takes blue first; None takes all in order.
        normalise_arrays: also normalise arrays (`ArrayInput`), which otherwise are the network's
            input as they are.

    Raises:
        ArgumentError: a value is outside its domain, or mean, std and bands differ in length.

    >>> Preprocess(resize=256, crop=224)(Image.new("RGB", (300, 400))).shape
    torch.Size([3, 224, 224])
    >>> Preprocess(resize=None, crop=(28, 40), mean=[0.5], std=[0.5])(Image.new("L", (9, 9))).shape
    torch.Size([1, 28, 40])
    """

    resize: int | Sequence[int] | None = 256
    crop: int | Sequence[int] = 224
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD
    interpolation: str = "bilinear"
    bands: Sequence[int] | None = None
    normalise_arrays: bool = False

    def __post_init__(self) -> None:
        if self.resize is not None:
            self._set("resize", side_or_sides("resize", self.resize))
        self._set("crop", side_or_sides("crop", self.crop))
        one_of("interpolation", self.interpolation, INTERPOLATIONS)
        self._set("mean", numbers("mean", self.mean))
        self._set("std", numbers("std", self.std))
        if min(self.std) <= 0:
            raise ArgumentError(f"std={self.std}: each must be above 0, since it divides")
        if len(self.mean) != len(self.std):
            raise ArgumentError(
                f"mean={self.mean}, std={self.std}: must have one number for each channel, and "
                f"have {len(self.mean)} and {len(self.std)}"
            )
        if self.bands is not None:
            self._set("bands", band_numbers("bands", self.bands))
            if len(self.bands) != self.channels:
                raise ArgumentError(
                    f"bands={self.bands}: must have one band for each of the {self.channels} "
                    "numbers of mean"
                )

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def channels(self) -> int:
        """The number of channels of the network's input."""
        return len(self.mean)

    @property
    def size(self) -> tuple[int, int]:
        """The network's input in pixels, (height, width)."""
        return _sides(self.crop)

    def as_json(self) -> dict[str, Any]:
        """Return the arguments as plain values, those later than the first five where they differ.

        >>> Preprocess(mean=[0.5] * 3, std=[0.5] * 3, bands=(2, 1, 0)).as_json()["bands"]
        [2, 1, 0]
        """
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
        }
        for field in fields(self)[5:]:  # files of older versions have the first five
            if plain[field.name] == field.default:
                del plain[field.name]
        return plain

    def __call__(self, photo: Image.Image | ArrayInput) -> Float[Tensor, "channels length *more"]:
        """Return the input of the network, a tensor (channels, height, width).

        That of an array which is no picture has the axes of the array.

        Raises:
            ImageError: the photo or array has not the channels that the network takes.
        """
        if isinstance(photo, ArrayInput):
            return self._of_array(photo)
        if not isinstance(photo, Image.Image):
            raise ArgumentError(
                f"photo: a {type(photo).__name__}; give a photo of PIL (PIL.Image.open)"
            )
        view = np.asarray(self.view(photo), dtype=np.float32) / np.float32(255)
        pixels = torch.from_numpy(np.atleast_3d(view)).permute(2, 0, 1).contiguous()
        return self._normalised(self._chosen(pixels, "photo"))

    def view(self, photo: Image.Image) -> Image.Image:
        """Return the part of the photo that the network sees, at the network's resolution."""
        return self.fit(photo.convert("L" if self.is_grey else "RGB"))

    @property
    def is_grey(self) -> bool:
        """Whether photos become grey."""
        return self.channels == 1 and self.bands is None

    @property
    def takes_bands(self) -> bool:
        """Whether the network takes other bands than a photo has in grey or in RGB."""
        if self.bands is not None:
            return max(self.bands) > 2
        return self.channels not in (1, 3)

    def fit(self, picture: Image.Image) -> Image.Image:
        """Return a picture, such as a photo or a mask, resized and cropped, in its own colours.

        >>> Preprocess(8, 4).fit(Image.new("L", (32, 16))).size
        (4, 4)
        """
        if isinstance(self.resize, int):
            picture = without_far_ends(picture)
        height, width = self._resized(picture.height, picture.width)
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling[self.interpolation.upper()])
        return self._cut(picture, *self.size)

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """The height and width of a picture before its crop."""
        if isinstance(self.resize, int):
            short = min(height, width)
            return int(self.resize * height / short), int(self.resize * width / short)
        return self.size if self.resize is None else _sides(self.resize)

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the part of a photo that the network sees: (left, top, right, bottom) in pixels.

        It follows from the sides of the resized photo, which are whole numbers, and may lie between
        two pixels. It reaches beyond the photo where `crop` exceeds `resize`.

        >>> Preprocess(resize=256, crop=224).box(512, 1024)
        (32.0, 288.0, 480.0, 736.0)
        """
        left, top, right, bottom = 0, 0, width, height
        if isinstance(self.resize, int):
            left, top, right, bottom = _middle(width, height)
        high, wide = self._resized(bottom - top, right - left)
        x, y = (right - left) / wide, (bottom - top) / high
        first, second = self._start(wide, self.size[1]), self._start(high, self.size[0])
        return (
            left + x * first, top + y * second,
            left + x * (first + self.size[1]), top + y * (second + self.size[0]),
        )  # fmt: skip

    def large_view(self, photo: Image.Image, size: int) -> Image.Image:
        """Return the same part of the photo at full resolution, resized to `size` pixels wide."""
        photo = photo.convert("L" if self.is_grey else "RGB")
        left, top, right, bottom = self.box(*photo.size)
        edge = max(0, *map(math.ceil, (-left, -top, right - photo.width, bottom - photo.height)))
        if edge:  # black, as in the network's view
            photo = ImageOps.expand(photo, edge)
        box = (left + edge, top + edge, right + edge, bottom + edge)
        high = max(1, round(size * self.size[0] / self.size[1]))
        return photo.resize((size, high), Image.Resampling.LANCZOS, box=box).convert("RGB")

    def _cut(self, photo: Image.Image, height: int, width: int) -> Image.Image:
        left, top = self._start(photo.width, width), self._start(photo.height, height)
        return photo.crop((left, top, left + width, top + height))

    @staticmethod
    def _start(length: int, part: int) -> int:
        """Where the central part begins; one that is longer is padded, as torchvision does it."""
        return round((length - part) / 2.0) if part <= length else -((part - length) // 2)

    def _of_array(self, array: ArrayInput) -> Tensor:
        """An array, a picture resized and cropped as torchvision does it with tensors."""
        values = torch.tensor(np.ascontiguousarray(array.values))
        if self.channels == 1 and values.ndim < 4 and values.shape[0] != 1 and self.bands is None:
            values = values[None]  # an image, volume or signal without an axis of channels
        if values.ndim < 2:
            raise ImageError(
                f"{array.name}: has shape {tuple(values.shape)}; the first axis must be the "
                "channels; save values[None]"
            )
        if self.bands is not None or array.is_picture or self.normalise_arrays:
            values = self._chosen(values, array.name)
        if array.is_picture:
            return self._normalised(self._fitted(values))
        return self._normalised(values) if self.normalise_arrays else values

    def _chosen(self, values: Tensor, name: str) -> Tensor:
        """The bands that become the channels."""
        count = values.shape[0]
        if self.bands is not None and max(self.bands) < count:
            return values[list(self.bands)]
        if self.bands is None and count == self.channels:
            return values
        if self.bands is not None:
            raise ImageError(
                f"{name}: has {count} bands, counted from 0; the network takes bands {self.bands}"
            )
        last = values.shape[-1] == self.channels
        mend = "save numpy.moveaxis(values, -1, 0)" if last else "choose them by channels"
        if name == "photo":
            mend = "give it an array (.npy) or a TIFF with as many bands"
        raise ImageError(
            f"{name}: has {count} channels (shape {tuple(values.shape)}), and the network takes "
            f"{self.channels}; {mend}"
        )

    def _fitted(self, values: Tensor) -> Tensor:
        """Bands of a picture, resized and cropped."""
        if self.interpolation not in RESIZES_BANDS:
            raise ArgumentError(
                f"interpolation={self.interpolation!r}: for photos only; bands of a picture take "
                "nearest, bilinear or bicubic"
            )
        size = self._resized(*values.shape[1:])
        if size != tuple(values.shape[1:]):
            smooth = self.interpolation != "nearest"
            values = functional.interpolate(
                values[None],
                size=size,
                mode=self.interpolation,
                align_corners=False if smooth else None,
                antialias=smooth,
            )[0]
        top, left = (self._start(a, b) for a, b in zip(size, self.size, strict=True))
        edges = (-left, left + self.size[1] - size[1], -top, top + self.size[0] - size[0])
        return functional.pad(values, edges)

    def _normalised(self, values: Tensor) -> Tensor:
        shape = (-1, *[1] * (values.ndim - 1))
        mean = torch.tensor(self.mean, device="cpu").reshape(shape)
        std = torch.tensor(self.std, device="cpu").reshape(shape)
        return (values - mean) / std


def side_or_sides(argument: str, value: Any) -> int | tuple[int, int]:
    """Return a side in pixels, or a pair (height, width).

    >>> side_or_sides("size", [28, 40])
    (28, 40)
    """
    if isinstance(value, bool):
        raise ArgumentError(f"{argument}={value!r}: must be a whole number or (height, width)")
    if not isinstance(value, Sequence) or isinstance(value, str):
        height = width = whole(argument, value, least=1)
    elif len(value) != 2:
        raise ArgumentError(f"{argument}={value!r}: must be a whole number or (height, width)")
    else:
        height, width = (whole(argument, side, least=1) for side in value)
    if height * width > MAX_PIXELS:
        raise ArgumentError(f"{argument}={value!r}: more than {MAX_PIXELS} pixels in all")
    return (height, width) if isinstance(value, Sequence) else height


def numbers(argument: str, values: Any) -> tuple[float, ...]:
    """Return finite numbers, one for each channel.

    >>> numbers("mean", [0, 0.5])
    (0.0, 0.5)
    """
    array = finite_array(argument, values)
    if array.ndim != 1 or not array.size:
        raise ArgumentError(f"{argument}={values!r}: must be a list, one number for each channel")
    return tuple(array.tolist())


def band_numbers(argument: str, values: Any) -> tuple[int, ...]:
    """Return the numbers of bands, counted from 0.

    >>> band_numbers("channels", [3, 2, 1])
    (3, 2, 1)
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ArgumentError(f"{argument}={values!r}: must be a list of bands, counted from 0")
    return tuple(whole(argument, band) for band in values)


def _sides(value: int | Sequence[int]) -> tuple[int, int]:
    height, width = (value, value) if isinstance(value, int) else value
    return height, width


def without_far_ends(photo: Image.Image) -> Image.Image:
    """Return a photo, one of more than 16 squares in a row cut to those in its middle.

    The network sees one square; scaling up the rest of a thread of pixels would fill the memory.
    """
    return photo.crop(_middle(*photo.size))


def _middle(width: int, height: int) -> tuple[int, int, int, int]:
    """Return the box of the middle of a photo, at most 16 squares in a row."""
    most = 16 * min(width, height)
    cut_x, cut_y = max(0, width - most) // 2, max(0, height - most) // 2
    return cut_x, cut_y, width - cut_x, height - cut_y


def large_photo(preprocess: Any, photo: Any, size: int) -> Image.Image | None:
    """Return the part of a photo that a network sees at full resolution; None if it is not known.

    It is known for photos and `Preprocess`; another preprocessing may cut away anything.
    """
    if isinstance(preprocess, Preprocess) and isinstance(photo, Image.Image):
        return preprocess.large_view(photo, size)
    return None


def view_of(preprocess: Callable[[Any], Tensor], photo: Any, size: int) -> Image.Image:
    """Return what the network sees of a photo as a picture `size` pixels wide.

    Where `large_photo` does not know it, the picture shows the network's input: images with their
    range stretched, volumes as three slices, signals as curves.
    """
    if (large := large_photo(preprocess, photo, size)) is not None:
        return large
    values = preprocess(photo).detach().float().cpu().numpy()
    view = view_of_result(stored_view(values), values.shape[1:], view_record(values.shape))
    shown = view.scene().bare()
    return shown.resize((size, round(size * shown.height / shown.width)), Image.Resampling.LANCZOS)
