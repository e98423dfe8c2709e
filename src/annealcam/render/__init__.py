"""Figures, pages and texts of results; nothing here computes one."""

from annealcam._internal.lazy import lazy_exports

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
