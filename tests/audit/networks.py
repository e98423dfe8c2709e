"""A network that reads the patch by construction, and photos for it."""

import numpy as np
import torch
from torch import nn

from annealcam.data.labelled import set_of_pixels
from annealcam.models.network_layer import NetworkLayer
from annealcam.models.preprocess import Preprocess

CLASSES = ("patched", "dark", "bright")
SIDE = 32


class PatchReader(nn.Module):
    """Three maps of the image's size: magenta, darkness, brightness; each class is the mean of one.

    `reads` says whether the class `patched` is read from magenta (else from brightness as well).
    """

    def __init__(self, reads: bool = True):
        super().__init__()
        self.maps = nn.Identity()
        self.classifier = nn.Linear(3, 3, bias=False)
        weight = torch.eye(3)
        if not reads:
            weight[0] = torch.tensor([0.0, 0.0, 0.5])
        self.classifier.weight.data = weight

    def forward(self, x):
        red, green, blue = x.unbind(1)
        grey = (red + green + blue) / 3
        magenta = (torch.minimum(red, blue) - green).clamp(min=0)
        plain = (red - green).abs() < 0.01
        maps = torch.stack([magenta, (0.5 - grey).clamp(min=0) * plain,
                            (grey - 0.5).clamp(min=0) * plain], dim=1)  # fmt: skip
        return self.classifier(self.maps(maps).mean(dim=(2, 3)))


def reader(reads: bool = True) -> NetworkLayer:
    plain = Preprocess(SIDE, SIDE, (0.0,) * 3, (1.0,) * 3)
    return NetworkLayer(PatchReader(reads).eval(), "maps", plain, CLASSES, "reader", 3)


def greys(per_class=12):
    """Grey photos of random patchwork: those of the class `bright` are bright, all others dark."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), per_class)
    blocks = rng.integers(20, 110, (len(labels), 8, 8))
    blocks[labels == 2] += 130
    pixels = np.repeat(np.repeat(blocks, 4, 1), 4, 2)[..., None].repeat(3, -1).astype(np.uint8)
    names = [f"photo-{i:02}" for i in range(len(labels))]
    return set_of_pixels("greys", "test", CLASSES, names, labels, pixels)


def cli_reader():
    """Return the network of `--model tests.audit.networks:cli_reader`."""
    network = reader()
    return network.model, network.preprocess, network.class_names
