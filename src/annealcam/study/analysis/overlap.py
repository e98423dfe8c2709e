"""How far classes overlap in the maps selected for their images, by selector and by k."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from annealcam._internal.statistics import clustered_interval
from annealcam._internal.types import Array
from annealcam.metrics import overlap, resampling
from annealcam.study.analysis.results import schema
from annealcam.study.analysis.rows import Rows, free, known_mean
from annealcam.study.analysis.units import pairs_interval
from annealcam.study.table.columns import EVIDENCE_SELECTORS, SELECTORS

_SETTING = ("model", "layer", "selector")
SCHEMAS = {
    "overlap_matrix": schema(*_SETTING, "tau", "normalisation", "class_a", "class_b", "overlap"),
    "overlap": schema(
        *_SETTING, "tau", "normalisation", "classes", "images", "k", "off_diagonal", "low", "high",
        "bias", "zero_share", "exact_zero_share", "threshold", "split_half", "ratio", "null_mean",
        "null_low", "null_high", "p_value", "minus_exact", "minus_exact_low", "minus_exact_high",
        "redundancy", "carried", "relevance", "units", "unit", "split_half_low", "split_half_high",
        "carried_low", "carried_high", "redundancy_minus_exact", "redundancy_minus_exact_low",
        "redundancy_minus_exact_high",
    ),
    "overlap_by_k": schema(
        *_SETTING, "k", "overlap", "low", "high", "images", "classes", "minus_exact",
        "minus_exact_low", "minus_exact_high", "growth", "growth_low", "growth_high", k=pa.int64()
    ),
}  # fmt: skip
Row = dict[str, Any]
Key = tuple[str, float | None, str | None]  # selector, tau, normalisation


@dataclass(frozen=True)
class ImageGroups:
    """The images of one network and layer by class, and how they are resampled.

    All selectors share them, so that their overlaps are paired.
    """

    images: tuple[tuple[str, str], ...]  # class explained and image, sorted
    bootstrap: int
    permutations: int
    seed: int
    by_class: bool = False  # whether the images of a class share one problem

    @classmethod
    def of(
        cls, rows: Rows, bootstrap: int, permutations: int, seed: int, *, by_class: bool = False
    ) -> ImageGroups:
        """Return all images that have a row."""
        images = set(zip(rows["target"].tolist(), rows["image"].tolist(), strict=True))
        return cls(tuple(sorted(images)), bootstrap, permutations, seed, by_class)

    def __repr__(self) -> str:
        return f"ImageGroups({len(self.images)} images of {len(self.classes)} classes)"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes explained, sorted."""
        return tuple(sorted({target for target, _ in self.images}))

    @cached_property
    def labels(self) -> Int[Array, " images"]:
        """The index of each image's class."""
        index = {name: i for i, name in enumerate(self.classes)}
        return np.array([index[target] for target, _ in self.images])

    @cached_property
    def positions(self) -> dict[tuple[str, str], int]:
        """The index of each image."""
        return {image: i for i, image in enumerate(self.images)}


class ClassOverlap:
    """The overlaps of classes under one selector.

    An image without a row has no votes. Every draw of the random selector has votes of its own, and
    every value is the mean over draws: the votes of several draws together would be more than those
    of the other selectors, and more votes overlap more.
    """

    def __init__(self, groups: ImageGroups, rows: Rows) -> None:
        self.groups = groups
        self.draws = [_votes(groups, of_draw) for _, of_draw in rows.groups("draw")]

    def __repr__(self) -> str:
        return f"ClassOverlap({len(self.draws)} draws of {self.groups!r})"

    @cached_property
    def matrices(self) -> list[Float[Array, "classes classes"]]:
        """The overlap of every pair of classes, for each draw."""
        labels, classes = self.groups.labels, len(self.groups.classes)
        histograms = [overlap.class_histograms(v, labels, classes) for v in self.draws]
        return [overlap.overlap_matrix(p) for p in histograms]

    @cached_property
    def matrix(self) -> Float[Array, "classes classes"]:
        """The overlap of every pair of classes."""
        return np.mean(self.matrices, axis=0)

    @property
    def classes(self) -> int:
        """The number of classes with votes."""
        return int((~np.isnan(np.diag(self.matrix))).sum())

    @property
    def off_diagonal(self) -> float:
        """The mean overlap of two different classes."""
        return float(np.mean([overlap.off_diagonal_mean(m) for m in self.matrices]))

    def zero_share(self, threshold: float) -> float:
        """Return the share of pairs of classes that overlap less than the threshold."""
        return float(np.mean([overlap.zero_share(m, threshold) for m in self.matrices]))

    @cached_property
    def halves(self) -> Float[Array, " classes"]:
        """The overlap of one half of each class's images with the other; NaN where unknown."""
        return np.mean(self._each(overlap.split_half_overlap), axis=0)

    @property
    def split_half(self) -> float:
        """The mean of `halves`."""
        return known_mean(self.halves)

    @property
    def split_half_interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean of `halves` over classes, within [0, 1]."""
        known = self.halves[~np.isnan(self.halves)]
        low, high = np.clip(clustered_interval(known, np.arange(len(known))), 0.0, 1.0).tolist()
        return low, high

    @cached_property
    def resampled(self) -> Float[Array, " resamples"]:
        """The off-diagonal mean of resampled images: the same images for every selector."""
        resamples = self.groups.bootstrap
        return np.mean(self._each(resampling.bootstrap_overlap, resamples=resamples), axis=0)

    @cached_property
    def null(self) -> Float[Array, " permutations"]:
        """The off-diagonal mean under shuffled labels."""
        permutations = self.groups.permutations
        return np.mean(self._each(resampling.permutation_null, permutations=permutations), axis=0)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the off-diagonal mean, within [0, 1]."""
        low, high = resampling.centred_interval(self.off_diagonal, self.resampled)
        return max(low, 0.0), min(high, 1.0)

    def minus(self, other: ClassOverlap) -> tuple[float, float, float]:
        """Return the difference of the off-diagonal means, with the ends of its 95 % interval.

        Images are resampled; where those of a class share one problem, the interval is over
        classes.
        """
        difference = self.off_diagonal - other.off_diagonal
        if self.groups.by_class:
            return (difference, *pairs_interval(self.matrix - other.matrix, difference))
        resampled = self.resampled - other.resampled
        return (difference, *resampling.centred_interval(difference, resampled))

    def _each(
        self, measure: Callable[..., Float[Array, "..."]], **options: int
    ) -> list[Float[Array, "..."]]:
        labels, classes, seed = self.groups.labels, len(self.groups.classes), self.groups.seed
        return [measure(v, labels, classes, seed=seed, **options) for v in self.draws]


