"""Samplers: whatever returns a selection for a problem, exactly, by heuristics or by annealing."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.samplers.annealing import select_by_annealing
    from annealcam.samplers.baselines import greedy, random_k, topk_relevance
    from annealcam.samplers.exact import solve_exact
    from annealcam.samplers.heuristics import path_integral, simulated_annealing, tabu
    from annealcam.samplers.local import local_search, local_search_many
    from annealcam.samplers.paths import BetaPath, beta_path, cardinality_path
    from annealcam.samplers.registry import SAMPLERS, Sampler
    from annealcam.samplers.search_tree import branch_and_bound
    from annealcam.samplers.selection import BQMSampler, select
    from annealcam.samplers.shots import best_of
    from annealcam.samplers.windows import select_by_windows

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
