"""Scores that do not know of any shortcut: where a class's maps look, and on whose maps it rests.

Each score is a number for every photo; a class's score is the mean over its photos, and classes are
ranked by it. High is suspicious.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from annealcam._internal.statistics import mean_interval
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam.audit.observations import METHODS, Looked
from annealcam.audit.shares import about_peak, mass_inside

SCORES = MappingProxyType({
    "outside": "share of the map outside of the object",
    "sameness": "likeness of the colours about the map's peak, over the class's photos",
    "focus": "share of the map in a small window about its peak",
    "foreign": "share of the selected maps' contributions in maps that respond more to others",
})  # fmt: skip
RESAMPLES = 2000
_REACH = 1.5  # cells of 14 to each side of the peak: the region that `sameness` compares


@dataclass(frozen=True)
class Standing:
    """A class in a ranking: its mean score, with the 95 % bootstrap interval over its photos."""

    label: int
    photos: int
    score: float
    low: float
    high: float


def photo_scores(
    looked: Looked, name: str, *, classes: int, method: str = "annealcam"
) -> Float[Array, " n"]:
    """Return the score of that name of every photo; NaN where it has none.

    - `outside`: sum_ij M_ij (1 - m_ij) / sum_ij M_ij, M the map, m the object's share of a cell;
    - `sameness`: 1 - median_{j of the same class} |c_i - c_j| / sqrt(3), c the mean colour in
      [0, 1]^3 of what the network saw about the map's peak (`about_peak` of 14 cells);
    - `focus`: the share of the map's mass about its peak;
    - `foreign`: sum_{a selected, top(a) != c} C_a / sum_{a selected} C_a, with C the positive
      contributions to the logit and top(a) the class whose photos excite the map most on average.
      Of the selection: the same for every method.

    Raises:
        ArgumentError: no score or method has that name.

    >>> list(SCORES)
    ['outside', 'sameness', 'focus', 'foreign']
    """
    one_of("score", name, SCORES)
    maps = looked.heat[one_of("method", method, METHODS)]
    if name == "outside":
        return mass_inside(maps, 1.0 - looked.cover)
    if name == "focus":
        return about_peak(maps[:, None])[:, 0]
    if name == "foreign":
        return _foreign(looked, classes)
    return _sameness(looked, maps)


def profiles(looked: Looked, classes: int) -> Float[Array, "maps classes"]:
    """Return each channel's class profile: its spatial mean, averaged over a class's photos.

    A class without photos has 0.
    """
    own = [looked.means[looked.labels == label] for label in range(classes)]
    empty = np.zeros(looked.means.shape[1])
    rows = [np.sort(v, axis=0).mean(axis=0, dtype=np.float64) if len(v) else empty for v in own]
    return np.stack(rows, axis=1)  # sorted: the same bits in whatever order the photos come


def dictionary(looked: Looked, classes: int) -> Float[Array, "maps classes"]:
    """Return the class dictionary: for what share of a class's photos each map is selected."""
    own = [looked.selected[looked.labels == label] for label in range(classes)]
    empty = np.zeros(looked.selected.shape[1])
    return np.stack([v.mean(axis=0) if len(v) else empty for v in own], axis=1)


def ranked(
    values: Float[Array, " n"], labels: Int[Array, " n"], classes: int, *, seed: int = 0
) -> list[Standing]:
    """Return the classes by their mean score, the highest first; those without a value last.

    A photo without a score (NaN) is left out. The result does not depend on the photos' order.

    >>> [s.label for s in ranked(np.array([1.0, 2.0, 0.0]), np.array([0, 1, 2]), 3)]
    [1, 0, 2]
    """
    found = [_standing(values[labels == label], label, seed) for label in range(classes)]
    return sorted(found, key=lambda s: (np.isnan(s.score), -s.score, s.label))


def place_of(standings: list[Standing], label: int) -> int:
    """Return a class's place in a ranking, 1 for the first."""
    return 1 + next(i for i, standing in enumerate(standings) if standing.label == label)


def _standing(values: Float[Array, " m"], label: int, seed: int) -> Standing:
    there = np.sort(values[np.isfinite(values)].astype(np.float64))
    if not len(there):
        return Standing(label, 0, *(float("nan"),) * 3)
    interval = mean_interval(there, seed=[seed, label], resamples=RESAMPLES)
    return Standing(label, len(there), float(there.mean()), *interval)


def _foreign(looked: Looked, classes: int) -> Float[Array, " n"]:
    top = profiles(looked, classes).argmax(axis=1)
    carried = np.maximum(looked.gains, 0.0) * looked.selected
    total = carried.sum(axis=1, dtype=np.float64)
    others: Bool[Array, "n maps"] = top[None, :] != looked.labels[:, None]
    share = (carried * others).sum(axis=1, dtype=np.float64) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, share, np.nan)


def _sameness(looked: Looked, maps: Float[Array, "n h w"]) -> Float[Array, " n"]:
    colours = np.array([
        _colour(view, raw) for view, raw in zip(looked.views, maps, strict=True)
    ])  # fmt: skip
    found = np.full(len(looked), np.nan)
    for label in np.unique(looked.labels):
        own = np.flatnonzero((looked.labels == label) & maps.any(axis=(1, 2)))
        if len(own) > 1:
            apart = np.linalg.norm(colours[own, None] - colours[None, own], axis=-1)
            others = apart[~np.eye(len(own), dtype=bool)].reshape(len(own), -1)
            found[own] = 1.0 - np.median(others, axis=1) / np.sqrt(3.0)
    return found


def _colour(view: Array, raw: Float[Array, "h w"]) -> Float[Array, "3"]:
    """The mean colour of the square about the map's peak; at the edge it is moved inwards."""
    side, reach = len(view), _REACH / 14 * len(view)
    y, x = np.divmod(int(raw.argmax()), raw.shape[1])
    down, along = (
        min(max((place + 0.5) / cells * side, reach), side - reach)
        for place, cells in ((y, raw.shape[0]), (x, raw.shape[1]))
    )
    box = (along - reach, down - reach, along + reach, down + reach)
    one = Image.fromarray(view).resize((1, 1), Image.Resampling.BOX, box=box)
    return np.asarray(one)[0, 0] / 255.0
