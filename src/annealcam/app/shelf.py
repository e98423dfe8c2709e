"""A bounded memory: the values that were used last, as many as fit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Shelf(Generic[K, V]):
    """Values by key; the one unused for longest is dropped when there is no more room.

    A value larger than the shelf is used once and not kept.

    >>> shelf = Shelf(2)
    >>> for key in "abac":
    ...     shelf[key] = key.upper()
    >>> "b" in shelf, shelf.get("a"), shelf.room_taken
    (False, 'A', 2)
    """

    def __init__(self, most: int, size_of: Callable[[V], int] = lambda _: 1) -> None:
        self.most = most
        self.room_taken = 0
        self._size_of = size_of
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """Return a value, which thereby is the one used last; None if it is not there."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def made(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key, made if it is not there."""
        found = self.get(key)
        if found is None:
            found = self[key] = make()
        return found

    def __setitem__(self, key: K, value: V) -> None:
        size = self._size_of(value)
        with self._lock:
            _, before = self._values.pop(key, (None, 0))
            self._values[key] = (value, size)
            self.room_taken += size - before
            while self.room_taken > self.most:
                _, (_, freed) = self._values.popitem(last=False)
                self.room_taken -= freed

    def __contains__(self, key: K) -> bool:
        with self._lock:
            return key in self._values

    def __len__(self) -> int:
        return len(self._values)
