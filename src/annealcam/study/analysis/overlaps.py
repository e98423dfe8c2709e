"""Which selectors tell classes apart: overlaps, their intervals, and overlap against k."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from annealcam.metrics.resampling import p_value
from annealcam.study.analysis.ballot import Ballot, Electorate
from annealcam.study.analysis.rows import Rows, free, known_mean
from annealcam.study.table.columns import SELECTORS

MATRIX = ("model", "layer", "selector", "tau", "normalisation", "class_a", "class_b", "overlap")
OVERLAP = (
    "model", "layer", "selector", "tau", "normalisation", "classes", "images", "k", "off_diagonal",
    "low", "high", "bias", "zero_share", "exact_zero_share", "threshold", "split_half", "ratio",
    "null_mean", "null_low", "null_high", "p_value", "minus_exact", "minus_exact_low",
    "minus_exact_high", "redundancy", "carried", "relevance",
)  # fmt: skip
BY_K = ("model", "layer", "selector", "k", "overlap", "low", "high", "images", "classes")
TABLES = {"overlap_matrix": MATRIX, "overlap": OVERLAP, "overlap_by_k": BY_K}
Key = tuple[str, float | None, str | None]  # selector, tau, normalisation


class Overlaps:
    """The overlaps of one network and layer."""

    def __init__(self, rows: Rows, electorate: Electorate, threshold: float) -> None:
        self.electorate, self.threshold = electorate, threshold
        self.sized = rows.where(~np.isnan(rows["cardinality"]) & np.isnan(rows["tau"]))
        self.ballots = {
            key: (Ballot(electorate, own), own)
            for key, own in _by_selector(free(rows), "selector", "tau", "normalisation")
        }

    def tables(self) -> dict[str, Iterator[dict[str, Any]]]:
        """Return the rows of every table of `TABLES`."""
        return {
            "overlap_matrix": self.pairs(),
            "overlap": self.by_selector(),
            "overlap_by_k": self.by_k(),
        }

    def by_selector(self) -> Iterator[dict[str, Any]]:
        """Yield one row a selector; the annealer has one for each tau and normalisation."""
        exact = self.ballots.get(("exact", None, None))
        for (selector, tau, normalisation), (ballot, rows) in self.ballots.items():
            low, high = ballot.interval
            more = ballot.minus(exact[0]) if exact else (math.nan,) * 3
            yield {
                "selector": selector, "tau": tau, "normalisation": normalisation,
                "classes": ballot.classes, "images": _images(rows), "k": known_mean(rows["k"]),
                "off_diagonal": ballot.off_diagonal, "low": low, "high": high,
                "bias": known_mean(ballot.resampled) - ballot.off_diagonal,
                "minus_exact": more[0], "minus_exact_low": more[1], "minus_exact_high": more[2],
            } | self._beside(ballot) | _scores(rows)  # fmt: skip

    def _beside(self, ballot: Ballot) -> dict[str, Any]:
        """What an overlap must be read beside."""
        half = ballot.split_half
        return {
            "threshold": self.threshold,
            "zero_share": ballot.zero_share(self.threshold),
            "exact_zero_share": ballot.zero_share(0.0),
            "split_half": half,
            "ratio": ballot.off_diagonal / half if half else math.nan,
        } | _null(ballot)

    def pairs(self) -> Iterator[dict[str, Any]]:
        """Yield every ordered pair of classes that vote, for each selector."""
        for key in _shown(self.ballots):
            matrix = self.ballots[key][0].matrix
            about = dict(zip(("selector", "tau", "normalisation"), key, strict=True))
            for a, name in enumerate(self.electorate.classes):
                for b, other in enumerate(self.electorate.classes):
                    if not math.isnan(matrix[a, b]):
                        pair = {"class_a": name, "class_b": other, "overlap": matrix[a, b]}
                        yield about | pair

    def by_k(self) -> Iterator[dict[str, Any]]:
        """Yield one row for each selector and number of maps that was asked for."""
        for (selector, k), rows in _by_selector(self.sized, "selector", "cardinality"):
            ballot = Ballot(self.electorate, rows)
            low, high = ballot.interval
            yield {
                "selector": selector, "k": int(k), "overlap": ballot.off_diagonal,
                "low": low, "high": high, "images": _images(rows), "classes": ballot.classes,
            }  # fmt: skip


def _shown(ballots: Mapping[Key, Any]) -> Iterator[Key]:
    """One key a selector: the slowest annealing, in the paper's normalisation if it was run."""
    for selector in dict.fromkeys(key[0] for key in ballots):
        keys = [key for key in ballots if key[0] == selector]
        per_qubit = [key for key in keys if key[2] == "per_qubit"]
        first = [key for key in keys if key[2] == keys[0][2]]
        yield max(per_qubit or first, key=lambda key: key[1] or 0.0)


def _by_selector(rows: Rows, *names: str) -> Iterator[tuple[tuple[Any, ...], Rows]]:
    """The groups in the order of the selectors, then ascending."""
    order = {name: i for i, name in enumerate(SELECTORS)}
    groups = list(rows.groups(*names))
    yield from sorted(groups, key=lambda group: order.get(group[0][0], len(order)))


def _null(ballot: Ballot) -> dict[str, float]:
    known = ballot.null[~np.isnan(ballot.null)]
    if not len(known):
        return dict.fromkeys(("null_mean", "null_low", "null_high", "p_value"), math.nan)
    low, high = np.quantile(known, [0.025, 0.975]).tolist()
    p = p_value(ballot.off_diagonal, known)
    return {"null_mean": known.mean(), "null_low": low, "null_high": high, "p_value": p}


def _scores(rows: Rows) -> dict[str, float]:
    return {name: known_mean(rows[name]) for name in ("redundancy", "carried", "relevance")}


def _images(rows: Rows) -> int:
    return len(set(zip(rows["target"], rows["image"], strict=True)))
