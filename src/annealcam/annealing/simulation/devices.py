"""Which device runs the evolution in torch, and how many runs fit on it at once."""

from __future__ import annotations

import math
import warnings

import torch

from annealcam._internal.validation import one_of
from annealcam.annealing.simulation.memory import available
from annealcam.errors import AnnealcamWarning, ArgumentError, ProblemTooLargeError, suggest

REAL = {"complex128": torch.float64, "complex64": torch.float32}
_GROUP = {"cuda": 7, "cpu": 5}  # most qubits turned by one product, by the kind of device
_ALONE = 5  # more qubits than these are split in two: one matrix would outgrow the state
# Real numbers kept for every state: 9 while a run is at work (the state twice, its phase factors,
# energies and result), and the probabilities of the runs before, which its error is told from.
_KEPT = 12
_STAGES = 4096  # numbers for each run's angles and phases, and what is made of them


def pick_device(device: str | torch.device) -> torch.device | None:
    """Return the torch device of that name, or None where the compiled CPU kernels are to run.

    `cuda` and `cuda:1` are GPUs; `torch` is torch on the CPU, slow and for tests; `cpu` is None.
    Where torch cannot use the GPU that is asked for, an AnnealcamWarning says why, and None is
    returned: the work goes on, on the CPU.

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
        raise ArgumentError(f"device={device!r}: one of cpu, cuda, cuda:1 (and so on), torch{near}")
    trouble = _trouble(int(number or 0))
    if trouble:
        text = f"device={name!r}: {trouble}; the CPU does the work instead"
        warnings.warn(text, AnnealcamWarning, stacklevel=2)
        return None
    return torch.device(name)


def _trouble(index: int) -> str:
    """Why torch cannot use the GPU of that number; nothing if it can."""
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
    """Return how many runs of d qubits fit at once into the memory that is free on the device.

    Raises:
        ProblemTooLargeError: not even one does; the message says what it would need.

    >>> largest_batch(4, device=torch.device("cpu")) > 1000
    True
    """
    real = REAL[one_of("precision", precision, REAL)]
    matrices = sum(4**size for size in set(groups(d, most_together(device))))
    needed, free = real.itemsize * (_KEPT * 2**d + matrices + _STAGES), _free_bytes(device)
    if needed > free:
        smaller = "" if precision == "complex64" else ", or take precision='complex64'"
        raise ProblemTooLargeError(
            f"d={d}: a run in {precision} needs {needed / 2**30:.3g} GiB on {device}, where "
            f"{free / 2**30:.3g} GiB are free; keep fewer candidates{smaller}"
        )
    return free // needed


def _free_bytes(device: torch.device) -> int:
    """Memory that can still be had; on a GPU with what torch keeps for its next use."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    return int(available())


def most_together(device: torch.device) -> int:
    """Most qubits that one product turns on the device."""
    return _GROUP.get(device.type, _GROUP["cpu"])


def groups(d: int, most: int) -> list[int]:
    """Return how many qubits are turned together, from the highest down, as even as can be.

    >>> groups(5, 7), groups(7, 7), groups(15, 7)
    ([5], [4, 3], [5, 5, 5])
    """
    count = 1 if d <= min(most, _ALONE) else max(2, math.ceil(d / most))
    return [d // count + (i < d % count) for i in range(count)]
