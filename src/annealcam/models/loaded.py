"""A network that is ready to be explained, and the names of those that come with the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PIL import Image
from torch import Tensor, nn

DEFAULT_MODEL = "efficientnet-lite0"
SHIPPED = ("paper-16", "paper-24", "paper-32", "digits")  # checkpoints in the package


class LoadedModel(NamedTuple):
    """A network ready to explain: unpacks to `model, preprocess, classes`."""

    model: nn.Module
    preprocess: Callable[[Image.Image], Tensor]
    classes: Sequence[str] | None
