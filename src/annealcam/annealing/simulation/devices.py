"""The device for the evolution in torch, and the number of runs that fit on it at once."""

from __future__ import annotations

import math
import warnings

import torch

from annealcam._internal.validation import one_of
from annealcam.annealing.simulation.memory import available
from annealcam.errors import AnnealcamWarning, ArgumentError, ProblemTooLargeError, suggest

REAL = {"complex128": torch.float64, "complex64": torch.float32}
_GROUP = {"cuda": 7, "cpu": 5}  # largest number of qubits rotated by one product, by device
_SINGLE = 5  # more qubits are split in two groups, since one matrix would outgrow the state
# Real numbers stored for every state: 9 during a run (the state twice, its phase factors, energies
# and result), and the probabilities of earlier runs, from which the error is estimated.
_STORED = 12
_STAGES = 4096  # numbers for the angles and phases of each run, and for their functions


def pick_device(device: str | torch.device) -> torch.device | None:
    """Return the torch device of a name, or None for the compiled kernels of the CPU.

    `cuda` and `cuda:1` are GPUs; `torch` is torch on the CPU, which is slow and meant for tests;
    `cpu` gives None. If torch cannot use the GPU, an AnnealcamWarning with the reason is issued and
    None is returned.

    Raises:
        ArgumentError: no device has that name.

    >>> pick_device("torch"), pick_device("cpu")
    (device(type='cpu'), None)
    """
    name = str(device)
    kind, _, number = name.partition(":")
    if name == "cpu":
        return None
    if name in ("torch", "torch:cpu"):
        return torch.device("cpu")
    if kind != "cuda" or not (number.isdecimal() or name == "cuda"):
        near = suggest(kind, ("cpu", "cuda", "torch"))
        raise ArgumentError(
            f"device={device!r}: must be cpu, cuda, cuda:1 (or another number), or torch{near}"
        )
    obstacle = _obstacle(int(number or 0))
    if obstacle:
        text = f"device={name!r}: {obstacle}; the CPU is used instead"
        warnings.warn(text, AnnealcamWarning, stacklevel=2)
        return None
    return torch.device(name)


def _obstacle(index: int) -> str:
    """Return the reason why torch cannot use a GPU; empty if it can."""
    if not torch.cuda.is_available():
        if torch.version.cuda is None and torch.version.hip is None:
            return f"torch {torch.__version__} is built without CUDA"
        return f"torch {torch.__version__} finds no GPU, or no driver for it"
    if index >= torch.cuda.device_count():
        return f"torch finds {torch.cuda.device_count()} GPUs, counted from 0"
    try:
        torch.ones(1, device=f"cuda:{index}").add_(1.0).item()
    except RuntimeError as error:
        return f"the GPU does not work with torch {torch.__version__} ({str(error).split('.')[0]})"
    return ""


def largest_batch(d: int, *, device: torch.device, precision: str = "complex128") -> int:
    """Return the number of runs of d qubits that fit at once into the free memory of a device.

    Raises:
        ProblemTooLargeError: not even one fits; the message contains the memory that it needs.

    >>> largest_batch(4, device=torch.device("cpu")) > 1000
    True
    """
    real = REAL[one_of("precision", precision, REAL)]
    matrices = sum(4**size for size in set(groups(d, most_together(device))))
    needed, free = real.itemsize * (_STORED * 2**d + matrices + _STAGES), _free_bytes(device)
    if needed > free:
        alternative = "" if precision == "complex64" else ", or use precision='complex64'"
        raise ProblemTooLargeError(
            f"d={d}: a run in {precision} needs {needed / 2**30:.3g} GiB on {device}, where "
            f"{free / 2**30:.3g} GiB are free; keep fewer candidates{alternative}"
        )
    return free // needed


def _free_bytes(device: torch.device) -> int:
    """Return the free memory, including what torch has reserved on a GPU but does not use."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    return int(available())


def most_together(device: torch.device) -> int:
    """Return the largest number of qubits that one product rotates on a device."""
    return _GROUP.get(device.type, _GROUP["cpu"])


def groups(d: int, most: int) -> list[int]:
    """Return the sizes of the groups of qubits that rotate together, as even as possible.

    >>> groups(5, 7), groups(7, 7), groups(15, 7)
    ([5], [4, 3], [5, 5, 5])
    """
    count = 1 if d <= min(most, _SINGLE) else max(2, math.ceil(d / most))
    return [d // count + (i < d % count) for i in range(count)]
