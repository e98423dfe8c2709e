"""Transformers: tokens on a grid, laid out as maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._checks import whole
from annealcam.errors import LayerError
from annealcam.interop._selected import refuse_without_maps
from annealcam.vision.borrow import borrowed, find_layer, hooked, run
from annealcam.vision.capture import Capture, capture, refuse_non_finite, targets_of

Reshape: TypeAlias = Callable[[Any], Tensor]


def token_grid(height: int | None = None, width: int | None = None, *, prefix: int = 1) -> Reshape:
    """Return a `reshape_transform` that lays tokens (n, prefix + h w, dim) out as (n, dim, h, w).

    Outputs (n, h, w, dim), as Swin's blocks give them, only have their axes moved.

    Args:
        height, width: of the grid; None takes a square one.
        prefix: tokens before the grid that are no places: class and register tokens.

    Raises:
        LayerError: (when called) the tokens do not fill the grid.

    >>> token_grid()(torch.zeros(2, 1 + 9, 8)).shape
    torch.Size([2, 8, 3, 3])
    """
    whole("prefix", prefix)

    def reshape(tokens: Tensor) -> Tensor:
        if tokens.ndim == 4:
            return tokens.permute(0, 3, 1, 2)
        if tokens.ndim != 3:
            raise LayerError(f"layer: gives {tuple(tokens.shape)}, not tokens (n, tokens, dim)")
        places = tokens.shape[1] - prefix
        h = height or (places // width if width else isqrt(max(places, 0)))
        w = width or h
        if h * w != places or places < 1:
            raise LayerError(
                f"layer: {tokens.shape[1]} tokens, {prefix} of them before the grid, do not fill "
                f"{h} x {w} places; give token_grid(height, width, prefix=...)"
            )
        return tokens[:, prefix:].transpose(1, 2).reshape(len(tokens), -1, h, w)

    return reshape


def capture_reshaped(
    model: nn.Module,
    images: Float[Tensor, "n channels height width"],
    *,
    layer: str,
    targets: int | Sequence[int] | None,
    reshape_transform: Reshape | None,
) -> Capture:
    """Return what `annealcam.vision.capture` does, of a layer whose output is first reshaped.

    The transform only rearranges: it is applied to the output and to its gradient alike.

    Raises:
        AnnealcamError: as `capture` does.
    """
    if reshape_transform is None:
        return capture(model, images, layer=layer, targets=targets)
    taken: list[Tensor] = []

    def cut(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        if not isinstance(output, Tensor):
            raise LayerError(f"layer={layer!r}: gives a {type(output).__name__}, not one tensor")
        torch.set_grad_enabled(True)  # also where the model itself froze its trunk by no_grad
        taken.append(output.detach().clone().requires_grad_())
        return taken[-1].clone()

    with borrowed(model):
        with hooked({find_layer(model, layer): cut}):
            logits = run(model, images)
        chosen = targets_of(logits, targets)
        gradient = _gradient(logits.gather(1, chosen[:, None]).sum(), taken, layer)
    wide = torch.promote_types(taken[-1].dtype, torch.float32)
    maps, gradients = (reshape_transform(x).detach().to(wide) for x in (taken[-1], gradient))
    refuse_without_maps(maps)
    refuse_non_finite("logits", logits.detach())
    return Capture(layer, maps, gradients, logits.detach().to(wide), chosen, taken[-1].dtype)


def _gradient(score: Tensor, taken: list[Tensor], layer: str) -> Tensor:
    if not taken:
        raise LayerError(f"layer={layer!r}: never ran in the forward pass; choose another layer")
    grad = None
    if score.requires_grad:
        (grad,) = torch.autograd.grad(score, taken[-1], allow_unused=True)
    if grad is None:
        raise LayerError(
            f"layer={layer!r}: no gradient of the logits reaches it; choose another layer"
        )
    return grad
