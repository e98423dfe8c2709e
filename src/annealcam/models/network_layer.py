"""One layer of one network, and the way of photos through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from annealcam._internal.text import short_repr, shorten
from annealcam.attribution.activations import Capture, capture
from annealcam.attribution.contrast import Against
from annealcam.attribution.layers import default_layer
from annealcam.attribution.network.adapted import adapt, network_of
from annealcam.attribution.network.hooks import find_layer
from annealcam.attribution.targets import names_of_classes
from annealcam.errors import AnnealcamError, ArgumentError, ImageError, ModelError
from annealcam.models.images import ArrayInput, load_input
from annealcam.models.load import load_model
from annealcam.models.loaded import LoadedModel, move
from annealcam.models.preprocess import Preprocess, view_of
from annealcam.models.state_dicts.fingerprint import fingerprint

Key = TypeVar("Key")


@dataclass(frozen=True, eq=False, repr=False)
class NetworkLayer:
    """A network and one of its layers.

    Attributes:
        model: the network, adapted to its link where that is known.
        layer: the module's name.
        preprocess: from a photo to the tensor (3, H, W) that the network takes.
        class_names: of the logits; None where they have none.
        link: what makes probabilities of the outputs: `softmax`, `sigmoid` or `identity`.
        model_name: how results name the network.
        channels: number of feature maps of the layer.
    """

    model: nn.Module
    layer: str
    preprocess: Callable[[Image.Image], Tensor]
    class_names: Sequence[str] | None
    model_name: str
    channels: int
    link: str = "softmax"

    def __repr__(self) -> str:
        return short_repr(
            "NetworkLayer", model_name=shorten(self.model_name, 60), layer=self.layer,
            channels=self.channels,
        )  # fmt: skip

    @classmethod
    def open(
        cls,
        model: str | LoadedModel,
        layer: str | None,
        photo: Image.Image,
        *,
        model_name: str | None = None,
        device: str | None = None,
    ) -> NetworkLayer:
        """Return a layer of a network as one photo shows it; None takes the default layer.

        Args:
            model: a name for `load_model`, or what it returns.
            layer: a module's name, or None.
            photo: any photo that the network takes.
            model_name: how results name the network; None takes the name it was loaded by, or that
                of its class.
            device: where the network runs; None leaves it where it is.

        Raises:
            AnnealcamError: there is no such network or layer, or it fails on the photo.

        >>> from annealcam.models.images import load_photo
        >>> NetworkLayer.open("digits", None, load_photo("skimage:chelsea")).channels
        16
        """
        network = load_model(model) if isinstance(model, str) else model
        name = model if isinstance(model, str) else type(network.model).__name__
        if device is not None:
            move(network.model, device)
        adapted = adapt(network.model, link=network.link)
        if layer is not None:
            find_layer(adapted, layer)
        image = network_input(network.preprocess, photo, model_name=name)[None]
        layer = layer if layer is not None else default_layer(adapted, image)
        captured = capture(adapted, image, layer=layer)
        names = names_of_classes(
            network.classes, captured.logits.shape[1], two_sided=captured.two_sided
        )
        return cls(
            adapted, layer, network.preprocess, names, model_name or name,
            captured.activations.shape[1], captured.link,
        )  # fmt: skip

    def refuse_numbers(self, needed_by: str) -> None:
        """Raise ArgumentError if the outputs are numbers, where classes are needed."""
        refuse_numbers(self.link, model_name=self.model_name, needed_by=needed_by)

    def inputs(self, photos: Sequence[Image.Image]) -> Float[Tensor, "n channels height width"]:
        """Return photos as the network takes them.

        Raises:
            ModelError: the preprocessing fails.
        """
        return torch.stack(
            [network_input(self.preprocess, p, model_name=self.model_name) for p in photos]
        )

    def capture(
        self,
        images: Float[Tensor, "n channels height width"],
        targets: int | Sequence[int] | None = None,
        *,
        against: Against = None,
        integrated: bool = False,
    ) -> Capture:
        """Return activations and gradients of the layer, of the predicted classes or of `targets`.

        The other arguments are those of `annealcam.attribution.capture`.

        Raises:
            AnnealcamError: the network fails on the images.
        """
        return capture(
            self.model, images, layer=self.layer, targets=targets, against=against,
            integrated=integrated,
        )  # fmt: skip

    def view(self, photo: Image.Image, size: int) -> Image.Image:
        """Return what the network sees of a photo, `size` pixels wide."""
        return view_of(self.preprocess, photo, size)

    @property
    def reading(self) -> dict[str, Any]:
        """How photos are preprocessed, None where it is not known, and the link; plain values."""
        how = self.preprocess.as_json() if isinstance(self.preprocess, Preprocess) else None
        return {"preprocess": how, "link": self.link}

    def fingerprint(self) -> str:
        """Return a hash of the network's weights."""
        return fingerprint(network_of(self.model))


