"""One pass through a network: what it saw, what a layer made of it, and who was asked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from annealcam._internal.heatmaps import stretched
from annealcam._internal.types import Array
from annealcam.attribution.capture import Capture, capture
from annealcam.attribution.layers import default_layer
from annealcam.attribution.targets import resolve_targets
from annealcam.errors import ArgumentError

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """What one pass through the network gave: all that explaining needs, as often as wanted."""

    captured: Capture
    views: tuple[UInt8[Array, "h w 3"] | None, ...]
    about: Mapping[str, Any]
    class_names: Sequence[str] | None


def run_forward(
    model: nn.Module,
    image: Float[Tensor, "*batch channels height width"],
    *,
    layer: str | None = None,
    target: int | str | Sequence[int] | None = None,
    model_name: str | None = None,
    photo_name: str | None = None,
    class_names: Sequence[str] | None = None,
) -> ForwardPass:
    """Run the network, once; arguments and errors are those of `explain`.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> run_forward(net, torch.randn(3, 8, 8), layer="1").captured.layer
    '1'
    """
    images = as_batch(image)
    chosen = layer if layer is not None else default_layer(model, images[:1])
    log.info("layer %s%s", chosen, "" if layer is not None else " (chosen: none was named)")
    captured = capture(model, images, layer=chosen, targets=resolve_targets(target, class_names))
    _check_names(class_names, captured.logits.shape[1])
    about = {
        "photo": photo_name,
        "model": model_name or type(model).__name__,
        "layer_was_named": layer is not None,
        "target_was_named": target is not None,
        "torch": torch.__version__,
        "device": str(captured.logits.device),
        "dtype": str(captured.dtype).removeprefix("torch."),
    }
    return ForwardPass(captured, tuple(_view(each) for each in images), about, class_names)


def as_batch(image: Any) -> Float[Tensor, "n channels height width"]:
    """Return an image, or a batch of them, as a batch.

    Raises:
        ArgumentError: it is something else.

    >>> as_batch(torch.zeros(3, 2, 2)).shape
    torch.Size([1, 3, 2, 2])
    """
    if not isinstance(image, Tensor) or image.ndim not in (3, 4) or not image.is_floating_point():
        found = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise ArgumentError(
            f"image: {found}; a floating-point tensor (3, H, W) or (n, 3, H, W), normalised, "
            "as `preprocess` of load_model makes it"
        )
    return image if image.ndim == 4 else image[None]


def _check_names(class_names: Sequence[str] | None, classes: int) -> None:
    if class_names is not None and len(class_names) != classes:
        raise ArgumentError(
            f"class_names: {len(class_names)} names, but the model has {classes} classes"
        )


def _view(image: Float[Tensor, "channels height width"]) -> UInt8[Array, "h w 3"] | None:
    return stretched(image.detach().float().cpu().numpy()) if len(image) == 3 else None
