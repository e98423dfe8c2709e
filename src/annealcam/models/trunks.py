"""Trunks: pretrained networks cut at the stage whose maps are 14 x 14, and one to be trained."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from annealcam._internal.text import short_repr
from annealcam.attribution.network.hooks import borrowed, find_layer, hooked
from annealcam.errors import ModelError
from annealcam.models.loaded import DEFAULT_MODEL
from annealcam.models.preprocess import Preprocess
from annealcam.models.state_dicts.fingerprint import fingerprint

PLAIN = "plain"
_RESNETS = tuple(f"torchvision:resnet{depth}" for depth in (18, 34, 50, 101, 152))
CUTS = {DEFAULT_MODEL: "blocks.4", **dict.fromkeys(_RESNETS, "layer3")}


@dataclass(frozen=True, eq=False, repr=False)
class Trunk:
    """The first layers of a network, in evaluation mode, up to and with the layer `cut`.

    `features` is the shape (channels, h, w) of what they give. `plain` is not pretrained, and has
    no cut.
    """

    name: str
    cut: str | None
    layers: nn.Sequential
    preprocess: Callable[[Image.Image], Tensor]
    features: tuple[int, int, int]

    def __repr__(self) -> str:
        return short_repr("Trunk", name=self.name, cut=self.cut, features=self.features)

    @property
    def pretrained(self) -> bool:
        """Whether the layers have learned weights."""
        return self.name != PLAIN

    def fingerprint(self) -> str:
        """Return a hash of every parameter and buffer, in order."""
        return fingerprint(self.layers)


def make_trunk(
    name: str, cut: str, model: nn.Module, preprocess: Callable[[Image.Image], Tensor]
) -> Trunk:
    """Return the layers of a network up to and with `cut`, checked on an image of noise.

    Raises:
        ModelError: the network is no chain of modules up to the cut.
        LayerError: the network has no layer of that name.
    """
    layers = cut_at(model, cut)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    maps = _checked(model, layers, cut, preprocess(Image.fromarray(noise))[None])
    return Trunk(name, cut, layers, preprocess, (maps.shape[1], maps.shape[2], maps.shape[3]))


def plain_trunk() -> Trunk:
    """Return two convolutions for images of 32 x 32, seeded by 0: the same at every call.

    >>> plain_trunk().features
    (32, 16, 16)
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        ).eval()
    return Trunk(PLAIN, None, layers, Preprocess(32, 32, (0.5,) * 3, (0.5,) * 3), (32, 16, 16))


def cut_at(model: nn.Module, layer: str) -> nn.Sequential:
    """Return the modules of a network up to and with `layer`, in the order of their names.

    They keep their names and their tensors. Whether the network runs them in that order is for
    `load_trunk` to check.

    Raises:
        LayerError: the network has no layer of that name.

    >>> net = nn.Sequential(OrderedDict(a=nn.Identity(), b=nn.Sequential(nn.ReLU(), nn.Tanh())))
    >>> [name for name, _ in cut_at(net, "b.0").named_modules()]
    ['', 'a', 'b', 'b.0']
    """
    find_layer(model, layer)
    first, _, rest = layer.partition(".")
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in model.named_children():
        if name == first:
            modules[name] = cut_at(module, rest) if rest else module
            break
        modules[name] = module
    return nn.Sequential(modules)


def _checked(model: nn.Module, layers: nn.Sequential, cut: str, image: Tensor) -> Tensor:
    """Return the maps at the cut, which the layers alone must give to the bit."""
    outputs: list[Tensor] = []
    with borrowed(model), borrowed(layers), torch.no_grad():
        hooks = {
            find_layer(model, cut): lambda _module, _inputs, output: outputs.append(output.clone())
        }
        with hooked(hooks):
            model(image)
        try:
            alone = layers(image)
        except Exception as error:
            raise _no_chain(cut) from error
    if not outputs or not isinstance(alone, Tensor) or alone.ndim != 4:
        raise ModelError(f"cut={cut!r}: gives no maps (n, channels, h, w); choose another layer")
    if not torch.equal(alone, outputs[-1]):
        raise _no_chain(cut)
    return alone


def _no_chain(cut: str) -> ModelError:
    return ModelError(
        f"cut={cut!r}: the modules up to it, run one after the other, do not give what the whole "
        "network computes there; choose a cut outside of branches"
    )
