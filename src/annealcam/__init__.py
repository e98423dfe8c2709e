"""annealcam: which few feature maps does a prediction rest on, and how hard is that to anneal?

The public names are imported at first use, so that `import annealcam` costs milliseconds.
"""

from typing import TYPE_CHECKING

from annealcam import errors
from annealcam._internal.lazy import lazy_exports
from annealcam._version import __version__

if TYPE_CHECKING:
    from annealcam.annealing.batch import BatchResult, anneal_batch
    from annealcam.annealing.evolution import AnnealResult, anneal
    from annealcam.annealing.levels.gap import MinimumGap, minimum_gap
    from annealcam.annealing.levels.low_spectrum import SpectrumCurve, spectrum
    from annealcam.annealing.path import AnnealPath, anneal_path
    from annealcam.annealing.sampler import AnnealingSampler
    from annealcam.annealing.schedules.schedule import Schedule
    from annealcam.annealing.success import tts99
    from annealcam.annealing.sweep import TauSweep, optimal_tau, tau_sweep
    from annealcam.explanation import Explanation
    from annealcam.models.load import load_model
    from annealcam.pipeline import cam, explain
    from annealcam.qubo.problem import SelectionProblem
    from annealcam.qubo.solution import ExactSolution, Selection
    from annealcam.samplers.exact import solve_exact
    from annealcam.samplers.selection import solve

_MODULES = {
    "AnnealPath": "annealing.path",
    "AnnealResult": "annealing.evolution",
    "AnnealingSampler": "annealing.sampler",
    "BatchResult": "annealing.batch",
    "ExactSolution": "qubo.solution",
    "Explanation": "explanation",
    "MinimumGap": "annealing.levels.gap",
    "Schedule": "annealing.schedules.schedule",
    "Selection": "qubo.solution",
    "SelectionProblem": "qubo.problem",
    "SpectrumCurve": "annealing.levels.low_spectrum",
    "TauSweep": "annealing.sweep",
    "anneal": "annealing.evolution",
    "anneal_batch": "annealing.batch",
    "anneal_path": "annealing.path",
    "cam": "pipeline",
    "explain": "pipeline",
    "load_model": "models.load",
    "minimum_gap": "annealing.levels.gap",
    "optimal_tau": "annealing.sweep",
    "solve": "samplers.selection",
    "solve_exact": "samplers.exact",
    "spectrum": "annealing.levels.low_spectrum",
    "tau_sweep": "annealing.sweep",
    "tts99": "annealing.success",
}

__getattr__, _, _names = lazy_exports(__name__, _MODULES)
__all__ = ["__version__", "errors", *_names]


def __dir__() -> list[str]:
    return __all__
