"""Channel faithfulness: what the network says when only some maps are kept, or just they go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from annealcam._internal.types import Array
from annealcam.attribution.capture import targets_of
from annealcam.errors import ArgumentError
from annealcam.metrics.masked import logits_under, look


@dataclass(frozen=True, eq=False)
class ChannelFaithfulness:
    """The target's logit z and probability with all maps, with the selected ones alone, without.

    `kept_share` is (z_kept - z_none) / (z - z_none), z_none with every map at zero: the part of
    the layer's say that the selected maps have by themselves; higher is better, and any number is
    possible (maps that were left out may have spoken against the class). `lost_share` is
    (z - z_dropped) / (z - z_none): what goes with them. For a linear head both are the selected
    maps' share of the sum of all contributions. NaN where z is not above z_none; `undefined`
    counts those images.
    """

    logit: Float[Array, " n"]
    logit_kept: Float[Array, " n"]
    logit_dropped: Float[Array, " n"]
    logit_none: Float[Array, " n"]
    probability: Float[Array, " n"]
    probability_kept: Float[Array, " n"]
    probability_dropped: Float[Array, " n"]

    @property
    def kept_share(self) -> Float[Array, " n"]:
        """The share of the layer's say that the selected maps keep alone."""
        return self._share(self.logit_kept - self.logit_none)

    @property
    def lost_share(self) -> Float[Array, " n"]:
        """The share of the layer's say that is lost without them."""
        return self._share(self.logit - self.logit_dropped)

    @property
    def undefined(self) -> int:
        """Number of images where the layer as a whole does not speak for the target."""
        return int((self.logit <= self.logit_none).sum())

    def _share(self, part: Float[Array, " n"]) -> Float[Array, " n"]:
        whole = self.logit - self.logit_none
        return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def channel_faithfulness(
    model: nn.Module,
    images: Float[Tensor, "n channels height width"],
    *,
    layer: str,
    selected: Sequence[Int[Array, " _"]],
    targets: Sequence[int],
) -> ChannelFaithfulness:
    """Return what happens when only an image's selected maps are kept, and when just they go.

    Maps are set to zero at the output of `layer`, and the rest of the network runs as it is. The
    model is given back as it was found.

    Args:
        model: an image classifier.
        images: already normalised.
        layer: whose maps are masked.
        selected: channel numbers for each image.
        targets: the class for each image.

    Raises:
        ArgumentError: not one selection and one class for each image, or no such channel.
        AnnealcamError: as `annealcam.explain`, for the layer and the model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> found = channel_faithfulness(
    ...     net, torch.randn(1, 3, 8, 8), layer="1", selected=[np.arange(8)], targets=[1])
    >>> bool(np.allclose(found.logit, found.logit_kept))
    True
    """
    if not len(images) == len(selected) == len(targets) >= 1:
        raise ArgumentError(
            f"selected, targets: {len(selected)} and {len(targets)} for {len(images)} images; "
            "one of each for every image, of at least one"
        )
    place = look(model, images[:1], layer)
    kept = np.stack([_kept(channels, place.maps, layer) for channels in selected])[:, None]
    every = np.ones_like(kept)
    logits = logits_under(
        model, images, place, np.concatenate([every, ~every, kept, ~kept], axis=1)
    )
    z, p = _of_targets(logits, targets)
    return ChannelFaithfulness(z[:, 0], z[:, 2], z[:, 3], z[:, 1], p[:, 0], p[:, 2], p[:, 3])


def faithfulness_of_many(
    model: nn.Module,
    image: Float[Tensor, "channels height width"],
    *,
    layer: str,
    selections: Sequence[Int[Array, " _"]],
    target: int,
) -> ChannelFaithfulness:
    """Return the same for many selections of one image, which goes through the layer once.

    Raises:
        ArgumentError: no selection, or no such channel.
        AnnealcamError: as `annealcam.explain`, for the layer and the model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> faithfulness_of_many(
    ...     net, torch.randn(3, 8, 8), layer="1", selections=[np.arange(3)], target=1).logit.shape
    (1,)
    """
    if not len(selections):
        raise ArgumentError("selections: none; give at least one")
    place = look(model, image[None], layer)
    kept = np.stack([_kept(channels, place.maps, layer) for channels in selections])
    every = np.ones_like(kept[:1])
    logits = logits_under(
        model, image[None], place, np.concatenate([every, ~every, kept, ~kept])[None]
    )
    z, p = (values[0] for values in _of_targets(logits, [target]))
    m = len(selections)
    return ChannelFaithfulness(
        np.full(m, z[0]), z[2 : 2 + m], z[2 + m :], np.full(m, z[1]),
        np.full(m, p[0]), p[2 : 2 + m], p[2 + m :],
    )  # fmt: skip


def _of_targets(
    logits: Float[Tensor, "n masks classes"], targets: Sequence[int]
) -> tuple[Float[Array, "n masks"], Float[Array, "n masks"]]:
    """Logit and probability of each image's target under each mask."""
    chosen = targets_of(logits[:, 0], targets)
    rows = torch.arange(len(logits))
    return logits[rows, :, chosen].numpy(), logits.softmax(dim=-1)[rows, :, chosen].numpy()


def logits_by_size(
    model: nn.Module,
    images: Float[Tensor, "n channels height width"],
    *,
    layer: str,
    orders: Int[Array, "n ranked"],
    targets: Sequence[int],
) -> Float[Array, "n sizes"]:
    """Return the target's logit with the first k maps of an order kept, k = 0, 1, ... all of it.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> logits_by_size(
    ...     net, torch.randn(1, 3, 8, 8), layer="1", orders=np.arange(4)[None], targets=[0]).shape
    (1, 5)
    """
    place = look(model, images[:1], layer)
    n, ranked = orders.shape
    rank = np.full((n, place.maps), ranked)
    np.put_along_axis(rank, orders, np.arange(ranked)[None], axis=1)
    masks = rank[:, None, :] < np.arange(ranked + 1)[None, :, None]
    return _of_targets(logits_under(model, images, place, masks), targets)[0]


def maps_for_share(
    curve: Float[Array, " sizes"], whole: float, *, share: float = 0.9
) -> int | None:
    """Return how few maps keep a share of the layer's say, from a curve of `logits_by_size`.

    The least k with z_k - z_0 >= share * (whole - z_0), z_0 the logit without any map; lower is
    better. None where no number of maps does, or the layer does not speak for the class.

    >>> maps_for_share(np.array([1.0, 1.5, 2.9, 3.0]), 3.0)
    2
    """
    if not whole > curve[0]:
        return None
    enough = curve - curve[0] >= share * (whole - curve[0])
    return int(np.argmax(enough)) if enough.any() else None


def _kept(channels: Int[Array, " k"], count: int, layer: str) -> Bool[Array, " maps"]:
    """The mask of the channels, if each is a map of the layer."""
    found = np.asarray(channels)
    if found.size and not np.issubdtype(found.dtype, np.integer):
        raise ArgumentError(f"selected: of {found.dtype}; channel numbers are whole")
    for channel in found:
        if not 0 <= channel < count:
            raise ArgumentError(f"selected: channel {channel}; layer {layer!r} has {count}")
    mask = np.zeros(count, dtype=bool)
    mask[found.astype(np.int64)] = True
    return mask
