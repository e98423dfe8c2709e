"""Samplers: whatever returns a selection for a problem, exactly, by heuristics or by annealing."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "BQMSampler": "selection",
        "BetaPath": "paths",
        "SAMPLERS": "registry",
        "Sampler": "registry",
        "best_of": "shots",
        "beta_path": "paths",
        "branch_and_bound": "search_tree",
        "cardinality_path": "paths",
        "greedy": "baselines",
        "local_search": "local",
        "local_search_many": "local",
        "path_integral": "heuristics",
        "random_k": "baselines",
        "select": "selection",
        "select_by_annealing": "annealing",
        "select_by_windows": "windows",
        "simulated_annealing": "heuristics",
        "solve_exact": "exact",
        "tabu": "heuristics",
        "topk_relevance": "baselines",
    },
)
