"""Hashes of a network's weights, and of its code."""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn


def fingerprint(module: nn.Module) -> str:
    """Return a hash of every parameter and buffer of a module, in order: their types and bytes.

    >>> fingerprint(nn.Linear(1, 1)) == fingerprint(nn.Linear(2, 1))
    False
    """
    digest = hashlib.sha256()
    for tensor in module.state_dict().values():
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{values.dtype}{tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


def code_hash(module: nn.Module, name: str = "") -> str:
    """Return a hash of the files that define the classes of a network and its parts.

    Args:
        module: the network.
        name: its name; of `MODULE:FUNCTION`, the file of the module counts as well.

    >>> code_hash(nn.Linear(1, 1)) == code_hash(nn.ReLU())
    False
    """
    modules = {type(part).__module__ for part in module.modules()} | {name.partition(":")[0]}
    digest = hashlib.sha256()
    for each in sorted(modules):
        file = getattr(sys.modules.get(each), "__file__", None)
        if file is not None:
            with suppress(OSError):
                digest.update(Path(file).read_bytes())
    return f"sha256:{digest.hexdigest()}"
