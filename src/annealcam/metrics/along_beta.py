"""The curve along beta: how many maps a trade-off selects, and what they keep of the logit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.types import Array
from annealcam.errors import ArgumentError
from annealcam.metrics.channels import faithfulness_of_many

# Even steps of log(beta / (1 - beta)) from 0.25 on: most of the maps come close to 1.
BETAS = (*(x / (1 + x) for x in np.geomspace(1 / 3, 3e4, 40).tolist()), 1.0)


@dataclass(frozen=True, eq=False)
class BetaCurve:
    """For each beta the number of maps selected, and the share of the layer's say that they keep.

    `kept_top` is what as many maps of largest weight keep; see `ChannelFaithfulness.kept_share`.
    """

    betas: Float[Array, " betas"]
    maps: Int[Array, " betas"]
    kept: Float[Array, " betas"]
    kept_top: Float[Array, " betas"]

    def fewest(self, share: float = 0.9) -> tuple[int, float] | None:
        """Return the least number of maps on the curve that keeps a share, and its beta.

        None where no beta of the curve does; lower is better.

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
    image: Float[Tensor, "channels height width"],
    *,
    layer: str,
    target: int,
    select: Callable[[float], Int[Array, " k"]],
    weight: Float[Array, " maps"],
    betas: Sequence[float] = BETAS,
) -> BetaCurve:
    """Return how many maps are selected along beta, and what they keep of the target's logit.

    kept(beta) = (z_S(beta) - z_none) / (z - z_none),   S(beta) = select(beta)

    Args:
        model: an image classifier.
        image: already normalised.
        layer: whose maps are selected.
        target: a class.
        select: from a beta to channel numbers.
        weight: of every map of the layer; for the k of largest weight, at equal size.
        betas: of the curve.

    Raises:
        ArgumentError: no betas, or no such channel.
        AnnealcamError: as `annealcam.explain`, for the layer and the model.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> curve = along_beta(net, torch.randn(3, 8, 8), layer="1", target=0, weight=np.arange(8.0),
    ...                    select=lambda beta: np.arange(int(8 * beta)), betas=[0.5, 1.0])
    >>> curve.maps
    array([4, 8])
    """
    if not len(betas):
        raise ArgumentError("betas: none; give at least one in [0, 1]")
    chosen = [select(float(beta)) for beta in betas]
    order = np.argsort(-weight, kind="stable")
    most = [order[: len(channels)] for channels in chosen]
    found = faithfulness_of_many(
        model, image, layer=layer, selections=[*chosen, *most], target=target
    )
    kept, kept_top = np.split(found.kept_share, 2)
    sizes = np.array([len(channels) for channels in chosen])
    return BetaCurve(np.array(betas, dtype=np.float64), sizes, kept, kept_top)
