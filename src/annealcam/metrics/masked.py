"""What the network says when some maps of a layer are set to zero."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from annealcam._internal.types import Array
from annealcam.attribution.capture import as_maps, never_ran, refuse_non_finite
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

    Up to the layer the network sees one image once; behind it, as many copies as there are masks.
    Of a layer that runs several times the last run is masked, the one that `capture` takes.

    Raises:
        ArgumentError: the masks are not of the layer's number of maps.
        NumericalError: logits hold NaN or infinity.
        AnnealcamError: as `capture`, for the layer and the model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 2))
    >>> alone = torch.eye(8).bool().numpy()[None]
    >>> masked_logits(net, torch.ones(1, 3, 8, 8), layer="0", masks=alone).shape
    (1, 8, 2)
    """
    place = look(model, images[:1], layer)
    if masks.shape[2] != place.maps:
        raise ArgumentError(f"masks: of {masks.shape[2]} maps; layer {layer!r} has {place.maps}")
    return logits_under(model, images, place, masks).numpy()


class Place(NamedTuple):
    """A layer, its number of maps, and how often it runs in a forward pass."""

    module: nn.Module
    maps: int
    runs: int


def look(model: nn.Module, image: Tensor, layer: str) -> Place:
    """Return a layer as one pass of an image finds it.

    Raises:
        AnnealcamError: as `capture`, for the layer and the model.

    >>> look(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten()), torch.ones(1, 3, 8, 8), "0").maps
    8
    """
    module, counts = find_layer(model, layer), []

    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
        counts.append(as_maps(output, layer).shape[1])

    with borrowed(model), torch.no_grad(), hooked({module: note}):
        run(model, image)
    if not counts:
        raise never_ran(layer)
    return Place(module, counts[-1], len(counts))


def logits_under(
    model: nn.Module, images: Tensor, place: Place, masks: Bool[Array, "n masks maps"]
) -> Float[Tensor, "n masks classes"]:
    """Return the logits of `masked_logits` for a layer that was looked at.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 2))
    >>> x = torch.ones(1, 3, 8, 8)
    >>> logits_under(net, x, look(net, x, "0"), torch.ones(1, 5, 8).bool().numpy()).shape
    torch.Size([1, 5, 2])
    """
    found = []
    with borrowed(model), torch.no_grad():
        for image, own in zip(images, masks, strict=True):
            chunks = torch.split(torch.from_numpy(own), CHUNK)
            found.append(torch.cat([_under(model, place, image[None], some) for some in chunks]))
    logits = torch.stack(found)
    refuse_non_finite("logits under a mask", logits)
    return logits


def _under(model: nn.Module, place: Place, image: Tensor, masks: Tensor) -> Tensor:
    """One image under some masks; a network whose parts must agree in their batch sees copies."""
    try:
        with hooked({place.module: _masking(masks, place.runs)}):
            logits = run(model, image, rows=len(masks))
    except ModelError:
        with hooked({place.module: _masking(masks, place.runs)}):
            logits = run(model, image.expand(len(masks), *image.shape[1:]))
    return logits.double().cpu()


def _masking(masks: Tensor, runs: int) -> Hook:
    left = iter(range(runs - 1, -1, -1))

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
        if next(left):
            return None  # an earlier run stays as it is
        kept = masks.to(output.device)[:, :, None, None]
        return torch.where(kept, output, 0)  # a product would make NaN of an infinite map

    return hook
