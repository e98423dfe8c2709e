"""A network whose classes lie at known places of known images, so that maps have known answers."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

CLASSES = 3
STRIDE, POOL = 2, 2  # of the convolution, and of the layer behind it
CELL = STRIDE * POOL  # pixels along a side of one position of a map
PLACES = ((1, 1), (1, 5), (5, 3))  # first row and column of each class's patch, in positions
SIDE = 2  # of a patch, in positions
GRID = (8, 8)
DIM, BRIGHT = 0.7, 1.0  # patches of the other classes, and of the image's own


class PlantedNetwork(nn.Module):
    """Three classes, each with two maps of its own: those of one colour channel.

    `maps` is the module whose output are the maps (n, 6, 8, 8) of images (n, 3, 32, 32), and `fc`
    the classifier. Normalisation and dropout make its training mode differ from its evaluation.
    """

    def __init__(self, *, in_place: bool = False) -> None:
        super().__init__()
        self.in_place = in_place
        self.conv = nn.Conv2d(3, 2 * CLASSES, STRIDE, stride=STRIDE)
        self.norm = nn.BatchNorm2d(2 * CLASSES)
        self.relu = nn.ReLU()
        self.maps = nn.AvgPool2d(POOL)  # its gradient does not need its output: see `in_place`
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(2 * CLASSES, CLASSES)
        weight = torch.zeros(2 * CLASSES, 3, STRIDE, STRIDE)
        for own in range(2 * CLASSES):
            weight[own, own // 2] = (1.0 + own % 2) / STRIDE**2
        classifier = 2.5 * torch.eye(CLASSES) - 0.5
        with torch.no_grad():
            self.conv.weight.copy_(weight)
            self.conv.bias.fill_(-0.2)  # type: ignore[union-attr]  # below it are dark pixels
            self.fc.weight.copy_(classifier.repeat_interleave(2, dim=1))
            self.fc.bias.zero_()

    def forward(self, images: Float[Tensor, "n 3 32 32"]) -> Float[Tensor, "n classes"]:
        """Return the logits; 1 is added to the maps after the layer, in place if so constructed."""
        maps = self.maps(self.relu(self.norm(self.conv(images))))
        raised = maps.add_(1.0) if self.in_place else maps + 1.0
        logits: Tensor = self.fc(self.dropout(raised.mean(dim=(2, 3))))
        return logits


def planted_network(*, in_place: bool = False) -> PlantedNetwork:
    """Return a network in evaluation mode whose class c sees the patch of colour c alone.

    With `in_place` the output of its layer `maps` is overwritten by the next operation, as
    activations that work in place do; logits and gradients are the same.

    >>> planted_network()(planted_images(2)).argmax(dim=1)
    tensor([0, 1])
    """
    with torch.random.fork_rng(devices=[]):  # the layers draw weights before they get their own
        return PlantedNetwork(in_place=in_place).eval()


def planted_images(n: int = 3) -> Float[Tensor, "n 3 32 32"]:
    """Return dark images with a patch of each colour: class c lies at the positions `PLACES[c]`.

    Image i belongs to class i modulo 3, whose patch is the brightest.

    >>> planted_images(1).shape
    torch.Size([1, 3, 32, 32])
    """
    generator = torch.Generator().manual_seed(0)
    images = 0.05 * torch.rand(n, 3, *(CELL * side for side in GRID), generator=generator)
    for i in range(n):
        for c, (row, column) in enumerate(PLACES):
            rows = slice(CELL * row, CELL * (row + SIDE))
            columns = slice(CELL * column, CELL * (column + SIDE))
            images[i, c, rows, columns] += BRIGHT if c == i % CLASSES else DIM
    return images
