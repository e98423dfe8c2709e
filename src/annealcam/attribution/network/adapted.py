"""A network with what is fixed about its inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from annealcam.attribution.network.model_output import Output, check_link
from annealcam.errors import ArgumentError, ModelError


class Adapted(nn.Module):
    """A network that takes further inputs beside the image, or whose output has to be read.

    All that takes a network takes this one in its place; names of layers are those of the network.

    Args:
        network: the network itself.
        output: a function from what it returns to logits (n, classes).
        link: `softmax`, `sigmoid` or `identity`; see `ModelOutput`.
        others: the inputs after the image, in order. Tensors belong to one image, with a first axis
            of length 1, and are repeated where several variants of it are run.

    >>> import torch
    >>> net = Adapted(nn.Bilinear(2, 3, 1), others=[torch.ones(1, 3)])
    >>> net(torch.zeros(4, 2)).shape
    torch.Size([4, 1])
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        output: Output | None = None,
        link: str | None = None,
        others: Sequence[Any] = (),
    ) -> None:
        super().__init__()
        if output is not None and not callable(output):
            raise ArgumentError(
                f"output: a {type(output).__name__}; give a function from what the model returns "
                "to logits (n, classes)"
            )
        self.network = network
        self.output, self.link, self.others = output, check_link(link), tuple(others)
        self.training = network.training

    def forward(self, image: Tensor) -> Any:
        """Return what the network returns for an image and its further inputs."""
        return self.network(image, *(_like(other, image) for other in self.others))


def _like(other: Any, image: Tensor) -> Any:
    if not isinstance(other, Tensor):
        return other
    other = other.to(device=image.device, dtype=image.dtype if other.is_floating_point() else None)
    if other.ndim and len(other) == 1 and len(image) > 1:
        other = other.expand(len(image), *other.shape[1:])
    return other.clone()  # the network may overwrite it


def check_module(model: Any) -> None:
    """Raise ModelError unless a model is one that takes hooks.

    >>> check_module(nn.Flatten())
    """
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise ModelError(
            f"model: a {type(model).__name__}; give the torch.nn.Module itself "
            "(a TorchScript module takes no hooks; torch.export files are read)"
        )


def adapt(
    model: Any, *, output: Output | None = None, link: str | None = None, others: Sequence[Any] = ()
) -> nn.Module:
    """Return a network with these inputs and outputs; itself if there are none.

    >>> net = nn.Flatten()
    >>> adapt(net) is net, adapt(net, link="identity").link
    (True, 'identity')
    """
    check_module(model)
    if output is None and link is None and not others:
        return model
    if isinstance(model, Adapted):
        output, link = output or model.output, link or model.link
        others, model = others or model.others, model.network
    return Adapted(model, output=output, link=link, others=others)


def network_of(model: nn.Module) -> nn.Module:
    """Return the network itself.

    >>> net = nn.Flatten()
    >>> network_of(adapt(net, link="identity")) is net
    True
    """
    return model.network if isinstance(model, Adapted) else model
