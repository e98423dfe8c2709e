"""Compilation of numerical loops by numba, with a cache on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


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
            return njit(cache=True, **options)(function)
        except RuntimeError:  # there is no place for the cache
            return njit(**options)(function)

    return compile_lazily
