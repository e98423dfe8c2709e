"""Channel faithfulness: the logit with only the selected maps, and without them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam.attribution.activations import DIRECTIONS
from annealcam.attribution.contrast import targets_of
from annealcam.attribution.network.layer_output import Reshape
from annealcam.attribution.network.model_output import probabilities
from annealcam.errors import ArgumentError
from annealcam.metrics.masked import logits_under

# Even steps of log(beta / (1 - beta)) from beta = 0.25: most maps enter close to beta = 1.
BETAS = (*(x / (1 + x) for x in np.geomspace(1 / 3, 3e4, 40).tolist()), 1.0)


@dataclass(frozen=True, eq=False)
class ChannelFaithfulness:
    """The target's logit and probability with all maps, only the selected, only the others, none.

    With z_none the logit when every map is zero, z - z_none is the layer's effect on the
    logit. `kept_share` is (z_kept - z_none) / (z - z_none), the share that the selected maps keep
    by themselves. Higher is better; any number is possible, since the other maps may lower the
    logit. `lost_share` is (z - z_dropped) / (z - z_none), the share that is lost without the
    selected maps. For a linear head both equal the selected maps' share of the sum of all
    contributions. Both are NaN where z is not above z_none; `undefined` counts these images. For
    the direction `down`, they are shares of how much the layer lowers the logit, and NaN where it
    does not.

    Probabilities are by the network's link; where its outputs are numbers (`identity`), they are
    the outputs themselves.
    """

    logit: Float[Array, " n"]
    logit_kept: Float[Array, " n"]
    logit_dropped: Float[Array, " n"]
    logit_none: Float[Array, " n"]
    probability: Float[Array, " n"]
    probability_kept: Float[Array, " n"]
    probability_dropped: Float[Array, " n"]
    direction: str = "up"

    __repr__ = repr_with("kept_share", "lost_share", "undefined")

    @property
    def kept_share(self) -> Float[Array, " n"]:
        """Share of the layer's effect on the logit that the selected maps keep."""
        return self._share(self.logit_kept - self.logit_none)

    @property
    def lost_share(self) -> Float[Array, " n"]:
        """Share of the layer's effect on the logit that is lost without the selected maps."""
        return self._share(self.logit - self.logit_dropped)

    @property
    def undefined(self) -> int:
        """Number of images where the layer as a whole does not raise the target's logit."""
        return int((self._signed(self.logit - self.logit_none) <= 0).sum())

    def _share(self, part: Float[Array, " n"]) -> Float[Array, " n"]:
        whole, part = self._signed(self.logit - self.logit_none), self._signed(part)
        return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)

    def _signed(self, change: Float[Array, " n"]) -> Float[Array, " n"]:
        return -change if self.direction == "down" else change


def channel_faithfulness(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    *,
    layer: str,
    selected: Sequence[Int[Array, " _"]],
    targets: Sequence[int],
    direction: str = "up",
    run: int | None = None,
    reshape_transform: Reshape | None = None,
) -> ChannelFaithfulness:
    """Measure the target's logit with only the selected maps, and without them.

    Maps are set to zero at the output of `layer`, and the rest of the network runs unchanged. The
    model is left as it was.

    Args:
        model: an image classifier.
        images: already normalised.
        layer: name of the layer whose maps are masked.
        selected: channels for each image.
        targets: a class for each image.
        direction, run, reshape_transform: as in `annealcam.explain`.

    Raises:
        ArgumentError: the numbers of selections, classes and images differ, or a channel does not
            exist.
        AnnealcamError: as `annealcam.explain`, for the layer and the model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> faithfulness = channel_faithfulness(
    ...     net, torch.randn(1, 3, 8, 8), layer="1", selected=[np.arange(8)], targets=[1])
    >>> bool(np.allclose(faithfulness.logit, faithfulness.logit_kept))
    True
    """
    if not len(images) == len(selected) == len(targets) >= 1:
        raise ArgumentError(
            f"{len(selected)} selections and {len(targets)} targets for {len(images)} images: "
            "give one of each for every image, of at least one image."
        )

    def masks(maps: int) -> Bool[Array, "n 4 maps"]:
        kept = np.stack([_kept(channels, maps, layer) for channels in selected])[:, None]
        every = np.ones_like(kept)
        return np.concatenate([every, ~every, kept, ~kept], axis=1)

    logits, link = logits_under(
        model, images, layer, masks, run=run, reshape_transform=reshape_transform
    )
    z, p = _of_targets(logits, targets, link)
    return ChannelFaithfulness(
        z[:, 0], z[:, 2], z[:, 3], z[:, 1], p[:, 0], p[:, 2], p[:, 3],
        one_of("direction", direction, DIRECTIONS),
    )  # fmt: skip


