"""From a study's table to the numbers of its figures: `analyse`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annealcam._internal.types import Progress
from annealcam._internal.validation import real, whole
from annealcam.errors import ArgumentError
from annealcam.study.analysis import gaps, overlaps, success
from annealcam.study.analysis.ballot import Electorate
from annealcam.study.analysis.rows import Columns, Rows, columns

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Columns", "analyse"]


def analyse(
    table: pa.Table,
    *,
    bootstrap: int,
    permutations: int,
    seed: int,
    threshold: float = 0.005,
    progress: Progress | None = None,
) -> dict[str, Columns]:
    """Return, by name, the columns of every figure that a study's table can give.

    The order of the table's rows does not matter. A class is the class explained (`target`).
    Unknown numbers are None; what the table says nothing about has no rows.

    Args:
        table: rows of `annealcam.study.table.columns.SCHEMA`.
        bootstrap: resamples of the images of each class, for intervals.
        permutations: shuffles of the labels, for the null.
        seed: of both.
        threshold: pairs of classes that overlap less count as zero.
        progress: called with what is being done, the number of things done, and of all.

    Raises:
        ArgumentError: an option is out of range.

    >>> from annealcam.study.table.columns import SCHEMA
    >>> answers = analyse(SCHEMA.empty_table(), bootstrap=10, permutations=10, seed=0)
    >>> answers["overlap_by_k"]["k"]
    []
    """
    whole("bootstrap", bootstrap, least=1)
    whole("permutations", permutations, least=1)
    if not 0 <= real("threshold", threshold) <= 1:
        raise ArgumentError(f"threshold={threshold}: must lie between 0 and 1")
    rows = Rows.from_table(table)
    settings = list(rows.groups("model", "layer"))
    tell = progress or (lambda *_: None)
    answers = _annealing(rows, bootstrap, seed)
    found: dict[str, list[dict[str, object]]] = {name: [] for name in overlaps.TABLES}
    for done, ((model, layer), own) in enumerate(settings):
        tell(f"overlaps of {model} {layer}", done, len(settings))
        electorate = Electorate.of(own, bootstrap, permutations, seed)
        about = {"model": model, "layer": layer}
        for name, some in overlaps.Overlaps(own, electorate, threshold).tables().items():
            found[name] += [about | row for row in some]
    tell("analysed", len(settings), len(settings))
    return {name: columns(overlaps.TABLES[name], some) for name, some in found.items()} | answers


def _annealing(rows: Rows, resamples: int, seed: int) -> dict[str, Columns]:
    gapped, annealed = gaps.with_gap(rows), success.annealed(rows)
    return {
        "gaps": columns(gaps.GAPS, gaps.of_images(gapped)),
        "gap_summary": columns(gaps.SUMMARY, gaps.summaries(gapped, resamples, seed)),
        "gap_by_d": columns(gaps.BY_D, gaps.by_d(gapped)),
        "success_by_d": columns(success.BY_D, success.by_d(annealed)),
        "success_fit": columns(success.FIT, success.fits(annealed, resamples, seed)),
        "success_by_class": columns(success.BY_CLASS, success.by_class(annealed)),
        "landau_zener": columns(success.LANDAU_ZENER, success.landau_zener(annealed)),
        "best_of_shots": columns(success.BEST, success.best_of_shots(annealed)),
    }
