"""Memory that is asked for before it is taken, so that a run ends with a line and not killed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from annealcam.errors import ProblemTooLargeError

_GIB = 2.0**30
_SMALL = 2.0**28  # below this nobody is asked
_CONTROL = Path("/sys/fs/cgroup")


def require_memory(needed: float, purpose: str) -> None:
    """Raise ProblemTooLargeError where `needed` bytes are more than the machine has free.

    >>> require_memory(1e6, "a small state")
    """
    if needed < _SMALL:
        return
    free = available()
    if needed > free:
        raise ProblemTooLargeError(
            f"memory: {purpose} would need {needed / _GIB:.1f} GiB, and {free / _GIB:.1f} GiB are "
            "free; take fewer qubits (max_qubits), or fewer levels"
        )


def available() -> float:
    """Return the bytes that this process may still take, as far as the system tells."""
    found = [float("inf")]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        table = dict(line.split(":", 1) for line in lines)
        found.append(1024.0 * float(table["MemAvailable"].split()[0]))
        found.append(_limit())
    except (OSError, KeyError, ValueError):
        with contextlib.suppress(ValueError, OSError):
            found.append(float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES"))
    return min(found)


def _limit() -> float:
    """What a container leaves; infinity without one."""
    try:
        most = (_CONTROL / "memory.max").read_text().strip()
        taken = (_CONTROL / "memory.current").read_text()
    except OSError:
        return float("inf")
    return float("inf") if most == "max" else float(most) - float(taken)
