"""A network that is ready to be explained, and the names of those that come with the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Tensor, nn

from annealcam._internal.text import short_repr
from annealcam.errors import ArgumentError

# The network that the command line uses by default.
DEFAULT_MODEL = "efficientnet-lite0"
SHIPPED = ("paper-16", "paper-24", "paper-32", "digits")  # checkpoints in the package
PREPROCESSING = ("mean", "std", "size", "resize", "interpolation")  # what may be assumed


class _Unpacked(NamedTuple):
    """What a loaded network unpacks to."""

    model: nn.Module
    preprocess: Callable[..., Tensor]
    classes: Sequence[str] | None


class LoadedModel(_Unpacked):
    """A network ready to explain: unpacks to `model, preprocess, classes`.

    Attributes:
        model: the network.
        preprocess: from a photo to the tensor that the network takes.
        classes: names of the outputs; None where they have none.
        link: what makes probabilities of the outputs: `softmax`, `sigmoid` or `identity`; None
            where it is not known.
        record: where the network, its weights and its preprocessing come from, and what of it is
            assumed, as plain JSON values.

    >>> model, preprocess, classes = LoadedModel(nn.Linear(1, 2), str, ["a", "b"], link="sigmoid")
    >>> classes
    ['a', 'b']
    """

    link: str | None = None
    record: Mapping[str, Any] = MappingProxyType({})

    def __new__(
        cls,
        model: nn.Module,
        preprocess: Callable[..., Tensor],
        classes: Sequence[str] | None,
        *,
        link: str | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> LoadedModel:
        """Return the three parts as a tuple, with `link` and `record` beside them."""
        self = super().__new__(cls, model, preprocess, classes)
        self.link = link
        self.record = dict(record or {})
        return self

    def changed(self, **changes: Any) -> LoadedModel:
        """Return a copy with other values of `preprocess`, `classes`, `link` or `record`."""
        return LoadedModel(**{**self._asdict(), **vars(self), **changes})

    def __repr__(self) -> str:
        names = None if self.classes is None else len(self.classes)
        kinds = {"model": type(self.model).__name__, "preprocess": type(self.preprocess).__name__}
        link = {} if self.link is None else {"link": self.link}
        return short_repr("LoadedModel", **kinds, classes=names, **link)


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
