"""annealcam as an explanation function of Quantus, which need not be imported here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._internal.map_axes import LINEAR
from annealcam._internal.types import Array
from annealcam._internal.validation import one_line, one_of
from annealcam.attribution.activations import capture
from annealcam.attribution.layers import default_layer
from annealcam.attribution.network.inputs import is_single
from annealcam.attribution.network.layer_output import Reshape
from annealcam.attribution.targets import resolve_targets
from annealcam.errors import ArgumentError
from annealcam.interop.selection import selection_maps, settings_of

INTERPOLATIONS = ("bilinear", "nearest")


def explain_func(
    model: nn.Module,
    inputs: Any,
    targets: Any,
    *,
    layer: str | None = None,
    reshape_transform: Reshape | None = None,
    interpolation: str = "bilinear",
    device: Any = None,  # noqa: ARG001  (Quantus passes it)
    **choices: Any,
) -> Float[Array, "n 1 *size"]:
    """Return the maps of the few feature maps that annealcam selects, resized to the inputs.

    L = ReLU(sum_a n_a alpha_a f^(a)), n the selection of `annealcam.explain`; raw, not negative.
    The model is not changed.

    Args:
        model: as Quantus passes it, often a copy with new weights.
        inputs: (n, channels, H, W), or signals (n, channels, length) or volumes; numpy or torch.
        targets: (n,) classes; None takes the predicted ones.
        layer: the module's *name*, looked up in the model of each call; None takes the last
            convolutional output after its activation.
        reshape_transform: makes maps, such as (n, maps, h, w), of the layer's output;
            `interop.tokens.token_grid` makes one for transformers. Name the layer then.
        interpolation: `bilinear` (linear along each axis) or `nearest`.
        device: accepted because Quantus passes it; the model is not moved.
        choices: keywords of `annealcam.explain`: importance, beta, cardinality, preset, sampler,
            seed, max_qubits, tau, normalisation, schedule, shots, map_form.

    Raises:
        ArgumentError: inputs are no batch of images, an option is unknown or out of range.
        AnnealcamError: as `annealcam.explain` does.

    Source: arXiv 2604.25649; the interface is that of Quantus 0.6.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> explain_func(net, torch.randn(2, 3, 8, 8).numpy(), [0, 1], layer="1").shape
    (2, 1, 8, 8)
    """
    settings = settings_of(choices)
    one_of("interpolation", interpolation, INTERPOLATIONS)
    images = _as_images(inputs, model)
    captured = capture(
        model,
        images,
        layer=layer if layer is not None else default_layer(model, images[:1]),
        targets=_as_targets(targets, len(images)),
        integrated=settings.integrated,
        reshape_transform=reshape_transform,
    )
    maps = selection_maps(captured.activations, captured.path_gradients, settings, signals=True)[
        :, None
    ]
    size, grid = tuple(images.shape[2:]), tuple(maps.shape[2:])
    if len(size) != len(grid):
        raise ArgumentError(
            f"layer: gives maps {grid} for inputs {size}, which have other axes; choose another "
            "layer, or give a reshape_transform"
        )
    how: Any = {"mode": "nearest"}
    if interpolation == "bilinear":
        how = {"mode": LINEAR[len(grid)], "align_corners": False}
    return nn.functional.interpolate(maps, size=size, **how).cpu().numpy()


def _as_images(inputs: Any, model: nn.Module) -> Float[Tensor, "n channels *size"]:
    try:
        images = inputs.detach() if isinstance(inputs, Tensor) else torch.as_tensor(inputs)
    except (TypeError, ValueError, RuntimeError):
        raise ArgumentError(
            f"inputs: {type(inputs).__name__}; give a batch of images, an array or a tensor"
        ) from None
    images = images if images.is_floating_point() else images.float()
    if images.ndim not in (3, 4, 5) or len(images) == 0 or is_single(images, model):
        raise ArgumentError(
            f"inputs: of shape {tuple(images.shape)}; a batch (n, channels, H, W), n >= 1, or of "
            "signals or volumes"
        )
    return images


def _as_targets(targets: Any, n: int) -> int | Sequence[int] | None:
    """Classes as whole numbers; Quantus also gives them as (n, 1), or as floats."""
    if targets is None:
        return None
    try:
        each = torch.as_tensor(targets).flatten()
    except (TypeError, ValueError, RuntimeError):
        raise ArgumentError(
            f"targets={one_line(targets)}: give a class for each image, by index"
        ) from None
    if each.is_floating_point() and bool((each == each.round()).all()):
        each = each.long()
    return resolve_targets(each if len(each) > 1 or n == 1 else each[0], None)
