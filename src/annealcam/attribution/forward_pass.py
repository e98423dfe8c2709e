"""One forward and one backward pass through a network: all that explanations are made from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._internal.pictures.views import stored_view, view_record
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.attribution.activations import Capture, capture
from annealcam.attribution.contrast import resolve_against
from annealcam.attribution.layers import default_layer
from annealcam.attribution.network.hooks import layer_name
from annealcam.attribution.targets import resolve_targets
from annealcam.errors import ArgumentError

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class ForwardPass:
    """The result of one pass through a network; any number of explanations can be made from it.

    Attributes:
        captured: activations and gradients of the layer.
        views: each image as a small array to show, as `stored_view` makes it.
        record: what the provenance of a result holds of the pass; plain values.
        class_names: of the logits; None where they have none.
    """

    captured: Capture
    views: tuple[Array | None, ...]
    record: Mapping[str, Any]
    class_names: Sequence[str] | None

    def __repr__(self) -> str:
        names = None if self.class_names is None else len(self.class_names)
        return short_repr("ForwardPass", captured=self.captured, class_names=names)


def run_forward(
    model: nn.Module,
    image: Float[Tensor, "*batch channels height width"],
    *,
    layer: str | nn.Module | None = None,
    target: int | str | Sequence[int] | None = None,
    against: Any = None,
    integrated: bool = True,
    model_name: str | None = None,
    photo_name: str | None = None,
    class_names: Sequence[str] | None = None,
) -> ForwardPass:
    """Run the network once on an image or a batch; arguments and errors are those of `explain`.

    With `integrated`, what lies behind the layer runs as often as `capture` needs to make the
    contributions of the maps add up.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> run_forward(net, torch.randn(3, 8, 8), layer="1").captured.layer
    '1'
    """
    images = as_batch(image)
    if class_names is not None and not hasattr(class_names, "__len__"):
        raise ArgumentError(
            f"class_names: a {type(class_names).__name__}; give a list with the name of each class"
        )
    name = default_layer(model, images[:1]) if layer is None else layer_name(model, layer)
    log.info("layer %s%s", name, " (the default)" if layer is None else "")
    contrast = resolve_against(against, class_names)
    captured = capture(
        model, images, layer=name, targets=resolve_targets(target, class_names), against=contrast,
        integrated=integrated,
    )  # fmt: skip
    _check_names(class_names, captured.logits.shape[1])
    record = {
        "photo": photo_name,
        "model": model_name or type(model).__name__,
        "layer_was_named": layer is not None,
        "target_was_named": target is not None,
        "against": contrast,
        "torch": torch.__version__,
        "device": str(captured.logits.device),
        "dtype": str(captured.dtype).removeprefix("torch."),
        "view": view_record(images.shape[1:]),
    }
    return ForwardPass(captured, tuple(_view(each) for each in images), record, class_names)


def as_batch(image: Any) -> Float[Tensor, "n channels height width"]:
    """Return an image, or a batch of them, as a batch.

    Raises:
        ArgumentError: it is something else.

    >>> as_batch(torch.zeros(3, 2, 2)).shape
    torch.Size([1, 3, 2, 2])
    """
    if not isinstance(image, Tensor) or image.ndim not in (3, 4) or not image.is_floating_point():
        kind = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise ArgumentError(
            f"image: {kind}; a floating-point tensor (3, H, W) or (n, 3, H, W), normalised, "
            "as `preprocess` of load_model makes it"
        )
    return image if image.ndim == 4 else image[None]


def _check_names(class_names: Sequence[str] | None, classes: int) -> None:
    if class_names is not None and len(class_names) != classes:
        raise ArgumentError(
            f"class_names: {len(class_names)} names, but the model has {classes} classes"
        )


def _view(image: Float[Tensor, "channels length *more"]) -> Array | None:
    return stored_view(image.detach().float().cpu().numpy())
