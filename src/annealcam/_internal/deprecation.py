"""Old names of arguments and values: accepted for one release, with a DeprecationWarning."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from annealcam.errors import ArgumentError

P = ParamSpec("P")
T = TypeVar("T")


def renamed_arguments(**new_by_old: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator that passes arguments given by an old name on under the new one.

    >>> @renamed_arguments(rtol="tol")
    ... def tolerance(*, tol: float) -> float:
    ...     return tol
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     tolerance(rtol=0.1), str(caught[0].message)
    (0.1, 'rtol: renamed, use tol')
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def accepting(*args: P.args, **kwargs: P.kwargs) -> T:
            for old in new_by_old.keys() & kwargs.keys():
                new = new_by_old[old]
                if new in kwargs:
                    raise ArgumentError(f"{old}, {new}: give {new} alone; {old} is its former name")
                warn_deprecated(f"{old}: renamed, use {new}")
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return accepting

    return decorate


def renamed_value(argument: str, value: Any, new_by_old: Mapping[str, str]) -> Any:
    """Return the new name of a value given by its old name, and any other value unchanged.

    >>> renamed_value("normalisation", "unit", {"text": "unit"})
    'unit'
    """
    if not isinstance(value, str) or value not in new_by_old:
        return value
    new = new_by_old[value]
    warn_deprecated(f"{argument}={value!r}: renamed, use {argument}={new!r}")
    return new


def renamed_keys(
    argument: str, options: Mapping[str, Any] | None, new_by_old: Mapping[str, str]
) -> dict[str, Any]:
    """Return options with their new names, keys that are not renamed unchanged.

    >>> renamed_keys("options", {"shots": 3}, {"reads": "shots"})
    {'shots': 3}
    """
    renamed = {}
    for key, value in (options or {}).items():
        if key in new_by_old:
            warn_deprecated(f"{argument}: {key} is renamed, use {new_by_old[key]}")
        renamed[new_by_old.get(key, key)] = value
    return renamed


def renamed_attribute(old: str, new: str) -> property:
    """Return a property that gives the attribute `new` under its old name.

    >>> class Result:
    ...     normalisation = "unit"
    ...     convention = renamed_attribute("convention", "normalisation")
    >>> Result().convention
    'unit'
    """

    def value(self: Any) -> Any:
        warn_deprecated(f"{old}: renamed, use {new}")
        return getattr(self, new)

    return property(value, doc=f"Old name of `{new}`.")


def renamed_names(module: str, new_by_old: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module that gives names under their old names.

    >>> renamed_names(__name__, {"renamed": "renamed_value"})("renamed").__name__
    'renamed_value'
    """

    def __getattr__(name: str) -> Any:
        if name not in new_by_old:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn_deprecated(f"{name}: renamed, use {new_by_old[name]}")
        return getattr(sys.modules[module], new_by_old[name])

    return __getattr__


def warn_deprecated(message: str) -> None:
    warnings.warn(message, DeprecationWarning, stacklevel=3)
