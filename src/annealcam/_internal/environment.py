"""What the last bits of a result depend on: threads, batch, versions and processor."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from annealcam._version import __version__

PACKAGES = ("torch", "numpy", "scipy", "numba", "dwave-samplers")
VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "MKL_CBWR",
    "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "NPY_DISABLE_CPU_FEATURES",
    "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES",
)  # fmt: skip


def environment(*, batch: int | None = None, device: str | None = None) -> dict[str, Any]:
    """Return what the last bits of a result depend on beside its input, as plain values.

    Results with equal records, inputs and seeds have equal bits; docs/reproducibility.md states how
    far others differ.

    Args:
        batch: images that went through the network together; None leaves it out.
        device: where the network ran; None leaves it out.

    >>> {"processor", "variables", "versions"} <= set(environment())
    True
    >>> environment(batch=8)["batch"]
    8
    """
    torch = sys.modules.get("torch")  # what is not loaded has taken no part
    record = {
        "threads": None if torch is None else torch.get_num_threads(),
        "batch": batch,
        "device": device,
        "versions": dict(_versions()),
        "processor": processor(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }
    return {name: value for name, value in record.items() if value is not None}


def processor() -> dict[str, Any]:
    """Return the architecture, and the instruction sets that torch and numpy use on it.

    >>> processor()["architecture"] == platform.machine()
    True
    """
    torch = sys.modules.get("torch")
    return {
        "architecture": platform.machine(),
        "torch": None if torch is None else torch.backends.cpu.get_cpu_capability(),
        "numpy": list(_of_numpy()),
    }


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread in a block, and on as many as before after it.

    The sums of a network are divided among threads, so that their number changes last bits.

    >>> with one_thread():
    ...     environment()["threads"]
    1
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Return the versions of Python, annealcam, and the packages that compute."""
    found = [("python", platform.python_version()), ("annealcam", __version__)]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:  # copied without its metadata
            continue
    return tuple(found)


@cache
def _of_numpy() -> tuple[str, ...]:
    import numpy as np

    found = np.show_config(mode="dicts")
    extensions = found.get("SIMD Extensions", {})
    return tuple(map(str, [*extensions.get("baseline", []), *extensions.get("found", [])]))