def refuse_numbers(link: str | None, *, model_name: str, needed_by: str) -> None:
    """Raise ArgumentError if the outputs of a network are numbers, where classes are needed.

    >>> refuse_numbers("sigmoid", model_name="mine", needed_by="a study")
    """
    if link == "identity":
        raise ArgumentError(
            f"model={model_name!r}: its outputs are numbers (link 'identity'), and {needed_by} "
            "needs classes"
        )


@dataclass(frozen=True, eq=False, repr=False)
class CapturedBatch(Generic[Key]):
    """Photos that went through a network together, with their keys and tensors."""

    keys: list[Key]
    photos: list[Image.Image]
    images: Float[Tensor, "n channels height width"]
    captured: Capture

    def __repr__(self) -> str:
        return short_repr("CapturedBatch", photos=len(self.photos), captured=self.captured)

    @property
    def photos_by_key(self) -> dict[Key, Image.Image]:
        """The photos, in order."""
        return dict(zip(self.keys, self.photos, strict=True))


def capture_batches(
    network_layer: NetworkLayer,
    photos: Iterable[tuple[Key, Callable[[], Image.Image]]],
    *,
    batch_size: int,
    skip: Callable[[Key, ImageError], Any],
    target_of: Callable[[Key], int] | None = None,
    against: Against = None,
    integrated: bool = False,
) -> Iterator[CapturedBatch[Key]]:
    """Yield photos with what the layer makes of them, `batch_size` readable ones at a time.

    Args:
        network_layer: the network and its layer.
        photos: pairs of a key and the function that opens the photo; photos are opened when
            their batch is.
        batch_size: photos that go through the network together.
        skip: called for each photo that cannot be read, with the reason.
        target_of: the class to explain for the photo of a key; None takes the predicted class.
        against, integrated: as for `annealcam.attribution.capture`.

    Raises:
        AnnealcamError: the network fails on the photos.
    """
    keys: list[Key] = []
    opened: list[Image.Image] = []

    def captured() -> CapturedBatch[Key]:
        images = network_layer.inputs(opened)
        targets = None if target_of is None else [target_of(key) for key in keys]
        result = network_layer.capture(images, targets, against=against, integrated=integrated)
        return CapturedBatch(keys, opened, images, result)

    for key, open_photo in photos:
        try:
            opened.append(open_photo())
        except ImageError as error:
            skip(key, error)
            continue
        keys.append(key)
        if len(keys) == batch_size:
            yield captured()
            keys, opened = [], []
    if keys:
        yield captured()


def open_input(preprocess: Callable[..., Tensor], name: str) -> Image.Image | ArrayInput:
    """Return the photo or the array of a file, with the bands that a preprocessing takes.

    Raises:
        ImageError: the file cannot be read.

    >>> open_input(Preprocess(), "skimage:chelsea").mode
    'RGB'
    """
    return load_input(name, bands=isinstance(preprocess, Preprocess) and preprocess.takes_bands)


def network_input(
    preprocess: Callable[..., Tensor], photo: Image.Image | ArrayInput, *, model_name: str
) -> Float[Tensor, "channels length *more"]:
    """Return a photo, or an array, as a network takes it: channels, then one to three axes.

    An array is the network's input as it is where the preprocessing is not a `Preprocess`.

    Raises:
        ModelError: the preprocessing fails, or returns something else.
    """
    if isinstance(photo, ArrayInput) and not isinstance(preprocess, Preprocess):
        preprocess = Preprocess()
    try:
        image = preprocess(photo)
    except AnnealcamError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ModelError(f"model={model_name!r}: its preprocessing fails ({reason})") from error
    if not isinstance(image, Tensor) or not 2 <= image.ndim <= 4:
        result = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise ModelError(
            f"model={model_name!r}: its preprocessing returns {result}, not a tensor (3, H, W) "
            "or another of channels and one to three axes"
        )
    return image
