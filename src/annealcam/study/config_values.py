"""Values of a configuration, checked against the kind that is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annealcam.errors import ArgumentError

_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Kind:
    """A type, or a list of it (`many`), or a table of it (`named`)."""

    of: type
    many: bool = False
    named: bool = False

    def __str__(self) -> str:
        one = _WORDS[self.of]
        return f"a list, each {one}" if self.many else f"a table of {one}" if self.named else one


def checked(key: str, value: Any, kind: Kind) -> Any:
    """Return a value of that kind; whole numbers will do for numbers, a single one for a list.

    >>> checked("tau", [10, 50], Kind(float, many=True))
    (10.0, 50.0)
    """
    if kind.named:
        if not isinstance(value, Mapping):
            raise ArgumentError(f"{key}={value!r}: must be {kind}")
        return {str(name): _one(f"{key}.{name}", v, Kind(kind.of)) for name, v in value.items()}
    if kind.many:
        several = value if isinstance(value, list | tuple) else [value]
        return tuple(_one(key, v, kind) for v in several)
    return _one(key, value, kind)


def _one(key: str, value: Any, kind: Kind) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    good = number if kind.of is float else type(value) is kind.of
    if not good:
        raise ArgumentError(f"{key}={value!r}: must be {kind}")
    return float(value) if kind.of is float else value
