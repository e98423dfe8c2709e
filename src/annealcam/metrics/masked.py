"""Logits of a network when some maps of a layer are set to zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from annealcam._internal.map_axes import over_grid
from annealcam._internal.types import Array
from annealcam.attribution.activations import refuse_non_finite
from annealcam.attribution.network.layer_output import Reshape
from annealcam.attribution.network.replay import behind
from annealcam.errors import ArgumentError

CHUNK = 64  # masks that go through the rest of the network together


def masked_logits(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
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

    def checked(maps: int) -> Bool[Array, "n masks maps"]:
        if masks.shape[2] != maps:
            raise ArgumentError(f"masks has {masks.shape[2]} maps: layer {layer!r} has {maps}.")
        return masks

    return logits_under(model, images, layer, checked)[0]


def logits_under(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    layer: str,
    masks_of: Callable[[int], Bool[Array, "n masks maps"]],
    *,
    run: int | None = None,
    reshape_transform: Reshape | None = None,
) -> tuple[Float[Array, "n masks classes"], str]:
    """Return the logits of `masked_logits`, and the link that makes probabilities of them.

    `masks_of` makes the masks, given the number of maps.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 2))
    >>> import numpy as np
    >>> logits_under(
    ...     net, torch.ones(1, 3, 8, 8), "0", lambda maps: np.ones((1, 5, maps), bool))[0].shape
    (1, 5, 2)
    """
    each_image: list[Tensor] = []
    masks: Any = None
    link = "softmax"
    for i in range(len(images)):
        tail = behind(model, images[i : i + 1], layer, run=run, reshape_transform=reshape_transform)
        with tail as (maps, rest):
            link = rest.output.link
            masks = masks_of(maps.shape[1]) if masks is None else masks
            parts = []
            for chunk in torch.split(torch.from_numpy(masks[i]).to(maps.device), CHUNK):
                # a product would turn infinite maps into NaN
                kept = torch.where(over_grid(chunk, maps), maps, 0)
                parts.append(rest.logits(kept).double().cpu())
        each_image.append(torch.cat(parts))
    logits = torch.stack(each_image)
    refuse_non_finite("logits under a mask", logits)
    return logits.numpy(), link
