"""Transformers: tokens on a grid, laid out as maps."""

from __future__ import annotations

from math import isqrt

from torch import Tensor

from annealcam._internal.validation import whole
from annealcam.attribution.network.layer_output import Reshape
from annealcam.errors import LayerError


def token_grid(height: int | None = None, width: int | None = None, *, prefix: int = 1) -> Reshape:
    """Return a `reshape_transform` that lays tokens (n, prefix + h w, dim) out as (n, dim, h, w).

    Outputs (n, h, w, dim), as Swin's blocks give them, only have their axes moved.

    Args:
        height, width: of the grid; None takes a square one.
        prefix: tokens before the grid that are no places: class and register tokens.

    Raises:
        LayerError: (when called) the tokens do not fill the grid.

    >>> import torch
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