def _votes(groups: ImageGroups, rows: Rows) -> Float[Array, "images maps"]:
    """One vote for each selected map; where maps have weights, they divide one vote."""
    used = np.unique(np.concatenate([np.zeros(0, int), *map(_indices, rows["selected"])]))
    votes = np.zeros((len(groups.images), len(used)))
    for target, image, selected, weights in zip(
        *(rows[name] for name in ("target", "image", "selected", "weights")), strict=True
    ):
        maps = np.searchsorted(used, _indices(selected))
        shares = np.ones(len(maps)) if weights is None else np.asarray(weights, np.float64)
        position = groups.positions[target, image]
        votes[position, maps] = shares if weights is None else overlap.normalised(shares)
    return votes


def _indices(maps: list[int] | None) -> Int[Array, " k"]:
    return np.asarray([] if maps is None else maps, dtype=np.int64)


def class_overlaps(rows: Rows, groups: ImageGroups) -> dict[Key, tuple[ClassOverlap, Rows]]:
    """Return the overlaps of every selector and run, in the order of the selectors."""
    return {
        key: (ClassOverlap(groups, some), some)
        for key, some in _by_selector(free(rows), "selector", "tau", "normalisation")
    }


def overlap_rows(rows: Rows, groups: ImageGroups, threshold: float) -> dict[str, Iterable[Row]]:
    """Return the rows of every table of `SCHEMAS`, for one network and layer."""
    overlaps = class_overlaps(rows, groups)
    sized = rows.where(~np.isnan(rows["cardinality"]) & np.isnan(rows["tau"]))
    return {
        "overlap_matrix": _pairs(overlaps, groups),
        "overlap": _selectors(overlaps, threshold),
        "overlap_by_k": _by_k(sized, groups),
    }


def _pairs(overlaps: Mapping[Key, tuple[ClassOverlap, Rows]], groups: ImageGroups) -> Iterator[Row]:
    """Yield every ordered pair of classes with votes, for each selector."""
    for key in _main_runs(overlaps):
        matrix = overlaps[key][0].matrix
        names = dict(zip(("selector", "tau", "normalisation"), key, strict=True))
        for a, first in enumerate(groups.classes):
            for b, second in enumerate(groups.classes):
                if not math.isnan(matrix[a, b]):
                    yield names | {"class_a": first, "class_b": second, "overlap": matrix[a, b]}


def _selectors(
    overlaps: Mapping[Key, tuple[ClassOverlap, Rows]], threshold: float
) -> Iterator[Row]:
    """Yield one row for each selector; the annealer has one for each tau and normalisation."""
    exact = overlaps.get(("exact", None, None))
    for (selector, tau, normalisation), (classes, rows) in overlaps.items():
        low, high = classes.interval
        difference = classes.minus(exact[0]) if exact else (math.nan,) * 3
        half = classes.split_half
        yield {
            "selector": selector, "tau": tau, "normalisation": normalisation,
            "classes": classes.classes, "images": _images(rows), "k": known_mean(rows["k"]),
            "off_diagonal": classes.off_diagonal, "low": low, "high": high,
            "bias": known_mean(classes.resampled) - classes.off_diagonal,
            "minus_exact": difference[0], "minus_exact_low": difference[1],
            "minus_exact_high": difference[2], "threshold": threshold,
            "zero_share": classes.zero_share(threshold),
            "exact_zero_share": classes.zero_share(0.0), "split_half": half,
            "ratio": classes.off_diagonal / half if half else math.nan,
            **_null(classes), **_scores(classes, rows, exact[1] if exact else None),
        }  # fmt: skip


