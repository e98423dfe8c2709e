"""A bounded cache: the most recently used values, as many as fit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Values by key; the least recently used ones are dropped when the capacity is exceeded.

    A value larger than the capacity is not stored.

    Args:
        capacity: maximum sum of the sizes of all values.
        size_of: the size of a value. Default: 1, so that the capacity counts values.

    >>> cache = Cache(2)
    >>> for key in "abac":
    ...     cache[key] = key.upper()
    >>> "b" in cache, cache.get("a"), cache.size
    (False, 'A', 2)
    """

    def __init__(self, capacity: int, size_of: Callable[[V], int] = lambda _: 1) -> None:
        self.capacity = capacity
        self.size = 0
        self._size_of = size_of
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """Return a value and mark it as the most recently used one; None if it is missing."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def get_or_make(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key, which is made if it is missing."""
        value = self.get(key)
        if value is None:
            value = self[key] = make()
        return value

    def __setitem__(self, key: K, value: V) -> None:
        size = self._size_of(value)
        with self._lock:
            _, before = self._values.pop(key, (None, 0))
            self._values[key] = (value, size)
            self.size += size - before
            while self.size > self.capacity:
                _, (_, freed) = self._values.popitem(last=False)
                self.size -= freed

    def __contains__(self, key: K) -> bool:
        with self._lock:
            return key in self._values

    def __len__(self) -> int:
        return len(self._values)
