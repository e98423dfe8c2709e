"""Checks of arguments: a clear error of one line for each invalid value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from operator import index
from typing import TYPE_CHECKING, Any

from annealcam.errors import ArgumentError, NumericalError, suggest

if TYPE_CHECKING:
    from annealcam._internal.types import Array


def one_line(value: Any) -> str:
    """Return the repr of a value in one line, for errors; those of arrays have several.

    >>> one_line([1, "x"]), len(one_line("x" * 1000))
    ("[1, 'x']", 200)
    """
    text = " ".join(repr(value).split("\n"))
    return text if len(text) <= 200 else f"{text[:197]}..."


def whole(argument: str, value: Any, *, least: int = 0) -> int:
    """Return a whole number of at least `least`; integers of numpy and torch are accepted.

    >>> whole("shots", 3, least=1)
    3
    """
    try:
        number = index(value)
    except TypeError:
        raise ArgumentError(f"{argument}={one_line(value)}: must be a whole number") from None
    if number < least:
        raise ArgumentError(f"{argument}={number}: must be {least} or more")
    if number >= 1 << 64:
        raise ArgumentError(f"{argument}: has {number.bit_length()} bits; must be below 2^64")
    return number


def real(argument: str, value: Any) -> float:
    """Return a number as a float; NaN and infinity are accepted.

    >>> real("beta", 1)
    1.0
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last: tensors of many values
        raise ArgumentError(f"{argument}={one_line(value)}: must be a number") from None


def finite_array(
    argument: str,
    values: Any,
    *,
    error: type[ArgumentError | NumericalError] = ArgumentError,
    hint: str = "",
) -> Array:
    """Return a read-only copy in float64 and C order; NaN and infinity raise `error`.

    >>> finite_array("h", [1, 2])
    array([1., 2.])
    """
    import numpy as np  # here, since the command line validates without arrays

    try:
        array = np.array(values, dtype=np.float64, order="C")
    except Exception as reason:  # whatever the conversion of an object raises
        raise ArgumentError(f"{argument}: must be an array of numbers ({reason})") from None
    if not np.isfinite(array).all():
        raise error(f"{argument}: contains NaN or infinity{hint}")
    array.setflags(write=False)
    return array


def one_of(argument: str, value: Any, known: Iterable[str]) -> str:
    """Return the name if it is one of `known`.

    >>> one_of("preset", "paper", ["paper"])
    'paper'
    """
    names = list(known)
    if not isinstance(value, str) or value not in names:
        raise ArgumentError(
            f"{argument}={one_line(value)}: one of {', '.join(names)}{suggest(str(value), names)}"
        )
    return value


def options_of(
    sampler: str, function: Callable[..., Any], options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the keyword options of a sampler's function: its defaults, updated by `options`.

    Raises:
        ArgumentError: the function has no option of that name.

    >>> options_of("mine", lambda problem, *, shots=10, seed=0: None, {"shots": 3})
    {'shots': 3}
    """
    defaults = {
        name: p.default
        for name, p in signature(function).parameters.items()
        if p.kind is p.KEYWORD_ONLY and name not in ("seed", "progress")
    }
    for name in options or {}:
        if name not in defaults:
            names = ", ".join(defaults) or "none"
            raise ArgumentError(
                f"sampler_options: {name!r} is no option of {sampler}, which takes {names}"
                f"{suggest(str(name), defaults)}"
            )
    return defaults | dict(options or {})
