"""Figures of a study, each with the numbers that it shows."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "best_of_shots_figure": "success",
        "draw": "drawing",
        "gap_by_d_figure": "gaps",
        "gap_histogram_figure": "gaps",
        "landau_zener_figure": "success",
        "matrices_figure": "overlap",
        "overlap_by_k_figure": "overlap",
        "overlap_figure": "overlap",
        "success_by_class_figure": "success",
        "success_by_d_figure": "success",
    },
)
