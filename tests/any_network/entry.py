"""What is expected of one network, written down by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tests.any_network.independent import Arrangement

FIRST = Arrangement("channels first")
LAST = Arrangement("channels last")
SEQUENCE = Arrangement("tokens on the first axis", 1)  # one class token


def tokens(prefix: int = 0) -> Arrangement:
    """Tokens of a grid, some other tokens before them."""
    return Arrangement("tokens", prefix)


@dataclass(frozen=True)
class Entry:
    """A network, and the layer that is explained of it by default.

    Attributes:
        name: in the table.
        network: makes it; random numbers are seeded.
        shape: of an image without the axis of the batch, or a tuple of shapes for several inputs.
        layer, form, maps, grid: what is explained; `grid` is that of a map, the rows of an image
            that the network folds into the batch first.
        rows: of one image in the layer's output.
        run: of the layer, from 0.
        link: what makes probabilities of the logits.
        logits: from what the network returns to logits (n, classes).
        head: from the network and the layer's output to what the network returns, where that is
            not a matter of plain autograd.
        options: of `explain`.
        given_as_batch: whether the image is given with the axis of the batch.
        refusal: the sentence that refuses it, where it is not explained.
        tolerance: relative to the largest value.
        long: whether it is left out of `make test`.
        any_batch: whether it takes batches of any size.
        needs: packages without which it is left out.
        warning: what the result warns of, or how that begins.
    """

    name: str
    network: Callable[[], Any]
    shape: Any = (3, 64, 64)
    layer: str = ""
    form: Arrangement = FIRST
    maps: int = 0
    grid: tuple[int, ...] = ()
    rows: int = 1
    run: int = 0
    link: str = "softmax"
    logits: Callable[[Any], Tensor] | None = None
    head: Callable[[Any, Tensor], Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    given_as_batch: bool = False
    refusal: str | None = None
    tolerance: float = 1e-5
    long: bool = False
    any_batch: bool = True
    needs: tuple[str, ...] = ()
    warning: str | None = None

    def make(self) -> Any:
        """Return the network in evaluation mode, always with the same weights."""
        torch.manual_seed(0)
        network = self.network()
        if isinstance(network, nn.Module) and not isinstance(network, torch.fx.GraphModule):
            network.eval()
        return network

    def image(self, number: int = 0) -> Any:
        """Return an image, or a tuple of several inputs, without the axis of the batch."""
        generator = torch.Generator().manual_seed(number)
        shapes = self.shape if isinstance(self.shape[0], tuple) else (self.shape,)
        inputs = tuple(torch.randn(shape, generator=generator) for shape in shapes)
        return inputs if isinstance(self.shape[0], tuple) else inputs[0]
