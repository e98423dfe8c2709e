"""What an interval resamples: images, or classes where all images of a class have one problem.

With a linear head, the gradient is the class's weights: h and d of a problem are then those of the
class of the image, and 200 images of 10 classes are 10 independent problems, not 200.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.statistics import clustered_interval
from annealcam._internal.types import Array
from annealcam.study.analysis.rows import Rows, free

if TYPE_CHECKING:
    from annealcam.study.analysis.results import Setting

_EQUAL = 1e-5  # relative, for h of single precision


def class_settings(rows: Rows) -> frozenset[Setting]:
    """Return the networks and layers in which the problems of all images are those of classes.

    This is read off the table: the images of a class then have the same h up to a factor (h is
    divided by its maximum), and a candidate that an image lacks is dead in it, or beyond the most
    candidates that were wanted. Where the table holds no h, the number of candidates is compared.
    A class of one image shows nothing, so that at least one class must have two.
    """
    problems = free(rows.where(rows["selector"] == "exact"))
    settings = problems.groups("model", "layer")
    return frozenset(key for key, some in settings if _are_of_classes(some))


def _are_of_classes(problems: Rows) -> bool:
    classes = [some for _, some in problems.groups("target") if len(some) > 1]
    return bool(classes) and all(_have_one_h(some) for some in classes)


def _have_one_h(problems: Rows) -> bool:
    """Return whether the problems of one class have the same h, but for dead maps and a factor."""
    known = problems.where(np.array([h is not None for h in problems["h"]], dtype=bool))
    if not len(known):
        return len(set(problems["d"].tolist())) == 1
    own = [
        dict(zip(*pair, strict=True)) for pair in zip(known["candidates"], known["h"], strict=True)
    ]
    union = {channel for h in own for channel in h}
    most = max(own, key=len)
    absent = np.nan_to_num(known["dead"]) + np.nan_to_num(known["candidates_in_all"] - known["d"])
    return all(
        len(union) - len(h) <= lacking and _are_proportional(h, most)
        for h, lacking in zip(own, absent.tolist(), strict=True)
    )


def _are_proportional(h: Mapping[int, float], other: Mapping[int, float]) -> bool:
    """Return whether two h are proportional at the candidates that they share."""
    shared = sorted(h.keys() & other.keys())
    if len(shared) < min(2, len(h), len(other)):
        return False
    a, b = (np.array([values[channel] for channel in shared]) for values in (h, other))
    return bool(np.allclose(a * b.sum(), b * a.sum(), rtol=_EQUAL))


def unit_name(rows: Rows, of_classes: Collection[Setting]) -> str:
    """Return what the intervals of these rows resample: "classes" or "images"."""
    settings = zip(rows["model"].tolist(), rows["layer"].tolist(), strict=True)
    return "classes" if any(setting in of_classes for setting in settings) else "images"


def units_of(rows: Rows, of_classes: Collection[Setting]) -> Int[Array, " rows"]:
    """Return the number of the independent unit of each row: a class of a network, or an image.

    The rows of an image at several layers belong together.
    """
    names = ("model", "layer", "target", "image")
    number: dict[tuple[Any, ...], int] = {}
    keys = [
        (model, target) if (model, layer) in of_classes else (model, target, image)
        for model, layer, target, image in zip(
            *(rows[name].tolist() for name in names), strict=True
        )
    ]
    return np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)


def unit_interval(
    values: Float[Array, " rows"], rows: Rows, of_classes: Collection[Setting]
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of the values that are not NaN, over units."""
    known = ~np.isnan(values)
    return clustered_interval(values[known], units_of(rows.where(known), of_classes))


def share_interval(
    values: Float[Array, " rows"], rows: Rows, of_classes: Collection[Setting]
) -> tuple[float, float]:
    """Return `unit_interval` of values between 0 and 1, within these."""
    low, high = np.clip(unit_interval(values, rows, of_classes), 0.0, 1.0).tolist()
    return low, high


def pairs_interval(
    differences: Float[Array, "classes classes"], estimate: float
) -> tuple[float, float]:
    """Return the 95 % interval of a mean over pairs of different classes, over classes.

    m -+ t sqrt(sum_c (v_c - m)^2 / (C (C - 1))),   v_c - m = 2 (C - 1) / (C - 2) (r_c - m)

    r_c is the mean of class c's pairs, and v_c the jackknife's pseudo-value, so that a class counts
    in all its pairs at once. NaN for fewer than three classes.

    Source: Arvesen 1969 (the jackknife of a U-statistic).

    >>> D = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]])
    >>> [round(end, 2) for end in pairs_interval(D, 2.0)]
    [-2.97, 6.97]
    """
    from scipy.stats import t

    known = ~np.isnan(np.diagonal(differences))
    D = differences[np.ix_(known, known)]
    many = len(D)
    if many < 3:
        return float("nan"), float("nan")
    means = (D.sum(axis=1) - np.diagonal(D)) / (many - 1)
    away = 2.0 * (many - 1) / (many - 2) * (means - means.mean())
    half = float(t.ppf(0.975, many - 1) * np.sqrt((away**2).sum() / (many * (many - 1))))
    return estimate - half, estimate + half
