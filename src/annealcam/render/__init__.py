"""Figures, pages and texts of results; nothing here computes one."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.render.figures.annealing import annealing_figures
    from annealcam.render.figures.atlas import channel_sheet, class_sheet
    from annealcam.render.figures.best_k import best_k_figure
    from annealcam.render.figures.picture import report_picture
    from annealcam.render.folder import write_folder
    from annealcam.render.html.explanation import explanation_html
    from annealcam.render.text import headline, selection_summary

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "annealing_figures": "figures.annealing",
        "best_k_figure": "figures.best_k",
        "channel_sheet": "figures.atlas",
        "class_sheet": "figures.atlas",
        "explanation_html": "html.explanation",
        "headline": "text",
        "report_picture": "figures.picture",
        "selection_summary": "text",
        "write_folder": "folder",
    },
)
