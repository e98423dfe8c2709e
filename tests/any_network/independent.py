"""What a layer gives and its gradients, by a plain hook and autograd; nothing of annealcam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Arrangement:
    """Where the maps are in the output of a layer."""

    name: str
    prefix: int = 0

    def maps(self, output: Tensor, rows: int, grid: tuple[int, ...]) -> Tensor:
        """Return the maps (n, maps, *grid) of a layer's output."""
        cells = grid[1:] if rows > 1 else grid
        if self.name == "tokens on the first axis":
            output = output.permute(1, 0, 2)
        n = len(output) // rows
        if self.name == "channels last":
            output = output.permute(0, -1, *range(1, output.ndim - 1))
        if self.name.startswith("tokens"):
            patches = output[:, self.prefix :][:, : prod(cells)]
            output = patches.transpose(1, 2).reshape(len(output), -1, *cells)
        if rows > 1:
            output = output.reshape(n, rows, *output.shape[1:]).transpose(1, 2)
        return output


class Plain(NamedTuple):
    """What plain PyTorch gives."""

    logits: Tensor
    maps: Tensor
    gradients: Tensor


def run_plainly(
    network: nn.Module,
    batch: tuple[Tensor, ...],
    layer: str,
    score: Callable[[Tensor], Tensor],
    *,
    run: int,
    arrangement: Arrangement,
    rows: int,
    grid: tuple[int, ...],
    logits: Callable[[Any], Tensor] | None = None,
    head: Callable[[Any, Tensor], Any] | None = None,
) -> Plain:
    """Return logits, maps and the gradients of a score of the logits."""
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        outputs.append(output if output.requires_grad else output.detach().requires_grad_())
        return outputs[-1].clone()  # what follows may overwrite it

    handle = network.get_submodule(layer).register_forward_hook(keep)
    try:
        returned = network(*(each.clone() for each in batch))
    finally:
        handle.remove()
    outputs = [output for output in outputs if output.ndim > 2]
    output = outputs[run]
    if head is not None:
        output = output.detach().requires_grad_()
        returned = head(network, output)
    z = returned if logits is None else logits(returned)
    (gradient,) = torch.autograd.grad(score(z), output)
    maps, gradients = (
        arrangement.maps(values, rows, grid).detach() for values in (output, gradient)
    )
    return Plain(z.detach(), maps, gradients)
