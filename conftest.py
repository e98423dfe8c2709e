"""Test set-up: array shapes checked at run time, one thread, small networks and problems."""

import os

import pytest
from beartype import BeartypeConf, beartype
from hypothesis import settings
from jaxtyping import install_import_hook

# Left out: the compiled kernels (numba compiles plain functions only), and the pipeline, whose own
# checks of what users hand it are tested.
ANNEALING = [
    "evolution", "hamiltonian", "splitting", "success", "plan", "runs", "starts", "batch",
    "first_steps", "ladder", "statevector", "sectorvector", "tiledvector", "gpu", "devices",
    "_torch_kernels", "sweep", "adiabatic", "_pieces", "schedule_names", "dwave_schedule",
]  # fmt: skip
CHECKED = [
    *(
        f"annealcam.{room}"
        for room in (
            "vision",
            "selection",
            "report",
            "metrics",
            "training",
            "evaluation",
            "atlas",
            "audit",
        )
    ),
    *(f"annealcam.{file}" for file in ("comparison", "drawing", "explanation", "photos", "seen")),
    "annealcam.annealed",
    *(f"annealcam.{file}" for file in ("hardness", "diagnosis", "problems", "problem_formats")),
    *(f"annealcam.annealing.{file}" for file in ANNEALING),
    *(f"annealcam.data.{file}" for file in ("labelled", "splits", "folders", "imagenette")),
    *(f"annealcam.study.{file}" for file in ("selectors", "annealed", "shards")),
    "annealcam.study.analysis",
]
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do for a float
install_import_hook(CHECKED, "conftest.checked")

import torch  # noqa: E402
from torch import nn  # noqa: E402

from builders import small_network  # noqa: E402

torch.set_num_threads(1)
# The same examples on every run; `HYPOTHESIS_PROFILE=explore pytest` looks further.
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "seeded"))


@pytest.fixture(autouse=True)
def seeded() -> None:
    """No test and no docstring's example depends on those before it."""
    torch.manual_seed(0)


@pytest.fixture
def network() -> nn.Module:
    return small_network()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(3, 3, 20, 20, generator=torch.Generator().manual_seed(1))
