"""How firmly a selection stands: against noise, samplers and seeds, and near-optimal rivals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from annealcam._internal.types import Array
from annealcam._internal.validation import real, whole
from annealcam.errors import ArgumentError
from annealcam.qubo.problem import SelectionProblem
from annealcam.samplers.annealing import select_by_any
from annealcam.samplers.registry import Selection

if TYPE_CHECKING:
    from torch import Tensor


def jaccard(a: Bool[Array, "*#many maps"], b: Bool[Array, "*#many maps"]) -> Float[Array, "*many"]:
    """Return what two selections share of what they hold together; higher is steadier.

    J = |A and B| / |A or B|, in [0, 1]; 1 where both are empty

    Source: Jaccard 1901.

    >>> float(jaccard(np.array([True, True, False]), np.array([False, True, True])).round(3))
    0.333
    """
    both, either = (a & b).sum(axis=-1), (a | b).sum(axis=-1)
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def chance_jaccard(d: int, k: int, other_k: int) -> float:
    """Return the Jaccard index to expect of k and other_k maps drawn blindly out of d.

    E[J] = sum_x P(x) x / (k + k' - x),   P(x) = C(k, x) C(d - k, k' - x) / C(d, k')

    The floor under every Jaccard index of selections from the same d candidates.

    Raises:
        ArgumentError: a size is negative or above d.

    >>> round(chance_jaccard(4, 2, 2), 4)
    0.3889
    """
    for name, size in (("k", k), ("other_k", other_k)):
        if whole(name, size) > whole("d", d):
            raise ArgumentError(f"{name}={size}: there are only {d} maps to select from")
    if k == other_k == 0:
        return 1.0
    ways = (math.comb(k, x) * math.comb(d - k, other_k - x) for x in range(min(k, other_k) + 1))
    parts = (w * x / (k + other_k - x) for x, w in enumerate(ways))
    return sum(parts) / math.comb(d, other_k)


@dataclass(frozen=True, eq=False)
class Agreement:
    """Selections that several runs made for one problem, and how far they agree.

    `jaccard` holds every pair of runs; `mean` is its off-diagonal mean in [0, 1] (higher is
    steadier), to be read above `chance`, what blind selections of the same sizes would have.
    """

    runs: tuple[str, ...]
    selections: Bool[Array, "runs d"]
    energies: Float[Array, " runs"]
    jaccard: Float[Array, "runs runs"]
    mean: float
    chance: float

    @property
    def always(self) -> Bool[Array, " d"]:
        """The maps that every run selects."""
        return np.asarray(self.selections.all(axis=0))

    @property
    def never(self) -> Bool[Array, " d"]:
        """The maps that no run selects."""
        return np.asarray(~self.selections.any(axis=0))


def agreement(
    problem: SelectionProblem, selections: Bool[Array, "runs d"], runs: Sequence[str] = ()
) -> Agreement:
    """Return how far two or more selections of one problem's candidates agree.

    Raises:
        ArgumentError: fewer than two selections, or names that do not fit them.

    >>> p = SelectionProblem(np.ones(3), np.zeros((3, 3)))
    >>> agreement(p, np.array([[True, True, False], [True, True, False]])).mean
    1.0
    """
    named = tuple(runs) or tuple(map(str, range(len(selections))))
    if len(selections) < 2 or len(named) != len(selections):
        raise ArgumentError(
            f"selections: {len(selections)}, names: {len(named)}; two runs or more, a name for each"
        )
    sizes = selections.sum(axis=1).tolist()
    chances = [[chance_jaccard(problem.d, k, m) for m in sizes] for k in sizes]
    every = jaccard(selections[:, None], selections[None])
    return Agreement(
        runs=named,
        selections=selections,
        energies=problem.energy(selections),
        jaccard=every,
        mean=_mean_of_pairs(every),
        chance=_mean_of_pairs(np.array(chances)),
    )


def across_samplers(
    problem: SelectionProblem, samplers: Sequence[str] = ("exact", "sa", "greedy"), *, seed: int = 0
) -> Agreement:
    """Return how far samplers, by name, agree on one problem; `anneal` is among the names.

    Raises:
        ArgumentError: fewer than two samplers, or an unknown name.
        ProblemTooLargeError: a problem is beyond the reach of `exact` or `anneal`.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> across_samplers(p, ["exact", "tabu"]).mean
    1.0
    """
    found = [select_by_any(problem, name, seed=seed) for name in samplers]
    return agreement(problem, _stacked(problem, found), samplers)


def across_seeds(
    problem: SelectionProblem, sampler: str = "anneal", *, seeds: Sequence[int] = range(8)
) -> Agreement:
    """Return how far the runs of one sampler, named, agree under different seeds.

    Raises:
        ArgumentError: fewer than two seeds, or an unknown name.
        ProblemTooLargeError: a problem is beyond the reach of `exact` or `anneal`.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> across_seeds(p, "sa", seeds=[0, 1]).always
    array([ True, False])
    """
    found = [select_by_any(problem, sampler, seed=seed) for seed in seeds]
    return agreement(problem, _stacked(problem, found), [f"seed {seed}" for seed in seeds])


@dataclass(frozen=True, eq=False)
class NoiseStability:
    """How far selections survive small noise on the image.

    `jaccard` compares the selection of each noisy copy with that of the image itself, in [0, 1],
    higher is steadier; `kept[i, a]` is the share of copies of image i that select map a;
    `between_images` is the mean Jaccard index of different images (None for one image): the level
    at which the selection would say nothing about its image.
    """

    jaccard: Float[Array, "draws n"]
    kept: Float[Array, "n maps"]
    clean: Bool[Array, "n maps"]
    between_images: float | None


def under_noise(
    selector: Callable[[Tensor], Bool[Array, "n maps"]],
    images: Float[Tensor, "n channels height width"],
    *,
    noise: float = 0.02,
    draws: int = 8,
    seed: int = 0,
) -> NoiseStability:
    """Return how far the selections of images survive Gaussian noise on them.

    x' = x + noise * (max x - min x) * N(0, 1), an image's noise depending on its place and the seed

    Args:
        selector: from images to the selected maps of a layer, a row for each image; it should
            keep the class that the clean image was explained for.
        images: already normalised.
        noise: standard deviation, as a share of the image's range.
        draws: noisy copies of every image.
        seed: equal seeds give equal noise.

    Raises:
        ArgumentError: no images, noise not above 0, a constant image (it has no range).

    Source: noise scaled as in SmoothGrad, Smilkov et al. 2017.

    >>> import torch
    >>> bright = lambda x: (x.mean(dim=(2, 3)) > 0).numpy()
    >>> under_noise(bright, torch.arange(-6.0, 6.0).reshape(1, 3, 2, 2), draws=2).jaccard
    array([[1.],
           [1.]])
    """
    if len(images) == 0:
        raise ArgumentError("images: none; give at least one")
    if not 0 < real("noise", noise) < math.inf:
        raise ArgumentError(f"noise={noise}: a share of the image's range, above 0, such as 0.02")
    whole("draws", draws, least=1)
    spread = noise * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    if not bool((spread > 0).all()):
        raise ArgumentError(f"images: image {int(spread.argmin())} is constant: noise has no scale")
    clean = selector(images)
    noisy = [
        selector(images + spread[:, None, None, None] * _noise_like(images, seed, draw))
        for draw in range(draws)
    ]
    every = jaccard(clean[:, None], clean[None])
    return NoiseStability(
        jaccard=np.stack([jaccard(one, clean) for one in noisy]),
        kept=np.mean(noisy, axis=0),
        clean=clean,
        between_images=_mean_of_pairs(every) if len(images) > 1 else None,
    )


def _noise_like(images: Tensor, seed: int, draw: int) -> Tensor:
    """Noise that is the same on every device and for an image whatever follows it."""
    import torch

    each = []
    for i in range(len(images)):
        child = int(np.random.SeedSequence([seed, draw, i]).generate_state(1)[0])
        generator = torch.Generator().manual_seed(child)
        each.append(torch.randn(images.shape[1:], generator=generator))
    return torch.stack(each).to(device=images.device, dtype=images.dtype)


def _stacked(problem: SelectionProblem, found: Sequence[Selection]) -> Bool[Array, "runs d"]:
    return np.array([s.n for s in found], dtype=bool).reshape(len(found), problem.d)


def _mean_of_pairs(matrix: Float[Array, "runs runs"]) -> float:
    return float(matrix[~np.eye(len(matrix), dtype=bool)].mean())
