"""annealcam: which few feature maps does a prediction rest on, and how hard is that to anneal?

The public names are imported at first use, so that `import annealcam` costs milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from annealcam import errors
from annealcam._version import __version__

if TYPE_CHECKING:
    from annealcam.annealing.batch import BatchResult, anneal_batch
    from annealcam.annealing.evolution import AnnealResult, anneal
    from annealcam.annealing.levels.gap import MinimumGap, minimum_gap
    from annealcam.annealing.levels.spectrum import SpectrumCurve
    from annealcam.annealing.path import AnnealPath, anneal_path
    from annealcam.annealing.sampler import AnnealingSampler
    from annealcam.annealing.schedules.schedule import Schedule
    from annealcam.annealing.success import tts99
    from annealcam.annealing.sweep import TauSweep, optimal_tau, tau_sweep
    from annealcam.explanation import Explanation
    from annealcam.models.load import load_model
    from annealcam.pipeline import cam, explain
    from annealcam.qubo.problem import SelectionProblem
    from annealcam.qubo.solution import ExactSolution
    from annealcam.samplers.exact import solve_exact

_HOMES = {
    "AnnealPath": "annealcam.annealing.path",
    "AnnealResult": "annealcam.annealing.evolution",
    "AnnealingSampler": "annealcam.annealing.sampler",
    "BatchResult": "annealcam.annealing.batch",
    "ExactSolution": "annealcam.qubo.solution",
    "Explanation": "annealcam.explanation",
    "MinimumGap": "annealcam.annealing.levels.gap",
    "Schedule": "annealcam.annealing.schedules.schedule",
    "SelectionProblem": "annealcam.qubo.problem",
    "SpectrumCurve": "annealcam.annealing.levels.spectrum",
    "TauSweep": "annealcam.annealing.sweep",
    "anneal": "annealcam.annealing.evolution",
    "anneal_batch": "annealcam.annealing.batch",
    "anneal_path": "annealcam.annealing.path",
    "cam": "annealcam.pipeline",
    "explain": "annealcam.pipeline",
    "load_model": "annealcam.models.load",
    "minimum_gap": "annealcam.annealing.levels.gap",
    "optimal_tau": "annealcam.annealing.sweep",
    "solve_exact": "annealcam.samplers.exact",
    "tau_sweep": "annealcam.annealing.sweep",
    "tts99": "annealcam.annealing.success",
}

__all__ = [
    "AnnealPath",
    "AnnealResult",
    "AnnealingSampler",
    "BatchResult",
    "ExactSolution",
    "Explanation",
    "MinimumGap",
    "Schedule",
    "SelectionProblem",
    "SpectrumCurve",
    "TauSweep",
    "__version__",
    "anneal",
    "anneal_batch",
    "anneal_path",
    "cam",
    "errors",
    "explain",
    "load_model",
    "minimum_gap",
    "optimal_tau",
    "solve_exact",
    "tau_sweep",
    "tts99",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'annealcam' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
