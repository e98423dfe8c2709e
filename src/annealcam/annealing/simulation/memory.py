"""Memory: checks of what is free, so that no run is killed, and aligned arrays."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import DTypeLike

from annealcam._internal.types import Array
from annealcam.errors import ProblemTooLargeError

_GIB = 2.0**30
LINE = 64  # bytes of a cache line
_SMALL = 2.0**28  # bytes below which nothing is checked
_HEADROOM = 1.1  # for pages, buffers and what else the machine does meanwhile,
_RESERVE = 2.0**28  # and bytes for the process itself
_CONTROL = Path("/sys/fs/cgroup")


def require_memory(
    needed: float, purpose: str, *, mend: str = "use fewer qubits (max_qubits) or fewer levels"
) -> None:
    """Raise ProblemTooLargeError if the machine lacks `needed` free bytes, with some headroom.

    >>> require_memory(1e6, "a small state")
    """
    if needed < _SMALL:
        return
    needed, free = _HEADROOM * needed + _RESERVE, available()
    if needed > free:
        raise ProblemTooLargeError(
            f"memory: {purpose} would need {needed / _GIB:.1f} GiB, but {free / _GIB:.1f} GiB are "
            f"free; {mend}"
        )


def available() -> float:
    """Return the number of bytes that this process can still allocate; infinity if unknown."""
    limits = [float("inf")]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        table = dict(line.split(":", 1) for line in lines)
        limits.append(1024.0 * float(table["MemAvailable"].split()[0]))
        limits.append(_left_in_container())
    except (OSError, KeyError, ValueError):
        with contextlib.suppress(ValueError, OSError):
            limits.append(float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES"))
    return min(limits)


def _left_in_container() -> float:
    """Return the bytes left below the limit of a container; infinity without one."""
    try:
        limit = (_CONTROL / "memory.max").read_text().strip()
        used = (_CONTROL / "memory.current").read_text()
    except OSError:
        return float("inf")
    return float("inf") if limit == "max" else float(limit) - float(used)


def aligned(
    shape: tuple[int, ...], number: DTypeLike = np.float64, *, gap: int = 0
) -> Float[Array, "..."]:
    """Return an empty array that starts on a cache line, with `gap` bytes between its rows.

    >>> aligned((2, 3)).ctypes.data % 64
    0
    """
    itemsize = np.dtype(number).itemsize
    row = math.prod(shape[1:]) + gap // itemsize
    memory = np.empty(shape[0] * row + LINE // itemsize, number)
    first = -memory.ctypes.data % LINE // itemsize
    rows = memory[first : first + shape[0] * row].reshape(shape[0], row)
    return rows[:, : math.prod(shape[1:])].reshape(shape)
