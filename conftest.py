"""Test set-up: array shapes checked at run time, one thread, small networks and problems."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import torch
    from torch import nn

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).parent
SOURCE = ROOT / "src" / "annealcam"
UNCHECKED = (
    "annealcam.pipeline",  # its own checks of what users give it are tested
    "annealcam.interop.",
    "annealcam.attribution.forward_pass",
    "annealcam.attribution.targets",
    "annealcam.cli.atlas",  # typer passes a base class of the annotated Context
    "annealcam.settings",
    "annealcam._internal.deprecation",  # decorates public functions: no frames of a checker inside
)


def pytest_configure(config: pytest.Config) -> None:
    """Check the types and array shapes of the packages under test at run time."""
    from beartype import BeartypeConf, beartype
    from jaxtyping import install_import_hook

    global checked
    checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do for a float
    install_import_hook(modules_under_test(config.args), "conftest.checked")


def modules_under_test(args: list[str]) -> list[str]:
    """Return the modules whose tests run, without kernels: numba compiles plain functions only."""
    paths = [(ROOT / arg.split("::")[0]).resolve() for arg in args]
    places = [p.relative_to(ROOT).parts for p in paths if p.is_relative_to(ROOT)]
    packages = {parts[1] for parts in places if parts[0] == "tests" and len(parts) > 2}
    whole = any(len(parts) < 3 for parts in places)  # all tests, or one that has no package
    names = [
        ".".join(("annealcam", *path.relative_to(SOURCE).with_suffix("").parts))
        for path in sorted(SOURCE.rglob("*.py"))
        if not path.name.startswith("__")
        and "kernels" not in path.parts
        and (whole or path.relative_to(SOURCE).parts[0] in packages)
    ]
    return [name for name in names if not name.startswith(UNCHECKED)]


# The same examples on every run; `HYPOTHESIS_PROFILE=explore pytest` looks further.
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "seeded"))


@pytest.fixture(autouse=True)
def seeded() -> None:
    """No test and no docstring's example depends on those before it."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def network() -> nn.Module:
    from tests.networks import small_network

    return small_network()


@pytest.fixture
def images() -> torch.Tensor:
    import torch

    return torch.randn(3, 3, 20, 20, generator=torch.Generator().manual_seed(1))
