"""What the images of one network and layer vote for, as one selector selects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.metrics import overlap, resampling
from annealcam.study.analysis.rows import Rows, known_mean


@dataclass(frozen=True)
class Electorate:
    """The images of one network and layer: the same for every selector, so that all are paired."""

    images: tuple[tuple[str, str], ...]  # class explained and image, sorted
    bootstrap: int
    permutations: int
    seed: int

    @classmethod
    def of(cls, rows: Rows, bootstrap: int, permutations: int, seed: int) -> Electorate:
        """Return all the images that have a row."""
        images = set(zip(rows["target"].tolist(), rows["image"].tolist(), strict=True))
        return cls(tuple(sorted(images)), bootstrap, permutations, seed)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes explained, sorted."""
        return tuple(sorted({target for target, _ in self.images}))

    @cached_property
    def labels(self) -> Int[Array, " images"]:
        """The class of each image, as a number."""
        number = {name: i for i, name in enumerate(self.classes)}
        return np.array([number[target] for target, _ in self.images])

    @cached_property
    def places(self) -> dict[tuple[str, str], int]:
        """The number of each image."""
        return {image: i for i, image in enumerate(self.images)}


class Ballot:
    """The votes of one selector, and what they tell.

    An image without a row votes for nothing. Several draws of the random selector are several
    ballots, and every answer is the mean over them: thrown together they would have more votes
    than the other selectors, and more votes overlap more.
    """

    def __init__(self, electorate: Electorate, rows: Rows) -> None:
        self.electorate = electorate
        self.draws = [_votes(electorate, of_draw) for _, of_draw in rows.groups("draw")]

    @cached_property
    def matrices(self) -> list[Float[Array, "classes classes"]]:
        """The overlap of every pair of classes, for each draw."""
        labels, classes = self.electorate.labels, len(self.electorate.classes)
        histograms = [overlap.class_histograms(v, labels, classes) for v in self.draws]
        return [overlap.overlap_matrix(p) for p in histograms]

    @cached_property
    def matrix(self) -> Float[Array, "classes classes"]:
        """The overlap of every pair of classes."""
        return np.mean(self.matrices, axis=0)

    @property
    def classes(self) -> int:
        """The number of classes that vote."""
        return int((~np.isnan(np.diag(self.matrix))).sum())

    @property
    def off_diagonal(self) -> float:
        """The mean overlap of two different classes."""
        return float(np.mean([overlap.off_diagonal_mean(m) for m in self.matrices]))

    def zero_share(self, threshold: float) -> float:
        """Return the share of pairs that overlap less than the threshold."""
        return float(np.mean([overlap.zero_share(m, threshold) for m in self.matrices]))

    @cached_property
    def split_half(self) -> float:
        """The mean over classes of the overlap of one half with the other."""
        each = self._each(overlap.split_half_overlap)
        return float(np.mean([known_mean(classes) for classes in each]))

    @cached_property
    def resampled(self) -> Float[Array, " resamples"]:
        """The off-diagonal mean of resampled images: the same images for every selector."""
        many = self.electorate.bootstrap
        return np.mean(self._each(resampling.bootstrap_overlap, resamples=many), axis=0)

    @cached_property
    def null(self) -> Float[Array, " permutations"]:
        """The off-diagonal mean under shuffled labels."""
        many = self.electorate.permutations
        return np.mean(self._each(resampling.permutation_null, permutations=many), axis=0)

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the off-diagonal mean, within [0, 1]."""
        low, high = resampling.centred_interval(self.off_diagonal, self.resampled)
        return max(low, 0.0), min(high, 1.0)

    def minus(self, other: Ballot) -> tuple[float, float, float]:
        """Return how much more classes overlap than by the other ballot, with its interval."""
        difference = self.off_diagonal - other.off_diagonal
        resampled = self.resampled - other.resampled
        return (difference, *resampling.centred_interval(difference, resampled))

    def _each(
        self, measure: Callable[..., Float[Array, "..."]], **options: int
    ) -> list[Float[Array, "..."]]:
        of = self.electorate
        classes, seed = len(of.classes), of.seed
        return [measure(v, of.labels, classes, seed=seed, **options) for v in self.draws]


def _votes(electorate: Electorate, rows: Rows) -> Float[Array, "images maps"]:
    """One vote for each selected map; where maps have weights, one vote is divided among them."""
    used = np.unique(np.concatenate([np.zeros(0, int), *map(_whole, rows["selected"])]))
    votes = np.zeros((len(electorate.images), len(used)))
    for target, image, selected, weights in zip(
        *(rows[name] for name in ("target", "image", "selected", "weights")), strict=True
    ):
        maps = np.searchsorted(used, _whole(selected))
        shares = np.ones(len(maps)) if weights is None else np.asarray(weights, np.float64)
        place = electorate.places[target, image]
        votes[place, maps] = shares if weights is None else overlap.normalised(shares)
    return votes


def _whole(maps: list[int] | None) -> Int[Array, " k"]:
    return np.asarray([] if maps is None else maps, dtype=np.int64)
