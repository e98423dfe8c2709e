"""Arguments checked at the door: one clear line for each that is not what it should be."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any

from annealcam.errors import ArgumentError, suggest


def whole(argument: str, value: Any, *, least: int = 0) -> int:
    """Return a whole number of at least `least`; numpy's and torch's integers are welcome.

    >>> whole("shots", 3, least=1)
    3
    """
    try:
        number = index(value)
    except TypeError:
        raise ArgumentError(f"{argument}={value!r}: must be a whole number") from None
    if number < least:
        raise ArgumentError(f"{argument}={number}: must be {least} or more")
    return number


def real(argument: str, value: Any) -> float:
    """Return a number as a float; NaN and infinity pass, for the caller to judge.

    >>> real("beta", 1)
    1.0
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{argument}={value!r}: must be a number") from None


def one_of(argument: str, value: Any, known: Iterable[str]) -> str:
    """Return a name that is known.

    >>> one_of("preset", "paper", ["paper"])
    'paper'
    """
    names = list(known)
    if not isinstance(value, str) or value not in names:
        raise ArgumentError(
            f"{argument}={value!r}: one of {', '.join(names)}{suggest(str(value), names)}"
        )
    return value
