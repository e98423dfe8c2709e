"""Moving networks to a device."""

from __future__ import annotations

from torch import nn

from annealcam.errors import ArgumentError


def move(model: nn.Module, device: str) -> None:
    """Move a network to a device, in place.

    Raises:
        ArgumentError: there is no such device, or it stores no values (`meta`).

    >>> move(nn.Linear(1, 1), "cpu")
    """
    try:
        model.to(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        raise ArgumentError(f"device={device!r}: not available ({first}); try cpu") from error
    if any(parameter.is_meta for parameter in model.parameters()):
        raise ArgumentError(f"device={device!r}: holds no values; try cpu")
