"""All figures of a study, drawn into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annealcam.render.figures.sheets import save
from annealcam.render.latex import write_latex
from annealcam.study.analysis.results import Results, filled, where, write_csv
from annealcam.study.figures import evidence
from annealcam.study.figures.gaps import gap_by_d_figure, gap_histogram_figure
from annealcam.study.figures.overlap import matrices_figure, overlap_by_k_figure, overlap_figure
from annealcam.study.figures.panels import settings_of, stem
from annealcam.study.figures.success import (
    best_of_shots_figure,
    landau_zener_figure,
    success_by_class_figure,
    success_by_d_figure,
    success_by_maps_figure,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

MATRIX = "overlap_matrix"
DIFFERENCES = (  # tables without a figure, which decide claims
    "shots_minus_guesses", "landau_zener_error", "evidence_shots_minus_guesses",
    "evidence_landau_zener_error",
)  # fmt: skip
# The name of a figure, its function, its table, and a second table of fitted lines.
FIGURES: tuple[tuple[str, Callable[..., Any], str, str | None], ...] = (
    ("overlap", overlap_figure, "overlap", None),
    ("overlap_by_k", overlap_by_k_figure, "overlap_by_k", None),
    ("gap_histogram", gap_histogram_figure, "gaps", None),
    ("gap_by_d", gap_by_d_figure, "gap_by_d", "gap_summary"),
    ("success_by_d", success_by_d_figure, "success_by_d", "success_fit"),
    ("success_by_maps", success_by_maps_figure, "success_by_maps", None),
    ("success_by_class", success_by_class_figure, "success_by_class", None),
    ("landau_zener", landau_zener_figure, "landau_zener", None),
    ("best_of_shots", best_of_shots_figure, "best_of_shots", None),
)
EVIDENCE_FIGURES: tuple[tuple[str, Callable[..., Any], str, str | None], ...] = (
    ("evidence", evidence.fidelity_figure, "evidence", None),
    ("evidence_overlap_matrix", evidence.evidence_overlap_figure, "evidence_overlap_matrix", None),
    ("evidence_gap_by_d", evidence.gap_figure, "evidence_gap_by_d", "evidence_gap_summary"),
    ("evidence_success_by_d", evidence.success_figure, "evidence_success_by_d",
     "evidence_success_fit"),
    ("evidence_constraints", evidence.constraints_figure, "evidence_constraints", None),
    ("pointing", evidence.pointing_figure, "pointing", None),
    ("pointing_matrix", evidence.pointing_matrix_figure, "pointing_matrix", None),
    ("random_classifier", evidence.random_classifier_figure, "random_classifier", None),
)  # fmt: skip


def draw(results: Results, folder: Path) -> list[str]:
    """Write each figure as NAME.png, .svg and .pdf, its numbers as NAME.csv and .tex.

    The names of all files are returned.

    A table that is missing, empty or entirely unknown gives no figure. Equal tables give equal
    bytes. The fits that a figure shows have files of their own: `gap_summary.csv` and
    `success_fit.csv`, and so have the differences that decide claims about runs.

    Args:
        results: tables by name, as `annealcam.study.analysis.analyse` returns them.
        folder: an existing folder.

    >>> import tempfile, pyarrow
    >>> table = pyarrow.table({
    ...     "model": ["digits"], "layer": ["block"], "selector": ["exact"], "k": [2],
    ...     "overlap": [0.2], "low": [0.1], "high": [0.3], "images": [9],
    ... })
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw({"overlap_by_k": table}, Path(folder))  # doctest: +NORMALIZE_WHITESPACE
    ['overlap_by_k.png', 'overlap_by_k.svg', 'overlap_by_k.pdf', 'overlap_by_k.csv',
     'overlap_by_k.tex']
    """
    written: list[str] = []
    for name, figure, tables in _figures(results):
        written += save(figure, folder, name)
        for name_of, content in tables.items():
            written += _write_table(content, folder, name_of)
    for name in DIFFERENCES:
        table = filled(results, name)
        if table is not None:
            written += _write_table(table, folder, name)
    return written


def _write_table(table: pa.Table, folder: Path, name: str) -> list[str]:
    """Write a table as CSV and for LaTeX; return the two names."""
    write_csv(table, folder / f"{name}.csv")
    write_latex(table.to_pylist(), folder / f"{name}.tex")
    return [f"{name}.csv", f"{name}.tex"]


def _figures(results: Results) -> Iterator[tuple[str, Figure, dict[str, pa.Table]]]:
    """Yield each figure with its file name and the tables to write, one figure at a time."""
    matrix = filled(results, MATRIX)
    if matrix is not None:
        yield from _matrices(matrix)
    for name, make, table, second in (*FIGURES, *EVIDENCE_FIGURES):
        main, fits = filled(results, table), filled(results, second or "")
        if main is None:
            continue
        further = {} if second is None or fits is None else {second: fits}
        figure = make(main, *further.values())
        if figure is not None:
            yield name, figure, {name: main, **further}


def _matrices(table: pa.Table) -> Iterator[tuple[str, Figure, dict[str, pa.Table]]]:
    """Yield a figure for each setting; file names that would be equal are numbered."""
    taken: set[str] = set()
    for model, layer in settings_of(table):
        plain = name = stem(MATRIX, model, layer)
        copy = 1
        while name.casefold() in taken:
            copy += 1
            name = f"{plain}-{copy}"
        taken.add(name.casefold())
        of_setting = where(table, model=model, layer=layer)
        yield name, matrices_figure(of_setting), {name: of_setting}
