"""Small networks that the tests share, and the comparison of their explanations."""

import contextlib
import itertools
import os

import numpy as np
import torch
from torch import nn


def small_network(maps: int = 12, classes: int = 5, seed: int = 0) -> nn.Module:
    """Two convolutions, global average pooling and one linear layer: a linear head."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, maps, 3),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(maps, classes),
        ).eval()


CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
POOLS = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


def network_along_a_line(axes: int, maps: int = 9, classes: int = 4, seed: int = 0) -> nn.Module:
    """A network that is the same for inputs of any axes, if all but the first have length 1."""
    size = (3, *[1] * (axes - 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            CONVOLUTIONS[axes](2, 6, size),
            nn.ReLU(),
            CONVOLUTIONS[axes](6, maps, size),
            nn.ReLU(),
            POOLS[axes]((2, *[1] * (axes - 1)) if axes > 1 else 2),
            nn.Flatten(),
            nn.Linear(2 * maps, classes),
        ).eval()


def inputs_along_a_line(axes: int, n: int = 2, length: int = 16) -> torch.Tensor:
    """The same numbers as inputs of any axes, all but the first of length 1."""
    signals = torch.randn(n, 2, length, generator=torch.Generator().manual_seed(1))
    return signals.reshape(n, 2, length, *[1] * (axes - 1))


class Crops(nn.Module):
    """A network that runs the four quarters of an image as a batch of their own."""

    def __init__(self, maps: int = 12, classes: int = 5):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.conv, self.relu = nn.Conv2d(3, maps, 3), nn.ReLU()
            self.fc = nn.Linear(maps, classes)
        self.eval()

    def forward(self, x):
        quarters = torch.stack([half for rows in x.chunk(2, 2) for half in rows.chunk(2, 3)], 1)
        maps = self.relu(self.conv(quarters.flatten(0, 1))).mean(dim=(2, 3))
        return self.fc(maps.reshape(len(x), 4, -1).mean(dim=1))


def digit_network():
    """An untrained network that takes digits, as `tests.networks:digit_network`."""
    from annealcam.models.preprocess import Preprocess

    return small_network(12, classes=10), Preprocess(20, 20), [str(i) for i in range(10)]


def deadly_network():
    """A network that takes its process down with it, as one that eats all memory does."""
    network, preprocess, names = digit_network()
    network.register_forward_hook(lambda *_: os._exit(1))
    return network, preprocess, names


FORWARD_THAT_KILLS = 6


def mortal_network():
    """A network whose sixth forward pass kills its process, in one process only.

    The first process to reach it makes the file that the environment variable `MORTAL_NETWORK`
    names; where that file exists, every forward pass succeeds.
    """
    network, preprocess, names = digit_network()
    count = itertools.count(1)

    def kill(*_):
        if next(count) == FORWARD_THAT_KILLS:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(os.environ["MORTAL_NETWORK"], os.O_CREAT | os.O_EXCL))
                os._exit(1)

    network.register_forward_hook(kill)
    return network, preprocess, names


class FrozenTrunk(nn.Module):
    """The small network, with a trunk that freezes itself."""

    def __init__(self):
        super().__init__()
        self.net = small_network()

    def forward(self, x):
        with torch.no_grad():
            x = self.net[:4](x)
        return self.net[4:](x)


def headed(make_maps, weight):
    """A network whose maps are given, under average pooling and a linear layer."""

    class Headed(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps = nn.Identity()
            self.fc = nn.Linear(len(weight), 2, bias=False)
            self.fc.weight.data = torch.tensor([weight, [-w for w in weight]])

        def forward(self, x):
            return self.fc(self.maps(make_maps(x)).mean(dim=(2, 3)))

    return Headed().eval()


def same(a, b):
    """Whether two explanations agree to the bit."""
    arrays = a._arrays()
    return a.as_json() == b.as_json() and all(
        np.array_equal(x, b._arrays()[name]) for name, x in arrays.items()
    )


def tiny():
    """A network of few tensors, for files."""
    return nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 2))
