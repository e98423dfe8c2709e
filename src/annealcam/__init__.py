"""annealcam: which few feature maps does a prediction rest on, and how hard is that to anneal?

The public names are imported at first use, so that `import annealcam` costs milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from annealcam import errors
from annealcam._version import __version__

if TYPE_CHECKING:
    from annealcam.annealing.evolution import AnnealResult, anneal
    from annealcam.annealing.sampler import AnnealingSampler
    from annealcam.explanation import Explanation
    from annealcam.pipeline import cam, explain
    from annealcam.selection.exact import ExactSolution, solve_exact
    from annealcam.selection.problem import SelectionProblem
    from annealcam.vision.models import load_model

_HOMES = {
    "AnnealResult": "annealcam.annealing.evolution",
    "AnnealingSampler": "annealcam.annealing.sampler",
    "ExactSolution": "annealcam.selection.exact",
    "Explanation": "annealcam.explanation",
    "SelectionProblem": "annealcam.selection.problem",
    "anneal": "annealcam.annealing.evolution",
    "cam": "annealcam.pipeline",
    "explain": "annealcam.pipeline",
    "load_model": "annealcam.vision.models",
    "solve_exact": "annealcam.selection.exact",
}

__all__ = [
    "AnnealResult",
    "AnnealingSampler",
    "ExactSolution",
    "Explanation",
    "SelectionProblem",
    "__version__",
    "anneal",
    "cam",
    "errors",
    "explain",
    "load_model",
    "solve_exact",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'annealcam' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
