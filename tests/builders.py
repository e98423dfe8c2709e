"""Small problems and networks that the tests share."""

import itertools
import os

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

import annealcam as ac


def relu_problem(d: int, seed: int = 0, **options: object) -> ac.SelectionProblem:
    """A problem as networks make it: maps after a ReLU, 7 x 7, and uniform relevance."""
    rng = np.random.default_rng([d, seed])
    maps = np.maximum(rng.normal(size=(d, 49)), 0.0)
    return ac.SelectionProblem.from_maps(maps, rng.uniform(0.02, 1.0, d), **options)


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


def digit_network():
    """An untrained network that takes digits, as `tests.builders:digit_network`."""
    from annealcam.models.preprocess import Preprocess

    return small_network(12, classes=10), Preprocess(20, 20), [str(i) for i in range(10)]


def deadly_network():
    """A network that takes its process down with it, as one that eats all memory does."""
    network, preprocess, names = digit_network()
    network.register_forward_hook(lambda *_: os._exit(1))
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


@st.composite
def problems(draw, largest=7, cardinality=False):
    """Any problem: signs, zeros, ties and all."""
    d = draw(st.integers(1, largest))
    number = st.integers(-128, 128).map(lambda i: i / 64)  # exact in binary: ties are exact too
    h = draw(arrays(np.float64, d, elements=number))
    J = draw(arrays(np.float64, (d, d), elements=number))
    J = np.triu(J, 1)
    k = draw(st.integers(1, d)) if cardinality else None
    return ac.SelectionProblem(h, J + J.T, beta=draw(st.integers(0, 16)) / 16, cardinality=k)


def by_the_formula(p, n):
    pairs = itertools.combinations(range(p.d), 2)
    redundancy = sum(p.J[a, b] * n[a] * n[b] for a, b in pairs)
    return (1 - p.beta) * redundancy - p.beta * sum(p.h[a] * n[a] for a in range(p.d))


def same(a, b):
    """Whether two explanations agree to the bit."""
    arrays = a._arrays()
    return a.as_json() == b.as_json() and all(
        np.array_equal(x, b._arrays()[name]) for name, x in arrays.items()
    )
