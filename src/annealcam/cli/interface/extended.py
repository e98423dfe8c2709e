"""Commands with further options that many commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any


def extended(
    command: Callable[..., None],
    options: Mapping[str, Any],
    run: Callable[[Callable[..., None], tuple[Any, ...], dict[str, Any], dict[str, Any]], None],
    *,
    without: str = "",
) -> Callable[..., None]:
    """Return a command with further options.

    Args:
        command: the function of the command.
        options: annotations of the added options by name; without a value they are None.
        run: called with the command, its positional and keyword arguments, and the values of the
            added options.
        without: a parameter of the command that `run` fills, and that is no option.
    """

    @wraps(command)
    def called(*args: Any, **kwargs: Any) -> None:
        values = {name: kwargs.pop(name, None) for name in options}
        run(command, args, kwargs, values)

    # typer evaluates no annotations of `__signature__`.
    signature = inspect.signature(command, eval_str=True)
    own = [p for name, p in signature.parameters.items() if name != without]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in options.items()
    ]
    called.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    hints = {k: v for k, v in command.__annotations__.items() if k != without}
    called.__annotations__ = {**hints, **options}
    return called
