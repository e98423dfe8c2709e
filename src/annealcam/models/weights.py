"""Tensors out of weights files, and nothing but tensors."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from annealcam.errors import ModelError

_PARALLEL = "module."  # what DataParallel puts before every name


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


def classes_of(tensors: dict[str, Tensor], like: nn.Module, default: int) -> int:
    """Return the rows of the last layer: the number of classes that it was trained for."""
    *_, last = (name for name, p in like.named_parameters() if p.ndim > 1)
    return tensors[last].shape[0] if last in tensors else default


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Return the named tensors of a `.safetensors`, or of a `.pt` that holds nothing else.

    Raises:
        ModelError: the file holds anything but named tensors; nothing of it is run.
    """
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            tensors = load_file(file)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of what is then refused
                tensors = torch.load(file, weights_only=True, map_location="cpu")
            tensors = tensors.get("state_dict", tensors)
        if not tensors or not all(isinstance(t, Tensor) for t in tensors.values()):
            raise ModelError(f"weights={str(file)!r}: holds no named tensors")
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"weights={str(file)!r}: not a file of plain tensors (nothing else is unpickled); "
            "save model.state_dict() by torch.save or safetensors"
        ) from error
    if all(name.startswith(_PARALLEL) for name in tensors):
        tensors = {name.removeprefix(_PARALLEL): t for name, t in tensors.items()}
    return dict(tensors)
