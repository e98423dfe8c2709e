"""Test set-up: array shapes checked at run time, one thread, small networks and problems."""

import numpy as np
import pytest
from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

# Left out: the compiled kernels (numba compiles plain functions only), and the pipeline, whose own
# checks of what users hand it are tested.
CHECKED = [
    *(f"annealcam.{room}" for room in ("vision", "selection", "report")),
    *(f"annealcam.{file}" for file in ("comparison", "explanation", "photos")),
    *(f"annealcam.annealing.{f}" for f in ("evolution", "hamiltonian", "splitting", "success")),
]
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do for a float
install_import_hook(CHECKED, "conftest.checked")

import torch  # noqa: E402
from torch import nn  # noqa: E402

import annealcam as ac  # noqa: E402

torch.set_num_threads(1)


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


@pytest.fixture
def network() -> nn.Module:
    return small_network()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(3, 3, 20, 20, generator=torch.Generator().manual_seed(1))
