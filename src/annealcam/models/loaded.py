"""A network that is ready to be explained, and the names of those that come with the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PIL import Image
from torch import Tensor, nn

from annealcam._internal.text import short_repr
from annealcam.errors import ArgumentError

DEFAULT_MODEL = "efficientnet-lite0"
SHIPPED = ("paper-16", "paper-24", "paper-32", "digits")  # checkpoints in the package


class LoadedModel(NamedTuple):
    """A network ready to explain: unpacks to `model, preprocess, classes`."""

    model: nn.Module
    preprocess: Callable[[Image.Image], Tensor]
    classes: Sequence[str] | None

    def __repr__(self) -> str:
        names = None if self.classes is None else len(self.classes)
        kinds = {"model": type(self.model).__name__, "preprocess": type(self.preprocess).__name__}
        return short_repr("LoadedModel", **kinds, classes=names)


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