def _scores(classes: ClassOverlap, rows: Rows, exact: Rows | None) -> Row:
    """Return means over images with their intervals over images or classes."""
    scores = {name: _by_image(rows, name) for name in ("redundancy", "carried", "relevance")}
    optimum = {} if exact is None else _by_image(exact, "redundancy")
    own = scores["redundancy"]
    # In the order of the table: a set of texts has another one in each process, and sums with it.
    beside = {image: own[image] - optimum[image] for image in own if image in optimum}
    groups = classes.groups
    return {
        "units": classes.classes if groups.by_class else _images(rows),
        "unit": "classes" if groups.by_class else "images",
        **_ends("split_half", classes.split_half_interval),
        **{name: known_mean(rows[name]) for name in scores},
        **_ends("carried", _mean_interval(scores["carried"], groups)),
        "redundancy_minus_exact": known_mean(np.array(list(beside.values()))),
        **_ends("redundancy_minus_exact", _mean_interval(beside, groups)),
    }


def _by_image(rows: Rows, name: str) -> dict[tuple[str, str], float]:
    """Return the mean of a column over the draws of each image that has a value."""
    values: dict[tuple[str, str], list[float]] = {}
    columns = (rows[column].tolist() for column in ("target", "image", name))
    for target, image, value in zip(*columns, strict=True):
        if value == value:
            values.setdefault((target, image), []).append(value)
    return {image: float(np.mean(some)) for image, some in values.items()}


def _mean_interval(
    by_image: Mapping[tuple[str, str], float], groups: ImageGroups
) -> tuple[float, float]:
    images = sorted(by_image)
    units = [groups.labels[groups.positions[image]] for image in images]
    clusters = np.array(units if groups.by_class else range(len(images)), dtype=np.int64)
    return clustered_interval(np.array([by_image[image] for image in images]), clusters)


def _ends(name: str, interval: tuple[float, float]) -> Row:
    return {f"{name}_low": interval[0], f"{name}_high": interval[1]}


def _by_k(rows: Rows, groups: ImageGroups) -> Iterator[Row]:
    """Yield one row for each selector and prescribed number of maps.

    `growth` is the difference from the selector's overlap at its least k.
    """
    found = {
        key: (ClassOverlap(groups, some), some)
        for key, some in _by_selector(rows, "selector", "cardinality")
    }
    for (selector, k), (classes, some) in found.items():
        low, high = classes.interval
        exact = found.get(("exact", k))
        least = found[selector, min(size for name, size in found if name == selector)]
        minus = classes.minus(exact[0]) if exact else (math.nan,) * 3
        growth = classes.minus(least[0])
        yield {
            "selector": selector, "k": int(k), "overlap": classes.off_diagonal,
            "low": low, "high": high, "images": _images(some), "classes": classes.classes,
            "minus_exact": minus[0], **_ends("minus_exact", minus[1:]), "growth": growth[0],
            **_ends("growth", growth[1:]),
        }  # fmt: skip


def _main_runs(overlaps: Iterable[Key]) -> Iterator[Key]:
    """Yield one key a selector: of the annealer the slowest run, with `per_qubit` if possible."""
    keys = list(overlaps)
    for selector in dict.fromkeys(key[0] for key in keys):
        runs = [key for key in keys if key[0] == selector]
        per_qubit = [key for key in runs if key[2] == "per_qubit"]
        first = [key for key in runs if key[2] == runs[0][2]]
        yield max(per_qubit or first, key=lambda key: key[1] or 0.0)


def _by_selector(rows: Rows, *names: str) -> Iterator[tuple[tuple[Any, ...], Rows]]:
    """The groups in the order of the selectors, then ascending."""
    order = {name: i for i, name in enumerate((*SELECTORS, *EVIDENCE_SELECTORS))}
    groups = list(rows.groups(*names))
    yield from sorted(groups, key=lambda group: order.get(group[0][0], len(order)))


def _null(classes: ClassOverlap) -> dict[str, float]:
    known = classes.null[~np.isnan(classes.null)]
    if not len(known):
        return dict.fromkeys(("null_mean", "null_low", "null_high", "p_value"), math.nan)
    low, high = np.quantile(known, [0.025, 0.975]).tolist()
    p = resampling.p_value(classes.off_diagonal, known)
    return {"null_mean": known.mean(), "null_low": low, "null_high": high, "p_value": p}


def _images(rows: Rows) -> int:
    return len(set(zip(rows["target"], rows["image"], strict=True)))
