"""Scores of photos and rankings of classes by how suspicious the maps of a network are.

A score is a number for every photo, and needs no knowledge of a shortcut. The score of a class is
the mean over its photos; classes are ranked by it, and high values are suspicious.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from PIL import Image

from annealcam._internal.statistics import mean_interval
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam.audit.observations import METHODS, Observations
from annealcam.audit.shares import share_inside, share_near_peak

SCORES = MappingProxyType({
    "outside": "share of the map outside the object",
    "sameness": "similarity of the colours around the map's peak among the class's photos",
    "focus": "share of the map in a small window around its peak",
    "foreign": "share of the selected contributions from maps that respond more to other classes",
})  # fmt: skip
RESAMPLES = 2000
_REACH = 1.5  # fourteenths of the side, from the peak in each direction: the region of `sameness`


@dataclass(frozen=True)
class RankedClass:
    """A class of a ranking: its mean score, with the 95 % bootstrap interval over its photos."""

    label: int
    photos: int
    score: float
    low: float
    high: float


def score_photos(
    observations: Observations, name: str, *, classes: int, method: str = "annealcam"
) -> Float[Array, " n"]:
    """Return a score of every photo; NaN for photos without a value.

    - `outside`: sum_ij M_ij (1 - m_ij) / sum_ij M_ij, with the map M and the object's share m of
      each cell;
    - `sameness`: 1 - median_{j of the same class} |c_i - c_j| / sqrt(3), with c the mean colour in
      [0, 1]^3 of the network's input around the map's peak;
    - `focus`: the share of the map's mass near its peak (`share_near_peak`);
    - `foreign`: sum_{a selected, top(a) != c} C_a / sum_{a selected} C_a, with the positive
      contributions C to the logit, and top(a) the class whose photos excite the map most on
      average. It depends on the selection alone, not on the method.

    Raises:
        ArgumentError: `name` is no score, or `method` is none of `METHODS`.

    >>> list(SCORES)
    ['outside', 'sameness', 'focus', 'foreign']
    """
    one_of("score", name, SCORES)
    maps = observations.maps[one_of("method", method, METHODS)]
    if name == "outside":
        return share_inside(maps, 1.0 - observations.coverage)
    if name == "focus":
        return share_near_peak(maps[:, None])[:, 0]
    if name == "foreign":
        return _foreign(observations, classes)
    return _sameness(observations, maps)


def class_profiles(observations: Observations, classes: int) -> Float[Array, "maps classes"]:
    """Return the class profile of every channel: its spatial mean, averaged over a class's photos.

    The profile of a class without photos is 0. Means are sorted before they are added, so that the
    order of the photos does not change any bit.
    """
    return _by_class(
        observations.means, observations.labels, classes,
        lambda means: np.sort(means, axis=0).mean(axis=0, dtype=np.float64),
    )  # fmt: skip


def class_dictionary(observations: Observations, classes: int) -> Float[Array, "maps classes"]:
    """Return the class dictionary: the share of a class's photos for which each map is selected."""
    return _by_class(
        observations.selected, observations.labels, classes, lambda rows: rows.mean(axis=0)
    )


def rank_classes(
    values: Float[Array, " n"], labels: Int[Array, " n"], classes: int, *, seed: int = 0
) -> list[RankedClass]:
    """Return the classes sorted by their mean score, the highest first; those without values last.

    Photos without a value (NaN) are left out. The order of the photos does not change the result.

    >>> [s.label for s in rank_classes(np.array([1.0, 2.0, 0.0]), np.array([0, 1, 2]), 3)]
    [1, 0, 2]
    """
    ranking = [_rank(values[labels == label], label, seed) for label in range(classes)]
    return sorted(ranking, key=lambda s: (np.isnan(s.score), -s.score, s.label))


def _by_class(
    rows: Shaped[Array, "n maps"],
    labels: Int[Array, " n"],
    classes: int,
    mean: Callable[[Array], Array],
) -> Float[Array, "maps classes"]:
    of_classes = (rows[labels == label] for label in range(classes))
    empty = np.zeros(rows.shape[1])
    return np.stack([mean(v) if len(v) else empty for v in of_classes], axis=1)


def _rank(values: Float[Array, " m"], label: int, seed: int) -> RankedClass:
    finite = np.sort(values[np.isfinite(values)].astype(np.float64))
    if not len(finite):
        return RankedClass(label, 0, *(float("nan"),) * 3)
    interval = mean_interval(finite, seed=[seed, label], resamples=RESAMPLES)
    return RankedClass(label, len(finite), float(finite.mean()), *interval)


def _foreign(observations: Observations, classes: int) -> Float[Array, " n"]:
    top = class_profiles(observations, classes).argmax(axis=1)
    contributions = np.maximum(observations.contributions, 0.0) * observations.selected
    total = contributions.sum(axis=1, dtype=np.float64)
    others: Bool[Array, "n maps"] = top[None, :] != observations.labels[:, None]
    share = (contributions * others).sum(axis=1, dtype=np.float64) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, share, np.nan)


def _sameness(observations: Observations, maps: Float[Array, "n h w"]) -> Float[Array, " n"]:
    colours = np.array([
        _colour(view, raw) for view, raw in zip(observations.views, maps, strict=True)
    ])  # fmt: skip
    scores = np.full(len(observations), np.nan)
    for label in np.unique(observations.labels):
        members = np.flatnonzero((observations.labels == label) & maps.any(axis=(1, 2)))
        if len(members) > 1:
            distances = np.linalg.norm(colours[members, None] - colours[None, members], axis=-1)
            others = distances[~np.eye(len(members), dtype=bool)].reshape(len(members), -1)
            scores[members] = 1.0 - np.median(others, axis=1) / np.sqrt(3.0)
    return scores


def _colour(view: Array, raw: Float[Array, "h w"]) -> Float[Array, "3"]:
    """Return the mean colour of the square around the map's peak, moved inside at the edge."""
    side, reach = len(view), _REACH / 14 * len(view)
    y, x = np.divmod(int(raw.argmax()), raw.shape[1])
    down, along = (
        min(max((place + 0.5) / cells * side, reach), side - reach)
        for place, cells in ((y, raw.shape[0]), (x, raw.shape[1]))
    )
    box = (along - reach, down - reach, along + reach, down + reach)
    one = Image.fromarray(view).resize((1, 1), Image.Resampling.BOX, box=box)
    return np.asarray(one)[0, 0] / 255.0