def faithfulness_of_many(
    model: nn.Module,
    image: Float[Tensor, " channels *size"],
    *,
    layer: str,
    selections: Sequence[Int[Array, " _"]],
    target: int,
    direction: str = "up",
    run: int | None = None,
    reshape_transform: Reshape | None = None,
) -> ChannelFaithfulness:
    """Measure `channel_faithfulness` of many selections of one image in one pass up to the layer.

    Raises:
        ArgumentError: there is no selection, or a channel does not exist.
        AnnealcamError: as `annealcam.explain`, for the layer and the model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> faithfulness_of_many(
    ...     net, torch.randn(3, 8, 8), layer="1", selections=[np.arange(3)], target=1).logit.shape
    (1,)
    """
    if not len(selections):
        raise ArgumentError("selections is empty: give at least one selection.")

    def masks(maps: int) -> Bool[Array, "1 masks maps"]:
        kept = np.stack([_kept(channels, maps, layer) for channels in selections])
        every = np.ones_like(kept[:1])
        return np.concatenate([every, ~every, kept, ~kept])[None]

    logits, link = logits_under(
        model, image[None], layer, masks, run=run, reshape_transform=reshape_transform
    )
    z, p = (values[0] for values in _of_targets(logits, [target], link))
    m = len(selections)
    return ChannelFaithfulness(
        np.full(m, z[0]), z[2 : 2 + m], z[2 + m :], np.full(m, z[1]),
        np.full(m, p[0]), p[2 : 2 + m], p[2 + m :], one_of("direction", direction, DIRECTIONS),
    )  # fmt: skip


def _of_targets(
    logits: Float[Array, "n masks classes"], targets: Sequence[int], link: str
) -> tuple[Float[Array, "n masks"], Float[Array, "n masks"]]:
    """Return the logit and the probability of each image's target under each mask."""
    z = torch.from_numpy(logits)
    chosen, rows = targets_of(z[:, 0], targets), torch.arange(len(z))
    return z[rows, :, chosen].numpy(), probabilities(z, link)[rows, :, chosen].numpy()


def logits_by_size(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    *,
    layer: str,
    orders: Int[Array, "n ranked"],
    targets: Sequence[int],
) -> Float[Array, "n sizes"]:
    """Return the target's logit with the first k maps of an order kept, for k = 0, 1, ..., ranked.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> logits_by_size(
    ...     net, torch.randn(1, 3, 8, 8), layer="1", orders=np.arange(4)[None], targets=[0]).shape
    (1, 5)
    """
    n, ranked = orders.shape

    def masks(maps: int) -> Bool[Array, "n sizes maps"]:
        rank = np.full((n, maps), ranked)
        np.put_along_axis(rank, orders, np.arange(ranked)[None], axis=1)
        return rank[:, None, :] < np.arange(ranked + 1)[None, :, None]

    logits, link = logits_under(model, images, layer, masks)
    return _of_targets(logits, targets, link)[0]


def maps_for_share(
    curve: Float[Array, " sizes"], whole: float, *, share: float = 0.9
) -> int | None:
    """Return the least number of maps that keep a share of the layer's effect on the logit.

    The least k with z_k - z_0 >= share * (whole - z_0), where z_k is a curve of `logits_by_size`
    and z_0 the logit without any map. Lower is better. None if no k reaches the share, or if the
    layer does not raise the logit.

    >>> maps_for_share(np.array([1.0, 1.5, 2.9, 3.0]), 3.0)
    2
    """
    if not whole > curve[0]:
        return None
    enough = curve - curve[0] >= share * (whole - curve[0])
    return int(np.argmax(enough)) if enough.any() else None


