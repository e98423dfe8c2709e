"""Every table of results from a study's table: `analyse`."""

from __future__ import annotations

import pyarrow as pa

from annealcam._internal.types import Progress
from annealcam._internal.validation import real, whole
from annealcam.errors import ArgumentError
from annealcam.study.analysis import annealing, evidence, overlap
from annealcam.study.analysis.results import results_table
from annealcam.study.analysis.rows import Rows
from annealcam.study.analysis.units import class_settings


def analyse(
    table: pa.Table,
    *,
    bootstrap: int,
    permutations: int,
    seed: int,
    threshold: float = 0.005,
    checks: pa.Table | None = None,
    progress: Progress | None = None,
) -> dict[str, pa.Table]:
    """Return, by name, the tables of results that the figures of a study show.

    The order of the rows does not matter. The class of an image is the class explained (`target`).
    Unknown numbers are null; a table without any data has no rows. Intervals are over images, or
    over classes where all images of a class have the same candidates and h (`units`).

    Args:
        table: rows of `annealcam.study.table.columns.SCHEMA`.
        bootstrap: resamples of the images of each class, for intervals.
        permutations: shuffles of the labels, for the null distribution.
        seed: of both.
        threshold: overlap of two classes below which it counts as zero.
        checks: rows of `annealcam.study.table.columns.CHECKS_SCHEMA`, if the study has any.
        progress: called with the current step, the number of layers done, and their total.

    Raises:
        ArgumentError: an option is out of range.

    >>> from annealcam.study.table.columns import SCHEMA
    >>> results = analyse(SCHEMA.empty_table(), bootstrap=10, permutations=10, seed=0)
    >>> results["overlap_by_k"].num_rows
    0
    """
    whole("bootstrap", bootstrap, least=1)
    whole("permutations", permutations, least=1)
    if not 0 <= real("threshold", threshold) <= 1:
        raise ArgumentError(f"threshold={threshold}: must lie between 0 and 1")
    rows = Rows.from_table(table)
    settings = list(rows.groups("model", "layer"))
    of_classes = class_settings(rows)
    report = progress or (lambda *_: None)
    overlaps: dict[str, list[dict[str, object]]] = {name: [] for name in overlap.SCHEMAS}
    for done, ((model, layer), of_setting) in enumerate(settings):
        report(f"overlaps of {model} {layer}", done, len(settings))
        groups = overlap.ImageGroups.of(
            of_setting, bootstrap, permutations, seed, by_class=(model, layer) in of_classes
        )
        setting = {"model": model, "layer": layer}
        for name, some in overlap.overlap_rows(of_setting, groups, threshold).items():
            overlaps[name] += [setting | row for row in some]
    report("analysed", len(settings), len(settings))
    tables = {name: results_table(overlap.SCHEMAS[name], some) for name, some in overlaps.items()}
    for name, some in annealing.annealing_rows(rows, bootstrap, seed, of_classes).items():
        tables[name] = results_table(annealing.SCHEMAS[name], some)
    for name, some in evidence.evidence_tables(rows, bootstrap, permutations, seed).items():
        tables[name] = results_table(evidence.SCHEMAS[name], some)
    if checks is not None:
        for name, found in evidence.check_tables(checks, bootstrap, seed).items():
            tables[name] = results_table(evidence.CHECK_SCHEMAS[name], found)
    return tables
