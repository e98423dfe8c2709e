"""Evaluations: methods by metrics over photos, the faithfulness of an explanation, samplers."""

from annealcam._internal.lazy import lazy_exports

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
        "photos_in": "batches",
    },
)
