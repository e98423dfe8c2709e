"""Logits of a network when some maps of a layer are set to zero."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from annealcam._internal.types import Array
from annealcam.attribution.activations import as_maps, never_ran, refuse_non_finite
from annealcam.attribution.hooks import Hook, borrowed, find_layer, hooked, run
from annealcam.errors import ArgumentError, ModelError

CHUNK = 64  # masks that go through the rest of the network together


def masked_logits(
    model: nn.Module,
    images: Float[Tensor, "n channels height width"],
    *,
    layer: str,
    masks: Bool[Array, "n masks maps"],
) -> Float[Array, "n masks classes"]:
    """Return the logits, in float64, of each image under each of its masks of a layer's maps.

    The network processes each image once up to the layer, and one copy for each mask behind it. If
    the layer runs several times, its last run is masked, which is the run that `capture` records.

    Raises:
        ArgumentError: the masks do not have the layer's number of maps.
        NumericalError: logits hold NaN or infinity.
        AnnealcamError: as `capture`, for the layer and the model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 2))
    >>> alone = torch.eye(8).bool().numpy()[None]
    >>> masked_logits(net, torch.ones(1, 3, 8, 8), layer="0", masks=alone).shape
    (1, 8, 2)
    """
    masked = inspect_layer(model, images[:1], layer)
    if masks.shape[2] != masked.maps:
        raise ArgumentError(f"masks has {masks.shape[2]} maps: layer {layer!r} has {masked.maps}.")
    return logits_under(model, images, masked, masks).numpy()


class MaskedLayer(NamedTuple):
    """A layer, its number of maps, and its number of runs in a forward pass."""

    module: nn.Module
    maps: int
    runs: int


def inspect_layer(model: nn.Module, image: Tensor, layer: str) -> MaskedLayer:
    """Return a layer with the facts about it that one forward pass shows.

    Raises:
        AnnealcamError: as `capture`, for the layer and the model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten())
    >>> inspect_layer(net, torch.ones(1, 3, 8, 8), "0").maps
    8
    """
    module, counts = find_layer(model, layer), []

    def count_maps(_module: nn.Module, _inputs: Any, output: Any) -> None:
        counts.append(as_maps(output, layer).shape[1])

    with borrowed(model), torch.no_grad(), hooked({module: count_maps}):
        run(model, image)
    if not counts:
        raise never_ran(layer)
    return MaskedLayer(module, counts[-1], len(counts))


def logits_under(
    model: nn.Module, images: Tensor, layer: MaskedLayer, masks: Bool[Array, "n masks maps"]
) -> Float[Tensor, "n masks classes"]:
    """Return the logits of `masked_logits` for the result of `inspect_layer`.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 2))
    >>> x = torch.ones(1, 3, 8, 8)
    >>> logits_under(net, x, inspect_layer(net, x, "0"), torch.ones(1, 5, 8).bool().numpy()).shape
    torch.Size([1, 5, 2])
    """
    each_image = []
    with borrowed(model), torch.no_grad():
        for image, own_masks in zip(images, masks, strict=True):
            chunks = torch.split(torch.from_numpy(own_masks), CHUNK)
            parts = [_under(model, layer, image[None], chunk) for chunk in chunks]
            each_image.append(torch.cat(parts))
    logits = torch.stack(each_image)
    refuse_non_finite("logits under a mask", logits)
    return logits


def _under(model: nn.Module, layer: MaskedLayer, image: Tensor, masks: Tensor) -> Tensor:
    """Return the logits of one image under some masks.

    Behind the layer the batch is larger than before it. A network that joins both, as by a skip
    connection from the image, fails on that and gets copies of the image instead.
    """
    try:
        with hooked({layer.module: _masking(masks, layer.runs)}):
            logits = run(model, image, rows=len(masks))
    except ModelError:
        with hooked({layer.module: _masking(masks, layer.runs)}):
            logits = run(model, image.expand(len(masks), *image.shape[1:]))
    return logits.double().cpu()


def _masking(masks: Tensor, runs: int) -> Hook:
    runs_left = iter(range(runs - 1, -1, -1))

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
        if next(runs_left):
            return None  # earlier runs are not masked
        kept = masks.to(output.device)[:, :, None, None]
        return torch.where(kept, output, 0)  # a product would turn infinite maps into NaN

    return hook
