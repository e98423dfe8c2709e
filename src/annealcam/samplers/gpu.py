"""Local search for many problems at once in torch, from the maps: never a d x d matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int, Real
from torch import Tensor

from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.errors import ArgumentError
from annealcam.qubo.problem import check_beta

TRIED = 25  # maps at random, of which the cheapest enters at a kick


def local_search_batch(
    maps: Sequence[Real[Array, "_ ..."]],
    relevance: Sequence[Real[Array, " _"]],
    *,
    beta: float | Sequence[float],
    kicks: int = 400,
    seed: int = 0,
    device: str = "cpu",
) -> list[Int[Array, " _"]]:
    """Return a good selection for each of many problems of maps that are not negative.

    The energies are those of `SelectionProblem.from_maps`; with unit maps u_p, J_pq = u_p u_q, so
    that only the products of selected maps with all others are ever made. All problems move in
    step: each takes its best flip, else its best swap, else keeps or forgets what came of its last
    kick and is kicked again, `kicks` times. For one problem on a processor `local_search` is
    faster; this is for a GPU.

    Args:
        maps: of each problem, (d, ...), of one number of pixels.
        relevance: of each problem, its largest above 0.
        beta: of all problems, or of each.
        kicks: of each problem.
        seed: of the kicks; equal seeds give equal bits on one device.
        device: of torch.

    Raises:
        ArgumentError: no problems, a negative map, or none of any relevance.

    >>> maps = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> local_search_batch([maps], [np.array([1.0, 0.9, 0.8])], beta=0.5, kicks=3)
    [array([1, 0, 1], dtype=int8)]
    """
    betas = np.broadcast_to(np.asarray(beta, dtype=np.float64), (len(maps),))
    batch = _Batch.of(maps, relevance, [check_beta(float(b)) for b in betas], device)
    draw = torch.Generator(device=device).manual_seed(seed)
    best, lowest = batch.n.clone(), torch.full_like(batch.energy(), torch.inf)
    left = torch.full((len(maps),), whole("kicks", kicks, least=0), device=device)
    while True:
        still = ~batch.descend()
        if not bool(still.any()):
            continue
        energy = batch.energy()
        better = still & (energy <= lowest)
        best[better], lowest[better] = batch.n[better], energy[better]
        worse = still & ~better
        batch.put(worse, best)
        over = still & (left <= 0)
        if bool((left <= 0).all()):
            break
        left[still] -= 1
        batch.kick(still & ~over, draw)
    return [
        row[: len(own)].to(torch.int8).cpu().numpy() for row, own in zip(best, maps, strict=True)
    ]


class _Batch:
    """Problems of one shape, filled up with maps that are never worth taking."""

    def __init__(self, units: Tensor, linear: Tensor, weight: Tensor) -> None:
        self.units, self.linear, self.weight = units, linear, weight  # (b,d,r), (b,d), (b,1)
        self.n = torch.zeros_like(linear, dtype=torch.bool)
        self.field = linear.clone()
        self.rows = torch.arange(len(linear), device=linear.device)

    @classmethod
    def of(
        cls,
        maps: Sequence[Real[Array, "_ ..."]],
        relevance: Sequence[Real[Array, " _"]],
        betas: Sequence[float],
        device: str,
    ) -> _Batch:
        if not maps or len(maps) != len(relevance):
            raise ArgumentError(f"maps, relevance: {len(maps)} and {len(relevance)}; one of each")
        d, pixels = max(len(own) for own in maps), int(np.prod(np.shape(maps[0])[1:]))
        units = torch.zeros(len(maps), d, pixels, dtype=torch.float64)
        linear = torch.full((len(maps), d), 1e9, dtype=torch.float64)
        for i, (own, weight) in enumerate(zip(maps, relevance, strict=True)):
            flat = torch.from_numpy(np.asarray(own, dtype=np.float64).reshape(len(own), -1).copy())
            if bool((flat < 0).any()) or not bool(flat.any(dim=1).all()):
                raise ArgumentError(f"maps: those of problem {i} must not be negative, nor zero")
            if not np.max(weight) > 0:
                raise ArgumentError(f"relevance: no map of problem {i} has any")
            units[i, : len(own)] = flat / flat.norm(dim=1, keepdim=True)
            scaled = np.asarray(weight, dtype=np.float64) / np.max(weight)
            linear[i, : len(own)] = -betas[i] * torch.from_numpy(scaled)
        rest = 1.0 - torch.tensor(betas, dtype=torch.float64)
        return cls(units.to(device), linear.to(device), rest[:, None].to(device))

    def energy(self) -> Tensor:
        return 0.5 * ((self.linear + self.field) * self.n).sum(dim=1)

    def put(self, which: Tensor, n: Tensor) -> None:
        """Return some problems to a selection."""
        self.n[which] = n[which]
        whole = torch.einsum("bdr,bd->br", self.units[which], n[which].double())
        shared = torch.einsum("bdr,br->bd", self.units[which], whole) - n[which].double()
        self.field[which] = self.linear[which] + self.weight[which] * shared

    def flip(self, which: Tensor, p: Tensor) -> None:
        """Flip map p[i] of the problems i that are meant."""
        i, at = self.rows[which], p[which]
        sign = 1.0 - 2.0 * self.n[i, at].double()
        shared = torch.einsum("bdr,br->bd", self.units[i], self.units[i, at])
        shared[torch.arange(len(i), device=i.device), at] = 0.0
        self.field[i] += sign[:, None] * self.weight[i] * shared
        self.n[i, at] = ~self.n[i, at]

    def descend(self) -> Tensor:
        """Take the best flip of every problem, else its best swap; return who moved."""
        change, p = torch.where(self.n, -self.field, self.field).min(dim=1)
        flips = change < -1e-12
        self.flip(flips, p)
        swaps, leaves, enters = self._swaps(~flips)
        self.flip(swaps, leaves)
        self.flip(swaps, enters)
        return flips | swaps

    def _swaps(self, asked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Which of the problems have a swap that gains, and the best of each."""
        b, d = self.n.shape
        most = int(self.n.sum(dim=1).max())
        leaves, enters = self.rows.new_zeros(b), self.rows.new_zeros(b)
        if most == 0 or not bool(asked.any()):
            return torch.zeros_like(asked), leaves, enters
        inside = self.n.double().topk(most, dim=1).indices
        there = self.n.gather(1, inside)
        own = self.units.gather(1, inside[..., None].expand(-1, -1, self.units.shape[2]))
        shared = self.weight[..., None] * (own @ self.units.transpose(1, 2))
        change = self.field[:, None] - self.field.gather(1, inside)[..., None] - shared
        change.masked_fill_(~there[..., None] | self.n[:, None], torch.inf)
        least, at = change.flatten(1).min(dim=1)
        leaves = inside.gather(1, (at // d)[:, None])[:, 0]
        return asked & (least < -1e-12), leaves, at % d

    def kick(self, which: Tensor, draw: torch.Generator) -> None:
        """One to three selected maps leave, and one to three of the cheaper others enter."""
        device = self.n.device
        counts = torch.randint(1, 4, (2, len(self.n)), generator=draw, device=device)
        for step in range(3):
            chance = torch.rand(self.n.shape, generator=draw, device=device)
            out = chance.masked_fill(~self.n, -1.0).max(dim=1)
            self.flip(which & (counts[0] > step) & (out.values >= 0), out.indices)
        for step in range(3):
            tried = torch.randint(
                self.n.shape[1], (len(self.n), TRIED), generator=draw, device=device
            )
            cost = self.field.gather(1, tried).masked_fill(self.n.gather(1, tried), torch.inf)
            least = cost.min(dim=1)
            p = tried.gather(1, least.indices[:, None])[:, 0]
            self.flip(which & (counts[1] > step) & (least.values < 1e8), p)
