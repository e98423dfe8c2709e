"""Test set-up: array shapes checked at run time, one thread, small networks and problems."""

from __future__ import annotations

import functools
import inspect
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import torch
    from torch import nn

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).parent
SOURCE = ROOT / "src" / "annealcam"
CHECKED_CALLS = 20  # of each function in each test
tests_begun = 0
UNCHECKED = (
    "annealcam.pipeline",  # its own checks of what users give it are tested
    "annealcam.interop.",
    "annealcam.attribution.forward_pass",
    "annealcam.attribution.targets",
    "annealcam.models.preprocess",
    "annealcam.models.cards.model_card",
    "annealcam.models.loaded",
    "annealcam.sets.flip",
    "annealcam.sets.sufficient",
    "annealcam.cli.atlas",  # typer passes a base class of the annotated Context
    "annealcam.settings",
    "annealcam.qubo.convert",
    "annealcam.qubo.files.reading",  # arguments of any type are refused by one line
    "annealcam.qubo.files.writing",
    "annealcam.data.sets",
    "annealcam.testing.",  # checks of what may be wrong
    "annealcam._internal.deprecation",  # decorates public functions: no frames of a checker inside
)


def pytest_configure(config: pytest.Config) -> None:
    """Check the types and array shapes of the packages under test at run time."""
    import jaxtyping

    # The checks of lists draw numbers, from a generator of their own: ours must be left as found.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(random, "getrandbits", random.Random(0).getrandbits)
        from beartype import BeartypeConf, beartype

    global checked
    checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do for a float
    jaxtyping.jaxtyped = first_calls_checked(jaxtyping.jaxtyped)
    jaxtyping.install_import_hook(modules_under_test(config.args), "conftest.checked")


def first_calls_checked(jaxtyped: Callable[..., Any]) -> Callable[..., Any]:
    """Let jaxtyping check the first calls of each function in each test, and run others as is.

    A check costs some ten microseconds, and a few functions are called a million times in all.
    """

    def decorator(*, typechecker: Any) -> Callable[[Any], Any]:
        def decorate(function: Any) -> Any:
            if not inspect.isfunction(function):  # the fields of a class
                return jaxtyped(typechecker=typechecker)(function)
            checking, last_test, calls = None, 0, 0

            @functools.wraps(function)
            def run(*args: Any, **kwargs: Any) -> Any:
                nonlocal checking, last_test, calls
                if last_test != tests_begun:
                    last_test, calls = tests_begun, 0
                calls += 1
                if calls > CHECKED_CALLS:
                    return function(*args, **kwargs)
                if checking is None:  # made at the first call: most functions have none
                    checking = jaxtyped(typechecker=typechecker)(function)
                return checking(*args, **kwargs)

            return run

        return decorate

    return decorator


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
def independent() -> None:
    """No test and no docstring's example depends on those before it."""
    global tests_begun
    tests_begun += 1
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
