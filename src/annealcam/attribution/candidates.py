"""Which maps may be selected: important for the class, and alive in the image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
    maps: Float[Tensor, "maps h w"],
    importance: Float[Tensor, " maps"],
    *,
    limit: int,
    beta: float | None = None,
    size: int = 1,
) -> Candidates:
    """Return the candidates, at most `limit`: the most important, or with a beta `diverse` ones.

    >>> maps = torch.ones(4, 2, 2); maps[3] = 0
    >>> found = candidates(maps, torch.tensor([1., -1., 3., 9.]), limit=1)
    >>> found.channels.tolist(), found.dead, found.left_out, found.left_out_share
    ([2], 1, 1, 0.25)
    """
    order = ranked(maps, importance)
    kept = torch.arange(min(limit, len(order)), device=order.device)
    if beta is not None and len(order) > limit:
        kept = diverse(maps[order], importance[order], beta=beta, size=size, limit=limit)
    left = torch.ones(len(order), dtype=torch.bool, device=order.device)
    left[kept] = False
    many = len(order) - len(kept)
    share = _sum(importance[order[left]]) / _sum(importance[order]) if many else 0.0
    return Candidates(order[kept].sort().values, int((~alive(maps)).sum()), many, share)


def ranked(
    maps: Float[Tensor, "maps h w"], importance: Float[Tensor, " maps"]
) -> Int[Tensor, " m"]:
    """Return the live maps of positive importance, the most important first.

    Among equal importances the lower channel number comes first.

    >>> maps = torch.ones(4, 2, 2); maps[3] = 0
    >>> ranked(maps, torch.tensor([1., -1., 3., 9.])).tolist()
    [2, 0]
    """
    channels = ((importance > 0) & alive(maps)).nonzero().flatten()
    return channels[importance[channels].argsort(descending=True, stable=True)]


def diverse(
    maps: Float[Tensor, "m h w"],
    importance: Float[Tensor, " m"],
    *,
    beta: float,
    size: int,
    limit: int,
) -> Int[Tensor, " d"]:
    """Return at most `limit` of ranked maps that are relevant and unlike each other, in order.

    One by one from the most relevant: the next one maximises
    beta r_p / r_max - (1 - beta) (size - 1) mean_{q taken} |cos(f_p, f_q)|,
    its gain in the energy if `size` - 1 maps as like it as those taken were selected. The most
    relevant maps alone are so much alike that no selection among them can be varied.

    Source: docs/choosing.md, "Which candidates an annealer gets".

    >>> maps = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]]])
    >>> diverse(maps, torch.tensor([3.0, 2.0, 1.0]), beta=0.5, size=2, limit=2).tolist()
    [0, 2]
    """
    flat = maps.flatten(1).float()
    flat = flat / flat.abs().amax(dim=1, keepdim=True)  # squares neither overflow nor vanish
    unit = flat / flat.norm(dim=1, keepdim=True)
    gain = beta * importance.float() / importance[0].float()
    shared, free = torch.zeros_like(gain), torch.zeros_like(gain)
    taken = [torch.zeros((), dtype=torch.long, device=maps.device)]
    while len(taken) < min(limit, len(maps)):  # indices stay on the device: nothing waits for them
        free[taken[-1]] = -torch.inf
        shared += (unit @ unit[taken[-1]]).abs()
        score = gain - (1 - beta) * (size - 1) * shared / len(taken)
        taken.append((score + free).argmax())
    return torch.stack(taken)


def alive(maps: Float[Tensor, "maps h w"]) -> Tensor:
    """Return whether each map is anything but zero all over, (maps,).

    >>> alive(torch.tensor([[[0.0, 1.0]], [[0.0, 0.0]]]))
    tensor([ True, False])
    """
    return maps.flatten(1).ne(0).any(dim=1)


def _sum(values: Float[Tensor, " n"]) -> float:
    return float(values.cpu().double().sum())
