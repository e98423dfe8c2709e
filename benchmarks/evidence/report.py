"""Tables of the results, with 95 % intervals from grids or photos drawn anew (Efron 1979)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from annealcam._internal.statistics import mean_interval
from annealcam.metrics import (
    bootstrap_overlap,
    class_histograms,
    off_diagonal_mean,
    overlap_matrix,
)

from .methods import EVIDENCE, FORMER, RANDOM, Array

PAIRS = (
    (EVIDENCE, "top-k by contribution"),
    (EVIDENCE, "top-k by alignment"),
    (EVIDENCE, "greedy"),
    (EVIDENCE, FORMER),
    (EVIDENCE, RANDOM),
    (EVIDENCE, "Grad-CAM"),
    (EVIDENCE, "Grad-CAM, as sharp as evidence"),
    ("evidence, as sharp as Grad-CAM", "Grad-CAM"),
    ("top-k by alignment", "top-k by contribution"),
)


def report(results: Sequence[Mapping[str, Any]], k: int) -> str:
    """Return the Markdown of all results, each of one network and layer."""
    grids = [r for r in results if "own cell" in r]
    heads = [r for r in results if "heads" in r]
    lines = ["# What the evidence objective gains", ""]
    if grids:
        lines += [*own_cell_tables(grids, k), *photo_tables(grids), *cost_table(grids)]
    if heads:
        lines += head_tables(heads)
    return "\n".join(lines) + "\n"


def own_cell_tables(results: Sequence[Mapping[str, Any]], k: int) -> Iterator[str]:
    yield f"## Share of the map in the own cell of 2 x 2 grids, k = {k} (uniform map: .25)"
    yield ""
    yield from _methods_by_result(results, lambda r: r["own cell"])
    yield "Paired differences over the same grids:"
    yield ""
    yield from _row("difference", *(r["title"] for r in results))
    yield from _rule(1 + len(results))
    for one, other in PAIRS:
        cells = [_mean(np.subtract(r["own cell"][one], r["own cell"][other]), "+.3f")
                 for r in results]  # fmt: skip
        yield from _row(f"{one} less {other}", *cells)
    yield ""
    yield from _row("", *(r["title"] for r in results))
    yield from _rule(1 + len(results))
    yield from _row("grids", *(len(r["own cell"][EVIDENCE]) for r in results))
    yield ""


def photo_tables(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    titles = {
        "cosine": "Cosine with the evidence map",
        "contributions": "Contributions, as a share of those of the top k",
        "rank correlation": "Rank correlation with the map under a random classifier",
    }
    for quantity in results[0]["photos"]:
        kind, _, k = quantity.rpartition(" ")
        yield f"## {titles[kind]}, k = {k}"
        yield ""
        yield from _methods_by_result(results, lambda r, q=quantity: r["photos"][q])


def cost_table(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Cost of an explanation, as a multiple of the network's passes"
    yield ""
    yield from _row("network, layer", "passes", "ratio of medians", "ratio of minima", "seconds")
    yield from _rule(5)
    for r in results:
        for passes, times in r["cost"].items():
            yield from _row(
                r["title"], passes, f"{times['ratio']:.2f}", f"{times['ratio of minima']:.2f}",
                f"{times['seconds']:.2f}",
            )  # fmt: skip
    yield ""


def head_tables(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    quantities = results[0]["heads"]
    for quantity in quantities:
        kind, k = quantity.split(" ")
        if kind == "kept":
            yield f"## The class is kept by the selected maps alone, k = {k}"
            yield ""
            yield from _methods_by_result(results, lambda r, q=quantity: r["heads"][q])
        else:
            yield f"## Overlap of the channels of two predicted classes, k = {k}"
            yield ""
            yield from _row("method", *(r["title"] for r in results))
            yield from _rule(1 + len(results))
            for name in quantities[quantity]:
                yield from _row(name, *(
                    _overlap(r["heads"][quantity][name], r["predicted"], r["maps"])
                    for r in results))  # fmt: skip
            yield ""


def _methods_by_result(results: Sequence[Mapping[str, Any]], table_of: Any) -> Iterator[str]:
    """Yield a table with a row for each method; the best of its column is not marked."""
    yield from _row("method", *(r["title"] for r in results))
    yield from _rule(1 + len(results))
    for name in table_of(results[0]):
        yield from _row(name, *(_mean(table_of(r)[name]) for r in results))
    yield ""


def _mean(values: Any, form: str = ".3f") -> str:
    """Return a mean with its interval, and how many values are not defined."""
    values = np.asarray(values, dtype=float)
    known = values[~np.isnan(values)]
    if not len(known):
        return "not defined"
    low, high = mean_interval(known, seed=0)
    undefined = f" ({len(values) - len(known)} undefined)" if len(known) < len(values) else ""
    return f"{known.mean():{form}} [{low:{form}}, {high:{form}}]{undefined}"


def _overlap(channels: Sequence[Sequence[int]], predicted: Sequence[int], maps: int) -> str:
    """Return the mean overlap of two classes ± 1.96 standard errors.

    An interval of percentiles would not hold the overlap: photos drawn anew always overlap more,
    as there are fewer different ones.
    """
    votes: Array = np.zeros((len(channels), maps))
    for row, selected in zip(votes, channels, strict=True):
        row[list(selected)] = 1.0
    names, labels = np.unique(predicted, return_inverse=True)
    overlap = off_diagonal_mean(overlap_matrix(class_histograms(votes, labels, len(names))))
    drawn = bootstrap_overlap(votes, labels, len(names), resamples=300)
    return f"{overlap:.3f} ± {1.96 * drawn.std():.3f}"


def _row(*cells: object) -> Iterator[str]:
    yield "| " + " | ".join(str(cell) for cell in cells) + " |"


def _rule(columns: int) -> Iterator[str]:
    yield "|" + " --- |" * columns
