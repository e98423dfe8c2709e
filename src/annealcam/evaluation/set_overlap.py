"""The overlap of the maps that a method selects for different predicted classes."""

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
class Overlap:
    """The mean overlap of two classes by the maps of one method, with that of resampled photos."""

    images: int
    mean: float
    resampled: Float[Array, " resamples"]
    null: float

    def interval(self) -> tuple[float, float]:
        """Return the 95 % bootstrap interval, within [0, 1]."""
        low, high = centred_interval(self.mean, self.resampled)
        return max(low, 0.0), min(high, 1.0)


def overlap_lines(
    selections: Mapping[str, Sequence[Int[Array, " _"] | None]],
    targets: Sequence[int],
    *,
    seed: int = 0,
) -> tuple[list[Line], str | None]:
    """Return the line `overlap` of each method, and the reason if there is no value.

    A photo votes for every map behind its explanation, and a predicted class is the distribution
    of the votes of its photos; the overlap is the mean Bhattacharyya coefficient of two classes.
    Classes of a single photo are left out. The bootstrap draws photos within their classes, the
    same ones for all methods, so that differences are paired. `null` is the mean overlap under
    shuffled classes.

    Args:
        selections: the channels of every photo by each method; None for a method without channels.
        targets: the predicted class of every photo.
        seed: of the bootstrap and of the shuffles.

    >>> maps = [np.array([0]), np.array([0, 1]), np.array([1]), np.array([1])]
    >>> lines, reason = overlap_lines({"a": maps}, [3, 3, 8, 8])
    >>> round(lines[0].mean, 3), reason  # (2/3, 1/3) and (0, 1)
    (0.577, None)
    """
    labels, classes = _labels(targets)
    if classes < LEAST:
        largest = Counter(targets).most_common(2)
        counts = ", ".join(f"{count} of class {name}" for name, count in largest)
        reason = (
            f"overlap: no value; it needs two predicted classes of two photos each (here {counts})"
        )
        return [_line(method, len(targets), None, None) for method in selections], reason
    overlaps = {
        method: _overlap(channels, labels, classes, seed) for method, channels in selections.items()
    }
    first = next(iter(overlaps.values()))
    lines = [
        _line(method, len(targets), overlap, None if overlap is first else first)
        for method, overlap in overlaps.items()
    ]
    return lines, None


def _labels(targets: Sequence[int]) -> tuple[Int[Array, " images"], int]:
    """Return each photo's class number (-1: a class of one photo), and the number of classes."""
    counted = Counter(targets)
    classes = sorted(target for target, count in counted.items() if count >= LEAST)
    number = {target: i for i, target in enumerate(classes)}
    return np.array([number.get(target, -1) for target in targets], dtype=np.int64), len(classes)


def _overlap(
    channels: Sequence[Int[Array, " _"] | None],
    labels: Int[Array, " images"],
    classes: int,
    seed: int,
) -> Overlap | None:
    """Return the overlap by one method; None without channels, or if too few photos have any."""
    maps = [selected for selected in channels if selected is not None]
    if len(maps) < len(channels):
        return None
    votes = np.zeros((len(maps), 1 + max((int(m.max(initial=0)) for m in maps), default=0)))
    for i, selected in enumerate(maps):
        votes[i, selected] = 1.0
    votes = votes[labels >= 0][:, votes.any(axis=0)]
    labels = labels[labels >= 0]
    mean = off_diagonal_mean(overlap_matrix(class_histograms(votes, labels, classes)))
    if np.isnan(mean):
        return None
    return Overlap(
        int(votes.any(axis=1).sum()),
        mean,
        bootstrap_overlap(votes, labels, classes, resamples=RESAMPLES, seed=seed),
        float(
            permutation_null(votes, labels, classes, permutations=PERMUTATIONS, seed=seed).mean()
        ),
    )


def _line(method: str, photos: int, overlap: Overlap | None, first: Overlap | None) -> Line:
    if overlap is None:
        return Line(method, "overlap", 0, photos, None, None, None, None, None, None)
    low, high = overlap.interval()
    line = Line(
        method, "overlap", overlap.images, photos - overlap.images, overlap.mean, low, high,
        None, None, None, overlap.null,
    )  # fmt: skip
    if first is None:
        return line
    difference = overlap.mean - first.mean
    low, high = centred_interval(difference, overlap.resampled - first.resampled)
    return replace(line, minus_first=difference, minus_first_low=low, minus_first_high=high)
