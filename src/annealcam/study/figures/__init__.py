"""A study's figures, each with the numbers that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annealcam.render.figures.sheets import save
from annealcam.study.figures.columns import Columns, filled, where, write_csv
from annealcam.study.figures.gaps import gap_by_d_figure, gap_histogram_figure
from annealcam.study.figures.matrices import matrices_figure
from annealcam.study.figures.overlaps import overlap_by_k_figure, overlap_figure
from annealcam.study.figures.panels import settings_of, settle, stem
from annealcam.study.figures.shots import best_of_shots_figure, landau_zener_figure
from annealcam.study.figures.successes import success_by_class_figure, success_by_d_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MATRIX = "overlap_matrix"
# A figure's name, the table it shows, and a second one that it draws lines of.
FIGURES: tuple[tuple[str, Callable[..., Any], str, str | None], ...] = (
    ("overlap", overlap_figure, "overlap", None),
    ("overlap_by_k", overlap_by_k_figure, "overlap_by_k", None),
    ("gap_histogram", gap_histogram_figure, "gaps", None),
    ("gap_by_d", gap_by_d_figure, "gap_by_d", "gap_summary"),
    ("success_by_d", success_by_d_figure, "success_by_d", "success_fit"),
    ("success_by_class", success_by_class_figure, "success_by_class", None),
    ("landau_zener", landau_zener_figure, "landau_zener", None),
    ("best_of_shots", best_of_shots_figure, "best_of_shots", None),
)

__all__ = ["draw"]


def draw(columns: dict[str, Columns], folder: Path) -> list[str]:
    """Write each figure as NAME.png and NAME.svg, and its numbers as NAME.csv; return the names.

    A table that is absent or empty, or that holds nothing to show, gives no figure. Equal tables
    give equal bytes. Lines fitted to a figure's points have a table of their own: `gap_summary.csv`
    and `success_fit.csv`.

    Args:
        columns: tables by name, as `annealcam.study.analysis` makes them.
        folder: where to write; it must be there.

    >>> import tempfile
    >>> table = {"model": ["digits"], "layer": ["block"], "selector": ["exact"], "k": [2],
    ...          "overlap": [0.2], "low": [0.1], "high": [0.3], "images": [9]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw({"overlap_by_k": table}, Path(folder))
    ['overlap_by_k.png', 'overlap_by_k.svg', 'overlap_by_k.csv']
    """
    written: list[str] = []
    for name, figure, tables in _figures(columns):
        settle(figure)
        written += save(figure, folder, name)
        for table, content in tables.items():
            write_csv(content, folder / f"{table}.csv")
            written.append(f"{table}.csv")
    return written


def _figures(columns: dict[str, Columns]) -> Iterator[tuple[str, Figure, dict[str, Columns]]]:
    """Each figure with its file's name and the tables to write, one figure at a time."""
    yield from _matrices(columns.get(MATRIX) or {})
    for name, make, table, second in FIGURES:
        main, further = columns.get(table), columns.get(second or "")
        if main is None or not filled(main):
            continue
        extra = {second: further} if second and further and filled(further) else {}
        figure = make(main, *extra.values())
        if figure is not None:
            yield name, figure, {name: main, **extra}


def _matrices(columns: Columns) -> Iterator[tuple[str, Figure, dict[str, Columns]]]:
    """A figure for each setting; names that are alike without their odd letters are numbered."""
    taken: set[str] = set()
    for model, layer in settings_of(columns) if filled(columns) else ():
        plain = name = stem(MATRIX, model, layer)
        copy = 1
        while name.casefold() in taken:
            copy += 1
            name = f"{plain}-{copy}"
        taken.add(name.casefold())
        own = where(columns, model=model, layer=layer)
        yield name, matrices_figure(own), {name: own}
