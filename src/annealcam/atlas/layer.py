"""One layer of one network, opened, and photos on their way into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from annealcam.attribution.capture import Capture, capture
from annealcam.attribution.hooks import find_layer
from annealcam.attribution.layers import default_layer
from annealcam.data.labelled import LabelledSet
from annealcam.errors import AnnealcamError, ImageError, ModelError
from annealcam.models.devices import move
from annealcam.models.load import load_model
from annealcam.models.loaded import LoadedModel
from annealcam.models.preprocess import view_of
from annealcam.models.weights import fingerprint

THUMBNAIL = 160  # pixels; a crop of a third of them can still be recognised


@dataclass(frozen=True, eq=False)
class LayerOfNetwork:
    """A network, one of its layers, and how many channels that has."""

    network: LoadedModel
    name: str
    layer: str
    channels: int

    def capture(
        self, photos: Sequence[Image.Image], targets: Sequence[int] | None = None
    ) -> Capture:
        """Return what one pass forth and back says of the layer; of the predicted classes, or so.

        Raises:
            AnnealcamError: the network fails on the photos.
        """
        images = _tensor(self.network, photos, self.name)
        return capture(self.network.model, images, layer=self.layer, targets=targets)

    def thumbnail(self, photo: Image.Image) -> Image.Image:
        """Return what the network sees of a photo, small, to look at."""
        return view_of(self.network.preprocess, photo, THUMBNAIL)

    def fingerprint(self) -> str:
        """Return a hash of the network's weights."""
        return fingerprint(self.network.model)


def opened(
    model: str | LoadedModel, layer: str | None, data: LabelledSet, *, name: str | None, device: str
) -> LayerOfNetwork:
    """Open a network and look by the first photo of a set at a layer of it.

    Raises:
        ImageError: not one photo can be read.
        AnnealcamError: no such network or layer, or it fails on the photo.
    """
    network = load_model(model) if isinstance(model, str) else model
    called = model if isinstance(model, str) else type(network.model).__name__
    move(network.model, device)
    if layer is not None:
        find_layer(network.model, layer)
    image = _tensor(network, [_first(data)], called)
    chosen = layer if layer is not None else default_layer(network.model, image)
    channels = capture(network.model, image, layer=chosen).activations.shape[1]
    return LayerOfNetwork(network, name or called, chosen, channels)


def _first(data: LabelledSet) -> Image.Image:
    for number in range(len(data)):
        try:
            return data.open(number)
        except ImageError:
            continue
    raise ImageError(f"data={data.name!r}: not one photo can be read")


def _tensor(
    network: LoadedModel, photos: Sequence[Image.Image], name: str
) -> Float[Tensor, "n channels height width"]:
    try:
        return torch.stack([network.preprocess(photo) for photo in photos])
    except AnnealcamError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise ModelError(f"model={name!r}: its preprocessing fails ({told})") from error
