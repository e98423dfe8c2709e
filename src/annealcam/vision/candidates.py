"""Which maps may be selected: important for the class, and alive in the image."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Candidates:
    """The candidate maps of one image.

    `channels` are ascending; `dead` counts the maps that are zero all over the image (they have
    no cosine, so a selection could take them for nothing); `left_out` counts the candidates
    beyond the limit, and `left_out_share` is the part of all relevance that they carry.
    """

    channels: Int[Tensor, " d"]
    dead: int
    left_out: int
    left_out_share: float


def candidates(
    maps: Float[Tensor, "maps h w"], importance: Float[Tensor, " maps"], *, limit: int
) -> Candidates:
    """Return the live maps with positive importance, at most the `limit` most important.

    Among equal importances the lower channel number stays.

    >>> import torch
    >>> maps = torch.ones(4, 2, 2); maps[3] = 0
    >>> found = candidates(maps, torch.tensor([1., -1., 3., 9.]), limit=1)
    >>> found.channels.tolist(), found.dead, found.left_out, found.left_out_share
    ([2], 1, 1, 0.25)
    """
    alive = maps.flatten(1).ne(0).any(dim=1)
    channels = ((importance > 0) & alive).nonzero().flatten()
    order = importance[channels].argsort(descending=True, stable=True)
    kept, left = channels[order[:limit]], channels[order[limit:]]
    share = _sum(importance[left]) / _sum(importance[channels]) if len(left) else 0.0
    return Candidates(kept.sort().values, int((~alive).sum()), len(left), share)


def _sum(values: Float[Tensor, " n"]) -> float:
    return float(values.cpu().double().sum())