def _kept(channels: Int[Array, " k"], count: int, layer: str) -> Bool[Array, " maps"]:
    """Return the mask of the channels, which must exist in the layer."""
    numbers = np.asarray(channels)
    if numbers.size and not np.issubdtype(numbers.dtype, np.integer):
        raise ArgumentError(f"selected has dtype {numbers.dtype}: channels are integers.")
    for channel in numbers:
        if not 0 <= channel < count:
            raise ArgumentError(
                f"selected has channel {channel}: layer {layer!r} has channels 0 to {count - 1}."
            )
    mask = np.zeros(count, dtype=bool)
    mask[numbers.astype(np.int64)] = True
    return mask


@dataclass(frozen=True, eq=False)
class BetaCurve:
    """Number of selected maps, and the share of the logit that they keep, for each beta.

    `kept` is `ChannelFaithfulness.kept_share` of the selected maps, `kept_top` that of equally many
    maps of largest weight.
    """

    betas: Float[Array, " betas"]
    maps: Int[Array, " betas"]
    kept: Float[Array, " betas"]
    kept_top: Float[Array, " betas"]

    __repr__ = repr_with("betas", "maps", "kept", "kept_top")

    def fewest(self, share: float = 0.9) -> tuple[int, float] | None:
        """Return the least number of maps on the curve that keep a share, and its beta.

        Lower is better. None if no beta of the curve reaches the share.

        >>> columns = [0.5, 0.9], [2, 7], [0.3, 0.92], [0.4, 0.95]
        >>> curve = BetaCurve(*(np.array(column) for column in columns))
        >>> curve.fewest(), curve.fewest(0.95)
        ((7, 0.9), None)
        """
        enough = np.flatnonzero(self.kept >= share)
        if not len(enough):
            return None
        best = enough[np.argmin(self.maps[enough])]
        return int(self.maps[best]), float(self.betas[best])


def along_beta(
    model: nn.Module,
    image: Float[Tensor, " channels *size"],
    *,
    layer: str,
    target: int,
    select: Callable[[float], Int[Array, " k"]],
    weight: Float[Array, " maps"],
    betas: Sequence[float] = BETAS,
    direction: str = "up",
    run: int | None = None,
    reshape_transform: Reshape | None = None,
) -> BetaCurve:
    """Return the number of selected maps, and the share of the logit that they keep, along beta.

    kept(beta) = (z_S(beta) - z_none) / (z - z_none),   S(beta) = select(beta)

    Args:
        model: an image classifier.
        image: already normalised.
        layer: name of the layer whose maps are selected.
        target: a class.
        select: a function from a beta to the selected channels.
        weight: weight of every map of the layer, which ranks them for `kept_top`.
        betas: values of beta in [0, 1].
        direction, run, reshape_transform: as in `annealcam.explain`.

    Raises:
        ArgumentError: there is no beta, or a channel does not exist.
        AnnealcamError: as `annealcam.explain`, for the layer and the model.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> curve = along_beta(net, torch.randn(3, 8, 8), layer="1", target=0, weight=np.arange(8.0),
    ...                    select=lambda beta: np.arange(int(8 * beta)), betas=[0.5, 1.0])
    >>> curve.maps
    array([4, 8])
    """
    if not len(betas):
        raise ArgumentError("betas is empty: give at least one value in [0, 1].")
    chosen = [select(float(beta)) for beta in betas]
    order = np.argsort(-weight, kind="stable")
    most = [order[: len(channels)] for channels in chosen]
    faithfulness = faithfulness_of_many(
        model, image, layer=layer, selections=[*chosen, *most], target=target,
        direction=direction, run=run, reshape_transform=reshape_transform,
    )  # fmt: skip
    kept, kept_top = np.split(faithfulness.kept_share, 2)
    sizes = np.array([len(channels) for channels in chosen])
    return BetaCurve(np.array(betas, dtype=np.float64), sizes, kept, kept_top)
