"""Stability of a selection under noise, samplers and seeds, and its near-optimal rivals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.map_axes import grid_axes, over_grid
from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import real, whole
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.energies import bits, weights
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem
from annealcam.qubo.solution import Selection
from annealcam.qubo.ties import ground_states, window
from annealcam.samplers.selection import select

if TYPE_CHECKING:
    from torch import Tensor


def jaccard(a: Bool[Array, "*#many maps"], b: Bool[Array, "*#many maps"]) -> Float[Array, "*many"]:
    """Return the Jaccard index of two selections; higher is more stable.

    J = |A and B| / |A or B|, in [0, 1]; 1 if both are empty

    Source: Jaccard 1901.

    >>> float(jaccard(np.array([True, True, False]), np.array([False, True, True])).round(3))
    0.333
    """
    both, either = (a & b).sum(axis=-1), (a | b).sum(axis=-1)
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def chance_jaccard(d: int, k: int, other_k: int) -> float:
    """Return the expected Jaccard index of k and other_k maps that are drawn at random out of d.

    E[J] = sum_x P(x) x / (k + k' - x),   P(x) = C(k, x) C(d - k, k' - x) / C(d, k')

    Compare every Jaccard index of selections from the same d candidates with this value.

    Raises:
        ArgumentError: a size is negative or greater than d.

    >>> round(chance_jaccard(4, 2, 2), 4)
    0.3889
    """
    for name, size in (("k", k), ("other_k", other_k)):
        if whole(name, size) > whole("d", d):
            raise ArgumentError(f"{name}={size}: there are only {d} maps to select from.")
    if k == other_k == 0:
        return 1.0
    ways = (math.comb(k, x) * math.comb(d - k, other_k - x) for x in range(min(k, other_k) + 1))
    parts = (w * x / (k + other_k - x) for x, w in enumerate(ways))
    return sum(parts) / math.comb(d, other_k)


@dataclass(frozen=True, eq=False)
class Agreement:
    """Selections of several runs for one problem, and their agreement.

    `jaccard` holds the index of every pair of runs. `mean` is its off-diagonal mean, in [0, 1];
    higher is more stable. `chance` is the expected mean of random selections of the same sizes.
    """

    runs: tuple[str, ...]
    selections: Bool[Array, "runs d"]
    energies: Float[Array, " runs"]
    jaccard: Float[Array, "runs runs"]
    mean: float
    chance: float

    __repr__ = repr_with("selections", "mean", "chance")

    @property
    def always(self) -> Bool[Array, " d"]:
        """Maps that every run selects."""
        return np.asarray(self.selections.all(axis=0))

    @property
    def never(self) -> Bool[Array, " d"]:
        """Maps that no run selects."""
        return np.asarray(~self.selections.any(axis=0))


def agreement(
    problem: ProblemLike, selections: Bool[Array, "runs d"], runs: Sequence[str] = ()
) -> Agreement:
    """Compare two or more selections of one problem's candidates.

    Raises:
        ArgumentError: there are fewer than two selections, or another number of names.

    >>> p = SelectionProblem(np.ones(3), np.zeros((3, 3)))
    >>> agreement(p, np.array([[True, True, False], [True, True, False]])).mean
    1.0
    """
    problem = as_problem(problem)
    named = tuple(runs) or tuple(map(str, range(len(selections))))
    if len(selections) < 2 or len(named) != len(selections):
        raise ArgumentError(
            f"{len(selections)} selections and {len(named)} names: give at least two selections, "
            "and a name for each."
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
    problem: ProblemLike, samplers: Sequence[str] = ("exact", "sa", "greedy"), *, seed: int = 0
) -> Agreement:
    """Compare the selections of several samplers, given by name, for one problem.

    Raises:
        ArgumentError: there are fewer than two samplers, or a name is unknown.
        ProblemTooLargeError: the problem is too large for `exact` or `anneal`.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> across_samplers(p, ["exact", "tabu"]).mean
    1.0
    """
    problem = as_problem(problem)
    runs = [select(problem, name, seed=seed) for name in samplers]
    return agreement(problem, _stacked(problem, runs), samplers)


def across_seeds(
    problem: ProblemLike, sampler: str = "anneal", *, seeds: Sequence[int] = range(8)
) -> Agreement:
    """Compare the selections of one sampler, given by name, under different seeds.

    Raises:
        ArgumentError: there are fewer than two seeds, or the name is unknown.
        ProblemTooLargeError: the problem is too large for `exact` or `anneal`.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> across_seeds(p, "sa", seeds=[0, 1]).always
    array([ True, False])
    """
    problem = as_problem(problem)
    runs = [select(problem, sampler, seed=seed) for seed in seeds]
    return agreement(problem, _stacked(problem, runs), [f"seed {seed}" for seed in seeds])


@dataclass(frozen=True, eq=False)
class NoiseStability:
    """Stability of selections under small noise on the images.

    `jaccard` compares the selection of each noisy copy with that of the image itself, in [0, 1];
    higher is more stable. `kept[i, a]` is the share of the copies of image i that select map a.
    `between_images` is the mean Jaccard index of different images (None for one image): a selection
    that is no more stable than this does not depend on its image.
    """

    jaccard: Float[Array, "draws n"]
    kept: Float[Array, "n maps"]
    clean: Bool[Array, "n maps"]
    between_images: float | None

    __repr__ = repr_with("jaccard", "between_images")


def under_noise(
    selector: Callable[[Tensor], Bool[Array, "n maps"]],
    images: Float[Tensor, "n channels *size"],
    *,
    noise: float = 0.02,
    draws: int = 8,
    seed: int = 0,
) -> NoiseStability:
    """Compare the selections of images with those of copies with Gaussian noise.

    x' = x + noise * (max x - min x) * N(0, 1); the noise depends on the seed and the image's index

    Args:
        selector: a function from images to the selected maps of a layer, a row for each image. It
            should explain the class of the clean image for its copies too.
        images: already normalised.
        noise: standard deviation, as a share of the image's range.
        draws: noisy copies of every image.
        seed: equal seeds give equal noise.

    Raises:
        ArgumentError: there are no images, the noise is not above 0, or an image is constant, so
            that it has no range.

    Source: noise scaled as in SmoothGrad (Smilkov et al. 2017).

    >>> import torch
    >>> bright = lambda x: (x.mean(dim=(2, 3)) > 0).numpy()
    >>> under_noise(bright, torch.arange(-6.0, 6.0).reshape(1, 3, 2, 2), draws=2).jaccard
    array([[1.],
           [1.]])
    """
    if len(images) == 0:
        raise ArgumentError("images is empty: give at least one image.")
    if not 0 < real("noise", noise) < math.inf:
        raise ArgumentError(
            f"noise={noise}: give a share of the image's range above 0, such as 0.02."
        )
    whole("draws", draws, least=1)
    axes = grid_axes(images, first=1)
    spread = noise * (images.amax(dim=axes) - images.amin(dim=axes))
    if not bool((spread > 0).all()):
        raise ArgumentError(f"Image {int(spread.argmin())} is constant: its range gives no scale.")
    clean = selector(images)
    noisy = [
        selector(images + over_grid(spread, images) * _noise_like(images, seed, draw))
        for draw in range(draws)
    ]
    every = jaccard(clean[:, None], clean[None])
    return NoiseStability(
        jaccard=np.stack([jaccard(copy, clean) for copy in noisy]),
        kept=np.mean(noisy, axis=0),
        clean=clean,
        between_images=_mean_of_pairs(every) if len(images) > 1 else None,
    )


def _noise_like(images: Tensor, seed: int, draw: int) -> Tensor:
    """Draw noise that depends neither on the device nor on the images after each one."""
    import torch

    each = []
    for i in range(len(images)):
        child = int(np.random.SeedSequence([seed, draw, i]).generate_state(1)[0])
        generator = torch.Generator().manual_seed(child)
        each.append(torch.randn(images.shape[1:], generator=generator))
    return torch.stack(each).to(device=images.device, dtype=images.dtype)


def _stacked(problem: SelectionProblem, runs: Sequence[Selection]) -> Bool[Array, "runs d"]:
    return np.array([s.n for s in runs], dtype=bool).reshape(len(runs), problem.d)


def _mean_of_pairs(matrix: Float[Array, "runs runs"]) -> float:
    return float(matrix[~np.eye(len(matrix), dtype=bool)].mean())


@dataclass(frozen=True, eq=False)
class NearOptimal:
    """All selections within epsilon of the optimum, sorted by energy and state number.

    State number b selects map p if bit p of b is set. The first state is the optimum. `epsilon` is
    a difference of energies.
    """

    d: int
    epsilon: float
    states: Int[Array, " many"]
    energies: Float[Array, " many"]

    __repr__ = repr_with("d", "epsilon", "states", "energies")

    @property
    def selections(self) -> Int[Array, "many d"]:
        """Every selection as 0 and 1, one byte for each map."""
        return bits(self.states, self.d)

    @property
    def share(self) -> Float[Array, " d"]:
        """Share of the selections that hold each map."""
        return np.array([float((self.states >> p & 1).mean()) for p in range(self.d)])

    @property
    def backbone(self) -> Bool[Array, " d"]:
        """Maps that every near-optimal selection holds."""
        return bits(int(np.bitwise_and.reduce(self.states)), self.d).astype(bool)

    @property
    def unused(self) -> Bool[Array, " d"]:
        """Maps that no near-optimal selection holds."""
        return bits(int(np.bitwise_or.reduce(self.states)), self.d) == 0

    @property
    def jaccard(self) -> Float[Array, " many"]:
        """Jaccard index of each selection with the optimum, in [0, 1]; 1 if both are empty."""
        both = np.bitwise_count(self.states & self.states[0]).astype(float)
        either = np.bitwise_count(self.states | self.states[0]).astype(float)
        return np.where(either == 0, 1.0, both / np.maximum(either, 1.0))


def near_optimal(problem: ProblemLike, epsilon: float = 0.01) -> NearOptimal:
    """Return all selections whose energy is within epsilon of the optimum, for d <= 24.

    {n : E(n) <= E_0 + epsilon |E_0|}, among the selections of `problem.cardinality` maps, if set

    With epsilon = 0 these are the optima that `solve_exact` counts. The
    backbone does not depend on which of them a sampler returns.

    Args:
        problem: the selection problem.
        epsilon: distance from the optimum as a share of |E_0|, 0 or more.

    Raises:
        ProblemTooLargeError: d is greater than 24.
        ArgumentError: `epsilon` is negative or not finite.

    >>> p = SelectionProblem([1.0, 0.5, 0.5], [[0, 0, 0], [0, 0, 2], [0, 2, 0]], beta=0.5)
    >>> near = near_optimal(p, 0.0)
    >>> near.states, near.backbone, near.unused
    (array([3, 5]), array([ True, False, False]), array([False, False, False]))
    """
    problem = as_problem(problem)
    if problem.d > MAX_ENUMERATED:
        raise ProblemTooLargeError(
            f"d={problem.d}: all selections can be enumerated for up to {MAX_ENUMERATED} maps; "
            f"keep fewer candidates (max_qubits={MAX_ENUMERATED} or less)."
        )
    if not 0 <= real("epsilon", epsilon) < math.inf:
        raise ArgumentError(f"epsilon={epsilon}: give a share of |E_0|, 0 or more, such as 0.01.")
    energies = problem.energies()
    if problem.cardinality is not None:
        energies[weights(problem.d) != problem.cardinality] = np.inf
    ground, lowest = ground_states(problem, energies), float(energies.min())
    reach = epsilon * abs(lowest)
    states = ground.places
    if reach:
        most = lowest + reach
        states = np.union1d(states, np.flatnonzero(energies <= most + window(problem, most)))
    states = states[np.lexsort((energies[states], states != ground.lowest))]
    return NearOptimal(problem.d, reach, states, energies[states])
