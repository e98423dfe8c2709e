"""Channel faithfulness: what the network says when only some maps are kept, or just they go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from annealcam._types import Array
from annealcam.errors import ArgumentError, ModelError
from annealcam.vision.borrow import Hook, borrowed, find_layer, hooked, run
from annealcam.vision.capture import as_maps, never_ran, refuse_non_finite, targets_of

CHUNK = 64  # masks that go through the rest of the network together


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
    if not len(images) == len(selected) == len(targets):
        raise ArgumentError(
            f"selected, targets: {len(selected)} and {len(targets)} for {len(images)} images; "
            "one of each for every image"
        )
    place = _look(model, images[:1], layer)
    masks = np.zeros((len(images), 4, place.maps), dtype=bool)  # whole, kept, dropped, none
    masks[:, 0] = True
    for i, channels in enumerate(selected):
        masks[i, 1, _whole_channels(channels, place.maps, layer)] = True
    masks[:, 2] = ~masks[:, 1]
    logits = _masked(model, images, place, masks)
    chosen = targets_of(logits[:, 0], targets)
    z, p = (
        values[torch.arange(len(images)), :, chosen].numpy()
        for values in (logits, logits.softmax(dim=-1))
    )
    return ChannelFaithfulness(z[:, 0], z[:, 1], z[:, 2], z[:, 3], p[:, 0], p[:, 1], p[:, 2])


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
    place = _look(model, images[:1], layer)
    n, ranked = orders.shape
    rank = np.full((n, place.maps), ranked)
    np.put_along_axis(rank, orders, np.arange(ranked)[None], axis=1)
    masks = rank[:, None, :] < np.arange(ranked + 1)[None, :, None]
    logits = _masked(model, images, place, masks)
    return logits[torch.arange(n), :, targets_of(logits[:, 0], targets)].numpy()


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
    """
    place = _look(model, images[:1], layer)
    if masks.shape[2] != place.maps:
        raise ArgumentError(f"masks: of {masks.shape[2]} maps; layer {layer!r} has {place.maps}")
    return _masked(model, images, place, masks).numpy()


class _Place(NamedTuple):
    """A layer, its number of maps, and how often it runs in a forward pass."""

    module: nn.Module
    maps: int
    runs: int


def _look(model: nn.Module, image: Tensor, layer: str) -> _Place:
    module, counts = find_layer(model, layer), []

    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
        counts.append(as_maps(output, layer).shape[1])

    with borrowed(model), torch.no_grad(), hooked({module: note}):
        run(model, image)
    if not counts:
        raise never_ran(layer)
    return _Place(module, counts[-1], len(counts))


def _masked(
    model: nn.Module, images: Tensor, place: _Place, masks: Bool[Array, "n masks maps"]
) -> Float[Tensor, "n masks classes"]:
    found = []
    with borrowed(model), torch.no_grad():
        for image, own in zip(images, masks, strict=True):
            chunks = torch.split(torch.from_numpy(own), CHUNK)
            found.append(torch.cat([_under(model, place, image[None], some) for some in chunks]))
    logits = torch.stack(found)
    refuse_non_finite("logits under a mask", logits)
    return logits


def _under(model: nn.Module, place: _Place, image: Tensor, masks: Tensor) -> Tensor:
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


def _whole_channels(channels: Int[Array, " _"], count: int, layer: str) -> Int[Array, " _"]:
    """The channels, if each is a map of the layer."""
    found = np.asarray(channels)
    if found.size and not np.issubdtype(found.dtype, np.integer):
        raise ArgumentError(f"selected: of {found.dtype}; channel numbers are whole")
    for channel in found:
        if not 0 <= channel < count:
            raise ArgumentError(f"selected: channel {channel}; layer {layer!r} has {count}")
    return found.astype(np.int64)
