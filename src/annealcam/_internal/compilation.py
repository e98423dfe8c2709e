"""Compilation of numerical loops by numba, with a cache on disk.

Compilation takes seconds and happens once for each version and machine. It is announced by the
logger of this module, at level INFO, and left out of time limits (`deadline.working_seconds`).
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from numba import njit
from numba.core import event

from annealcam._internal.deadline import add_compiling_seconds

NOTE = (
    "compiling numerical loops for this machine, once after each installation; "
    "the time is not counted in time limits"
)
log = logging.getLogger(__name__)
_here = threading.local()


def compiler(*fastmath: str) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function at its first call, and releases Python's lock.

    The result is cached on disk, if any directory for it can be written.

    Args:
        fastmath: LLVM's fast-math flags, such as `contract` for fused multiply-add and `reassoc`
            for reordered sums.

    >>> @compiler("contract")
    ... def square(x):
    ...     return x * x
    >>> square.targetoptions["nogil"]
    True
    """

    def compile_lazily(function: Callable[..., Any]) -> Any:
        options = {"nogil": True, "fastmath": set(fastmath)}
        try:
            loop = njit(cache=True, **options)(function)
        except RuntimeError:  # there is no place for the cache
            loop = njit(**options)(function)
        loop.compile = _timed(loop.compile)
        return loop

    return compile_lazily


def _timed(compile_signature: Callable[..., Any]) -> Callable[..., Any]:
    """Return numba's own function, with the seconds of compiling or of reading the cache noted."""

    @functools.wraps(compile_signature)
    def timed(*args: Any, **options: Any) -> Any:
        if getattr(_here, "inside", False):  # of a loop that calls this one
            return compile_signature(*args, **options)
        _here.inside, began = True, monotonic()
        try:
            return compile_signature(*args, **options)
        finally:
            _here.inside = False
            add_compiling_seconds(monotonic() - began)

    return timed


class _Announcement(event.Listener):  # type: ignore[misc]  # numba has no types
    """Announce the first compilation of a process; reading the cache is none."""

    announced = False

    def on_start(self, _event: Any) -> None:
        """Log the note, if a loop of this package is compiled."""
        if not self.announced and getattr(_here, "inside", False):
            self.announced = True
            log.info(NOTE)

    def on_end(self, _event: Any) -> None:
        """Ignore the end."""


_announcement = _Announcement()
event.register("numba:compile", _announcement)
