"""How far the predicted classes share the maps that a method selects, over all photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.evaluation.table import RESAMPLES, Line
from annealcam.metrics.overlap import class_histograms, off_diagonal_mean, overlap_matrix
from annealcam.metrics.resampling import bootstrap_overlap, centred_interval, permutation_null

LEAST = 2  # photos of a class, and classes
PERMUTATIONS = 1000


@dataclass(frozen=True, eq=False)
class Shared:
    """The mean overlap of two classes by one method's maps, and that of resampled photos."""

    images: int
    mean: float
    resampled: Float[Array, " resamples"]
    null: float

    def interval(self) -> tuple[float, float]:
        """The 95 % bootstrap interval, within [0, 1]."""
        low, high = centred_interval(self.mean, self.resampled)
        return max(low, 0.0), min(high, 1.0)


def overlap_lines(
    selections: Mapping[str, Sequence[Int[Array, " _"] | None]],
    targets: Sequence[int],
    *,
    seed: int = 0,
) -> tuple[list[Line], str | None]:
    """Return the line `overlap` of each method, and why there is no value, if there is none.

    A photo casts a vote for every map behind its explanation, and a class (the predicted one) is
    the distribution of its photos' votes; the overlap is the mean Bhattacharyya coefficient of two
    classes. Classes of one photo are left out. Photos are drawn again within their classes, the
    same for all methods: differences are paired. `null` is the mean overlap under shuffled classes.

    Args:
        selections: of each method, the channels of every photo; None where it is not made of maps.
        targets: the predicted class of every photo.
        seed: of the resamples and shuffles.

    >>> maps = [np.array([0]), np.array([0, 1]), np.array([1]), np.array([1])]
    >>> lines, reason = overlap_lines({"a": maps}, [3, 3, 8, 8])
    >>> round(lines[0].mean, 3), reason  # (2/3, 1/3) and (0, 1)
    (0.577, None)
    """
    labels, classes = _labels(targets)
    if classes < LEAST:
        most = Counter(targets).most_common(2)
        told = ", ".join(f"{count} of class {name}" for name, count in most)
        reason = (
            f"overlap: no value; it needs two predicted classes of two photos each (here {told})"
        )
        return [_line(method, len(targets), None, None) for method in selections], reason
    found = {m: _shared(chosen, labels, classes, seed) for m, chosen in selections.items()}
    first = next(iter(found.values()))
    lines = [
        _line(method, len(targets), own, None if own is first else first)
        for method, own in found.items()
    ]
    return lines, None


def _labels(targets: Sequence[int]) -> tuple[Int[Array, " images"], int]:
    """The number of each photo's class, -1 where it is alone in it, and how many there are."""
    counted = Counter(targets)
    classes = sorted(target for target, count in counted.items() if count >= LEAST)
    number = {target: i for i, target in enumerate(classes)}
    return np.array([number.get(target, -1) for target in targets], dtype=np.int64), len(classes)


def _shared(
    chosen: Sequence[Int[Array, " _"] | None],
    labels: Int[Array, " images"],
    classes: int,
    seed: int,
) -> Shared | None:
    """The overlap by one method; None if it is not made of maps, or too few photos have any."""
    maps = [own for own in chosen if own is not None]
    if len(maps) < len(chosen):
        return None
    votes = np.zeros((len(maps), 1 + max((int(m.max(initial=0)) for m in maps), default=0)))
    for i, own in enumerate(maps):
        votes[i, own] = 1.0
    votes = votes[labels >= 0][:, votes.any(axis=0)]
    labels = labels[labels >= 0]
    mean = off_diagonal_mean(overlap_matrix(class_histograms(votes, labels, classes)))
    if np.isnan(mean):
        return None
    return Shared(
        int(votes.any(axis=1).sum()),
        mean,
        bootstrap_overlap(votes, labels, classes, resamples=RESAMPLES, seed=seed),
        float(
            permutation_null(votes, labels, classes, permutations=PERMUTATIONS, seed=seed).mean()
        ),
    )


def _line(method: str, photos: int, own: Shared | None, first: Shared | None) -> Line:
    if own is None:
        return Line(method, "overlap", 0, photos, None, None, None, None, None, None)
    low, high = own.interval()
    line = Line(
        method, "overlap", own.images, photos - own.images, own.mean, low, high,
        None, None, None, own.null,
    )  # fmt: skip
    if first is None:
        return line
    less = own.mean - first.mean
    low, high = centred_interval(less, own.resampled - first.resampled)
    return replace(line, minus_first=less, minus_first_low=low, minus_first_high=high)
