"""Evaluations: methods by metrics over photos, the faithfulness of an explanation, samplers."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.evaluation.best_maps import best_k
    from annealcam.evaluation.evaluation import Evaluation, evaluate
    from annealcam.evaluation.faithfulness import check_explanation, check_sentences
    from annealcam.evaluation.figure import evaluation_figure
    from annealcam.evaluation.masks import find_masks
    from annealcam.evaluation.methods import METHODS
    from annealcam.evaluation.scores import METRICS, Metric
    from annealcam.evaluation.solver_comparison import compare_samplers, compare_with_explanation
    from annealcam.evaluation.table import Line

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Evaluation": "evaluation",
        "Line": "table",
        "METHODS": "methods",
        "METRICS": "scores",
        "Metric": "scores",
        "best_k": "best_maps",
        "check_explanation": "faithfulness",
        "check_sentences": "faithfulness",
        "compare_samplers": "solver_comparison",
        "compare_with_explanation": "solver_comparison",
        "evaluate": "evaluation",
        "evaluation_figure": "figure",
        "find_masks": "masks",
    },
)
